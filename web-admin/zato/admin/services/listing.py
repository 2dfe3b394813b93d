"""The list of services."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from zato.admin.listing import Choice, Filters
from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain, is_fragment
from zato.admin.page import page
from zato.common.exception import ZatoException

FILTERS: Final[Filters] = {
    'all': {},
    'active': {'is_active': True},
    'inactive': {'is_active': False},
    'problems': {'is_down': True},
}
#: Key → label.
COLUMNS: Final = {
    'name': 'Name',
    'is_active': 'Active',
    'module': 'Implementation',
    'deployed': 'Deployed',
    'problem': 'Problem',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted(Choice):
    """internal: 'yes' for built-in services, too."""

    internal: str = ''

    @property
    def with_internal(self) -> str:
        return self.text(internal='yes')


@page('viewer')
def show_list(request: Request) -> HttpResponseBase:
    if is_fragment(request):
        return _part(request)
    context = {'filters': FILTERS, **_context(request)}
    return render(request, 'zato/services/list.html', context)


@page('viewer', is_polled=True)
def refresh_list(request: Request) -> HttpResponseBase:
    """The part of the page that changes by itself."""
    return _part(request)


def _part(request: Request) -> HttpResponseBase:
    """Polling goes on after a failure, so this is always the part."""
    try:
        context = _context(request)
    except ZatoException as e:
        context = {'part': _wanted(request).url(reverse('service-list')), **explain(e)._asdict(), 'has_failed': True}
    return render(request, 'zato/services/list_part.html', context)


def _wanted(request: Request) -> Wanted:
    found = Wanted.read(request.GET, COLUMNS, FILTERS)
    return replace(found, internal='yes' if request.GET.get('internal') == 'yes' else '')


def _context(request: Request) -> dict[str, Any]:
    wanted, base = _wanted(request), reverse('services')
    payload = {**wanted.payload(request.user.page_size, FILTERS), 'should_include_internal': wanted.internal == 'yes'}
    answer = request.zato.ask('zato.service.get-list', payload)
    return {
        'wanted': wanted,
        'part': wanted.url(reverse('service-list')),
        'services': answer['response'],
        'columns': [wanted.column(base, key, label) for key, label in COLUMNS.items()],
        **wanted.pager(base, answer['_meta']),
    }
