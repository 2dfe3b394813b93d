"""Proportional memory (PSS, from smaps_rollup) of an idle server, and what half a million requests leave in a worker."""

from __future__ import annotations

from time import sleep
from typing import Any

from tests.bench.load import check_answer, wrk_round
from tests.bench.options import Options
from tests.bench.report import Report, exactly
from tests.bench.zato_server import Environment

NAME = 'memory'

_SETTLE = 1.5  #: seconds that a server is left alone before its memory is read
_MORE_WORKERS = 3
_SLICE = 2  #: seconds of load between two looks at how many requests there have been


def run(report: Report, options: Options) -> None:
    report.heading(NAME, 'megabytes of 1,000,000 bytes')
    few = _idle(1)
    many = _idle(_MORE_WORKERS)
    further = (many['total'] - few['total']) / (_MORE_WORKERS - 1)
    report.add(
        exactly('PSS of the server with one idle worker', few['total'], 'MB', must=90, aim=70, note='all processes'),
        exactly('of it the arbiter', few['arbiter'], 'MB'),
        exactly('of it the worker', few['workers'][0], 'MB'),
        exactly('of it the checker of deployments', few['checker'], 'MB'),
        exactly('PSS of each further worker', further, 'MB', must=45, aim=24, note=f'{_MORE_WORKERS} workers against one'),
    )
    growth = _growth(options.requests)
    report.rounds(NAME, {'one': few, 'more': many, 'growth': growth})
    first, last = growth[0], growth[-1]
    note = f'from {first["requests"]:,} to {last["requests"]:,} requests; RSS {last["rss"]:.1f} MB at the end'
    report.add(exactly('growth of a worker', last['rss'] - first['rss'], 'MB', must=1, aim=0.25, note=note))


def _idle(workers: int) -> dict[str, Any]:
    with Environment(workers) as environment:
        server = environment.start()
        check_answer(server)
        sleep(_SETTLE)
        of_workers = {process.pid for process in environment.worker_processes()}
        pss = {process.pid: process.memory_full_info().pss / 1e6 for process in server.processes()}
    return {
        'total': sum(pss.values()),
        'arbiter': pss[server.pid],
        'workers': [size for pid, size in pss.items() if pid in of_workers],
        'checker': sum(size for pid, size in pss.items() if pid not in of_workers and pid != server.pid),
    }


def _growth(requests: tuple[int, int]) -> list[dict[str, float]]:
    """A worker's memory after each slice of load, from the first of `requests` to the last."""
    first, last = requests
    seen: list[dict[str, float]] = []
    done = 0
    with Environment(1) as environment:
        server = environment.start()
        while done < last:
            done += wrk_round(server, _SLICE, None).requests
            if done >= first:
                seen.append({'requests': done, 'rss': _rss(environment)})
    return seen


def _rss(environment: Environment) -> float:
    (worker,) = environment.worker_processes()
    return float(worker.memory_info().rss / 1e6)
