"""Which records of which log somebody looks at, as it is in the address of the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.http import urlencode

DEFAULT_FILE = 'server.log'
ACCESS_FILE = 'http_access.log'
#: What dashboards' own calls have in there. They come every few seconds.
_OF_DASHBOARDS = '"admin.invoke.json"'
#: The least one that is wanted.
LEVELS = ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')

_LONGEST = 500  #: characters of a filter

#: Server → a position in its log, as it gave it; '' of one that has not answered yet.
Positions = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """'' for any, of servers too. has_own: 'yes' if calls that dashboards make are wanted, too."""

    server: str = ''
    file: str = DEFAULT_FILE
    level: str = ''
    service: str = ''
    cid: str = ''
    query: str = ''
    has_own: str = ''

    @property
    def is_any(self) -> bool:
        """Are all records of the file wanted?"""
        return not (self.level or self.service or self.cid or self.query)

    def payload(self) -> dict[str, Any]:
        """What `zato.log.read` is asked for."""
        payload = {name: value for name, value in asdict(self).items() if value and name not in ('server', 'has_own')}
        is_flooded = self.file.startswith(ACCESS_FILE) and not (self.has_own or self.cid)
        return payload | {'without': _OF_DASHBOARDS} if is_flooded else payload

    def address(self, page: str = 'logs', **positions: Positions) -> str:
        """Of a page with these filters. positions: `before` or `after`."""
        given: list[tuple[str, str]] = [(name, value) for name, value in asdict(self).items() if value]
        for key, of_servers in positions.items():
            given += [(key, f'{position}@{server}') for server, position in of_servers.items()]
        return f'{reverse(page)}?{urlencode(given)}'


def read_filters(query: QueryDict) -> Filters:
    given = {item.name: query.get(item.name, '').strip()[:_LONGEST] for item in fields(Filters)}
    return Filters(**{name: value for name, value in given.items() if value})


def read_positions(values: Iterable[str], servers: Iterable[str]) -> dict[str, str]:
    """values: position@server, each. Of these servers alone."""
    found = {server: position for position, _, server in (value.partition('@') for value in values)}
    known = frozenset(servers)
    return {server: position for server, position in found.items() if server in known}
