"""Durable publishes of 64 concurrent callers in one worker, through `self.pubsub.publish` in a service, against peers.

Ours go to a topic without subscribers: a message and a row of its queue each, as RabbitMQ stores them in a queue without
consumers. Nobody returns to a caller, or confirms, before what it sent has been flushed to disk.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Final

from tests.bench.options import Options
from tests.bench.processes import Server
from tests.bench.pubsub_message import IN_FLIGHT
from tests.bench.pubsub_rabbitmq import NAME as RABBITMQ
from tests.bench.pubsub_rabbitmq import rabbitmq
from tests.bench.pubsub_turns import (
    ZATO,
    Turn,
    client_turn,
    connection_string,
    create_topic,
    deployed,
    own_turn,
    postgresql,
    rates,
    ratios,
    save,
    scratch,
    take_turns,
)
from tests.bench.report import Report
from tests.bench.zato_server import Environment

NAME = 'pubsub-publish'

_TOPIC: Final = '/bench/publish'
_HUEY: Final = 'huey on SQLite, flushed'
_PROCRASTINATE: Final = 'procrastinate, batches of 64'


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'{IN_FLIGHT} callers wait for a flush, one worker; ÷ is of messages per second')
    with rabbitmq() as broker, postgresql() as (database, instance), scratch() as directory, Environment(workers=1) as env:
        server = deployed(env)
        create_topic(env, _TOPIC)
        place = connection_string(instance.database('bench'))
        turns: list[Callable[[], Turn]] = [
            lambda: publish_turn(server, options.seconds),
            lambda: client_turn(RABBITMQ, [broker], 'pubsub_rabbitmq_client', broker.port, 'publish', options.seconds),
            lambda: client_turn(_HUEY, [], 'pubsub_publishers', 'huey', directory / 'huey.db', options.seconds),
            lambda: client_turn(_PROCRASTINATE, [database], 'pubsub_publishers', 'procrastinate', place, options.seconds),
        ]
        publish_turn(server, options.warm_up)
        rounds = take_turns(turns, options.rounds)
    save(report, NAME, rounds)
    versions = f'RabbitMQ {rounds[0][RABBITMQ].version}, pika {version("pika")}'
    report.add(*ratios(rounds, ZATO, RABBITMQ, must=1.5, aim=3, note=versions))
    report.add(*ratios(rounds, ZATO, _HUEY, must=1))
    report.add(*ratios(rounds, ZATO, _PROCRASTINATE, must=1))
    report.add(*rates(rounds))


def publish_turn(server: Server, seconds: float, callers: int = IN_FLIGHT, topic: str = _TOPIC) -> Turn:
    return own_turn(server, 'bench.pubsub.publish', seconds=seconds, callers=callers, to=topic)
