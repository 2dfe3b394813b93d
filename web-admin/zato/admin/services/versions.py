"""The versions of a module, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import render

from zato.admin.cluster import Calls
from zato.admin.listing import number_in
from zato.admin.middleware.access import Request
from zato.admin.page import page
from zato.admin.services.difference import Line, compare
from zato.admin.services.source import read_version
from zato.admin.services.subject import module_page

Version = dict[str, Any]


@page('viewer')
def show_versions(request: Request, name: str) -> HttpResponseBase:
    subject = module_page(request, name, 'Versions')
    versions = versions_of(request.zato, name)
    old, new = usual_pair(versions)
    context = {'subject': subject, 'versions': versions, 'old': old, 'new': new}
    return render(request, 'zato/services/versions.html', context)


@page('viewer')
def show_difference(request: Request, name: str) -> HttpResponseBase:
    """?old= and ?new= are numbers of versions; by default, the active one is compared with the one before."""
    subject = module_page(request, name, 'Versions')
    versions = versions_of(request.zato, name)
    usual_old, usual_new = usual_pair(versions)
    numbers = number_in(request.GET, 'old') or usual_old, number_in(request.GET, 'new') or usual_new
    old, new = (read_version(request.zato, name, number) for number in numbers)
    context = {'subject': subject, 'versions': versions, 'old': old, 'new': new, **shown(old, new)}
    return render(request, 'zato/services/difference.html', context)


def versions_of(zato: Calls, name: str) -> list[Version]:
    """The newest first, as `zato.service.get-version-list` has them. Raises ServerError."""
    versions: list[Version] = zato.ask('zato.service.get-version-list', {'name': name})
    return versions


def usual_pair(versions: Sequence[Version]) -> tuple[int, int]:
    """Numbers of what one wants to compare first: the active version, or the newest, and the one before it."""
    new = next((version for version in versions if version['is_active']), versions[0])
    older = [version['number'] for version in versions if version['number'] < new['number']]
    return max(older, default=new['number']), new['number']


def shown(old: Version, new: Version) -> dict[str, Any]:
    """What pages say of the difference: `lines`, None if too much differs, and how many were `added` and `removed`."""
    lines: list[Line] | None = compare(old['source'], new['source'])
    css = [line.css for line in lines or ()]
    return {'lines': lines, 'added': css.count('added'), 'removed': css.count('removed')}
