"""Changes of configuration: how soon they are seen by all workers of two servers, many at once, and with many objects."""

from __future__ import annotations

import http.client
import json
import statistics
import threading
from collections.abc import Sequence
from time import monotonic, sleep
from typing import Any

from tests.bench.load import Round, check_answer, wrk_round
from tests.bench.options import Options
from tests.bench.processes import BenchError, CPUMeter, Server, two_cpus
from tests.bench.report import Report, exactly, over_rounds, quiet
from tests.bench.start import measure_start
from tests.bench.zato_server import Environment

NAME = 'configuration'

_SOURCE = """
import os
from zato.server.service import Service

class PID(Service):
    name = 'bench.pid'

    def handle(self):
        self.response.payload = {'pid': os.getpid()}
"""
_BATCH = 10
_AT_ONCE = 2_000
_FEW = 10
_TIMEOUT = 10.0
_BETWEEN_QUESTIONS = 0.0005  #: seconds
_MOST_CONNECTIONS = 200


def run(report: Report, options: Options) -> None:
    report.heading(NAME, 'changes through the admin API; two servers with two workers each, on one SQLite database')
    with Environment(workers=2, servers=2) as environment:
        server = environment.start()
        changes = _change_many(environment, server, options.changes)
        at_once = [_create_at_once(environment, number) for number in range(3)]
    clean, is_clean = quiet(changes, [item['foreign'] for item in changes])
    times = [item['milliseconds'] for item in clean]
    percentiles = statistics.quantiles(times, n=100, method='inclusive')
    spread: dict[str, Any] = {'low': min(times), 'high': max(times), 'is_clean': is_clean}
    note = f'{len(times)} changes'
    report.add(
        _figure(
            'p50 from sending a change to all four workers', percentiles[49], 'ms', must=50, aim=15, note=note, **spread
        ),
        _figure('p99', percentiles[98], 'ms', must=300, aim=100, **spread),
        over_rounds(f'{_AT_ONCE:,} creates in one zato.config.apply, answered', at_once, 's', must=5, aim=2),
    )
    few, many, rounds = _few_and_many(options)
    report.rounds(NAME, {'changes': changes, 'at_once': at_once, 'few': few, 'many': many, 'rounds': rounds})
    per_object = (many['memory'] - few['memory']) / (options.many - _FEW)
    slower = [one['few']['per_cpu_second'] / one['many']['per_cpu_second'] for one in rounds]
    report.add(
        over_rounds(f'start with {options.many:,} objects', many['starts'], 's', must=3, aim=2),
        exactly('memory of a worker per object', per_object / 1024, 'KiB', must=4, aim=2),
        over_rounds(f'a request, {options.many:,} channels against {_FEW}', slower, '×', must=1.3, aim=1.1),
    )


def _figure(name: str, value: float, unit: str, **more: Any) -> Any:
    from tests.bench.report import Figure

    return Figure(name=name, value=value, unit=unit, **more)


class _Client:
    """One keep-alive connection, which stays with its worker."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection('127.0.0.1', port, timeout=_TIMEOUT)

    def ask(self, path: str) -> int:
        """The worker's pid; 0 if there is no such path."""
        self._connection.request('GET', path)
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        return int(answer['pid']) if response.status == 200 else 0

    def close(self) -> None:
        self._connection.close()


def _change_many(environment: Environment, server: Server, count: int) -> list[dict[str, float]]:
    environment.deploy({'bench_pid.py': _SOURCE}, ['bench.pid'])
    create = {'name': 'bench', 'url_path': '/bench/0', 'service': 'bench.pid'}
    environment.admin('zato.channel-rest.create', create)
    clients = [client for port in environment.ports for client in _one_client_a_worker(port, environment.workers)]
    meter = CPUMeter(server)
    done: list[dict[str, float]] = []
    try:
        while len(done) < count:
            meter.reset()
            batch = []
            for _ in range(min(_BATCH, count - len(done))):
                number = len(done) + len(batch) + 1
                batch.append({'milliseconds': _change(environment, number, clients)})
            foreign = meter.foreign()
            done += [{**item, 'foreign': foreign} for item in batch]
    finally:
        for client in clients:
            client.close()
    return done


def _change(environment: Environment, number: int, clients: Sequence[_Client]) -> float:
    """Milliseconds from sending the change to the last worker's first answer under the new path."""
    path = f'/bench/{number}'
    request = {'name': 'bench', 'url_path': path}
    sender = threading.Thread(target=environment.admin, args=('zato.channel-rest.edit', request, number % 2))
    waiting = list(clients)
    start = monotonic()
    sender.start()
    while waiting:
        waiting = [client for client in waiting if not client.ask(path)]
        if monotonic() - start > _TIMEOUT:
            raise BenchError(f'{path} is not answered by {len(waiting)} workers after {_TIMEOUT:g} s')
        sleep(_BETWEEN_QUESTIONS)
    end = monotonic()
    sender.join()
    return (end - start) * 1e3


def _one_client_a_worker(port: int, workers: int) -> list[_Client]:
    found: dict[int, _Client] = {}
    spare = []
    while len(found) < workers and len(spare) < _MOST_CONNECTIONS:
        client = _Client(port)
        pid = client.ask('/bench/0')
        if pid and pid not in found:
            found[pid] = client
        else:
            spare.append(client)
    for client in spare:
        client.close()
    if len(found) < workers:
        raise BenchError(f'{len(spare)} connections reached {len(found)} of {workers} workers')
    return list(found.values())


def _create_at_once(environment: Environment, number: int) -> float:
    """Seconds."""
    changes = _channels(f'many{number}', _AT_ONCE)
    start = monotonic()
    answer = environment.admin('zato.config.apply', {'changes': changes})
    if answer['pending'] or answer['failed']:
        raise BenchError(f'not applied by {answer["pending"]}, {answer["failed"]}')
    return monotonic() - start


def _channels(prefix: str, count: int) -> list[dict[str, Any]]:
    """Half of them with a parameter in their path."""
    return [
        {
            'action': 'create',
            'kind': 'channel_rest',
            'name': f'{prefix}.{number}',
            'url_path': f'/{prefix}/{number}/{{id}}' if number % 2 else f'/{prefix}/exact/{number}',
            'service': 'helpers.echo',
        }
        for number in range(count)
    ]


def _few_and_many(options: Options) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    server_cpu, load_cpu = two_cpus()
    with Environment(workers=1) as few, Environment(workers=1) as many:
        measured = []
        servers: dict[str, Server] = {}
        for name, environment, count in (('few', few, _FEW), ('many', many, options.many)):
            servers[name] = environment.with_channel(environment.start(server_cpu))
            for start in range(0, count, _AT_ONCE):
                changes = _channels(f'bench{start}', min(_AT_ONCE, count - start))
                environment.admin('zato.config.apply', {'changes': changes})
            environment.stop()
            starts = [measure_start(environment)['answered'] / 1e3 for _ in range(min(3, options.starts))]
            server = environment.start(server_cpu)
            (worker,) = environment.worker_processes()
            measured.append(
                {'starts': starts, 'memory': worker.memory_full_info().uss}
            )  # before it has made any list of all
            servers[name] = environment.with_channel(server)
        rounds: list[dict[str, Round]] = []
        order = list(servers)
        for name in order:
            check_answer(servers[name])
            wrk_round(servers[name], options.warm_up, load_cpu)
        for _ in range(options.rounds):
            rounds.append(
                {name: wrk_round(servers[name], options.seconds, load_cpu, list(servers.values())) for name in order}
            )
            order.reverse()
    return measured[0], measured[1], [{name: item.as_dict() for name, item in one.items()} for one in rounds]
