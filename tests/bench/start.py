"""From running `zato start` to the first answer over HTTP."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

from tests.bench.options import Options
from tests.bench.processes import BenchError, CPUMeter, environment
from tests.bench.report import Report, over_rounds, quiet
from tests.bench.zato_server import ZATO, Environment

NAME = 'start'

_TIMEOUT = 60.0


def run(report: Report, options: Options) -> None:
    report.heading(NAME, '`zato start` to the first answered request, one worker, the sample services deployed')
    with Environment(workers=1) as env:
        env.start()  # compiles what has not been compiled yet
        env.stop()
        runs = [measure_start(env) for _ in range(options.starts)]
    add_figures(report, NAME, runs)


def add_figures(report: Report, benchmark: str, runs: list[dict[str, Any]]) -> None:
    """Of what `measure_start` returned."""
    report.rounds(benchmark, runs)
    clean, is_clean = quiet(runs, [item['foreign'] for item in runs])
    note = f'{len(clean)} of {len(runs)} starts'
    report.add(
        over_rounds(
            'first answer', [item['answered'] for item in clean], 'ms', must=900, aim=450, is_clean=is_clean, note=note
        ),
        over_rounds('the command returned', [item['returned'] for item in clean], 'ms', is_clean=is_clean),
        over_rounds('CPU time of the server up to then', [item['cpu'] for item in runs], 'ms'),
    )


def request(path: str, headers: Mapping[str, str]) -> bytes:
    """A GET after which the connection is closed."""
    lines = [f'{name}: {value}\r\n' for name, value in headers.items()]
    return f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{"".join(lines)}\r\n'.encode()


_PING: Final = request('/zato/ping', {})


def measure_start(env: Environment, first: bytes = _PING) -> dict[str, Any]:
    """Milliseconds. first: the request that must be answered."""
    meter = CPUMeter()
    start = monotonic()
    process = subprocess.Popen([ZATO, 'start', str(env.path)], env=environment(), stdout=subprocess.DEVNULL)
    try:
        _wait_for_answer(env.port, process, first)
        answered = monotonic()
        process.wait(_TIMEOUT)
        returned = monotonic()
        meter.servers.append(server := env.running())
        return {
            'answered': (answered - start) * 1e3,
            'returned': (returned - start) * 1e3,
            'cpu': server.cpu_seconds() * 1e3,
            'foreign': meter.foreign(),
        }
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        env.stop()


def _wait_for_answer(port: int, process: subprocess.Popen[bytes], first: bytes) -> None:
    """Connect again and again until the port is open, then ask once. Raises BenchError."""
    end = monotonic() + _TIMEOUT
    while monotonic() < end:
        with socket.socket() as sock:
            if sock.connect_ex(('127.0.0.1', port)):
                if process.poll():
                    break
                continue
            sock.settimeout(_TIMEOUT)
            sock.sendall(first)
            answer = sock.recv(4096)
            if not answer.startswith(b'HTTP/1.1 200 '):
                raise BenchError(f'The first answer was {answer[:100]!r}')
            return
    raise BenchError('zato start does not make the server answer')
