"""From `self.pubsub.publish`, at 50 messages a second, until the service that they are for begins to handle them.

The peer's client publishes and consumes in one process, so nothing is between it and the broker but one connection. It is
not of the same durability: RabbitMQ hands a message to its consumer before it confirms it, we do so once it is flushed. How
much of ours is the disk's is told by a flush alone, at the same pace: four pages in place, as a lone commit writes them; and
by a server whose files are in memory.
"""

from __future__ import annotations

import os
import statistics
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from time import monotonic, process_time, sleep
from typing import Any, Final

from tests.bench.options import Options
from tests.bench.processes import CPUMeter
from tests.bench.pubsub_rabbitmq import NAME as RABBITMQ
from tests.bench.pubsub_rabbitmq import rabbitmq
from tests.bench.pubsub_turns import ZATO, Turn, clean, client_turn, deployed, own_turn, save, take_turns
from tests.bench.report import Figure, Report
from tests.bench.zato_server import Environment

NAME = 'pubsub-latency'

_LONGER: Final = 3  #: times as long as other rounds, so that there are messages enough for a p99
_RATE: Final = 50  #: flushes a second
_PAGES: Final = 4 * 4096  #: bytes
_PLACES: Final = 500  #: of a file, one after the other
_FLUSH: Final = 'a flush alone'
_MEMORY: Final = Path('/dev/shm')
_IN_MEMORY: Final = 'zato, files in memory'
_TARGETS: Final = {'p50': {'must': 1.0, 'aim': 0.5}, 'p99': {'must': 2.5, 'aim': 1.2}}


def run(report: Report, options: Options) -> None:
    report.heading(NAME, 'publish to handled at 50 messages a second, one worker; on a quiet machine only')
    seconds = options.seconds * _LONGER
    with rabbitmq() as broker, Environment(workers=1) as env, Environment(workers=1, parent=_MEMORY) as other:
        server, quick = deployed(env), deployed(other)
        for one in (server, quick):
            own_turn(one, 'bench.pubsub.pace', seconds=options.warm_up)
        rounds = take_turns(
            [
                lambda: own_turn(server, 'bench.pubsub.pace', seconds=seconds),
                lambda: client_turn(RABBITMQ, [broker], 'pubsub_rabbitmq_client', broker.port, 'pace', seconds),
                lambda: _flushes(env.pubsub_db.with_name('flushes'), seconds),
                lambda: replace(own_turn(quick, 'bench.pubsub.pace', seconds=seconds), system=_IN_MEMORY),
            ],
            options.rounds,
        )
    save(report, NAME, rounds)
    good, is_clean = clean(rounds)
    note = f'{len(good)} of {len(rounds)} rounds of {seconds:g} s'
    report.add(*_percentiles(ZATO, [one[ZATO] for one in good], is_clean, note, _TARGETS))
    note = f'RabbitMQ {rounds[0][RABBITMQ].version}, pika {version("pika")}'
    report.add(*_percentiles(RABBITMQ, [one[RABBITMQ] for one in good], is_clean, note, {}))
    note = f'fdatasync of {_PAGES:,} bytes on the same disk'
    report.add(*_percentiles(_FLUSH, [one[_FLUSH] for one in good], is_clean, note, {}))
    report.add(*_percentiles(_IN_MEMORY, [one[_IN_MEMORY] for one in good], is_clean, f'in {_MEMORY}', {}))


def _flushes(path: Path, seconds: float) -> Turn:
    count, pages, meter = int(seconds * _RATE), b'x' * _PAGES, CPUMeter()
    ages: list[float] = []
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.pwrite(fd, pages * _PLACES, 0)
        os.fsync(fd)
        start, cpu = monotonic(), process_time()
        for number in range(count):
            sleep(max(0.0, start + number / _RATE - monotonic()))
            began = monotonic()
            os.pwrite(fd, pages, number % _PLACES * _PAGES)
            os.fdatasync(fd)
            ages.append((monotonic() - began) * 1_000)
    finally:
        os.close(fd)
    return Turn(_FLUSH, count, monotonic() - start, 0.0, process_time() - cpu, meter.foreign(), ages=tuple(ages))


def _percentiles(name: str, turns: list[Turn], is_clean: bool, note: str, targets: dict[str, Any]) -> list[Figure]:
    """Of all messages; the spread is that of the rounds."""
    whole = _of(tuple(age for turn in turns for age in turn.ages))
    each = [_of(turn.ages) for turn in turns]
    figures = [
        Figure(
            name=f'{name}, {percentile}',
            value=value,
            unit='ms',
            low=min(one[percentile] for one in each),
            high=max(one[percentile] for one in each),
            is_clean=is_clean,
            **targets.get(percentile, {}),
        )
        for percentile, value in whole.items()
    ]
    return [replace(figures[0], note=note), *figures[1:]]


def _of(ages: tuple[float, ...]) -> dict[str, float]:
    """Milliseconds."""
    cuts = statistics.quantiles(ages, n=100, method='inclusive')
    return {'p50': cuts[49], 'p99': cuts[98]}
