"""`self.cache`: built-in caches.

EACH WORKER PROCESS HAS CACHES OF ITS OWN: what a service sets in one worker, services in other workers and on other servers
do not see, and all of it is lost when the worker ends. A cache is for what can be found out again, never for state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final

from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.server.service.facade.lru import Entry, Key, LRUCache

__all__ = ['Cache', 'Caches', 'Entry', 'Key']

#: Is a key one of those that are meant?
Match = Callable[[str], bool]

_MISSING: Final = object()
_DEFAULT: Final = 'default'


class Cache(LRUCache):
    """One cache of this process, shared with no other one.

    Besides single keys, families of methods are for all keys that begin or end with a text, match a regular expression from
    their first character, contain a text or do not, contain all or any of several texts. Only keys that are text take part.
    limit: the most keys to work with, the least recently used first, 0 for all. details: Entry objects instead of values.

    get_…: key → value. set_… and delete_…: key → what it was before if return_found, else {}. expire_…: was there any?
    """

    def get_by_prefix(self, key: str, details: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._get(_by_prefix(key), details, limit)

    def get_by_suffix(self, key: str, details: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._get(_by_suffix(key), details, limit)

    def get_by_regex(self, key: str, details: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._get(_by_regex(key), details, limit)

    def get_contains(self, key: str, details: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._get(_contains(key), details, limit)

    def get_not_contains(self, key: str, details: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._get(_not_contains(key), details, limit)

    def get_contains_all(self, key: Iterable[str], details: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._get(_contains_all(key), details, limit)

    def get_contains_any(self, key: Iterable[str], details: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._get(_contains_any(key), details, limit)

    def set_by_prefix(
        self, key: str, value: Any, expiry: float = 0.0, return_found: bool = False, details: bool = False, limit: int = 0
    ) -> dict[str, Any]:
        return self._set(_by_prefix(key), value, expiry, return_found, details, limit)

    def set_by_suffix(
        self, key: str, value: Any, expiry: float = 0.0, return_found: bool = False, details: bool = False, limit: int = 0
    ) -> dict[str, Any]:
        return self._set(_by_suffix(key), value, expiry, return_found, details, limit)

    def set_by_regex(
        self, key: str, value: Any, expiry: float = 0.0, return_found: bool = False, details: bool = False, limit: int = 0
    ) -> dict[str, Any]:
        return self._set(_by_regex(key), value, expiry, return_found, details, limit)

    def set_contains(
        self, key: str, value: Any, expiry: float = 0.0, return_found: bool = False, details: bool = False, limit: int = 0
    ) -> dict[str, Any]:
        return self._set(_contains(key), value, expiry, return_found, details, limit)

    def set_not_contains(
        self, key: str, value: Any, expiry: float = 0.0, return_found: bool = False, details: bool = False, limit: int = 0
    ) -> dict[str, Any]:
        return self._set(_not_contains(key), value, expiry, return_found, details, limit)

    def set_contains_all(
        self,
        key: Iterable[str],
        value: Any,
        expiry: float = 0.0,
        return_found: bool = False,
        details: bool = False,
        limit: int = 0,
    ) -> dict[str, Any]:
        return self._set(_contains_all(key), value, expiry, return_found, details, limit)

    def set_contains_any(
        self,
        key: Iterable[str],
        value: Any,
        expiry: float = 0.0,
        return_found: bool = False,
        details: bool = False,
        limit: int = 0,
    ) -> dict[str, Any]:
        return self._set(_contains_any(key), value, expiry, return_found, details, limit)

    def delete_by_prefix(self, key: str, return_found: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._delete(_by_prefix(key), return_found, limit)

    def delete_by_suffix(self, key: str, return_found: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._delete(_by_suffix(key), return_found, limit)

    def delete_by_regex(self, key: str, return_found: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._delete(_by_regex(key), return_found, limit)

    def delete_contains(self, key: str, return_found: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._delete(_contains(key), return_found, limit)

    def delete_not_contains(self, key: str, return_found: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._delete(_not_contains(key), return_found, limit)

    def delete_contains_all(self, key: Iterable[str], return_found: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._delete(_contains_all(key), return_found, limit)

    def delete_contains_any(self, key: Iterable[str], return_found: bool = False, limit: int = 0) -> dict[str, Any]:
        return self._delete(_contains_any(key), return_found, limit)

    def expire_by_prefix(self, key: str, expiry: float = 0.0, limit: int = 0) -> bool:
        return self._expire(_by_prefix(key), expiry, limit)

    def expire_by_suffix(self, key: str, expiry: float = 0.0, limit: int = 0) -> bool:
        return self._expire(_by_suffix(key), expiry, limit)

    def expire_by_regex(self, key: str, expiry: float = 0.0, limit: int = 0) -> bool:
        return self._expire(_by_regex(key), expiry, limit)

    def expire_contains(self, key: str, expiry: float = 0.0, limit: int = 0) -> bool:
        return self._expire(_contains(key), expiry, limit)

    def expire_not_contains(self, key: str, expiry: float = 0.0, limit: int = 0) -> bool:
        return self._expire(_not_contains(key), expiry, limit)

    def expire_contains_all(self, key: Iterable[str], expiry: float = 0.0, limit: int = 0) -> bool:
        return self._expire(_contains_all(key), expiry, limit)

    def expire_contains_any(self, key: Iterable[str], expiry: float = 0.0, limit: int = 0) -> bool:
        return self._expire(_contains_any(key), expiry, limit)

    def _matching(self, match: Match, limit: int) -> list[str]:
        found = (key for key in self.keys() if isinstance(key, str) and match(key))
        return list(islice(found, limit or None))

    def _get(self, match: Match, details: bool, limit: int) -> dict[str, Any]:
        with self._lock:
            found = {key: self.get(key, _MISSING, details) for key in self._matching(match, limit)}
        return {key: value for key, value in found.items() if value is not _MISSING}  # it may have expired meanwhile

    def _set(self, match: Match, value: Any, expiry: float, return_found: bool, details: bool, limit: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        with self._lock:
            for key in self._matching(match, limit):
                before = self._entry(key, self._items[key]) if details and return_found else None
                previous = self.set(key, value, expiry)
                found[key] = previous if before is None else before
        return found if return_found else {}

    def _delete(self, match: Match, return_found: bool, limit: int) -> dict[str, Any]:
        with self._lock:
            found = {key: self.delete(key, raise_key_error=False) for key in self._matching(match, limit)}
        return found if return_found else {}

    def _expire(self, match: Match, expiry: float, limit: int) -> bool:
        with self._lock:
            found = [self.expire(key, expiry) for key in self._matching(match, limit)]
        return any(found)


class Caches:
    """default: the one cache there is; `builtin['default']` is the same one. Other names raise KeyError."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self.default = Cache(clock=clock)
        self.builtin: dict[str, Cache] = _ByName({_DEFAULT: self.default})


class _ByName(dict[str, Cache]):
    def __missing__(self, name: str) -> Cache:
        raise KeyError(f'There is no cache `{name}`; there is {", ".join(f"`{one}`" for one in self)}')


def _by_prefix(text: str) -> Match:
    return lambda key: key.startswith(text)


def _by_suffix(text: str) -> Match:
    return lambda key: key.endswith(text)


def _by_regex(pattern: str) -> Match:
    match = re.compile(pattern).match
    return lambda key: match(key) is not None


def _contains(text: str) -> Match:
    return lambda key: text in key


def _not_contains(text: str) -> Match:
    return lambda key: text not in key


def _contains_all(texts: Iterable[str]) -> Match:
    wanted = _several(texts)
    return lambda key: all(text in key for text in wanted)


def _contains_any(texts: Iterable[str]) -> Match:
    wanted = _several(texts)
    return lambda key: any(text in key for text in wanted)


def _several(texts: Iterable[str]) -> tuple[str, ...]:
    """A single text is one of them, not its characters."""
    return (texts,) if isinstance(texts, str) else tuple(texts)
