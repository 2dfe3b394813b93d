"""The list of services."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain, is_fragment
from zato.admin.page import page
from zato.admin.services.wanted import FILTERS, Wanted, columns, read_wanted
from zato.common.exception import ZatoException


@page('viewer')
def show_list(request: Request) -> HttpResponseBase:
    wanted = read_wanted(request.GET)
    if is_fragment(request):
        return _part(request, wanted)
    context = {'wanted': wanted, 'filters': FILTERS, **_context(request, wanted)}
    return render(request, 'zato/services/list.html', context)


@page('viewer', is_polled=True)
def refresh_list(request: Request) -> HttpResponseBase:
    """The part of the page that changes by itself."""
    return _part(request, read_wanted(request.GET))


def _part(request: Request, wanted: Wanted) -> HttpResponseBase:
    """Polling goes on after a failure, so this is always the part."""
    try:
        context = _context(request, wanted)
    except ZatoException as e:
        title, text, hint, _ = explain(e)
        context = {'part': _address('service-list', wanted), 'title': title, 'text': text, 'hint': hint, 'has_failed': True}
    return render(request, 'zato/services/list_part.html', {'wanted': wanted, **context})


def _context(request: Request, wanted: Wanted) -> dict[str, Any]:
    answer = request.zato.ask('zato.service.get-list', wanted.request(request.user.page_size))
    meta = answer['_meta']
    return {
        'part': _address('service-list', wanted),
        'services': answer['response'],
        'meta': meta,
        'columns': columns(wanted),
        'previous': wanted.address(page=meta['prev_page']) if meta['has_prev_page'] else None,
        'next': wanted.address(page=meta['next_page']) if meta['has_next_page'] else None,
    }


def _address(name: str, wanted: Wanted) -> str:
    return f'{reverse(name)}?{wanted.address()}'
