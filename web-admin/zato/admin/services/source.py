"""Source code of a module, as a page and as a file."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import render

from zato.admin.cluster import Calls
from zato.admin.download import as_file
from zato.admin.listing import number_in
from zato.admin.middleware.access import Request
from zato.admin.page import page
from zato.admin.services.subject import module_page

_MOST_LINES = 5_000  #: on a page
_MOST_CHARACTERS = 500_000


@page('viewer')
def show_source(request: Request, name: str) -> HttpResponseBase:
    """?number= is that of a version; by default it is the active one, or the last undeployed one."""
    subject = module_page(request, name, 'Source code')
    version = read_version(request.zato, name, number_in(request.GET, 'number'))
    lines, is_cut = lines_of(version['source'])
    context = {
        'subject': subject,
        'version': version,
        'lines': lines,
        'is_cut': is_cut,
        'line': version['lines'].get(name, 0),
    }
    return render(request, 'zato/services/source.html', context)


@page('viewer')
def save_file(request: Request, name: str) -> HttpResponseBase:
    """The same text as a file."""
    version = read_version(request.zato, name, number_in(request.GET, 'number'))
    return as_file(version['source'], PurePath(version['path']).name)


def read_version(zato: Calls, name: str, number: int) -> dict[str, Any]:
    """With its `source`. number: 0 for the active one, or the last undeployed one. Raises ServerError."""
    version: dict[str, Any] = zato.ask('zato.service.get-source', {'name': name, 'number': number})
    return version


def lines_of(source: str) -> tuple[list[str], bool]:
    """Those that a page shows, and whether there are more."""
    lines = source[:_MOST_CHARACTERS].split('\n')
    if lines[-1] == '':
        lines.pop()
    is_cut = len(source) > _MOST_CHARACTERS or len(lines) > _MOST_LINES
    return lines[:_MOST_LINES], is_cut
