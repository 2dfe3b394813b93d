"""The audit trail: who changed what."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase, QueryDict
from django.shortcuts import render

from zato.admin.changes.trail import kind_choices, read_trail
from zato.admin.links import address
from zato.admin.middleware.access import Request
from zato.admin.page import page

_FILTERS = ('kind', 'action', 'name', 'who', 'object_id')
_ACTIONS = ('create', 'edit', 'delete', 'deploy', 'rollback', 'undeploy', 'log-out')
_LONGEST = 200  #: characters of a filter


@page('viewer')
def show_list(request: Request) -> HttpResponseBase:
    """The latest changes, those of `before_event` first; all filters must match."""
    filters = {key: request.GET.get(key, '').strip()[:_LONGEST] for key in _FILTERS}
    size = request.user.page_size
    found = read_trail(request.zato.ask('zato.audit.get-list', _payload(filters, request.GET, size)))
    entries = found[:size]
    context = {
        'entries': entries,
        'filters': filters,
        'is_filtered': any(filters.values()),
        'is_later_page': 'before_event' in request.GET,
        'kinds': kind_choices(),
        'actions': _ACTIONS,
        'latest': address('changes', **filters),
        'older': address('changes', **filters, before_event=entries[-1].event) if len(found) > size else '',
    }
    return render(request, 'zato/changes/list.html', context)


def _payload(filters: dict[str, str], query: QueryDict, size: int) -> dict[str, Any]:
    """One more than a page has, to know whether there are older ones."""
    payload: dict[str, Any] = {key: value for key, value in filters.items() if value}
    before = query.get('before_event', '')
    return payload | {'limit': size + 1} | ({'before_event': before} if before else {})
