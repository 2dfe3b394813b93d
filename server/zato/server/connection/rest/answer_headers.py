"""The headers of an answer: found by name whatever its case, in their order, with all values of equal ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


class AnswerHeaders(Mapping[str, str]):
    """Values of equal names are joined by commas (RFC 9110, 5.3); `getlist` has them apart, as Set-Cookie needs."""

    __slots__ = ('_by_name',)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._by_name: dict[str, tuple[str, list[str]]] = {}
        for name, value in fields:
            found = self._by_name.setdefault(name.lower(), (name, []))
            found[1].append(value)

    def __getitem__(self, name: str) -> str:
        return ', '.join(self._by_name[name.lower()][1])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return repr(dict(self))

    def getlist(self, name: str) -> list[str]:
        """[] if there is none."""
        found = self._by_name.get(name.lower())
        return list(found[1]) if found is not None else []
