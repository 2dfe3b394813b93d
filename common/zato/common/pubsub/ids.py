"""IDs of messages and keys of subscriptions."""

from __future__ import annotations

import secrets
from itertools import count
from time import time_ns
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGE: Final = 'zpsm'
SUBSCRIPTION: Final = 'zpsk'

#: Type of an endpoint → what keys of its subscriptions say of it.
_TYPES: Final = {'service': 'srv'}

_KEY_BYTES: Final = 12
_PREFIX_BYTES: Final = 4
_NANOSECONDS: Final = 1_000_000  #: of a millisecond
_LAST_IN_CYCLE: Final = 0xFFFFF


class MessageIDs:
    """`zpsm`, milliseconds since 1970 in 11 hex digits, 8 that are this object's own, 5 that count. Make it after a fork.

    Threads may share it. now: nanoseconds since 1970.
    """

    def __init__(self, now: Callable[[], int] = time_ns) -> None:
        self._now = now
        self._own = secrets.token_hex(_PREFIX_BYTES)
        self._count = count(secrets.randbelow(_LAST_IN_CYCLE)).__next__

    def new(self) -> str:
        return f'{MESSAGE}{self._now() // _NANOSECONDS:011x}{self._own}{self._count() & _LAST_IN_CYCLE:05x}'


def new_sub_key(endpoint_type: str) -> str:
    """`zpsk.rest.`, or another type of endpoint, and 96 random bits as 24 hex digits."""
    return f'{SUBSCRIPTION}.{_TYPES.get(endpoint_type, endpoint_type)}.{secrets.token_hex(_KEY_BYTES)}'


def may_be_id(value: object) -> bool:
    """Of a message or a lease. No other text is looked for: one with NUL would be an error of some databases."""
    return isinstance(value, str) and value.isprintable()
