"""The page for an object that there is not, or no longer: it tells who deleted it."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from zato.admin.middleware.access import Request
from zato.admin.objects.asking import last_change
from zato.admin.objects.kind_page import may_do
from zato.common.config.kind import Kind


def show_gone(request: Request, kind: Kind, id: int) -> HttpResponseBase:
    last = last_change(request.zato, id)
    is_deletion = last is not None and last.get('kind') == kind.name and last.get('action') == 'delete'
    context = {
        **may_do(request, kind),
        'last': last if is_deletion else None,
        'history_url': reverse('object-history', args=[kind.slug, id]),
    }
    return render(request, 'zato/objects/gone.html', context, status=404)
