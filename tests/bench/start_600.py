"""From running `zato start` to the first answer of a service, where 600 of them are deployed, in 30 modules."""

from __future__ import annotations

from typing import Final

from tests.bench.options import Options
from tests.bench.report import Report
from tests.bench.start import add_figures, measure_start, request
from tests.bench.zato_server import INVOKE, Environment

NAME = 'start-600'

_MODULES, _PLAIN, _TYPED = 30, 10, 10

_HEAD: Final = """
from __future__ import annotations

from zato.server.service import Bool, Float, Int, Service
"""
_PLAIN_SOURCE: Final = """

class Plain{number}(Service):
    name = 'bench.{module}.plain{number}'

    def handle(self) -> None:
        order = self.request.payload or {{}}
        if order.get('is_express'):
            self.logger.info('Order %s is express', order['order_id'])
        self.response.payload = {{'order_id': order.get('order_id'), 'status': 'accepted'}}
"""
_TYPED_SOURCE: Final = """

class Typed{number}(Service):
    name = 'bench.{module}.typed{number}'
    input = 'name', Int('quantity'), Float('price'), Bool('is_express'), '-note'
    output = 'name', Int('quantity'), Float('price'), Bool('is_express'), '-note'

    def handle(self) -> None:
        article = self.request.input
        self.response.payload.name = article.name
        self.response.payload.quantity = article.quantity
        self.response.payload.price = article.price * article.quantity
        self.response.payload.is_express = article.is_express
        self.response.payload.note = article.note
"""


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'`zato start` to the first answer of one of {_MODULES * (_PLAIN + _TYPED)} services, one worker')
    modules = {f'bench_{number}.py': _source(number) for number in range(_MODULES)}
    names = [f'bench.{number}.{kind}' for number in range(_MODULES) for kind in _kinds()]
    with Environment(workers=1) as environment:
        server = environment.start()
        environment.deploy(modules, names)
        environment.stop()
        first = request(f'{INVOKE}/bench.{_MODULES - 1}.plain0', server.headers)
        measure_start(environment, first)  # compiles what has not been compiled yet
        runs = [measure_start(environment, first) for _ in range(options.starts)]
    add_figures(report, NAME, runs)


def _kinds() -> list[str]:
    return [*(f'plain{number}' for number in range(_PLAIN)), *(f'typed{number}' for number in range(_TYPED))]


def _source(module: int) -> str:
    plain = [_PLAIN_SOURCE.format(module=module, number=number) for number in range(_PLAIN)]
    typed = [_TYPED_SOURCE.format(module=module, number=number) for number in range(_TYPED)]
    return ''.join([_HEAD, *plain, *typed])
