"""Deploying an earlier version of a module."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render

from zato.admin.listing import number_in
from zato.admin.middleware.access import Request
from zato.admin.outcome import tell
from zato.admin.page import page
from zato.admin.services.source import read_version
from zato.admin.services.subject import Subject, module_page
from zato.admin.services.versions import Version, shown, usual_pair, versions_of
from zato.client.admin import ServerError


@page('admin')
def roll_back(request: Request, name: str) -> HttpResponseBase:
    """GET shows what would change with version ?number=; POST, with the `active` number that was shown, does it."""
    subject = module_page(request, name, 'Versions')
    versions = versions_of(request.zato, name)
    active = next((version for version in versions if version['is_active']), None)
    number = number_in(request.POST if request.method == 'POST' else request.GET, 'number')
    number = number or (usual_pair(versions)[0] if active is not None else versions[0]['number'])
    if request.method == 'POST' and request.POST.get('active') == _number_of(active):
        return _do(request, subject, number)
    if request.method == 'POST':
        messages.warning(request, 'Somebody has deployed another version meanwhile. This is what would change now.')
    wanted = read_version(request.zato, name, number)
    context: dict[str, Any] = {'subject': subject, 'new': wanted, 'active': active, 'active_number': _number_of(active)}
    if active is not None:
        old = read_version(request.zato, name, active['number'])
        context |= {'old': old, **shown(old, wanted)}
    return render(request, 'zato/services/rollback.html', context)


def _do(request: Request, subject: Subject, number: int) -> HttpResponseBase:
    try:
        answer = request.zato.call('zato.service.rollback', {'name': subject.name, 'number': number}).payload
    except ServerError as e:
        if e.http_status != 409:
            raise
        messages.error(request, f'Nothing has changed: {e.details}')
        return redirect('service-versions', subject.name)
    done = f'Version {number} of module {answer["module"]} is active again. Its file stays as it is: {answer["path"]}'
    tell(request, done, answer)
    return redirect('service-versions', subject.name)


def _number_of(active: Version | None) -> str:
    """As forms have it."""
    return str(active['number']) if active is not None else ''
