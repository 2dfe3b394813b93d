"""Logs of all servers: searched, paged back, followed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import render

from zato.admin.cluster import Failure
from zato.admin.download import as_file
from zato.admin.logs.filters import (
    ACCESS_FILE,
    DEFAULT_FILE,
    LEVELS,
    Filters,
    Positions,
    read_filters,
    read_positions,
)
from zato.admin.logs.records import Page, later, latest, skipped
from zato.admin.middleware.access import Request
from zato.admin.page import page
from zato.client.admin import Answer

_LIMIT = 200  #: records of a page
_MOST = 1_000  #: of a download, and of what was written between two looks
_ANEW = 20  #: records that are shown first of a server that was away before
_SEARCH_PATIENCE = 8.0  #: seconds that a search may take
_PATIENCE = 3.0  #: seconds, for what is quick: what the other servers have written must not wait for one that hangs


@page('operator')
def show(request: Request) -> HttpResponseBase:
    """The latest records, or those `before` positions."""
    filters = read_filters(request.GET)
    before = read_positions(request.GET.getlist('before'), _servers(request, filters))
    files, away = _files(request, filters)
    found = _latest(request, filters, before, _LIMIT, away)
    other = ACCESS_FILE if filters.file == DEFAULT_FILE else DEFAULT_FILE
    context = {
        'filters': filters,
        'files': sorted({*files, filters.file}),
        'servers': [server.name for server in request.zato.servers],
        'levels': LEVELS,
        'has_calls': filters.file.startswith(ACCESS_FILE),
        'other_file': other if filters.cid and other in files else '',
        'found': found,
        'is_live': not before,
        'older': filters.address(before=found.before) if found.before else '',
        'newest': filters.address(),
        'download': filters.address('logs-download', before=before),
        'tail': filters.address('logs-tail', after=found.after),
        **_shown(filters, request, found),
    }
    return render(request, 'zato/logs/logs.html', context)


@page('operator', is_polled=True)
def tail(request: Request) -> HttpResponseBase:
    """What was written `after` positions."""
    filters = read_filters(request.GET)
    asked = read_positions(request.GET.getlist('after'), _servers(request, filters))
    payloads = {
        server: filters.payload() | ({'after': position, 'limit': _MOST} if position else {'limit': _ANEW})
        for server, position in asked.items()
    }
    found = later(_read(request, payloads, _PATIENCE), asked, _MOST)
    if found.full:
        ends = dict.fromkeys(found.full, filters.payload() | {'limit': 1})
        found = skipped(found, latest(_read(request, ends, _PATIENCE), _MOST))
    context = {'found': found, 'tail': filters.address('logs-tail', after=found.after), **_shown(filters, request, found)}
    return render(request, 'zato/logs/tail.html', context)


@page('operator')
def download(request: Request) -> HttpResponseBase:
    """As text, and more of them than a page shows."""
    filters = read_filters(request.GET)
    before = read_positions(request.GET.getlist('before'), _servers(request, filters))
    found = _latest(request, filters, before, _MOST, {})
    lines = [f'{server}: {problem}' for server, problem in found.problems.items()]
    lines += [record.as_line() for record in found.records]
    text = ''.join(f'{line}\n' for line in lines)
    return as_file(text, f'{filters.file}.txt')


def _latest(request: Request, filters: Filters, before: Positions, limit: int, away: Mapping[str, Failure]) -> Page:
    """away: servers that have just not answered, so that they are not waited for again."""
    payload = filters.payload() | {'limit': limit}
    if before:
        payloads = {server: payload | {'before': position} for server, position in before.items()}
    else:
        payloads = dict.fromkeys(_servers(request, filters), payload)
    asked = {server: payload for server, payload in payloads.items() if server not in away}
    answers = _read(request, asked, _SEARCH_PATIENCE)
    return latest(answers | {server: away[server] for server in payloads if server in away}, limit, before)


def _read(request: Request, payloads: Mapping[str, Any], patience: float) -> dict[str, Answer | Failure]:
    return request.zato.each('zato.log.read', payloads=payloads, timeout=patience)


def _files(request: Request, filters: Filters) -> tuple[set[str], dict[str, Failure]]:
    """Names of what any of the servers has; and the servers that do not answer."""
    payloads = dict.fromkeys(_servers(request, filters))
    found: set[str] = set()
    away: dict[str, Failure] = {}
    for server, answer in request.zato.each('zato.log.get-list', payloads=payloads, timeout=_PATIENCE).items():
        if isinstance(answer, Failure):
            away[server] = answer
        elif isinstance(answer.payload, list):
            found.update(str(file['name']) for file in answer.payload)
    return found, away


def _servers(request: Request, filters: Filters) -> Iterable[str]:
    return [filters.server] if filters.server else [server.name for server in request.zato.servers]


def _shown(filters: Filters, request: Request, found: Page) -> dict[str, Any]:
    """The records, each with its time. of_cid: the beginning of an address, which a cid completes."""
    zone = request.user.time_zone
    return {
        'records': [(record.shown_at(zone) if record.level else '', record) for record in found.records],
        'of_cid': f'{Filters(server=filters.server).address()}&cid=',
        'is_one_server': bool(filters.server) or len(request.zato.servers) == 1,
    }
