"""The form that objects of all kinds are created and edited with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.http import HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render

from zato.admin.listing import number_in
from zato.admin.middleware.access import Request
from zato.admin.objects.asking import Gone, Names, down_by_server, get_object, last_change, names_of
from zato.admin.objects.errors import Errors, read_errors
from zato.admin.objects.facts import facts_of
from zato.admin.objects.inputs import Form, Group
from zato.admin.objects.kind_page import able, kind_page, may_do, object_context, saved_page
from zato.admin.objects.states import Errors as Down
from zato.admin.objects.states import silent, state_of, variable_notes
from zato.admin.objects.values import Values, defaults_of, differing, fields_of, request_of, text_of, typed, values_of
from zato.admin.outcome import tell
from zato.common.config.kind import Kind
from zato.common.exception import ZatoException


@kind_page(get='create', post='create')
def create(request: Request, kind: Kind) -> HttpResponseBase:
    """With ?clone=ID the form has what that object has, but for secrets; with ?<reference>=NAME it has that one."""
    if request.method == 'POST':
        return _save(request, kind, 0, 'created')
    values = defaults_of(kind)
    if clone := number_in(request.GET, 'clone'):
        values = values_of(kind, get_object(request.zato, kind, clone))
        values['name'] = f'{values["name"]} copy'
    values.update(
        (key, request.GET[key]) for key, declared in kind.references.items() if key in request.GET and not declared.is_many
    )
    return _show(request, kind, None, values, None)


@kind_page(get='get', post='edit')
def show_object(request: Request, kind: Kind, id: int) -> HttpResponseBase:
    """The form, or what it has as text, for those who may not change anything."""
    if request.method == 'POST':
        return _save(request, kind, id, 'saved')
    item = get_object(request.zato, kind, id)
    if able(kind, 'edit', request.user.role):
        return _show(request, kind, item, values_of(kind, item), None)
    down = _down(request, kind, item)
    facts = facts_of(kind, item, lambda name: variable_notes(name, id, down))
    context = {**object_context(request, kind, item, 'Form'), **_state(kind, item, down), 'shown': facts}
    return render(request, 'zato/objects/shown.html', context)


def _save(request: Request, kind: Kind, id: int, done: str) -> HttpResponseBase:
    """id: 0 to create one."""
    mine = typed(kind, request.POST)
    change = request_of(kind, mine)
    if id:
        change.update(id=id, version=request.POST.get('version', ''))
        change.pop('name', None) if not kind.is_renamable else None
    try:
        answer = request.zato.call(f'{kind.derived_services}.{"edit" if id else "create"}', change).payload
    except ZatoException as e:
        return _refuse(request, kind, id, mine, e)
    tell(request, f'{kind.title(answer["name"])} has been {done}.', answer, kind, name=answer['name'])
    return HttpResponseRedirect(saved_page(kind, answer['id'], answer['name']))


def _refuse(request: Request, kind: Kind, id: int, mine: Values, e: ZatoException) -> HttpResponseBase:
    """The form again, with what was typed, and what is wrong with it."""
    item: dict[str, Any] | None = None
    if id:
        try:
            item = get_object(request.zato, kind, id)
        except Gone:
            pass
        except ZatoException:  # what was typed is worth more than what cannot be asked for
            item = {'id': id, 'name': mine.get('name', ''), 'error': '', 'version': request.POST.get('version', '')}
    errors = read_errors(kind, e, {'name', 'is_active', *(declared.name for declared in fields_of(kind, item))})
    errors.is_gone = bool(id) and item is None
    return _show(request, kind, item, {**defaults_of(kind), **mine}, errors)


def _show(
    request: Request, kind: Kind, item: Mapping[str, Any] | None, values: Values, errors: Errors | None
) -> HttpResponseBase:
    """item: None for a new object. errors: None on first sight."""
    down = _down(request, kind, item) if item is not None else {}
    stored = values_of(kind, item) if item is not None else {}

    def notes_of(name: str) -> tuple[str, ...]:
        is_stored = item is not None and values.get(name) == stored.get(name)
        return variable_notes(name, int(item['id']), down) if item is not None and is_stored else ()

    form = Form(
        kind=kind,
        item=item,
        values=values,
        names_of=_names(request, is_patient=errors is None),
        errors=errors.by_input if errors is not None else {},
        notes_of=notes_of,
    )
    groups = form.groups()
    context: dict[str, Any] = {'groups': groups, **may_do(request, kind)}
    if item is not None:
        context.update(object_context(request, kind, item, 'Form'), **_state(kind, item, down))
        context['version'] = request.POST.get('version') or item['version']
    if errors is not None:
        context['problems'] = _problems(groups, errors)
        context['is_gone'] = errors.is_gone
        if errors.is_conflict and item is not None:
            context['conflict'] = _conflict(request, kind, item, values)
            context['version'] = item['version']
    return render(request, 'zato/objects/form.html', context, status=errors.status if errors is not None else 200)


def _problems(groups: Sequence[Group], errors: Errors) -> list[tuple[str, str, str]]:
    """Label, text, and the ID of the input that it is about."""
    found = [
        (item.label, text, item.id)
        for group in groups
        for item in group.inputs
        for text in errors.by_input.get(item.name, ())
    ]
    return [*(('', text, '') for text in errors.general), *found]


def _conflict(request: Request, kind: Kind, item: Mapping[str, Any], mine: Values) -> dict[str, Any]:
    """Who has changed it, and what differs from what the user typed."""
    theirs = values_of(kind, item)
    labels = {'name': 'Name', 'is_active': 'Active', **{name: declared.label for name, declared in kind.fields.items()}}
    rows = [(labels[name], text_of(theirs[name]), text_of(mine[name])) for name in differing(kind, theirs, mine)]
    try:
        last = last_change(request.zato, int(item['id'])) or {}
    except ZatoException:
        last = {}
    return {'who': last.get('who', ''), 'at': last.get('at', ''), 'rows': rows}


def _names(request: Request, *, is_patient: bool) -> Callable[[Sequence[str]], Names]:
    """Asks for names of objects, once of each set of kinds. is_patient: or is it better to have none than to fail?"""
    known: dict[tuple[str, ...], Names] = {}

    def ask(refers_to: Sequence[str]) -> Names:
        key = tuple(refers_to)
        if key not in known:
            try:
                known[key] = names_of(request.zato, key)
            except ZatoException:
                if is_patient:
                    raise
                known[key] = Names({}, 0)
        return known[key]

    return ask


def _down(request: Request, kind: Kind, item: Mapping[str, Any]) -> Down:
    if len(request.zato.servers) > 1:
        return down_by_server(request.zato, kind)
    return {request.zato.servers[0].name: {int(item['id']): str(item['error'])} if item['error'] else {}}


def _state(kind: Kind, item: Mapping[str, Any], down: Down) -> dict[str, Any]:
    return {
        'state': state_of(kind, int(item['id']), down, is_active=bool(item.get('is_active', True))),
        'away': silent(down),
    }
