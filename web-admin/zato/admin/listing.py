"""Lists of what servers have, a page at a time: which part of one is looked at, as the page's address says it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self
from urllib.parse import urlencode

from django.http import QueryDict

from zato.common.config.field import is_id

_LONGEST_QUERY: Final = 200  #: characters

#: What `show` may say → what a server is asked for then.
Filters = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Column:
    """order: of the rows, as ARIA says it, where they are sorted by this column. url: the list, sorted by it."""

    label: str
    url: str
    order: str
    unit: str = ''
    is_number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """sort: a key, after a minus sign if descending. show: a key of the list's filters, all of which have 'all'."""

    query: str = ''
    sort: str = 'name'
    show: str = 'all'
    page: int = 1

    @classmethod
    def read(cls, query: QueryDict, sort_keys: Collection[str], filters: Filters) -> Self:
        """What cannot be understood is as if it was not there."""
        sort, show = query.get('sort', ''), query.get('show', '')
        return cls(
            query=query.get('query', '').strip()[:_LONGEST_QUERY],
            sort=sort if sort.removeprefix('-') in sort_keys else 'name',
            show=show if show in filters else 'all',
            page=number_in(query, 'page') or 1,
        )

    @property
    def is_everything(self) -> bool:
        return not self.query and self.show == 'all'

    def payload(self, page_size: int, filters: Filters) -> dict[str, Any]:
        """As `get-list` takes it."""
        asked = {'paginate': True, 'query': self.query, 'sort': self.sort, 'cur_page': self.page, 'page_size': page_size}
        return {**asked, **filters[self.show]}

    def text(self, **changes: Any) -> str:
        """The query string of another choice, without what is as it is by default."""
        new = replace(self, **changes)
        given = {item.name: getattr(new, item.name) for item in fields(new)}
        return urlencode({item.name: given[item.name] for item in fields(new) if given[item.name] != item.default})

    def url(self, base: str, **changes: Any) -> str:
        """base: the address of the list."""
        text = self.text(**changes)
        return f'{base}?{text}' if text else base

    def column(self, base: str, key: str, label: str, *, unit: str = '', is_number: bool = False) -> Column:
        """A click on it sorts by the key, another one the other way round."""
        order = {key: 'ascending', f'-{key}': 'descending'}.get(self.sort, '')
        url = self.url(base, sort=f'-{key}' if self.sort == key else key, page=1)
        return Column(label, url, order, unit, is_number)

    def pager(self, base: str, meta: Mapping[str, Any]) -> dict[str, Any]:
        """What the templates of lists have. meta: of the answer."""
        last, page = int(meta.get('num_pages') or 1), int(meta.get('cur_page') or 1)
        pages = {'first_url': 1, 'previous_url': page - 1, 'next_url': page + 1, 'last_url': last}
        is_there = {'first_url': page > 1, 'previous_url': page > 1, 'next_url': page < last, 'last_url': page < last}
        urls = {name: self.url(base, page=number) if is_there[name] else '' for name, number in pages.items()}
        return {'total': int(meta.get('total') or 0), 'page': page, 'pages': last, **urls}


def number_in(query: QueryDict, key: str) -> int:
    """0 where there is none."""
    text = query.get(key, '')
    return int(text) if is_id(text) else 0
