"""What there is to know of a service: where it comes from, who serves it, what uses it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from zato.admin.cluster import Calls
from zato.admin.middleware.access import Request
from zato.admin.outcome import tell
from zato.admin.page import may, page
from zato.admin.services.subject import service_page
from zato.client.admin import ServerError
from zato.common.config.kind import kinds

_MOST_USERS = 1_000  #: objects of one kind that are looked through


@page('viewer')
def show_overview(request: Request, name: str) -> HttpResponseBase:
    """With ?workers=yes it says which workers serve the service, which browsers with JavaScript ask for by themselves."""
    subject = service_page(request, name, 'Overview')
    context: dict[str, Any] = {'subject': subject, 'service': subject.service}
    context['settings'] = settings = _settings(request.zato, name)
    if settings is not None:
        context['form_address'] = reverse('object', args=['service', settings['id']])
    context['users'] = users_of(request.zato, name)
    context['makers'] = _makers(name) if may(request.user.role, 'admin') else []
    context['version'] = _active_version(request.zato, subject.service or {})
    if 'workers' in request.GET and subject.service and subject.service['number']:
        context['receipt'] = _receipt(request.zato, name)
    return render(request, 'zato/services/overview.html', context)


@page('viewer', is_polled=True)
def show_workers(request: Request, name: str) -> HttpResponseBase:
    """The part of the above."""
    return render(request, 'zato/services/workers.html', {'name': name, 'receipt': _receipt(request.zato, name)})


@page('admin')
@require_POST
def set_active(request: Request, name: str) -> HttpResponseBase:
    """POST: `id`, `version`, `is_active`, which is 'yes' or 'no'."""
    is_active = request.POST.get('is_active') == 'yes'
    change = {'id': request.POST.get('id'), 'version': request.POST.get('version'), 'is_active': is_active}
    try:
        answer = request.zato.call('zato.service.edit', change).payload
    except ServerError as e:
        if e.http_status != 409:
            raise
        messages.error(request, f'Nothing has changed: {e.details}')
        return redirect('service', name)
    done = f'{name} is active again' if is_active else f'{name} is inactive: calls of it are answered with 404'
    tell(request, f'{done}.', answer)
    return redirect('service', name)


def users_of(zato: Calls, name: str) -> list[dict[str, Any]]:
    """Objects that refer to the service: `label` of their kind, `name`, `is_active`, `error`, `address`."""
    found = []
    for kind in kinds().values():
        fields = [field for field, declared in kind.references.items() if 'service' in declared.refers_to]
        if not fields or 'get-list' not in kind.operations:
            continue
        request = {'paginate': True, 'page_size': _MOST_USERS, 'query': name}
        for item in zato.ask(f'{kind.derived_services}.get-list', request)['response']:
            if any(_names(item.get(field), name) for field in fields):
                shown = {key: item[key] for key in ('name', 'is_active', 'error')}
                found.append({**shown, 'label': kind.label, 'address': reverse('object', args=[kind.slug, item['id']])})
    return found


def _makers(name: str) -> list[tuple[str, str]]:
    """(label of a kind whose objects lead to a service, address of the form that makes one for this service).

    Other references, such as that to a hook, are for services that were written for them.
    """
    return [
        (kind.label, f'{reverse("object-create", args=[kind.slug])}?{urlencode({"service": name})}')
        for kind in kinds().values()
        if 'create' in kind.operations and 'service' in kind.references and not kind.references['service'].is_many
    ]


def _receipt(zato: Calls, name: str) -> dict[str, Any]:
    """Which workers serve the service's module; `failed`, worker → why, is of the module, of all that fails there."""
    receipt: dict[str, Any] = zato.ask('zato.service.get-receipt', {'name': name})
    title = f'Module `{receipt["module"]}`'
    failed = {worker: reasons[title] for worker, reasons in receipt['failed'].items() if title in reasons}
    return {**receipt, 'failed': failed}


def _names(value: Any, name: str) -> bool:
    names = value if isinstance(value, list) else [value]
    return any(item in (name, f'service/{name}') for item in names)


def _settings(zato: Calls, name: str) -> dict[str, Any] | None:
    """None of a service without an object."""
    try:
        found: dict[str, Any] = zato.ask('zato.service.get', {'name': name})
    except ServerError as e:
        if e.http_status != 404:
            raise
        return None
    return found


def _active_version(zato: Calls, service: dict[str, Any]) -> dict[str, Any] | None:
    """Of its module: who has deployed it when, and where. None of built-in services, and where nothing is deployed."""
    if service.get('is_internal') or not service.get('module'):
        return None
    try:
        versions: list[dict[str, Any]] = zato.ask('zato.service.get-version-list', {'name': service['module']})
    except ServerError as e:
        if e.http_status != 404:
            raise
        return None
    return next((version for version in versions if version['is_active']), None)
