"""Rows of queues for tests."""

from __future__ import annotations

from typing import Any

from zato.server.pubsub.store.interface import HIGHEST, Row, StoredMessage


def stored(number: int = 1, **values: Any) -> StoredMessage:
    given: dict[str, Any] = {
        'msg_id': f'zpsm{number:024x}',
        'topic_id': 1,
        'priority': 5,
        'pub_time': 1_700_000_000_000_000 + number,
        'expires_at': 0,
        'mime': 'text/plain',
        'form': 't',
        'size': 1,
        'endpoint_id': 0,
        'keep_until': 0,
        'meta': None,
        'data': b'x',
    }
    return StoredMessage(**{**given, **values})


def row(seq: int, rank: int = 4, **values: Any) -> Row:
    """values: of the row; `group`, `size`, `expires_at` of its message."""
    of_message = {name: values.pop(name) for name in ('size', 'expires_at', 'form', 'data', 'mime') if name in values}
    group = values.pop('group', '')
    if group:
        of_message['meta'] = f'{{"group_id":"{group}"}}'
    given = {'attempts': 0, 'crashes': 0, 'not_before': 0, **values}
    return Row(rank, seq, message=stored(seq, priority=HIGHEST - rank, **of_message), **given)
