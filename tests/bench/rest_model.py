"""Operations per CPU second of a service whose input and output is a model, against FastAPI with the same one in Pydantic.

An order with a customer and two lines, twenty fields in all, behind a channel with Basic Auth.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.bench.exchange import Exchange, basic_auth
from tests.bench.load import CLIENTS
from tests.bench.options import Options
from tests.bench.peers import FASTAPI, fastapi
from tests.bench.processes import two_cpus
from tests.bench.report import Report
from tests.bench.rest import add_rates, measure, ratio
from tests.bench.zato_server import Environment

NAME = 'rest-model'

_PATH: Final = '/model'
_ORDER: Final = {
    'order_id': 'A-2026-000173',
    'created': '2026-11-21',
    'priority': 3,
    'total': 1234.5,
    'is_express': True,
    'note': 'To be delivered before noon',
    'customer': {
        'customer_id': 4711,
        'name': 'Jane Smith',
        'email': 'jane.smith@example.com',
        'country': 'DE',
        'is_vip': False,
        'discount': 2.5,
    },
    'lines': [
        {'sku': 'A-100', 'quantity': 2, 'price': 592.25, 'is_gift': False},
        {'sku': 'B-220', 'quantity': 1, 'price': 50.5, 'is_gift': True},
    ],
}
_EXCHANGE: Final = Exchange(_ORDER, _ORDER)


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'a model of 20 fields, {CLIENTS} keep-alive connections; ÷ is of requests per CPU second')
    server_cpu, load_cpu = two_cpus()
    with Environment(workers=1) as environment, fastapi(server_cpu, 'fastapi_model', _PATH) as framework:
        server = environment.start(server_cpu)
        environment.deploy_own('bench_model', 'bench.model')
        server = environment.with_channel(server, _PATH, 'bench.model')
        servers = [
            replace(server, exchange=_EXCHANGE),
            replace(framework, headers=basic_auth(), exchange=_EXCHANGE),
        ]
        rounds = measure(servers, options, load_cpu)
    report.add(ratio(rounds, server.name, FASTAPI, must=3))
    add_rates(report, NAME, rounds)
