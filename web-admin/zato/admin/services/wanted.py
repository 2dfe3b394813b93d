"""Which services a list shows, in what order: as its address says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

#: Filters, by what the page calls them → what they ask the server for.
FILTERS: dict[str, dict[str, Any]] = {
    'all': {},
    'active': {'is_active': True},
    'inactive': {'is_active': False},
    'problems': {'is_down': True},
}
#: Columns: label, the key to sort by.
COLUMNS = (
    ('Name', 'name'),
    ('Active', 'is_active'),
    ('Implementation', 'module'),
    ('Deployed', 'deployed'),
    ('Problem', 'problem'),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list's address asks for. show: a key of FILTERS."""

    query: str = ''
    show: str = 'all'
    sort: str = 'name'
    number: int = 1
    has_internal: bool = False

    @property
    def is_narrowed(self) -> bool:
        return bool(self.query) or self.show != 'all'

    @property
    def with_internal(self) -> str:
        return self.address(internal='yes')

    def request(self, page_size: int) -> dict[str, Any]:
        """For `zato.service.get-list`."""
        return {
            'paginate': True,
            'cur_page': self.number,
            'page_size': page_size,
            'query': self.query,
            'sort': self.sort,
            'should_include_internal': self.has_internal,
            **FILTERS[self.show],
        }

    def address(self, **changed: Any) -> str:
        """Query string of the same list, some of it changed."""
        values = {'query': self.query, 'show': self.show, 'sort': self.sort, 'page': self.number}
        values |= {'internal': 'yes' if self.has_internal else '', **changed}
        usual = {'query': '', 'show': 'all', 'sort': 'name', 'page': 1, 'internal': ''}
        return urlencode({key: value for key, value in values.items() if value != usual.get(key)})


def read_wanted(query: QueryDict) -> Wanted:
    """What makes no sense is as if it was not there."""
    sort, show, number = query.get('sort', ''), query.get('show', ''), query.get('page', '')
    return Wanted(
        query=query.get('query', '').strip(),
        show=show if show in FILTERS else 'all',
        sort=sort if sort.removeprefix('-') in {key for _, key in COLUMNS} else 'name',
        number=int(number) if number.isascii() and number.isdecimal() and 0 < len(number) < 7 and int(number) else 1,
        has_internal=query.get('internal') == 'yes',
    )


def columns(wanted: Wanted) -> list[dict[str, str]]:
    """label, address: of the list sorted by it, and state, for `aria-sort`."""
    found = []
    for label, key in COLUMNS:
        states = {key: 'ascending', f'-{key}': 'descending'}
        other = f'-{key}' if wanted.sort == key else key
        found.append(
            {'label': label, 'address': wanted.address(sort=other, page=1), 'state': states.get(wanted.sort, 'none')}
        )
    return found
