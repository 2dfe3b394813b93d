"""What this worker has published, by topic: counted in memory and written once in a while, in nobody's way."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, text

from zato.server.propagate.odb import ODB
from zato.server.pubsub.store.interface import Publish, StoredMessage

_UPSERT: Final = text("""
    INSERT INTO ps_stat (topic_id, worker_id, published, last_time, last_msg_id, last_endpoint_id)
    VALUES (:topic_id, :worker_id, :published, :last_time, :last_msg_id, :last_endpoint_id)
    ON CONFLICT (topic_id, worker_id) DO UPDATE SET published = excluded.published, last_time = excluded.last_time,
        last_msg_id = excluded.last_msg_id, last_endpoint_id = excluded.last_endpoint_id
""")


class _Topic:
    """count: of messages; size: bytes of their data; written: the count that the store has."""

    __slots__ = ('count', 'last', 'size', 'written')

    def __init__(self, last: StoredMessage) -> None:
        self.count = self.size = self.written = 0
        self.last = last


class Published:
    """worker_id: that rows are of."""

    def __init__(self, store: ODB, worker_id: str) -> None:
        self._store = store
        self._worker_id = worker_id
        self._topics: dict[int, _Topic] = {}
        self.rejected = 0  #: calls of publish that raised, since the worker began

    def add(self, publish: Publish) -> None:
        topics = self._topics
        for message, seq in zip(publish.messages, publish.seqs, strict=True):
            if seq:
                topic = topics.get(message.topic_id)
                if topic is None:
                    topic = topics[message.topic_id] = _Topic(message)
                topic.count += 1
                topic.size += message.size
                topic.last = message

    def as_dict(self) -> dict[str, int]:
        """Of all topics, since the worker began."""
        topics = self._topics.values()
        return {
            'published': sum(topic.count for topic in topics),
            'published_bytes': sum(topic.size for topic in topics),
            'rejected': self.rejected,
        }

    def write(self) -> None:
        """What is new. Raises ODBUnavailable."""
        new = {topic_id: topic.count for topic_id, topic in self._topics.items() if topic.count != topic.written}
        if not new:
            return
        rows = [self._row(topic_id) for topic_id in new]

        def run(connection: Connection) -> None:
            connection.execute(_UPSERT, rows)

        self._store.write(run)
        for topic_id, count in new.items():
            self._topics[topic_id].written = count

    def _row(self, topic_id: int) -> dict[str, Any]:
        topic = self._topics[topic_id]
        return {
            'topic_id': topic_id,
            'worker_id': self._worker_id,
            'published': topic.count,
            'last_time': topic.last.pub_time,
            'last_msg_id': topic.last.msg_id,
            'last_endpoint_id': topic.last.endpoint_id,
        }
