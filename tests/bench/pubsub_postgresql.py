"""Durable publishes of 64 concurrent callers where the ODB is PostgreSQL, against what PostgreSQL itself allows there.

The latter is a bare loop, which writes 64 messages and 64 queue rows of the same columns in one statement and commits, over
and over. Both flush, and are on the same server.
"""

from __future__ import annotations

from typing import Final

from tests.bench.options import Options
from tests.bench.pubsub_message import IN_FLIGHT
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
    take_turns,
)
from tests.bench.report import Report
from tests.bench.zato_server import Environment

NAME = 'pubsub-postgresql'

_TOPIC: Final = '/bench/postgresql'
_LOOP: Final = 'bare loop, batches of 64'
_VERSION: Final = 'SHOW server_version'


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'{IN_FLIGHT} callers wait for a commit, one worker; ÷ is of messages per second')
    with postgresql() as (database, instance):
        address = instance.database('zato')
        place = connection_string(instance.database('loop'))
        with Environment(workers=1, odb=address) as env:
            server = deployed(env)
            create_topic(env, _TOPIC)

            def publish(seconds: float) -> Turn:
                request = {'seconds': seconds, 'callers': IN_FLIGHT, 'to': _TOPIC}
                return own_turn(server, 'bench.pubsub.publish', database, **request)

            def loop() -> Turn:
                return client_turn(_LOOP, [database], 'pubsub_publishers', 'loop', place, options.seconds)

            publish(options.warm_up)
            rounds = take_turns([lambda: publish(options.seconds), loop], options.rounds)
        ((version,),) = instance.execute(_VERSION)
    save(report, NAME, rounds)
    note = f'PostgreSQL {version.split()[0]}, psycopg {rounds[0][_LOOP].version}'
    report.add(*ratios(rounds, ZATO, _LOOP, must=0.6, note=note)[:2])
    report.add(*rates(rounds))
