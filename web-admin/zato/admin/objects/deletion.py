"""The page that an object is deleted on, with all that depends on it: just what the page has shown, or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.http import HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render

from zato.admin.links import object_page
from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain
from zato.admin.objects.asking import get_object
from zato.admin.objects.kind_page import kind_page, list_page, object_context
from zato.admin.outcome import tell
from zato.admin.pubsub.undelivered import becomes_of_messages
from zato.client.admin import ServerError
from zato.common.config.kind import Kind

_CHANGED = 'What depends on it is not what you were shown: it has changed meanwhile. Nothing has been deleted. Look again.'


@kind_page(get='delete', post='delete')
def delete(request: Request, kind: Kind, id: int) -> HttpResponseBase:
    """POST: `plan`, which says what the user was shown."""
    item = get_object(request.zato, kind, id)
    try:
        plan = request.zato.ask('zato.config.get-dependents', {'kind': kind.name, 'id': id})
    except ServerError as e:
        if e.http_status not in (400, 404, 409):
            raise
        return _refuse(request, kind, item, {'changes': [], 'dependents': []}, e)
    if request.method != 'POST':
        return _show(request, kind, item, plan)
    if request.POST.get('plan') != digest_of(plan):
        return _show(request, kind, item, plan, problem=_CHANGED, status=409)
    try:
        answer = request.zato.call('zato.config.apply', {'changes': plan['changes']}).payload
    except ServerError as e:
        if e.http_status not in (400, 404, 409):
            raise
        return _refuse(request, kind, item, plan, e)
    count = deleted_too(plan)
    others = f', and with it {count} other object{"s" if count > 1 else ""}' if count else ''
    name = str(item['name'])
    tell(request, f'{kind.title(name)} has been deleted{others}.', answer, kind, name=name)
    return HttpResponseRedirect(list_page(kind))


def digest_of(plan: Mapping[str, Any]) -> str:
    """The same for the same changes of the same versions."""
    return sha256(json.dumps(plan['changes'], sort_keys=True).encode()).hexdigest()


def deleted_too(plan: Mapping[str, Any]) -> int:
    """How many objects are deleted besides the one."""
    return len([change for change in plan['changes'] if change['action'] == 'delete']) - 1


def _refuse(
    request: Request, kind: Kind, item: Mapping[str, Any], plan: Mapping[str, Any], e: ServerError
) -> HttpResponseBase:
    _, text, _, status = explain(e)
    return _show(request, kind, item, plan, problem=text, status=status)


def _show(
    request: Request, kind: Kind, item: Mapping[str, Any], plan: Mapping[str, Any], *, problem: str = '', status: int = 200
) -> HttpResponseBase:
    dependents = [
        {
            **found,
            'url': object_page(found['kind'], found['id'], found['name']),
            'is_deleted': found['action'] == 'delete',
        }
        for found in plan['dependents']
    ]
    context = {
        **object_context(request, kind, item, ''),
        'dependents': dependents,
        'deleted_too': max(0, deleted_too(plan)),
        'plan': digest_of(plan) if plan['changes'] else '',
        'problem': problem,
        'of_messages': becomes_of_messages(request.zato, plan),
    }
    return render(request, 'zato/objects/delete.html', context, status=status)
