"""The list of a kind's objects, a page at a time, with their states as they are now."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from zato.admin.listing import Choice, Filters, number_in
from zato.admin.menu import OWN_PAGES
from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import is_fragment
from zato.admin.objects.asking import Gone, down_by_server, get_object, get_page
from zato.admin.objects.kind_page import kind_page, list_page, may_do
from zato.admin.objects.rows import Rows, columns_of, sort_keys
from zato.admin.objects.states import Errors, silent, state_of
from zato.admin.tabs import Tab
from zato.common.config.field import is_id
from zato.common.config.kind import Kind

_LONGEST_IDS: Final = 3_000  #: characters of an address, which cannot be much longer
_FILTERS: Final[Filters] = {
    'all': {},
    'active': {'is_active': True},
    'inactive': {'is_active': False},
    'down': {'is_down': True},
}


@kind_page(get='get-list')
def show_list(request: Request, kind: Kind) -> HttpResponseBase:
    """htmx is given the list without the page around it."""
    if kind.name in OWN_PAGES:
        return HttpResponseRedirect(list_page(kind, request.GET.urlencode()))
    choice = Choice.read(request.GET, sort_keys(kind), _FILTERS)
    found = get_page(request.zato, kind, choice.payload(request.user.page_size, _FILTERS))
    items, highlight = list(found.items), number_in(request.GET, 'highlight')
    if highlight and all(item['id'] != highlight for item in items):
        items = [*_highlighted(request, kind, highlight), *items]
    errors = _errors(request, kind, items)
    base = reverse('objects', args=[kind.slug])
    context = {
        'base': base,
        'choice': choice,
        'back': choice.text(),
        'rows': Rows(kind=kind, base=base, errors=errors, highlight=highlight).of(items),
        'columns': list(columns_of(kind, choice, base)),
        'filters': [Tab(name.title(), choice.url(base, show=name, page=1), name == choice.show) for name in _FILTERS],
        **may_do(request, kind),
        **choice.pager(base, found.meta),
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
