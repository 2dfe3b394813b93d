"""p99 of 32 keep-alive clients that saturate one worker, and whether each of them gets its share."""

from __future__ import annotations

from typing import Any

from tests.bench.load import CLIENTS, Round, check_answer, requests_per_client, wrk_round
from tests.bench.options import Options
from tests.bench.processes import CPUMeter, Server, two_cpus
from tests.bench.report import QUIET, Report, over_rounds, quiet
from tests.bench.zato_server import Environment

NAME = 'latency'


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'{CLIENTS} clients without a pause, one worker; latency on a quiet machine only')
    server_cpu, load_cpu = two_cpus()
    with Environment(workers=1) as environment:
        server = environment.start(server_cpu)
        check_answer(server)
        wrk_round(server, options.warm_up, load_cpu)
        timed = _until_quiet(server, options, load_cpu)
        counted = [_count(server, options.seconds, load_cpu) for _ in range(options.rounds)]
    report.rounds(NAME, {'timed': [item.as_dict() for item in timed], 'counted': counted})
    clean, is_clean = quiet(timed, [item.foreign for item in timed])
    note = f'{sum(item.foreign < QUIET for item in timed)} of {len(timed)} rounds were quiet'
    report.add(
        over_rounds('p99', [item.p99 for item in clean], 'ms', must=6, aim=3, is_clean=is_clean, note=note),
        over_rounds('p50', [item.p50 for item in clean], 'ms', is_clean=is_clean),
        over_rounds('longest', [item.longest for item in clean], 'ms', is_clean=is_clean),
    )
    waiting = max(item['waiting'] for item in counted)
    bottleneck = 'the server' if waiting < CLIENTS / 4 else 'the load client, so this says little'
    note = f'{waiting:.1f} of {CLIENTS} answers waited for the client at a time: the bottleneck was {bottleneck}'
    shares = [item['least'] for item in counted]
    report.add(over_rounds('least-served client, of a fair share', shares, '', must=0.8, aim=0.9, less=False, note=note))


def _until_quiet(server: Server, options: Options, cpu: int) -> list[Round]:
    """Rounds until enough of them were quiet; at most three times as many as are wanted."""
    timed: list[Round] = []
    while sum(item.foreign < QUIET for item in timed) < options.rounds and len(timed) < 3 * options.rounds:
        timed.append(wrk_round(server, options.seconds, cpu))
    return timed


def _count(server: Server, seconds: int, cpu: int) -> dict[str, Any]:
    """least: what the least-served client got, as a part of its fair share. waiting: answers per look of the client."""
    meter = CPUMeter(server)
    result = requests_per_client(server, seconds, cpu)
    counts = result['counts']
    total = sum(counts)
    return {
        'counts': counts,
        'least': min(counts) * len(counts) / total,
        'waiting': total / result['looks'],
        'foreign': meter.foreign(),
    }
