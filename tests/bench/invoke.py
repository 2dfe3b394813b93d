"""Calls of one service by another, per second of one CPU, in a worker of a real server.

A service that is invoked over REST makes the calls and reads the process's CPU time; services/bench_invoke.py has it all.
"""

from __future__ import annotations

import json
from typing import Any, Final

from tests.bench.load import ask
from tests.bench.options import Options
from tests.bench.processes import CPUMeter, two_cpus
from tests.bench.report import Report, over_rounds
from tests.bench.zato_server import INVOKE, Environment

NAME = 'invoke'

_SLICES: Final = 25  #: about as many take a second

_PLAIN: Final = 'plain'
_FIGURES: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ('typed', 'self.invoke with SimpleIO', {'must': 250_000, 'aim': 600_000}),
    ('untyped', 'self.invoke without SimpleIO', {}),
    ('async', 'self.invoke_async with SimpleIO', {'must': 45_000, 'aim': 80_000}),
    ('parallel', 'targets of parallel.invoke, 10 at a time', {}),
    (_PLAIN, 'a plain function of the same work', {}),
]


def run(report: Report, options: Options) -> None:
    report.heading(NAME, 'calls per second of CPU time, in one worker')
    server_cpu, _ = two_cpus()
    rounds: list[dict[str, Any]] = []
    with Environment(workers=1) as environment:
        server = environment.start(server_cpu)
        environment.deploy_own('bench_invoke', 'bench.measure', 'bench.typed', 'bench.untyped', 'bench.told')

        def measure(slices: int) -> Any:
            return ask(server, f'{INVOKE}/bench.measure', json.dumps({'slices': slices}).encode())

        measure(_SLICES * options.warm_up)
        for _ in range(options.rounds):
            meter = CPUMeter(server)
            rounds.append({**measure(_SLICES * options.seconds), 'foreign': meter.foreign()})
    report.rounds(NAME, rounds)
    for way, name, targets in _FIGURES:
        rates = [_rate(one[way]) for one in rounds]
        report.add(over_rounds(name, rates, '/s', less=False, **targets))
        if way != _PLAIN:
            times = [_rate(one[_PLAIN]) / _rate(one[way]) for one in rounds]
            report.add(over_rounds('    plain calls in the same time', times, '×'))


def _rate(measured: dict[str, float]) -> float:
    """Calls per second of CPU time."""
    return measured['calls'] / measured['cpu']
