"""Turns for other greenlets in loops over what clients, or services, may make long."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final, TypeVar

from zato.server.config.cooperation import Slices

T = TypeVar('T')

LONG: Final = 65_536  #: bytes of a body; what is made of shorter ones keeps nobody waiting
MANY: Final = 1000  #: steps between two looks at the clock
_SOME: Final = 16


def in_turns(items: Iterable[T]) -> Iterator[T]:
    """The items; others run in between, now and then."""
    slices = Slices()
    for count, item in enumerate(items):
        if not count % _SOME:
            slices.now_and_then()
        yield item


class Turns:
    """For loops in loops, of which none needs to be long: counts the steps of all of them."""

    __slots__ = ('_left', '_slices')

    def __init__(self) -> None:
        self._left = MANY
        self._slices: Slices | None = None

    def over(self, items: Collection[T]) -> Iterable[T]:
        """The items, for a loop over them."""
        self.took(len(items))
        return items if len(items) <= MANY else in_turns(items)

    def took(self, steps: int) -> None:
        """Others run, if it is time."""
        self._left -= steps
        if self._left > 0:
            return
        self._left = MANY
        if self._slices is None:
            self._slices = Slices()
        self._slices.now_and_then()
