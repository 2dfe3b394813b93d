"""Messages as those who administer them see them: a row of a queue and its message, with the beginning of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Row

PREFIX: Final = 2048  #: bytes of data that lists have

#: Columns of a statement that lists messages; `m` is the message. The size of the part of the data is a parameter.
MESSAGE: Final = """m.seq, m.msg_id, m.topic_id, m.priority, m.pub_time, m.expires_at, m.mime, m.form, m.size,
    m.endpoint_id, m.meta, substr(m.data, 1, :prefix) AS part"""

#: As MESSAGE has it, before it is looked at.
_OF_MESSAGE: Final = (
    'seq',
    'msg_id',
    'topic_id',
    'priority',
    'pub_time',
    'expires_at',
    'mime',
    'form',
    'size',
    'endpoint_id',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Times: microseconds since 1970, 0 for none. size: bytes of all data; part: its first ones. form: see the store.

    The rest is 0 or '' unless it is said where it comes from. not_before: of what failed and waits in its place. due_at: of
    what waits aside. lease_id, until: of what a client pulled. sub_key, reason, died_at: of dead letters.
    """

    seq: int
    msg_id: str
    topic_id: int
    priority: int
    pub_time: int
    expires_at: int
    mime: str
    form: str
    size: int
    endpoint_id: int
    meta: Mapping[str, Any]
    part: bytes
    sub_id: int = 0
    rank: int = 0
    attempts: int = 0
    crashes: int = 0
    not_before: int = 0
    due_at: int = 0
    lease_id: str = ''
    until: int = 0
    error: str = ''
    sub_key: str = ''
    reason: str = ''
    died_at: int = 0

    @property
    def is_cut(self) -> bool:
        return len(self.part) < self.size


_REST: Final = tuple(name for name in Listed.__dataclass_fields__ if name not in (*_OF_MESSAGE, 'meta', 'part'))


def listed(row: Row[Any]) -> Listed:
    """row: the columns MESSAGE, and those of its queue by their names."""
    values = row._mapping
    rest = {name: values[name] for name in _REST if values.get(name) is not None}
    meta = msgspec.json.decode(row.meta) if row.meta else {}
    return Listed(**{name: values[name] for name in _OF_MESSAGE}, meta=meta, part=bytes(row.part or b''), **rest)
