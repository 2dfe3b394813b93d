"""Keys and values in the memory of one process: the least recently used key makes room for a new one, and keys may expire.

An expired key is as one that was never there. It is dropped when it is met; besides, each `set` looks at a few keys, so that
those that nobody asks for go too. Values are kept as they are, not copied.

Calls never wait for other greenlets. Native threads take turns, for as long as one call computes.
"""

from __future__ import annotations

from _thread import RLock  # that of the system: gevent's waits for other greenlets
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from zato.common.clock import SYSTEM_CLOCK, Clock

Key = str | bytes | int

_SWEPT_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key as it was at one moment. Times: seconds since 1970, 0.0 for never. expiry: seconds, 0.0 if it never expires."""

    key: Key
    value: Any
    last_read: float
    prev_read: float
    last_write: float
    prev_write: float
    expiry: float
    expires_at: float
    hits: int

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class _Item:
    """Times: monotonic seconds, None for never."""

    __slots__ = ('expires_at', 'expiry', 'hits', 'last_read', 'last_write', 'prev_read', 'prev_write', 'value')

    def __init__(self) -> None:
        self.value: Any = None
        self.expiry = 0.0
        self.expires_at: float | None = None
        self.hits = 0
        self.last_read: float | None = None
        self.prev_read: float | None = None
        self.last_write: float | None = None
        self.prev_write: float | None = None


class LRUCache:
    """max_size: keys, at least 1. max_item_size: characters of a text or bytes of a bytes object, 0 for no limit.

    extend_expiry_on_get, extend_expiry_on_set: does the time until a key expires begin anew when it is read, or written?
    """

    def __init__(
        self,
        *,
        max_size: int = 10_000,
        max_item_size: int = 10_000,
        extend_expiry_on_get: bool = True,
        extend_expiry_on_set: bool = True,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if max_size < 1 or max_item_size < 0:
            raise ValueError(f'max_size is at least 1, max_item_size at least 0; got {max_size} and {max_item_size}')
        self.max_size = max_size
        self.max_item_size = max_item_size
        self.extend_expiry_on_get = extend_expiry_on_get
        self.extend_expiry_on_set = extend_expiry_on_set
        self._clock = clock
        self._lock = RLock()
        self._items: OrderedDict[Key, _Item] = OrderedDict()  # the least recently used one first
        self._to_sweep: list[Key] = []

    def get(self, key: Key, default: Any = None, details: bool = False) -> Any:
        """Its value, or `default` if there is no such key. details: an Entry instead of the value."""
        with self._lock:
            now = self._clock.monotonic()
            item = self._find(key, now)
            if item is None:
                return default
            self._items.move_to_end(key)
            item.prev_read, item.last_read = item.last_read, now
            item.hits += 1
            if self.extend_expiry_on_get and item.expiry:
                item.expires_at = now + item.expiry
            return self._entry(key, item) if details else item.value

    def set(self, key: Key, value: Any, expiry: float = 0.0, details: bool = False) -> Any:
        """Keep a value. Returns the one before, None if there was none. details: the new Entry instead.

        expiry: seconds until the key expires, 0.0 for never. Without extend_expiry_on_set, a key that is to expire at some
        time already still does then. Raises ValueError for a value that is too long.
        """
        self._check(key, value)
        _check_expiry(expiry)
        with self._lock:
            now = self._clock.monotonic()
            item, previous = self._find(key, now), None
            if item is None:
                self._make_room(now)
                item = self._items[key] = _Item()
            else:
                previous = item.value
                self._items.move_to_end(key)
            item.value = value
            item.prev_write, item.last_write = item.last_write, now
            if self.extend_expiry_on_set or item.expires_at is None or not expiry:
                _expire(item, expiry, now)
            return self._entry(key, item) if details else previous

    def delete(self, key: Key, raise_key_error: bool = True) -> Any:
        """Remove a key. Returns its value. Raises KeyError if there is no such key; None instead if that is not wanted."""
        with self._lock:
            item = self._find(key, self._clock.monotonic())
            if item is not None:
                del self._items[key]
                return item.value
        if raise_key_error:
            raise KeyError(key)
        return None

    def expire(self, key: Key, expiry: float = 0.0) -> bool:
        """Let a key expire `expiry` seconds from now, 0.0 for never. Is there such a key?"""
        _check_expiry(expiry)
        with self._lock:
            now = self._clock.monotonic()
            item = self._find(key, now)
            if item is None:
                return False
            _expire(item, expiry, now)
            return True

    def keys(self) -> list[Key]:
        """The least recently used one first."""
        return [key for key, _ in self.items()]

    def values(self) -> list[Any]:
        return [value for _, value in self.items()]

    def items(self) -> list[tuple[Key, Any]]:
        with self._lock:
            now = self._clock.monotonic()
            return [(key, item.value) for key, item in self._items.items() if not _is_expired(item, now)]

    def clear(self) -> None:
        with self._lock:
            self._items.clear()
            self._to_sweep.clear()

    def __contains__(self, key: Key) -> bool:
        with self._lock:
            return self._find(key, self._clock.monotonic()) is not None

    def __len__(self) -> int:
        return len(self.items())

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys())

    def __getitem__(self, key: Key) -> Any:
        """None if there is no such key (source: classic Zato)."""
        return self.get(key)

    def __setitem__(self, key: Key, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: Key) -> None:
        self.delete(key)

    def _find(self, key: Key, now: float) -> _Item | None:
        """What does not count as a use of the key."""
        item = self._items.get(key)
        if item is not None and _is_expired(item, now):
            del self._items[key]
            return None
        return item

    def _make_room(self, now: float) -> None:
        """For one more key."""
        if not self._to_sweep:
            self._to_sweep = list(self._items)
        for _ in range(min(_SWEPT_AT_ONCE, len(self._to_sweep))):
            self._find(self._to_sweep.pop(), now)
        while len(self._items) >= self.max_size:
            self._items.popitem(last=False)

    def _check(self, key: Key, value: Any) -> None:
        if not isinstance(key, Key):
            raise ValueError(f'A key is text, bytes or a whole number; got {type(key).__name__}')
        if self.max_item_size and isinstance(value, str | bytes) and len(value) > self.max_item_size:
            raise ValueError(f'The value is too long: {len(value)} > {self.max_item_size}')

    def _entry(self, key: Key, item: _Item) -> Entry:
        start = self._clock.utcnow().timestamp() - self._clock.monotonic()

        def utc(at: float | None) -> float:
            return 0.0 if at is None else start + at

        return Entry(
            key=key,
            value=item.value,
            last_read=utc(item.last_read),
            prev_read=utc(item.prev_read),
            last_write=utc(item.last_write),
            prev_write=utc(item.prev_write),
            expiry=item.expiry,
            expires_at=utc(item.expires_at),
            hits=item.hits,
        )


def _is_expired(item: _Item, now: float) -> bool:
    return item.expires_at is not None and item.expires_at <= now


def _expire(item: _Item, expiry: float, now: float) -> None:
    item.expiry = expiry
    item.expires_at = now + expiry if expiry else None


def _check_expiry(expiry: float) -> None:
    if not expiry >= 0:  # NaN is none of the two
        raise ValueError(f'expiry is in seconds, 0 for never; got {expiry}')
