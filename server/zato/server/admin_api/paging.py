"""Lists that are answered a page at a time: which one a request asks for, what it searches, how it sorts."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from zato.common.config.field import shown
from zato.common.exception import BadRequest
from zato.server.admin_api.context import AdminService

T = TypeVar('T')

_SIZE: Final = 50  #: items of a page, unless the request says
_MOST: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """number: from 1. size: items of a page. words: casefolded, all of which must occur in what is found.

    sort: the key to sort by. is_active, is_down: which ones are wanted, None for both.
    """

    number: int
    size: int
    words: tuple[str, ...]
    sort: str
    is_descending: bool
    is_active: bool | None
    is_down: bool | None

    def wants(self, *, is_active: bool, is_down: bool) -> bool:
        return self.is_active in (None, is_active) and self.is_down in (None, is_down)

    def finds(self, text: str) -> bool:
        """Are all words in the text?"""
        folded = text.casefold()
        return all(word in folded for word in self.words)

    def in_order(self, items: Iterable[T], name_of: Callable[[T], str], value_of: Callable[[T], Any]) -> list[T]:
        """By value: numbers, texts, what has none; or the other way round. Equal ones by name.

        value_of: gives what `sort` stands for.
        """
        by_name = sorted(items, key=name_of)
        return sorted(by_name, key=lambda item: _rank(value_of(item)), reverse=self.is_descending)

    def answer(self, items: Collection[T], show: Callable[[T], Any]) -> dict[str, Any]:
        """The page of these, as classic clients expect it; past the end it is the last one. show: called for it alone."""
        last = max(1, -(-len(items) // self.size))
        number = min(self.number, last)
        start = (number - 1) * self.size
        return {
            'response': [show(item) for item in list(items)[start : start + self.size]],
            '_meta': {
                'total': len(items),
                'num_pages': last,
                'cur_page': number,
                'page_size': self.size,
                'has_prev_page': number > 1,
                'has_next_page': number < last,
                'prev_page': number - 1 if number > 1 else None,
                'next_page': number + 1 if number < last else None,
            },
        }


def read_page(service: AdminService, sortable: Collection[str]) -> Page | None:
    """What the service's request asks for; None if it is not for a page, but for all there is.

    Keys: `paginate`, `cur_page`, `page_size`, `query`, `sort` (descending with a minus sign before it; `name` if there is
    none), `is_active`, `is_down`. sortable: keys that the list can be sorted by. Raises BadRequest.
    """
    request = service.request.input
    if not service.boolean('paginate'):
        return None
    sort = str(request.get('sort') or 'name')
    key = sort.removeprefix('-')
    if key not in sortable:
        rule = f'`sort` must be one of: {", ".join(sortable)}'
        raise BadRequest(service.cid, f'{rule}, with or without a minus sign before it; got {shown(sort)}', needs_msg=True)
    query = unicodedata.normalize('NFC', str(request.get('query') or ''))
    return Page(
        number=service.number('cur_page', default=1),
        size=service.number('page_size', default=_SIZE, most=_MOST),
        words=tuple(dict.fromkeys(query.casefold().split())),
        sort=key,
        is_descending=key != sort,
        is_active=service.boolean('is_active'),
        is_down=service.boolean('is_down'),
    )


def _rank(value: Any) -> tuple[int, Any]:
    if value is None or value == '':
        return 2, 0
    if isinstance(value, int | float):
        return 0, value
    return 1, str(value).casefold()
