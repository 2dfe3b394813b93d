"""What this worker has published, by topic: counted in memory and written once in a while, in nobody's way."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from zato.server.propagate.odb import ODB
from zato.server.pubsub.store.interface import Publish

_UPSERT = text("""
    INSERT INTO ps_stat (topic_id, worker_id, published, last_time, last_msg_id, last_endpoint_id)
    VALUES (:topic_id, :worker_id, :published, :last_time, :last_msg_id, :last_endpoint_id)
    ON CONFLICT (topic_id, worker_id) DO UPDATE SET published = excluded.published, last_time = excluded.last_time,
        last_msg_id = excluded.last_msg_id, last_endpoint_id = excluded.last_endpoint_id
""")


@dataclass(slots=True)
class _Topic:
    published: int = 0
    last_time: int = 0
    last_msg_id: str = ''
    last_endpoint_id: int = 0
    is_new: bool = False


class Published:
    """worker_id: that rows are of."""

    def __init__(self, store: ODB, worker_id: str) -> None:
        self._store = store
        self._worker_id = worker_id
        self._topics: dict[int, _Topic] = {}

    def add(self, publish: Publish) -> None:
        topics = self._topics
        for message, seq in zip(publish.messages, publish.seqs, strict=True):
            if not seq:
                continue
            topic = topics.get(message.topic_id)
            if topic is None:
                topic = topics[message.topic_id] = _Topic()
            topic.published += 1
            topic.last_time = message.pub_time
            topic.last_msg_id = message.msg_id
            topic.last_endpoint_id = message.endpoint_id
            topic.is_new = True

    def write(self) -> None:
        """What is new. Raises ODBUnavailable."""
        new = {topic_id: topic for topic_id, topic in self._topics.items() if topic.is_new}
        if not new:
            return
        rows = [
            {
                'topic_id': topic_id,
                'worker_id': self._worker_id,
                'published': topic.published,
                'last_time': topic.last_time,
                'last_msg_id': topic.last_msg_id,
                'last_endpoint_id': topic.last_endpoint_id,
            }
            for topic_id, topic in new.items()
        ]
        for topic in new.values():
            topic.is_new = False

        def run(connection: Connection) -> None:
            connection.execute(_UPSERT, rows)

        try:
            self._store.write(run)
        except BaseException:
            for topic in new.values():
                topic.is_new = True
            raise
