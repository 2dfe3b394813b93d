"""The server's parent process: gunicorn's arbiter, with a reload that loses no worker before its successor is ready.

It imports everything once for all workers, forks them and the checker, and replaces those that die. It never runs users'
code and, until it stops, never enters gevent's hub: it waits in one poll for signals and for what its workers report.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

from gevent import monkey
from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from zato.server.deploy.checker import listen, serve
from zato.server.http.balance import ConnectionCounts, Share
from zato.server.process.listener import bind, refuse_new
from zato.server.process.odb_check import start_probe
from zato.server.process.scan import start_scan

if TYPE_CHECKING:
    from zato.server.process.application import ServerApplication

logger = logging.getLogger(__name__)

_SLOTS = 64  #: the most workers at a time, predecessors that still finish their requests included; or
_SLOTS_A_WORKER = 4
_STOPPING = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
_KILL_AFTER = 10.0  #: seconds past its graceful timeout that a worker which is to stop may take
_SimpleQueue: Callable[[], Any] = monkey.get_original('queue', 'SimpleQueue')
_select: Callable[..., Any] = monkey.get_original('select', 'select')


class ServerArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """has_started: has every worker of the first start been ready? From then on nothing halts the server but a stop."""

    def __init__(self, app: ServerApplication) -> None:
        super().__init__(app)
        self.SIG_QUEUE = _SimpleQueue()
        self.has_started = False
        self._wake_read, self._wake_write = _pipe()
        self.report_read, self.report_write = _pipe()
        self._reported = b''
        self._ready: set[int] = set()
        self._replaced: set[int] = set()  # serve until their successors are ready
        self._leaving: dict[int, float] = {}  # were told to stop; pid → when to kill
        self._is_reload_wanted = False
        self._probe = 0
        self._checker = 0
        self._counts = ConnectionCounts(max(_SLOTS, _SLOTS_A_WORKER * self.num_workers))

    def start(self) -> None:
        directory = self.app.settings.directory
        directory.pidfile.unlink(missing_ok=True)  # a stale one: we hold the server's lock
        for path in self.app.settings.sockets.iterdir():
            path.unlink()
        self.init_signals()
        self.LISTENERS = bind(self.app.settings, self.cfg, self.log)
        self._checker_listener = listen(self.app.settings.sockets)
        self._keep_checker()
        self._wait_for_scan(start_scan(self.app.settings, self._close_in_child))
        super().start()

    def _wait_for_scan(self, pid: int) -> None:
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            self._keep_checker()
            if _STOPPING & set(self.wait_for_signals(timeout=0.5)):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                self.halt()

    def init_signals(self) -> None:
        super().init_signals()
        signal.set_wakeup_fd(self._wake_write)

    def handle_int(self) -> NoReturn:
        """Ctrl-C: stop gracefully; a second one, which `stop` looks for, stops at once."""
        raise StopIteration

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        ready, _, _ = _select([self._wake_read, self.report_read], [], [], timeout)
        if self._wake_read in ready:
            os.read(self._wake_read, 4096)
        if self.report_read in ready:
            self._read_reports()
        signals = []
        while not self.SIG_QUEUE.empty():
            signals.append(self.SIG_QUEUE.get_nowait())
        return [sig for sig in signals if sig != self.WAKEUP_REQUEST]

    def manage_workers(self) -> None:
        self._keep_checker()
        if self._is_reload_wanted:
            self.reload()
        for pid, deadline in list(self._leaving.items()):
            if pid not in self.WORKERS:
                del self._leaving[pid]
            elif monotonic() > deadline:
                logger.error('Worker %d did not stop in time and is killed', pid, extra={'action': 'worker.killed'})
                self.kill_worker(pid, signal.SIGKILL)
        for _ in range(self.num_workers - len(self._current())):
            self.spawn_worker()

    def spawn_worker(self) -> int:
        # Until a worker has its own handlers it would take a signal for the arbiter's, and lose it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        try:
            pid: int = super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
        return pid

    def spawn_workers(self) -> None:
        self.manage_workers()

    def reload(self) -> None:
        """HUP: read logging.conf anew and replace all workers, each old one serving until the new ones are ready.

        While old workers still finish, another one waits for them, or every reload under load would add to them. New
        workers need the ODB: whether it is there is found out first, by another process.
        """
        if self._leaving or self._probe:
            self._is_reload_wanted = True
            return
        self._is_reload_wanted = False
        self._probe = start_probe(self.app.settings, self._close_in_child, self.report_write)

    def _probed(self, problem: str) -> None:
        self._probe = 0
        if problem:
            logger.error('Not reloaded, the workers stay: %s', problem, extra={'action': 'reload.refused'})
        else:
            self._replace_workers()

    def _replace_workers(self) -> None:
        self.app.reload()
        for pid in self._current():
            if pid in self._ready:
                self._replaced.add(pid)
            else:
                self._dismiss(pid)  # a successor from an earlier reload that never got ready
        self.manage_workers()

    def reap_workers(self) -> None:
        before = set(self.WORKERS)
        while True:
            try:
                super().reap_workers()
                break
            except HaltServer:
                if not self.has_started:
                    raise
                logger.error('A worker ended with an exit code that means it could not start; it is replaced')
        if self._probe and not _exists(self._probe):
            self._probed('the process that was to look for the ODB ended')
        gone = before - set(self.WORKERS)
        for pid in gone - set(self._leaving):
            if self.has_started and self.LISTENERS:
                logger.error('Worker %d has ended by itself; it is replaced', pid, extra={'action': 'worker.ended'})
        self._ready -= gone
        self._replaced -= gone

    def handle_ttin(self) -> None:
        logger.warning('This signal has no effect: the number of workers is [main] gunicorn_workers of server.conf')

    handle_ttou = handle_usr2 = handle_ttin

    def free_slot(self) -> int:
        return self._counts.free({worker.slot for worker in self.WORKERS.values()})

    def share(self, slot: int) -> Share | None:
        """How the worker with this slot shares connections with others; None if there are no others."""
        return self._counts.share(slot) if self.num_workers > 1 else None

    def stop(self, graceful: bool = True) -> None:
        if graceful:
            refuse_new(self.LISTENERS)
        super().stop(graceful)

    def halt(self, reason: str | None = None, exit_status: int = 0) -> NoReturn:
        if not self.has_started:
            self.app.report.failed(self.app.failure or reason or 'it was stopped before it was ready')
        if self._is_checker_alive():
            os.kill(self._checker, signal.SIGKILL)
        self.app.settings.directory.address.unlink(missing_ok=True)
        super().halt(reason, exit_status)
        sys.exit(exit_status)

    def _current(self) -> list[int]:
        """Workers that are meant to stay."""
        return [pid for pid in self.WORKERS if pid not in self._replaced and pid not in self._leaving]

    def _dismiss(self, pid: int) -> None:
        self._replaced.discard(pid)
        self._leaving[pid] = monotonic() + self.app.settings.conf.main.gunicorn_graceful_timeout + _KILL_AFTER
        self.kill_worker(pid, signal.SIGTERM)

    def _read_reports(self) -> None:
        self._reported += os.read(self.report_read, 65_536)
        *lines, self._reported = self._reported.split(b'\n')
        for report in map(json.loads, lines):
            if 'probe' in report:
                self._probed(report['problem'])
            elif 'error' in report:
                self.app.failure = report['error']
            elif report['pid'] in self.WORKERS:
                self._ready.add(report['pid'])
        current = self._current()
        if len(current) >= self.num_workers and self._ready.issuperset(current):
            for pid in list(self._replaced):
                self._dismiss(pid)
            if not self.has_started:
                self.has_started = True
                self.app.started()

    def _keep_checker(self) -> None:
        if self._is_checker_alive():
            return
        if self._checker:
            logger.warning('The checker is gone; it is replaced', extra={'action': 'checker.replaced'})
        parent = os.getpid()
        self._checker = os.fork()
        if self._checker == 0:
            self._close_in_child()
            util._setproctitle(f'checker [{self.proc_name}]')
            serve(self._checker_listener, lambda: os.getppid() == parent, self.app.settings.compile_options)

    def _is_checker_alive(self) -> bool:
        if not self._checker:
            return False
        try:
            return os.waitpid(self._checker, os.WNOHANG)[0] == 0
        except ChildProcessError:
            return False  # it was reaped among the workers

    def _close_in_child(self) -> None:
        """What a child that is no worker must not keep: the port above all."""
        signal.set_wakeup_fd(-1)
        for listener in self.LISTENERS:
            listener.close()
        for fd in (self._wake_read, self._wake_write, self.report_read, self.report_write):
            os.close(fd)
        self.app.report.close()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    return reading, writing
