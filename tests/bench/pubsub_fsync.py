"""What callers gain from sharing flushes: 64 that publish at a time against a lone one, on a disk that is slow to flush.

The disk is made slow by a library that is built from pubsub_slow_fsync.c and preloaded into the server: it adds 1 ms to each
flush of a file.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.bench.options import Options
from tests.bench.pubsub_message import IN_FLIGHT
from tests.bench.pubsub_publish import publish_turn
from tests.bench.pubsub_turns import Turn, create_topic, deployed, rates, ratios, save, scratch, take_turns
from tests.bench.report import Report
from tests.bench.zato_server import Environment
from tests.bench.zato_server import run as command

NAME = 'pubsub-fsync'

_TOPIC: Final = '/bench/fsync'
_ADDED: Final = 1_000  #: microseconds
_ONE: Final = 'one caller'
_MANY: Final = f'{IN_FLIGHT} callers'


def run(report: Report, options: Options) -> None:
    report.heading(NAME, '1 ms added to each flush; ÷ is of messages per second')
    with scratch() as directory, Environment(workers=1) as env:
        library = _build(directory)
        server = deployed(env, None, LD_PRELOAD=str(library), SLOW_FSYNC_US=str(_ADDED))
        create_topic(env, _TOPIC)

        def turn(name: str, callers: int) -> Turn:
            return replace(publish_turn(server, options.seconds, callers, _TOPIC), system=name)

        rounds = take_turns([lambda: turn(_ONE, 1), lambda: turn(_MANY, IN_FLIGHT)], options.rounds)
    save(report, NAME, rounds)
    report.add(ratios(rounds, _MANY, _ONE, must=20)[0])
    report.add(*rates(rounds))


def _build(directory: Path) -> Path:
    """Raises BenchError."""
    library = directory / 'slow_fsync.so'
    source = Path(__file__).with_name('pubsub_slow_fsync.c')
    command(['gcc', '-O2', '-Wall', '-Werror', '-shared', '-fPIC', '-o', str(library), str(source), '-ldl'])
    return library
