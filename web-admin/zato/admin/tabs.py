"""Tabs of pages that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from zato.admin.page import may


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to one of the pages."""

    label: str
    url: str
    is_current: bool


def service_tabs(service: Mapping[str, Any], role: str, current: str) -> tuple[Tab, ...]:
    """Of the pages of a service and of those of its object, as far as that role may see them. current: a label."""
    name, id = service['name'], service.get('id')
    pages: dict[str, tuple[str, list[Any]]] = {'Overview': ('service', [name])}
    if may(role, 'operator'):
        pages['Invoker'] = ('service-invoker', [name])
    if not service.get('is_internal', True):
        pages |= {'Source code': ('service-source', [name]), 'Versions': ('service-versions', [name])}
    if id:
        pages |= {'Form': ('object', ['service', id]), 'History': ('object-history', ['service', id])}
    return tuple(Tab(label, reverse(page, args=args), label == current) for label, (page, args) in pages.items())
