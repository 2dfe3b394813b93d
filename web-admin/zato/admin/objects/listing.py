"""The list of a kind's objects, a page at a time, with their states as they are now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, Self
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse

from zato.admin.menu import OWN_PAGES
from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import is_fragment
from zato.admin.objects.asking import Found, Gone, down_by_server, get_object, get_page
from zato.admin.objects.kind_page import kind_page, may_do
from zato.admin.objects.rows import Rows, columns_of, sort_keys
from zato.admin.objects.states import Errors, silent, state_of
from zato.common.config.field import is_id
from zato.common.config.kind import Kind

_LONGEST_QUERY: Final = 200  #: characters
_MOST_ROWS: Final = 500
_LONGEST_IDS: Final = 3_000  #: characters of an address, which cannot be much longer
_SHOWN: Final[Mapping[str, dict[str, bool]]] = {
    'all': {},
    'active': {'is_active': True},
    'inactive': {'is_active': False},
    'down': {'is_down': True},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which part of a list is looked at, as the page's address says it. show: a key of _SHOWN."""

    query: str
    sort: str
    show: str
    page: int
    highlight: int

    @classmethod
    def read(cls, kind: Kind, query: QueryDict) -> Self:
        """What cannot be understood is as if it was not there."""
        sort, show = query.get('sort', ''), query.get('show', '')
        return cls(
            query=query.get('query', '').strip()[:_LONGEST_QUERY],
            sort=sort if sort.removeprefix('-') in sort_keys(kind) else 'name',
            show=show if show in _SHOWN else 'all',
            page=_number(query.get('page', '')) or 1,
            highlight=_number(query.get('highlight', '')),
        )

    @property
    def is_everything(self) -> bool:
        return not self.query and self.show == 'all'

    def payload(self, page_size: int) -> dict[str, Any]:
        """As `get-list` takes it."""
        asked = {'query': self.query, 'sort': self.sort, 'cur_page': self.page, 'page_size': min(page_size, _MOST_ROWS)}
        return {**asked, **_SHOWN[self.show]}

    def text(self, **changes: Any) -> str:
        """The query string of another choice, without what is as it is by default."""
        new = replace(self, **changes)
        given = {'query': new.query, 'sort': new.sort, 'show': new.show, 'page': new.page}
        defaults = {'query': '', 'sort': 'name', 'show': 'all', 'page': 1}
        return urlencode({key: value for key, value in given.items() if value != defaults[key]})


@kind_page(get='get-list')
def show_list(request: Request, kind: Kind) -> HttpResponseBase:
    """htmx is given the list without the page around it."""
    if kind.name in OWN_PAGES:
        return HttpResponseRedirect(reverse(OWN_PAGES[kind.name]))
    choice = Choice.read(kind, request.GET)
    found = get_page(request.zato, kind, choice.payload(request.user.page_size))
    items = list(found.items)
    if choice.highlight and all(item['id'] != choice.highlight for item in items):
        items = [*_highlighted(request, kind, choice.highlight), *items]
    errors = _errors(request, kind, items)
    base = reverse('objects', args=[kind.slug])
    context = {
        'base': base,
        'choice': choice,
        'back': choice.text(),
        'rows': Rows(kind=kind, base=base, errors=errors, highlight=choice.highlight).of(items),
        'columns': list(columns_of(kind, choice.sort, lambda key: _url(base, choice.text(sort=key, page=1)))),
        'filters': [(name.title(), _url(base, choice.text(show=name, page=1)), name == choice.show) for name in _SHOWN],
        **may_do(request, kind),
        **_pager(base, choice, found),
        **_poll(kind, items, errors),
    }
    return render(request, 'zato/objects/list_part.html' if is_fragment(request) else 'zato/objects/list.html', context)


@kind_page(get='get-list', is_polled=True)
def show_states(request: Request, kind: Kind) -> HttpResponseBase:
    """Those of the objects that `active` and `inactive` name, unless they are still what `seen` is the digest of."""
    items: list[dict[str, Any]] = [
        {'id': int(id), 'is_active': key == 'active'}
        for key in ('active', 'inactive')
        for id in request.GET.get(key, '').split(',')
        if is_id(id)
    ]
    errors = down_by_server(request.zato, kind)
    poll = _poll(kind, items, errors)
    if poll['seen'] == request.GET.get('seen'):
        return HttpResponse(status=204)
    states = [(item['id'], state_of(kind, item['id'], errors, is_active=item['is_active'])) for item in items]
    return render(request, 'zato/objects/states.html', {'kind': kind, 'states': states, **poll})


def _highlighted(request: Request, kind: Kind, id: int) -> list[dict[str, Any]]:
    """The object, wherever in the list it is; nothing if it is gone."""
    try:
        return [get_object(request.zato, kind, id)]
    except Gone:
        return []


def _errors(request: Request, kind: Kind, items: list[Any]) -> Errors:
    """The only server has said it all with the list itself."""
    if len(request.zato.servers) > 1:
        return down_by_server(request.zato, kind)
    return {request.zato.servers[0].name: {int(item['id']): str(item['error']) for item in items if item['error']}}


def _poll(kind: Kind, items: list[Any], errors: Errors) -> dict[str, Any]:
    """What the page asks for again and again, and what it knows already."""
    ids = {is_active: [str(item['id']) for item in items if item['is_active'] is is_active] for is_active in (True, False)}
    away = silent(errors)
    states = [state_of(kind, item['id'], errors, is_active=item['is_active']) for item in items]
    seen = sha256(repr((away, states)).encode()).hexdigest()[:16]
    asked = urlencode({'active': ','.join(ids[True]), 'inactive': ','.join(ids[False]), 'seen': seen}, safe=',')
    is_short = len(asked) <= _LONGEST_IDS
    return {
        'away': away,
        'seen': seen,
        'poll_url': f'{reverse("objects-states", args=[kind.slug])}?{asked}' if items and is_short else '',
    }


def _pager(base: str, choice: Choice, found: Found) -> dict[str, Any]:
    last, page = int(found.meta.get('num_pages') or 1), int(found.meta.get('cur_page') or 1)
    pages = {'first_url': 1, 'previous_url': page - 1, 'next_url': page + 1, 'last_url': last}
    is_there = {'first_url': page > 1, 'previous_url': page > 1, 'next_url': page < last, 'last_url': page < last}
    urls = {name: _url(base, choice.text(page=number)) if is_there[name] else '' for name, number in pages.items()}
    return {'total': int(found.meta.get('total') or 0), 'page': page, 'pages': last, **urls}


def _url(base: str, query: str) -> str:
    return f'{base}?{query}' if query else base


def _number(text: str) -> int:
    """0 for what is none."""
    return int(text) if is_id(text) else 0
