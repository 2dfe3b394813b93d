"""Services that another one invokes, and the one that does, which counts the calls by the process's CPU time.

Beside them a plain function of the same work: five checks of types, a dict in, a dict out. All are measured in turn, in
slices of some milliseconds, so that what else the machine does meets them alike.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import gevent

from zato.server.service import Bool, Float, Int, Service

_DATA = {'name': 'garden-chair', 'quantity': 12, 'price': 49.95, 'is_express': True, 'note': 'To be delivered before noon'}
_PLAIN, _CALLS, _BATCHES, _RUNS = 20_000, 2_000, 5, 30  #: in one slice
_BATCH = 100  #: calls of a batch
_TARGETS = 10  #: targets of a run of `parallel`


class Typed(Service):
    name = 'bench.typed'
    input = 'name', Int('quantity'), Float('price'), Bool('is_express'), 'note'
    output = 'name', Int('quantity'), Float('price'), Bool('is_express'), 'note'

    def handle(self) -> None:
        article = self.request.input
        self.response.payload = {
            'name': article.name,
            'quantity': article.quantity,
            'price': article.price,
            'is_express': article.is_express,
            'note': article.note,
        }


class Untyped(Service):
    name = 'bench.untyped'

    def handle(self) -> None:
        article = self.request.payload
        self.response.payload = {
            'name': article['name'],
            'quantity': article['quantity'],
            'price': article['price'],
            'is_express': article['is_express'],
            'note': article['note'],
        }


class Told(Service):
    """What `parallel` calls back as each target ends."""

    name = 'bench.told'

    def handle(self) -> None:
        pass


for _number in range(_TARGETS):
    globals()[f'Target{_number}'] = type(f'Target{_number}', (Typed,), {'name': f'bench.target.{_number}'})


def _plain(article: dict[str, Any]) -> dict[str, Any]:
    name, quantity, price = article['name'], article['quantity'], article['price']
    is_express, note = article['is_express'], article['note']
    if not (
        isinstance(name, str)
        and isinstance(quantity, int)
        and isinstance(price, float)
        and isinstance(is_express, bool)
        and isinstance(note, str)
    ):
        raise TypeError('An element is not of its type')
    return {'name': name, 'quantity': quantity, 'price': price, 'is_express': is_express, 'note': note}


class Measure(Service):
    """Returns calls and seconds of CPU time for each way to call, after as many slices as the input says."""

    name = 'bench.measure'
    input = Int('slices')

    def handle(self) -> None:
        ways: dict[str, Callable[[], int]] = {
            'plain': self._call_plain,
            'typed': self._invoke_typed,
            'untyped': self._invoke_untyped,
            'async': self._invoke_async,
            'parallel': self._invoke_parallel,
        }
        calls = dict.fromkeys(ways, 0)
        cpu = dict.fromkeys(ways, 0.0)
        for _ in range(self.request.input.slices):
            for way, call in ways.items():
                start = process_time()
                calls[way] += call()
                cpu[way] += process_time() - start
                gevent.sleep(0)
        self.response.payload = {way: {'calls': calls[way], 'cpu': cpu[way]} for way in ways}

    def _call_plain(self) -> int:
        for _ in range(_PLAIN):
            _plain(_DATA)
        return _PLAIN

    def _invoke_typed(self) -> int:
        for _ in range(_CALLS):
            self.invoke('bench.typed', _DATA)
        return _CALLS

    def _invoke_untyped(self) -> int:
        for _ in range(_CALLS):
            self.invoke('bench.untyped', _DATA)
        return _CALLS

    def _invoke_async(self) -> int:
        target = self.new_instance('bench.typed')
        for _ in range(_BATCHES):
            wanted = target.usage + _BATCH
            for _ in range(_BATCH):
                self.invoke_async('bench.typed', _DATA)
            _let_run(target, wanted)
        return _BATCHES * _BATCH

    def _invoke_parallel(self) -> int:
        told = self.new_instance('bench.told')
        targets = {f'bench.target.{number}': _DATA for number in range(_TARGETS)}
        for _ in range(_RUNS):
            wanted = told.usage + _TARGETS
            self.patterns.parallel.invoke(targets, 'bench.told')
            _let_run(told, wanted)
        return _RUNS * _TARGETS


def _let_run(service: Service, wanted: int) -> None:
    """Let what waits run until the service, which itself never waits, has been called that often."""
    while service.usage < wanted:
        gevent.sleep(0)
