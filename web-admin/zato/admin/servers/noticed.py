"""Since when something is so, as far as this dashboard has looked: nobody else can say that of servers that are away."""

from __future__ import annotations

from collections.abc import Collection

from django.core.cache import cache

_KEY = 'noticed'
#: Seconds without a look after which nothing is known of the time between.
_FORGOTTEN = 60


def noticed_since(conditions: Collection[str], now: float) -> dict[str, float]:
    """When each was first seen without a break. conditions: all that are seen now; others have ended.

    Times in seconds since 1970.
    """
    before: dict[str, float] = cache.get(_KEY, {})
    found = {condition: before.get(condition, now) for condition in conditions}
    cache.set(_KEY, found, _FORGOTTEN)
    return found
