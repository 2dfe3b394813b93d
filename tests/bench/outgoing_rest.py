"""Operations per CPU second of a service that passes each request on over HTTP, and its answer back.

The baseline does the same with requests under gunicorn's gevent worker. Both keep their connections to the other server, a
bare ASGI echo, which shares the CPU of the load.
"""

from __future__ import annotations

from typing import Final

from tests.bench.load import CLIENTS
from tests.bench.options import Options
from tests.bench.peers import gunicorn, uvicorn
from tests.bench.processes import two_cpus
from tests.bench.report import Report
from tests.bench.rest import add_rates, measure, ratio
from tests.bench.zato_server import Environment

NAME = 'outgoing-rest'

_REQUESTS: Final = 'gunicorn gevent, requests'


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'a request passed on, {CLIENTS} keep-alive connections; ÷ is of requests per CPU second')
    server_cpu, load_cpu = two_cpus()
    with Environment(workers=1) as environment, uvicorn(load_cpu) as target:
        address = f'http://127.0.0.1:{target.port}'
        with gunicorn(server_cpu, 'wsgi_outgoing', name=_REQUESTS, BENCH_TARGET=address) as baseline:
            server = environment.start(server_cpu)
            connection = {'kind': 'outgoing_rest', 'name': 'bench', 'host': address, 'data_format': 'json', 'pool_size': 40}
            environment.admin('zato.config.apply', {'changes': [{'action': 'create', **connection}]})
            environment.deploy_own('bench_outgoing', 'bench.pass-on')
            server = environment.with_channel(server, '/bench/pass-on', 'bench.pass-on')
            rounds = measure([server, baseline], options, load_cpu)
    report.add(ratio(rounds, server.name, _REQUESTS, must=3))
    add_rates(report, NAME, rounds)
