"""Messages handled by a service and acknowledged, per second, in one worker with one subscription, against RabbitMQ's
consumer with a backlog.

Steady: 64 callers publish to the service as fast as they can, until all that was published is handled. Backlog: messages
wait in the queue when the service begins. Either ends when no row of the queue is left in the database.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from time import monotonic, sleep
from typing import Final

from tests.bench.options import Options
from tests.bench.processes import BenchError, Server
from tests.bench.pubsub_message import IN_FLIGHT
from tests.bench.pubsub_rabbitmq import NAME as RABBITMQ
from tests.bench.pubsub_rabbitmq import rabbitmq
from tests.bench.pubsub_turns import Turn, client_turn, deployed, own_turn, rates, ratios, save, take_turns
from tests.bench.report import Report
from tests.bench.zato_server import Environment

NAME = 'pubsub-deliver'

_STEADY: Final = 'zato, published meanwhile'
_BACKLOG: Final = 'zato, backlog'
_QUEUE: Final = 'SELECT 1 FROM ps_queue WHERE sub_id > 0 LIMIT 1'
_SLICE: Final = 20_000  #: messages of a request to fill the queue
_TIMEOUT: Final = 10.0  #: seconds that the last acknowledgements may take


def run(report: Report, options: Options) -> None:
    report.heading(NAME, 'messages handled and acknowledged, one worker, one subscription; ÷ is of messages per second')
    with rabbitmq() as broker, Environment(workers=1) as env:
        server = deployed(env)

        def steady(seconds: float) -> Turn:
            turn = own_turn(server, 'bench.pubsub.steady', seconds=seconds, callers=IN_FLIGHT)
            return replace(_acknowledged(env, turn), system=_STEADY)

        def backlog() -> Turn:
            fill(server, options.queued)
            turn = own_turn(server, 'bench.pubsub.drain', count=options.queued)
            return replace(_acknowledged(env, turn), system=_BACKLOG)

        def drain() -> Turn:
            client_turn(RABBITMQ, [broker], 'pubsub_rabbitmq_client', broker.port, 'fill', options.queued)
            return client_turn(RABBITMQ, [broker], 'pubsub_rabbitmq_client', broker.port, 'consume', options.queued)

        steady(options.warm_up)
        rounds = take_turns([lambda: steady(options.seconds), backlog, drain], options.rounds)
    save(report, NAME, rounds)
    versions = f'RabbitMQ {rounds[0][RABBITMQ].version}, pika {version("pika")}'
    report.add(*ratios(rounds, _STEADY, RABBITMQ, must=1, aim=1.8, note=versions))
    report.add(*ratios(rounds, _BACKLOG, RABBITMQ))
    report.add(*rates(rounds))


def fill(server: Server, count: int, tell: int = 0) -> None:
    """So many messages for the target, which waits with the first. tell: the port of the first message's receipt."""
    for start in range(0, count, _SLICE):
        own_turn(server, 'bench.pubsub.fill', count=min(_SLICE, count - start), **({'tell': tell} if tell else {}))


def _acknowledged(env: Environment, turn: Turn) -> Turn:
    """The same, up to now, when all has been acknowledged. Raises BenchError."""
    start = monotonic()
    with closing(sqlite3.connect(f'file:{env.pubsub_db}?mode=ro', uri=True)) as connection:
        while connection.execute(_QUEUE).fetchone():
            if monotonic() > start + _TIMEOUT:
                raise BenchError(f'Not all messages are acknowledged {_TIMEOUT:g} s after the last was handled')
            sleep(0.001)
    return replace(turn, seconds=turn.seconds + monotonic() - start)
