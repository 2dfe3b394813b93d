"""Servers that are measured: started on loopback, pinned to a CPU, their CPU time read, stopped by pid whatever happens.

CPU time is utime + stime of a server's whole tree of processes, from /proc/PID/stat. Units: seconds.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import psutil

from tests.bench.exchange import ECHO, Exchange

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

_START_TIMEOUT = 30.0
_STOP_TIMEOUT = 10.0


class BenchError(Exception):
    """Something that is measured does not work, or something to measure with is missing."""


@dataclass(frozen=True)
class Server:
    """A running server. path, headers, exchange: of the request that it is measured with."""

    name: str
    pid: int
    port: int
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    exchange: Exchange = ECHO

    def processes(self) -> list[psutil.Process]:
        """The first is the parent of the others; empty if the server is gone."""
        try:
            parent = psutil.Process(self.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_seconds(self) -> float:
        """Of all processes of the server, and of those that they have waited for."""
        return sum(map(_cpu_seconds, self.processes()))


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def environment() -> dict[str, str]:
    """Of what is started: without PYTHON… variables, which change how fast Python starts and what it keeps."""
    return {key: value for key, value in os.environ.items() if not key.startswith('PYTHON')}


def pinned(command: list[str], cpu: int | None) -> list[str]:
    return command if cpu is None else ['taskset', '-c', str(cpu), *command]


def two_cpus() -> tuple[int, int]:
    """One for the server, one for the load. Raises BenchError."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise BenchError('Two CPUs are needed, one for the server and one for the load')
    return cpus[0], cpus[1]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        port: int = sock.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(('127.0.0.1', port)) == 0


@contextmanager
def started(name: str, command: list[str], port: int, path: str, cpu: int | None, **variables: str) -> Iterator[Server]:
    """A server run by `command`, up to the end of the block. variables: more of its environment.

    Raises BenchError if it does not listen.
    """
    process = subprocess.Popen(
        pinned(command, cpu),
        cwd=ROOT,
        env={**environment(), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    server = Server(name, process.pid, port, path)
    try:
        end = monotonic() + _START_TIMEOUT
        while not is_listening(port):
            if process.poll() is not None or monotonic() > end:
                raise BenchError(f'{name} does not start; try: {" ".join(command)}')
            sleep(0.02)
        yield server
    finally:
        end_processes(server.processes())
        process.wait()


def end_processes(processes: list[psutil.Process]) -> None:
    """Ask each to end, kill those that do not. The first is their parent, which ends the others itself if it can."""
    for process in processes[:1]:
        _signal(process, psutil.Process.terminate)
    _, alive = psutil.wait_procs(processes, timeout=_STOP_TIMEOUT)
    for process in alive:
        _signal(process, psutil.Process.kill)
    psutil.wait_procs(alive, timeout=_STOP_TIMEOUT)


def _signal(process: psutil.Process, send: Callable[[psutil.Process], None]) -> None:
    try:
        send(process)
    except psutil.NoSuchProcess:
        pass


class CPUMeter:
    """How much CPU time of the machine went to others than us between two looks.

    Ours are this process, children that it has waited for, and the servers. Time that the hypervisor took is foreign;
    the kernel's time for interrupts is not counted, since loopback traffic makes most of it.
    """

    def __init__(self, *servers: Server) -> None:
        self.servers = list(servers)
        self._cpus = os.cpu_count() or 1
        self.reset()

    def reset(self) -> None:
        self._at = self._look()

    def foreign(self) -> float:
        """Share of the machine's CPU time since `reset` that was not ours, 0..1."""
        time, busy, own = (now - before for now, before in zip(self._look(), self._at, strict=True))
        return max(0.0, (busy - own) / (time * self._cpus)) if time > 0 else 0.0

    def _look(self) -> tuple[float, float, float]:
        times = psutil.cpu_times()
        own = sum(os.times()[:4]) + sum(server.cpu_seconds() for server in self.servers)
        return monotonic(), times.user + times.nice + times.system + times.steal, own
