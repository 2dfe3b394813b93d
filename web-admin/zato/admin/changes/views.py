"""The audit trail: who changed what."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.shortcuts import render

from zato.admin.changes.trail import ask_for_trail, kind_choices
from zato.admin.links import address
from zato.admin.listing import number_in
from zato.admin.middleware.access import Request
from zato.admin.page import page

_FILTERS = ('kind', 'action', 'name', 'who', 'object_id')
_ACTIONS = ('create', 'edit', 'delete', 'deploy', 'rollback', 'undeploy', 'log-out')
_LONGEST = 200  #: characters of a filter


@page('viewer')
def show_list(request: Request) -> HttpResponseBase:
    """The latest changes, those of `before_event` first; all filters must match."""
    filters = {key: request.GET.get(key, '').strip()[:_LONGEST] for key in _FILTERS}
    given = {key: value for key, value in filters.items() if value}
    before = number_in(request.GET, 'before_event')
    entries, has_older = ask_for_trail(request.zato, given, before, request.user.page_size)
    context = {
        'entries': entries,
        'filters': filters,
        'is_filtered': any(filters.values()),
        'is_later_page': bool(before),
        'kinds': kind_choices(),
        'actions': _ACTIONS,
        'latest': address('changes', **filters),
        'older': address('changes', **filters, before_event=entries[-1].event) if has_older else '',
    }
    return render(request, 'zato/changes/list.html', context)
