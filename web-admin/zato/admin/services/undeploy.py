"""Undeploying a module with all its services, or deleting what is left of a service that is not deployed any more."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render

from zato.admin.cluster import Calls
from zato.admin.middleware.access import Request
from zato.admin.outcome import tell
from zato.admin.page import page
from zato.admin.services.overview import users_of
from zato.admin.services.subject import Subject, module_page
from zato.client.admin import ServerError


@page('admin')
def undeploy(request: Request, name: str) -> HttpResponseBase:
    """name: of a service. GET says what would go; POST, with the `number` of the version that was shown, does it."""
    subject = module_page(request, name, 'Overview')
    module = _deployed_module(request.zato, subject)
    if request.method == 'POST' and request.POST.get('number', '') == str(module['number']):
        return _do(request, subject, module)
    if request.method == 'POST':
        messages.warning(request, 'Somebody has deployed another version meanwhile. This is what would be undeployed now.')
    users = [(service, used) for service in module['services'] if (used := users_of(request.zato, service))]
    return render(request, 'zato/services/undeploy.html', {'subject': subject, 'module': module, 'users': users})


def _deployed_module(zato: Calls, subject: Subject) -> dict[str, Any]:
    """As `zato.service.get-version-list` has it; of what is not deployed, the service alone, with the number 0."""
    try:
        versions: list[dict[str, Any]] = zato.ask('zato.service.get-version-list', {'name': subject.name})
    except ServerError as e:
        if e.http_status != 404:
            raise
        versions = []
    left = {'module': '', 'number': 0, 'path': '', 'services': [subject.name]}
    return next((version for version in versions if version['is_active']), left)


def _do(request: Request, subject: Subject, module: dict[str, Any]) -> HttpResponseBase:
    if not module['number']:
        request.zato.call('zato.service.delete', {'name': subject.name})
        messages.success(request, f'{subject.name} is deleted.')
        return redirect('services')
    answer = request.zato.call('zato.service.undeploy', {'name': module['module']}).payload
    tell(request, f'Module {module["module"]} is undeployed. Its file stays: {module["path"]}', answer)
    return redirect('service-versions', module['module'])
