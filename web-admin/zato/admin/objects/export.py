"""Objects as YAML, in the form that `zato enmasse` exports and imports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render

from zato.admin.middleware.access import Request
from zato.admin.objects.asking import get_object
from zato.admin.objects.kind_page import kind_page, may_do, object_context
from zato.common.config.kind import Kind, kinds
from zato.common.enmasse.writing import document_of
from zato.common.enmasse.writing import render as render_document

_PATIENCE: Final = 30.0  #: seconds; all objects there are

Exported = Mapping[str, Any]


@kind_page(get='get')
def show_one(request: Request, kind: Kind, id: int) -> HttpResponseBase:
    """With ?download=yes it is a file."""
    if not kind.enmasse:
        raise Http404
    item = get_object(request.zato, kind, id)
    found = [each for each in _exported(request) if (each['kind'], each['name']) == (kind.name, item['name'])]
    context = {**object_context(request, kind, item, 'YAML'), 'title': item['name']}
    return _answer(request, context, found, f'{kind.slug}-{item["name"]}')


@kind_page(get='get-list')
def show_all(request: Request, kind: Kind) -> HttpResponseBase:
    """All objects of the kind, with what they refer to. With ?download=yes it is a file."""
    if not kind.enmasse:
        raise Http404
    context = {**may_do(request, kind), 'title': kind.menu_path[-1]}
    return _answer(request, context, with_targets(kind.name, _exported(request)), kind.slug)


def with_targets(kind: str, exported: Sequence[Exported]) -> list[Exported]:
    """Objects of a kind, and those that they refer to, on and on. exported: as `zato.config.export` answers."""
    by_key = {(item['kind'], item['name']): item for item in exported}
    found = {key: item for key, item in by_key.items() if key[0] == kind}
    todo = list(found.values())
    while todo:
        for key in _targets(todo.pop(), by_key):
            if key not in found:
                found[key] = by_key[key]
                todo.append(by_key[key])
    return list(found.values())


def file_name(stem: str) -> str:
    """One that any file system takes."""
    return f'{re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.") or "objects"}.yaml'


def _targets(item: Exported, by_key: Mapping[tuple[str, str], Exported]) -> Iterator[tuple[str, str]]:
    for name, declared in kinds()[item['kind']].references.items():
        value = item['settings'].get(name)
        for text in value if isinstance(value, list) else [value] if value else []:
            prefix, _, rest = str(text).partition('/')
            keys = [(prefix, rest), *((kind, str(text)) for kind in declared.refers_to)]
            yield from [key for key in keys if key in by_key and key[0] in declared.refers_to][:1]


def _exported(request: Request) -> list[Exported]:
    return [item for item in request.zato.ask('zato.config.export', timeout=_PATIENCE)['objects'] if item['kind'] in kinds()]


def _answer(request: Request, context: dict[str, Any], objects: Sequence[Exported], stem: str) -> HttpResponseBase:
    text = render_document(document_of(objects), 'yaml')
    if 'download' in request.GET:
        disposition = f'attachment; filename="{file_name(stem)}"'
        return HttpResponse(
            text, content_type='application/yaml; charset=utf-8', headers={'Content-Disposition': disposition}
        )
    return render(request, 'zato/objects/yaml.html', {**context, 'text': text})
