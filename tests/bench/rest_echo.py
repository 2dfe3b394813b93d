"""Operations per CPU second of the echo service against a bare WSGI echo under gunicorn's gevent worker, one worker each.

Ours finds a REST channel of its ODB, checks Basic Auth, parses and writes JSON, makes a cid and writes the access log; the
others only echo. The servers run on one CPU and wrk on another; all servers are up, one at a time is under load, and the
rounds go round them in turn.
"""

from __future__ import annotations

from tests.bench.load import CLIENTS
from tests.bench.options import Options
from tests.bench.peers import FASTAPI, GUNICORN, UVICORN, fastapi, gunicorn, uvicorn
from tests.bench.processes import two_cpus
from tests.bench.report import Report
from tests.bench.rest import add_rates, measure, ratio
from tests.bench.zato_server import Environment

NAME = 'rest-echo'


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'JSON echo, {CLIENTS} keep-alive connections, one worker; ÷ is of requests per CPU second')
    server_cpu, load_cpu = two_cpus()
    with (
        Environment(workers=1) as environment,
        gunicorn(server_cpu) as baseline,
        uvicorn(server_cpu) as bare,
        fastapi(server_cpu, 'fastapi_echo', '/echo') as framework,
    ):
        server = environment.with_channel(environment.start(server_cpu))
        rounds = measure([server, baseline, bare, framework], options, load_cpu)
    report.add(ratio(rounds, server.name, GUNICORN, must=3, aim=4.5))
    report.add(*(ratio(rounds, name, GUNICORN) for name in (UVICORN, FASTAPI)))
    report.add(*(ratio(rounds, server.name, name) for name in (UVICORN, FASTAPI)))
    add_rates(report, NAME, rounds)
