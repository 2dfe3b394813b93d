"""What was done to an object: its entries in the audit trail, those of one that is deleted too."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from zato.admin.changes.trail import read_trail
from zato.admin.middleware.access import Request
from zato.admin.objects.asking import Gone, get_object
from zato.admin.objects.gone import show_gone
from zato.admin.objects.kind_page import kind_page, object_context
from zato.common.config.field import is_id
from zato.common.config.kind import Kind


@kind_page(get='get')
def show_history(request: Request, kind: Kind, id: int) -> HttpResponseBase:
    """The latest changes, those of `before_event` first."""
    size, before = request.user.page_size, request.GET.get('before_event', '')
    asked: dict[str, Any] = {'object_id': id, 'kind': kind.name, 'limit': size + 1}
    asked.update({'before_event': int(before)} if is_id(before) else {})
    found = read_trail(request.zato.ask('zato.audit.get-list', asked))
    entries = found[:size]
    try:
        item = get_object(request.zato, kind, id)
    except Gone:
        if not entries:
            return show_gone(request, kind, id)
        item = {'id': id, 'name': entries[0].name}
    latest = reverse('object-history', args=[kind.slug, id])
    context = {
        **object_context(request, kind, item, 'History'),
        'entries': entries,
        'is_later_page': is_id(before),
        'latest': latest,
        'older': f'{latest}?before_event={entries[-1].event}' if len(found) > size else '',
    }
    return render(request, 'zato/objects/history.html', context)
