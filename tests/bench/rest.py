"""What benchmarks of REST channels share: rounds that go round the servers, and figures per CPU second."""

from __future__ import annotations

from statistics import median
from typing import Any

from tests.bench.load import Round, check_answer, wrk_round
from tests.bench.options import Options
from tests.bench.processes import Server
from tests.bench.report import Figure, Report, over_rounds, quiet

#: What each server did, by its name.
Rounds = list[dict[str, Round]]


def measure(servers: list[Server], options: Options, cpu: int) -> Rounds:
    """All servers are up and one at a time is under load, in turn. cpu: for the load. Raises BenchError."""
    for server in servers:
        check_answer(server)
        wrk_round(server, options.warm_up, cpu)
    rounds: Rounds = []
    order = list(servers)
    for _ in range(options.rounds):
        rounds.append({server.name: wrk_round(server, options.seconds, cpu, order) for server in order})
        order.append(order.pop(0))
    return rounds


def ratio(rounds: Rounds, name: str, base: str, **targets: Any) -> Figure:
    """Of requests per CPU second, made within each round."""
    ratios = [one[name].per_cpu_second / one[base].per_cpu_second for one in rounds]
    return over_rounds(f'{name} ÷ {base}', ratios, '×', less=False, **targets)


def add_rates(report: Report, benchmark: str, rounds: Rounds) -> None:
    """Of each server; and every round, to the document."""
    report.rounds(benchmark, [{name: item.as_dict() for name, item in one.items()} for one in rounds])
    for name in rounds[0]:
        of_one = [one[name] for one in rounds]
        clean, is_clean = quiet(of_one, [item.foreign for item in of_one])
        p50, p99 = (median(values) for values in zip(*((item.p50, item.p99) for item in clean), strict=True))
        note = f'p50 {p50:.2f} ms, p99 {p99:.1f} ms'
        report.add(
            over_rounds(f'{name}, per CPU second', [item.per_cpu_second for item in of_one], '/s', less=False),
            over_rounds('    wall', [item.per_second for item in clean], '/s', less=False, is_clean=is_clean, note=note),
        )
