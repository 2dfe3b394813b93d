"""The worker class that gunicorn forks: starts a `Worker`, stops it on an event, reports when it is ready."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

import gevent
from gevent import monkey
from gevent.event import Event
from gunicorn.workers.ggevent import GeventWorker

from zato.common.alarm import Alarms
from zato.common.odb.database import Database
from zato.common.version import version
from zato.server.deploy.checker import die_with_parent
from zato.server.process.control import ControlServer
from zato.server.process.loop import Loop
from zato.server.process.odb_check import check_odb
from zato.server.process.worker import Worker
from zato.server.propagate.odb import ODB
from zato.server.service.call import Call

if TYPE_CHECKING:
    from zato.server.process.arbiter import ServerArbiter

logger = logging.getLogger(__name__)

_LONGEST_REASON = 500  #: characters; a report must fit into what a pipe takes at once
_BOOT_ERROR = 3  #: gunicorn's exit code for a worker that cannot start
_RETRY_FIRST, _RETRY_MOST = 0.5, 2.0  #: seconds between tries to start, growing
_SOCKET = monkey.get_original('socket', 'socket')


class ZatoWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """What stands first is set by the arbiter's hook before the fork."""

    arbiter: ServerArbiter
    is_first_start = True
    slot = 0  #: among all workers that accept from the same socket
    sockets: list[Any]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._worker: Worker | None = None

    def patch(self) -> None:
        """The arbiter has patched everything but what would have kept it from forking and waiting for its children."""
        monkey.patch_os()
        monkey.patch_signal()
        # sys.exit() and the like in a greenlet that a service has spawned end that greenlet, not this worker.
        hub = gevent.get_hub()
        hub.SYSTEM_ERROR = (SystemError,)
        hub.exception_stream = _ErrorLines()  # type: ignore[assignment]  # of a stream it uses no more
        self.sockets = [_SOCKET(fileno=listener.sock.detach()) for listener in self.sockets]

    def init_process(self) -> None:
        try:
            super().init_process()
        except (Exception, SystemExit):
            raise
        except BaseException:
            # Gunicorn would take a KeyboardInterrupt here for one of the arbiter's, and stop the server from in here.
            logger.exception('This worker ends', extra={'action': 'worker.failed'})
            os._exit(1)

    def load_wsgi(self) -> None:
        """There is no WSGI application."""

    def init_signals(self) -> None:
        self._stop = Event()
        super().init_signals()
        gevent.signal_handler(signal.SIGTERM, self._stop.set)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the arbiter decides
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})

    def notify(self) -> None:
        """Tell the arbiter that this worker is alive; stop gracefully if there is no arbiter any more."""
        self.tmp.notify()
        if os.getppid() != self.ppid:
            self._stop.set()

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at once."""
        os._exit(0)

    def handle_abort(self, sig: int, frame: FrameType | None) -> None:
        """The arbiter found this worker frozen: say what froze it, then go."""
        running = self._worker.invoker.running if self._worker is not None else set()
        frozen = _frozen_call(frame)
        if frozen is not None:
            logger.error(
                'Service %s froze this worker (cid: %s); it is replaced',
                frozen.service.name,
                frozen.cid,
                extra={'action': 'worker.frozen', 'cid': frozen.cid},
            )
        else:
            where = f'{frame.f_code.co_filename}:{frame.f_lineno}' if frame is not None else 'an unknown place'
            logger.error('This worker is frozen in %s; it is replaced', where, extra={'action': 'worker.frozen'})
        for call in running - {frozen}:
            logger.error('Service %s was cut off by that (cid: %s)', call.service.name, call.cid)
        os._exit(1)

    def run(self) -> None:
        die_with_parent(signal.SIGTERM)
        if os.getppid() != self.ppid:
            return
        self.app.report.close()
        self.notify()  # at once, for until then the arbiter takes this worker to be alive
        heartbeat = Loop('heartbeat', self.notify, 1.0)
        heartbeat.start()
        worker = self._start()
        if worker is not None:
            self._stop.wait()
            worker.stop(self.app.settings.conf.main.gunicorn_graceful_timeout)
        heartbeat.stop()

    def _start(self) -> Worker | None:
        """The worker once it serves; None if it was told to stop before that. Only the server's first start may fail."""
        from zato.server.process.application import access_log_file

        settings = self.app.settings
        pause = _RETRY_FIRST
        alarms = Alarms()
        probe: ODB | None = None
        while not self._stop.is_set():
            try:
                if probe is not None:
                    check_odb(probe, settings)  # most often what is missing, and cheaper than building everything
                worker = Worker(settings, access_log_file(), self.arbiter.share(self.slot), alarms)
                self._worker = worker
                worker.start(self.sockets)
            except Exception as e:
                if self.is_first_start:
                    logger.exception('This worker cannot start', extra={'action': 'worker.start.failed'})
                    self._report({'pid': os.getpid(), 'error': f'{type(e).__name__}: {e}'[:_LONGEST_REASON]})
                    sys.exit(_BOOT_ERROR)
                alarms.begin('worker', f'it cannot start: {e}', 'see the reason', action='worker.start.failed')
                probe = probe or ODB(Database(settings.odb))
                self._wait(pause * (0.5 + random.random()), alarms)
                pause = min(pause * 2, _RETRY_MOST)
            else:
                alarms.end('worker')
                if probe is not None:
                    probe.close()
                self._report({'pid': os.getpid()})
                return worker
        return None

    def _wait(self, seconds: float, alarms: Alarms) -> None:
        """Before the next try to start; `zato info` shows meanwhile why this worker does not serve."""
        info = {'pid': os.getpid(), 'version': version, 'is_ready': False, 'roles': [], 'modules': []}
        control = ControlServer(self.app.settings.sockets, {'info': lambda: {**info, 'alarms': alarms.as_list()}})
        control.start()
        self._stop.wait(seconds)
        control.stop()

    def _report(self, report: dict[str, Any]) -> None:
        os.write(self.arbiter.report_write, json.dumps(report).encode() + b'\n')


class _ErrorLines:
    """Where gevent writes tracebacks of greenlets that nobody waits for: into the log, line by line."""

    def __init__(self) -> None:
        self._rest = ''

    def write(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split('\n')
        for line in lines:
            logger.error('%s', line, extra={'action': 'greenlet.failed'})

    def flush(self) -> None:
        """Lines are logged as they are completed."""


def _frozen_call(frame: FrameType | None) -> Call | None:
    """The innermost service that is on the stack."""
    while frame is not None:
        call = frame.f_locals.get('call')
        if isinstance(call, Call):
            return call
        frame = frame.f_back
    return None
