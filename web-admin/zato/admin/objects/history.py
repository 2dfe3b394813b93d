"""What was done to an object: its entries in the audit trail, those of one that is deleted too."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from zato.admin.changes.trail import ask_for_trail
from zato.admin.listing import number_in
from zato.admin.middleware.access import Request
from zato.admin.objects.asking import Gone, get_object
from zato.admin.objects.kind_page import kind_page, object_context
from zato.common.config.kind import Kind


@kind_page(get='get')
def show_history(request: Request, kind: Kind, id: int) -> HttpResponseBase:
    """The latest changes, those of `before_event` first."""
    before = number_in(request.GET, 'before_event')
    which = {'object_id': id, 'kind': kind.name}
    entries, has_older = ask_for_trail(request.zato, which, before, request.user.page_size)
    try:
        item = get_object(request.zato, kind, id)
    except Gone:
        if not entries:
            raise
        item = {'id': id, 'name': entries[0].name}
    latest = reverse('object-history', args=[kind.slug, id])
    context = {
        **object_context(request, kind, item, 'History'),
        'entries': entries,
        'is_later_page': bool(before),
        'latest': latest,
        'older': f'{latest}?before_event={entries[-1].event}' if has_older else '',
    }
    return render(request, 'zato/objects/history.html', context)
