"""From saving a file, by an atomic rename, to both of two workers answering with the new code.

A service answers with its process's pid, which tells the connections to the two workers apart.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import statistics
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from tests.bench.options import Options
from tests.bench.processes import BenchError, CPUMeter, Server
from tests.bench.report import Figure, Report, exactly, quiet
from tests.bench.zato_server import Environment

NAME = 'hot-deploy'

_SOURCE = """
import os
from zato.server.service import Service

class Version(Service):
    name = 'bench.version'

    def handle(self):
        self.response.payload = {'pid': os.getpid(), 'version': %d}
"""
_BATCH = 10  #: deployments between two looks at the CPU time of others, which has ticks of 10 ms
_TIMEOUT = 10.0
_BETWEEN_QUESTIONS = 0.0005  #: seconds; the latencies are that much too long at most, and the workers are not kept busy
_MOST_CONNECTIONS = 200


class Client:
    """One keep-alive connection."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=_TIMEOUT)
        self._headers = dict(server.headers)

    def ask(self) -> tuple[int, int]:
        """pid and version; (0, 0) while there is no such service."""
        self._connection.request('POST', '/zato/api/invoke/bench.version', b'', self._headers)
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        return (answer['pid'], answer['version']) if response.status == 200 else (0, 0)

    def close(self) -> None:
        self._connection.close()


def run(report: Report, options: Options) -> None:
    report.heading(NAME, 'a saved file to its new code answering on both of two workers')
    with Environment(workers=2) as environment:
        server = environment.start()
        deployments = _deploy_many(environment, server, options.deployments)
        flush = _flush_time(environment.path)
    report.rounds(NAME, deployments)
    clean, is_clean = quiet(deployments, [item['foreign'] for item in deployments])
    times = [item['milliseconds'] for item in clean]
    percentiles = statistics.quantiles(times, n=100, method='inclusive')
    spread: dict[str, Any] = {'low': min(times), 'high': max(times), 'is_clean': is_clean}
    note = f'{len(times)} deployments; a flush of this disk takes {flush:.2f} ms'
    report.add(
        _percentile('p50', percentiles[49], **spread, must=100, aim=20, note=note),
        _percentile('p99', percentiles[98], **spread, must=300, aim=60),
    )
    first = [item['first'] for item in clean]
    report.add(exactly('p50 of the first of the two workers', statistics.median(first), 'ms', is_clean=is_clean))


def _percentile(name: str, value: float, **more: Any) -> Figure:
    return Figure(name=name, value=value, unit='ms', **more)


def _deploy_many(environment: Environment, server: Server, count: int) -> list[dict[str, float]]:
    target = environment.directory.services / 'bench_version.py'
    _save(target, 0)
    clients = _one_client_a_worker(server, environment.workers)
    meter = CPUMeter(server)
    done: list[dict[str, float]] = []
    try:
        while len(done) < count:
            meter.reset()
            batch: list[dict[str, float]] = []
            for _ in range(min(_BATCH, count - len(done))):
                sleep(random.uniform(0.02, 0.1))
                batch.append(_deploy(target, len(done) + len(batch) + 1, clients))
            foreign = meter.foreign()
            done += [{**item, 'foreign': foreign} for item in batch]
    finally:
        for client in clients:
            client.close()
    return done


def _deploy(target: Path, version: int, clients: list[Client]) -> dict[str, float]:
    """Milliseconds until the first worker and until all workers have answered with the new version."""
    waiting = list(clients)
    times: list[float] = []
    start = _save(target, version)
    while waiting:
        for client in list(waiting):
            if client.ask()[1] == version:
                times.append((monotonic() - start) * 1e3)
                waiting.remove(client)
        if monotonic() - start > _TIMEOUT:
            raise BenchError(f'Version {version} is not served after {_TIMEOUT:g} s')
        sleep(_BETWEEN_QUESTIONS)
    return {'milliseconds': times[-1], 'first': times[0]}


def _save(target: Path, version: int) -> float:
    """Put the file in its place by a rename. Returns when."""
    new = target.parents[1] / target.name
    new.write_text(_SOURCE % version)
    now = monotonic()
    new.rename(target)
    return now


def _one_client_a_worker(server: Server, workers: int) -> list[Client]:
    """Connections to different workers. Which one a connection comes to is up to the kernel, so many are tried."""
    found: dict[int, Client] = {}
    end = monotonic() + _TIMEOUT
    spare: list[Client] = []
    try:
        while len(found) < workers and len(spare) < _MOST_CONNECTIONS and monotonic() < end:
            client = Client(server)
            spare.append(client)
            while not (pid := client.ask()[0]) and monotonic() < end:
                sleep(0.01)
            if pid and pid not in found:
                found[pid] = spare.pop()
    finally:
        for client in spare:
            client.close()
    if len(found) < workers:
        raise BenchError(f'{len(spare) + len(found)} connections reached {len(found)} of {workers} workers')
    return list(found.values())


def _flush_time(directory: Path) -> float:
    """Milliseconds that writing 4 KiB to disk takes here; a deployment does it a few times."""
    path = directory / 'flush'
    times = []
    with path.open('wb', buffering=0) as file:
        for _ in range(50):
            file.write(bytes(4096))
            start = monotonic()
            os.fsync(file.fileno())
            times.append((monotonic() - start) * 1e3)
    path.unlink()
    return statistics.median(times)
