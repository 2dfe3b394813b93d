"""Lists of topics and subscriptions: as lists of objects are searched and sorted, with what each is like now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from zato.admin.listing import Choice, Filters
from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain, is_fragment
from zato.admin.objects.asking import get_page
from zato.admin.objects.kind_page import may_do
from zato.admin.pubsub.asking import kind_of
from zato.admin.tabs import Tab
from zato.common.exception import ZatoException

_FILTERS: Final[Filters] = {
    'all': {},
    'active': {'is_active': True},
    'inactive': {'is_active': False},
    'down': {'is_down': True},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveList:
    """page, part: names of the addresses of the list, and of what changes by itself. Templates are named like the page.

    columns: key to sort by → label. more: what the template of the part needs besides, made of what `get-list` answers.
    """

    kind: str
    page: str
    part: str
    columns: Mapping[str, str]
    more: Callable[[Request, Sequence[Mapping[str, Any]]], dict[str, Any]]

    @property
    def part_template(self) -> str:
        return f'zato/pubsub/{self.page}_part.html'

    def show(self, request: Request) -> HttpResponseBase:
        """htmx is given the list without the page around it."""
        if is_fragment(request):
            return self.refresh(request)
        return render(request, f'zato/pubsub/{self.page}.html', self._context(request))

    def refresh(self, request: Request) -> HttpResponseBase:
        """Polling goes on after a failure, so this is always the part."""
        try:
            context = self._context(request)
        except ZatoException as e:
            address = self._choice(request).url(reverse(self.part))
            context = {'part': address, **explain(e)._asdict(), 'has_failed': True}
        return render(request, self.part_template, context)

    def _choice(self, request: Request) -> Choice:
        return Choice.read(request.GET, self.columns, _FILTERS)

    def _context(self, request: Request) -> dict[str, Any]:
        choice, base, kind = self._choice(request), reverse(self.page), kind_of(self.kind)
        found = get_page(request.zato, kind, choice.payload(request.user.page_size, _FILTERS))
        return {
            'base': base,
            'choice': choice,
            'part': choice.url(reverse(self.part)),
            'columns': [choice.column(base, key, label) for key, label in self.columns.items()],
            'filters': [Tab(name.title(), choice.url(base, show=name, page=1), name == choice.show) for name in _FILTERS],
            **may_do(request, kind),
            **choice.pager(base, found.meta),
            **self.more(request, found.items),
        }
