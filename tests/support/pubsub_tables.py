"""The tables of messages, with messages in them that nobody published: for tests of what is not on the hot path."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.support.odb import OpenODB
from zato.common.odb.address import ODBAddress
from zato.common.pubsub.schema import store_address, upgrade_sqlite
from zato.server.pubsub.messages import MessageTables

TOPIC, OTHER_TOPIC = 3, 4
SECOND = 1_000_000
_REFER = ('ps_queue', 'ps_retry', 'ps_pulled', 'ps_dead')
_MESSAGE = """INSERT INTO ps_msg (seq, msg_id, topic_id, priority, pub_time, expires_at, mime, form, size, endpoint_id,
    keep_until, refs, meta, data) VALUES (:seq, :msg_id, :topic_id, :priority, :pub_time, :expires_at, 'text/plain', :form,
    :size, 5, :keep_until, :refs, :meta, :data)"""


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000


class PubSubTables:
    """Those of an ODB. Two over the same address are as two workers."""

    def __init__(self, odb: ODBAddress) -> None:
        address = store_address(odb)
        if address.is_sqlite:
            upgrade_sqlite(Path(address.db_name))
        self.opened = OpenODB(address)
        self.tables = MessageTables(self.opened.odb)
        self.changed: list[int] = []  #: queues that somebody was told of

    def close(self) -> None:
        self.opened.close()

    def tell(self, sub_ids: Collection[int]) -> None:
        self.changed += sub_ids

    def run(self, sql: str, *rows: dict[str, Any]) -> list[Any]:
        """The rows, if there are any."""

        def work(connection: Any) -> list[Any]:
            done = connection.execute(text(sql), rows or None)
            return [tuple(row) for row in done] if done.returns_rows else []

        return self.opened.odb.write(work)

    def subscribe(self, *ids: int, topic_id: int = TOPIC) -> None:
        rows = [{'id': id, 'topic': topic_id, 'key': f'zpsk.{id}'} for id in ids]
        self.run('INSERT INTO ps_sub (id, topic_id, sub_key) VALUES (:id, :topic, :key)', *rows)

    def publish(self, *msg_ids: str, queues: Sequence[int] = (), dead_of: Sequence[int] = (), **given: Any) -> list[int]:
        """Messages of these IDs, in these queues or among the dead letters of these subscriptions. Returns their seqs.

        given: columns of ps_msg, `reason` of dead letters, `due_at` of messages that wait aside.
        """
        due_at, reason = given.pop('due_at', 0), given.pop('reason', 'rejected')
        seqs = self.opened.odb.write(lambda connection: self.tables.next_seqs(connection, len(msg_ids)))
        for msg_id, seq in zip(msg_ids, seqs, strict=True):
            row: dict[str, Any] = {
                'seq': seq,
                'msg_id': msg_id,
                'topic_id': TOPIC,
                'priority': 5,
                'pub_time': now(),
                'expires_at': 0,
                'form': 't',
                'keep_until': 0,
                'meta': None,
                'data': msg_id.encode(),
                'refs': len(queues) + len(dead_of),
                **given,
            }
            self.run(_MESSAGE, {**row, 'size': len(row['data'])})
            places = [
                {**row, 'sub_id': id, 'rank': 9 - row['priority'], 'due_at': due_at, 'reason': reason} for id in queues
            ]
            if places and due_at:
                self.run('INSERT INTO ps_retry (sub_id, due_at, rank, seq) VALUES (:sub_id, :due_at, :rank, :seq)', *places)
            elif places:
                self.run('INSERT INTO ps_queue (sub_id, rank, seq) VALUES (:sub_id, :rank, :seq)', *places)
            letters = [{**row, 'sub_id': id, 'rank': 9 - row['priority'], 'reason': reason} for id in dead_of]
            if letters:
                self.run(
                    """INSERT INTO ps_dead (sub_id, seq, rank, topic_id, sub_key, attempts, reason, error, died_at)
                    VALUES (:sub_id, :seq, :rank, :topic_id, 'zpsk.dead', 3, :reason, 'It failed', 1)""",
                    *letters,
                )
        return seqs

    def ids(self, table: str, sub_id: int) -> list[str]:
        """IDs of messages that have a row there, in the order of delivery."""
        order = {'ps_queue': 'q.rank, q.seq', 'ps_retry': 'q.due_at, q.seq'}.get(table, 'q.seq')
        sql = f'SELECT m.msg_id FROM {table} q JOIN ps_msg m ON m.seq = q.seq WHERE q.sub_id = :id ORDER BY {order}'
        return [row[0] for row in self.run(sql, {'id': sub_id})]

    def queue(self, sub_id: int) -> list[str]:
        return self.ids('ps_queue', sub_id)

    def dead(self, sub_id: int) -> list[str]:
        return self.ids('ps_dead', sub_id)

    def messages(self) -> list[str]:
        return [row[0] for row in self.run('SELECT msg_id FROM ps_msg ORDER BY seq')]

    def subscribed(self) -> list[int]:
        """Those that are published to."""
        return [row[0] for row in self.run('SELECT id FROM ps_sub WHERE is_removed = 0 ORDER BY id')]

    def check(self) -> None:
        """Each message knows how many rows refer to it, none of them to a message that is not there."""
        found: Counter[int] = Counter()
        for table in _REFER:
            found.update(row[0] for row in self.run(f'SELECT seq FROM {table}'))
        assert dict(self.run('SELECT seq, refs FROM ps_msg WHERE refs <> 0 OR keep_until = 0')) == dict(found)
