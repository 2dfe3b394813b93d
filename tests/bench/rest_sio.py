"""Operations per CPU second of a service with SimpleIO behind a channel with a parameter in its path and Basic Auth.

Five typed elements, one of the path and four of the body, come in and go out as JSON. The baseline only parses and writes
the body; FastAPI does all that ours does, but for the cid and the access log.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.bench.exchange import Exchange, basic_auth
from tests.bench.load import CLIENTS
from tests.bench.options import Options
from tests.bench.peers import FASTAPI, GUNICORN, fastapi, gunicorn
from tests.bench.processes import two_cpus
from tests.bench.report import Report
from tests.bench.rest import add_rates, measure, ratio
from tests.bench.zato_server import Environment

NAME = 'rest-sio'

_PATH: Final = '/sio/garden-chair'
_DETAILS: Final = {'quantity': 12, 'price': 49.95, 'is_express': True, 'note': 'To be delivered before noon'}
_ARTICLE: Final = Exchange(_DETAILS, {'name': 'garden-chair', **_DETAILS})


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'five typed elements, {CLIENTS} keep-alive connections; ÷ is of requests per CPU second')
    server_cpu, load_cpu = two_cpus()
    with (
        Environment(workers=1) as environment,
        gunicorn(server_cpu) as baseline,
        fastapi(server_cpu, 'fastapi_sio', _PATH) as framework,
    ):
        server = environment.start(server_cpu)
        environment.deploy_own('bench_sio', 'bench.sio')
        server = environment.with_channel(server, '/sio/{name}', 'bench.sio')
        servers = [
            replace(server, path=_PATH, exchange=_ARTICLE),
            replace(baseline, exchange=Exchange(_DETAILS, _DETAILS)),
            replace(framework, headers=basic_auth(), exchange=_ARTICLE),
        ]
        rounds = measure(servers, options, load_cpu)
    report.add(
        ratio(rounds, server.name, GUNICORN, must=3, aim=4.5),
        ratio(rounds, server.name, FASTAPI, must=4),
        ratio(rounds, FASTAPI, GUNICORN),
    )
    add_rates(report, NAME, rounds)
