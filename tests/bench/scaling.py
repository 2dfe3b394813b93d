"""Requests per second of two workers against one. Server and load share all CPUs, so two workers cannot be twice one."""

from __future__ import annotations

from typing import Any

from tests.bench.load import CLIENTS, Round, check_answer, wrk_round
from tests.bench.options import Options
from tests.bench.processes import Server
from tests.bench.report import Report, over_rounds, quiet
from tests.bench.zato_server import Environment

NAME = 'two-workers'


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'{CLIENTS} clients, nothing pinned, wall-clock time')
    one_worker: list[Round] = []
    two_workers: list[Round] = []
    balance: list[dict[int, float]] = []
    with Environment(workers=1) as one, Environment(workers=2) as two:
        servers = [one.start(), two.start()]
        for server in servers:
            check_answer(server)
            wrk_round(server, options.warm_up, None)
        for _ in range(options.rounds):
            one_worker.append(wrk_round(servers[0], options.seconds, None, servers))
            before = _worker_cpu(two)
            two_workers.append(wrk_round(servers[1], options.seconds, None, servers))
            balance.append({pid: cpu - before[pid] for pid, cpu in _worker_cpu(two).items()})
    _add_figures(report, one_worker, two_workers, balance)


def _worker_cpu(environment: Environment) -> dict[int, float]:
    return {process.pid: Server('worker', process.pid, 0, '').cpu_seconds() for process in environment.worker_processes()}


def _add_figures(report: Report, one_worker: list[Round], two_workers: list[Round], balance: list[dict[int, float]]) -> None:
    pairs = list(zip(one_worker, two_workers, strict=True))
    least = [min(cpu.values()) / sum(cpu.values()) for cpu in balance]
    raw: list[dict[str, Any]] = [
        {'one': one.as_dict(), 'two': two.as_dict(), 'least_busy_worker': share}
        for (one, two), share in zip(pairs, least, strict=True)
    ]
    report.rounds(NAME, raw)
    clean, is_clean = quiet(pairs, [max(one.foreign, two.foreign) for one, two in pairs])
    # With one worker a request takes the server's CPU time, with two it takes half of what server and wrk use together.
    possible = [2 * two.cpu / (two.cpu + two.load_cpu) for two in two_workers]
    ratios = [two.per_second / one.per_second for one, two in clean]
    report.add(
        over_rounds('two workers ÷ one', ratios, '×', must=1.3, aim=1.6, less=False, is_clean=is_clean),
        over_rounds('possible, given what wrk takes of two CPUs', possible, '×'),
        over_rounds('one worker', [one.per_second for one, _ in clean], '/s', is_clean=is_clean),
        over_rounds('two workers', [two.per_second for _, two in clean], '/s', is_clean=is_clean),
        over_rounds('of the CPU time, the less busy worker had', least, ''),
    )
