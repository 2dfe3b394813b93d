"""Operations per CPU second of the echo service against a bare WSGI echo under gunicorn's gevent worker, one worker each.

Ours finds a REST channel of its ODB, checks Basic Auth, parses and writes JSON, makes a cid and writes the access log; the
others only echo. The servers run on one CPU and wrk on another; all servers are up, one at a time is under load, and the
rounds go round them in turn.
"""

from __future__ import annotations

from statistics import median

from tests.bench.load import CLIENTS, Round, check_echo, wrk_round
from tests.bench.options import Options
from tests.bench.peers import FASTAPI, GUNICORN, UVICORN, peers
from tests.bench.processes import two_cpus
from tests.bench.report import Report, over_rounds, quiet
from tests.bench.zato_server import Environment

NAME = 'rest-echo'


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'JSON echo, {CLIENTS} keep-alive connections, one worker')
    server_cpu, load_cpu = two_cpus()
    rounds: list[dict[str, Round]] = []
    with Environment(workers=1) as environment, peers(server_cpu) as others:
        servers = [environment.with_channel(environment.start(server_cpu)), *others]
        for server in servers:
            check_echo(server)
            wrk_round(server, options.warm_up, load_cpu)
        for _ in range(options.rounds):
            rounds.append({server.name: wrk_round(server, options.seconds, load_cpu, servers) for server in servers})
            servers.append(servers.pop(0))
    report.rounds(NAME, [{name: item.as_dict() for name, item in one.items()} for one in rounds])
    _add_figures(report, rounds)


def _add_figures(report: Report, rounds: list[dict[str, Round]]) -> None:
    def ratios(name: str, base: str) -> list[float]:
        return [one[name].per_cpu_second / one[base].per_cpu_second for one in rounds]

    report.add(
        over_rounds('zato ÷ gunicorn gevent, per CPU second', ratios('zato', GUNICORN), '×', must=3, aim=4.5, less=False)
    )
    report.add(*(over_rounds(f'{name} ÷ gunicorn gevent', ratios(name, GUNICORN), '×') for name in (UVICORN, FASTAPI)))
    report.add(*(over_rounds(f'zato ÷ {name}', ratios('zato', name), '×') for name in (UVICORN, FASTAPI)))
    for name in rounds[0]:
        of_one = [one[name] for one in rounds]
        clean, is_clean = quiet(of_one, [item.foreign for item in of_one])
        p50, p99 = (median(values) for values in zip(*((item.p50, item.p99) for item in clean), strict=True))
        note = f'p50 {p50:.2f} ms, p99 {p99:.1f} ms'
        report.add(
            over_rounds(f'{name}, per CPU second', [item.per_cpu_second for item in of_one], '/s'),
            over_rounds('    wall', [item.per_second for item in clean], '/s', is_clean=is_clean, note=note),
        )
