"""Load: wrk for rates and latencies, a client of our own that counts per connection.

A round is void if any answer was an error or any connection failed.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from tests.bench.processes import ROOT, BenchError, CPUMeter, Server, environment, pinned

CLIENTS = 32

_SLACK = 30.0  #: seconds past its duration that a round may take

_SCRIPT = """
wrk.method = "POST"
wrk.path = %(path)s
wrk.body = %(body)s
%(headers)s
function done(summary, latency)
    local e = summary.errors
    io.write(string.format('\\n{"requests":%%d,"microseconds":%%d,"errors":%%d,"p50":%%.1f,"p99":%%.1f,"max":%%.1f}\\n',
        summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(99), latency.max))
end
"""


@dataclass(frozen=True)
class Round:
    """What one server did under load. Seconds; latencies in milliseconds.

    cpu, load_cpu: CPU time of the server and of wrk. foreign: share of the machine's CPU time that others had, 0..1.
    """

    server: str
    requests: int
    seconds: float
    cpu: float
    load_cpu: float
    p50: float
    p99: float
    longest: float
    foreign: float

    @property
    def per_cpu_second(self) -> float:
        return self.requests / self.cpu

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), 'per_cpu_second': round(self.per_cpu_second), 'per_second': round(self.per_second)}


def wrk_round(
    server: Server, seconds: int, cpu: int | None, others: list[Server] | None = None, *, clients: int = CLIENTS
) -> Round:
    """One round with keep-alive clients. others: servers that run beside it, idle. Raises BenchError."""
    meter = CPUMeter(server, *(others or []))
    before, load_before = server.cpu_seconds(), _of_children()
    result = _wrk(server, seconds, cpu, clients)
    used, load_used = server.cpu_seconds() - before, _of_children() - load_before
    if result['errors'] or not result['requests']:
        raise BenchError(f'{server.name}: {result["errors"]} of {result["requests"]} requests failed')
    return Round(
        server=server.name,
        requests=result['requests'],
        seconds=result['microseconds'] / 1e6,
        cpu=used,
        load_cpu=load_used,
        p50=result['p50'] / 1e3,
        p99=result['p99'] / 1e3,
        longest=result['max'] / 1e3,
        foreign=meter.foreign(),
    )


def _of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _wrk(server: Server, seconds: int, cpu: int | None, clients: int) -> dict[str, Any]:
    headers = {'Content-Type': 'application/json', **server.headers}
    script = _SCRIPT % {
        'path': json.dumps(server.path),
        'body': json.dumps(server.exchange.body.decode()),
        'headers': '\n'.join(f'wrk.headers["{name}"] = {json.dumps(value)}' for name, value in headers.items()),
    }
    with tempfile.NamedTemporaryFile('w', suffix='.lua') as file:
        file.write(script)
        file.flush()
        options = ['-t1', f'-c{clients}', f'-d{seconds}s', '-s', file.name]
        out = _output(pinned(['wrk', *options, f'http://127.0.0.1:{server.port}'], cpu), seconds)
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return result


def requests_per_client(server: Server, seconds: float, cpu: int) -> dict[str, Any]:
    """counts: how many answers each of 32 keep-alive clients got. looks: how often the load client looked for answers."""
    body = server.exchange.body
    headers = {'Host': '127.0.0.1', 'Content-Type': 'application/json', 'Content-Length': str(len(body)), **server.headers}
    lines = [f'POST {server.path} HTTP/1.1', *(f'{name}: {value}' for name, value in headers.items()), '', '']
    command = [sys.executable, '-m', 'tests.bench.fair_client', str(server.port), str(CLIENTS), str(seconds)]
    out = _output(pinned(command, cpu), seconds, '\r\n'.join(lines).encode() + body)
    result: dict[str, Any] = json.loads(out)
    return result


def _output(command: list[str], seconds: float, stdin: bytes = b'') -> str:
    done = subprocess.run(
        command, input=stdin, capture_output=True, env=environment(), cwd=ROOT, timeout=seconds + _SLACK, check=False
    )
    if done.returncode:
        raise BenchError(f'{command} failed: {(done.stderr or done.stdout).decode().strip()}')
    return done.stdout.decode()


def check_answer(server: Server) -> None:
    """Raises BenchError unless the server answers what it must."""
    answer = ask(server, server.path, server.exchange.body)
    if answer != server.exchange.answer:
        raise BenchError(f'{server.name} answered {answer!r:.200}')


def ask(server: Server, path: str, body: bytes) -> Any:
    """POST, with the headers that the server is measured with. Raises BenchError unless the answer is 200 and JSON."""
    connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=_SLACK)
    try:
        connection.request('POST', path, body, {'Content-Type': 'application/json', **server.headers})
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise BenchError(f'{server.name} answered {response.status} {answer[:200]!r}')
        return json.loads(answer)
    finally:
        connection.close()
