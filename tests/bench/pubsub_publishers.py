"""Publishers of other systems, each a process of its own: pubsub_publishers NAME PLACE SECONDS, one line of JSON at the end.

huey: one message after another to SQLite, flushed each time; PLACE is a file. procrastinate: batches of 64 deferred on
PostgreSQL. loop: what PostgreSQL itself allows, 64 messages and 64 queue rows in one statement and one commit, over and
over. For these PLACE is a connection string of PostgreSQL, and tables are made if need be.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from importlib.metadata import version
from time import monotonic, process_time, time_ns
from typing import Final

from tests.bench.pubsub_message import IN_FLIGHT, body

#: Publishes and returns how many messages that were.
Publish = Callable[[], int]

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS loop_message (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, msg_id text NOT NULL UNIQUE, topic_id bigint NOT NULL,
    priority smallint NOT NULL, pub_time bigint NOT NULL, expires_at bigint NOT NULL, mime text NOT NULL,
    form text NOT NULL, size integer NOT NULL, endpoint_id bigint NOT NULL, keep_until bigint NOT NULL,
    refs integer NOT NULL, meta text, data bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS loop_queue (
    sub_id bigint, rank smallint, seq bigint, attempts integer NOT NULL DEFAULT 0, crashes integer NOT NULL DEFAULT 0,
    not_before bigint NOT NULL DEFAULT 0, error text, PRIMARY KEY (sub_id, rank, seq)
)
"""
_INSERT: Final = """
WITH message AS (
    INSERT INTO loop_message
        (msg_id, topic_id, priority, pub_time, expires_at, mime, form, size, endpoint_id, keep_until, refs, data)
    SELECT msg_id, 1, 5, pub_time, 0, 'application/json', 'j', length(data), 1, 0, 1, data
    FROM unnest(%s::text[], %s::bigint[], %s::bytea[]) AS sent (msg_id, pub_time, data)
    RETURNING seq
)
INSERT INTO loop_queue (sub_id, rank, seq) SELECT 1, 4, seq FROM message
"""


def _huey(place: str) -> Publish:
    from huey import SqliteHuey

    instance = SqliteHuey('bench', filename=place, fsync=True)

    @instance.task()
    def handle(message: str) -> None:
        pass

    def publish() -> int:
        handle(body())
        return 1

    return publish


def _procrastinate(place: str) -> Publish:
    from procrastinate import App, SyncPsycopgConnector
    from psycopg import connect

    logging.getLogger('procrastinate').setLevel(logging.ERROR)
    app = App(connector=SyncPsycopgConnector(conninfo=place))
    app.open()
    with connect(place) as connection:
        (has_schema,) = connection.execute("SELECT to_regclass('procrastinate_jobs') IS NOT NULL").fetchone() or (False,)
    if not has_schema:
        app.schema_manager.apply_schema()
    task = app.configure_task('bench')

    def publish() -> int:
        task.batch_defer(*({'message': body()} for _ in range(IN_FLIGHT)))
        return IN_FLIGHT

    return publish


def _loop(place: str) -> Publish:
    from psycopg import connect

    connection = connect(place)
    connection.execute(_TABLES)
    connection.commit()
    connection.prepare_threshold = 0
    sent = 0

    def publish() -> int:
        nonlocal sent
        now = time_ns() // 1000
        ids = [f'{now}.{number}' for number in range(sent, sent + IN_FLIGHT)]
        connection.execute(_INSERT, (ids, [now] * IN_FLIGHT, [body().encode() for _ in range(IN_FLIGHT)]))
        connection.commit()
        sent += IN_FLIGHT
        return IN_FLIGHT

    return publish


_PUBLISHERS: Final = {'huey': _huey, 'procrastinate': _procrastinate, 'loop': _loop}


def main() -> None:
    name, place, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    publish = _PUBLISHERS[name](place)
    publish()  # what is made or prepared at the first time
    started, cpu = monotonic(), process_time()
    end, count = started + seconds, 0
    while monotonic() < end:
        count += publish()
    outcome = {'count': count, 'seconds': monotonic() - started, 'cpu': process_time() - cpu}
    print(json.dumps({**outcome, 'version': version('psycopg' if name == 'loop' else name)}), flush=True)


if __name__ == '__main__':
    main()
