"""Servers: a list of them, and what one of them does."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from zato.admin.middleware.access import Request
from zato.admin.middleware.problems import explain
from zato.admin.page import page
from zato.admin.servers.state import PATIENCE, read_states
from zato.client.admin import ServerError, ServerUnreachable

_INFO = 'zato.server.get-info'


@page('viewer')
def show_list(request: Request) -> HttpResponseBase:
    return render(request, 'zato/servers/list.html', _list_context(request))


@page('viewer', is_polled=True)
def rows(request: Request) -> HttpResponseBase:
    """The part that changes."""
    return render(request, 'zato/servers/rows.html', _list_context(request))


@page('viewer')
def show(request: Request, name: str) -> HttpResponseBase:
    return render(request, 'zato/servers/server.html', _context(request, name))


@page('viewer', is_polled=True)
def facts(request: Request, name: str) -> HttpResponseBase:
    """The part that changes."""
    return render(request, 'zato/servers/facts.html', _context(request, name))


@page('operator')
@require_POST
def cancel(request: Request, name: str) -> HttpResponseBase:
    """End a call that runs there."""
    cid = request.POST.get('cid', '')
    try:
        request.zato.call('zato.service.cancel', {'cid': cid}, server=name)
    except (ServerError, ServerUnreachable) as e:
        messages.error(request, f'Call {cid} was not cancelled: {explain(e).text}')
    else:
        messages.success(request, f'Call {cid} was told to end. It does as soon as it waits for something.')
    return redirect('server', name)


def _list_context(request: Request) -> dict[str, Any]:
    return {'states': read_states(request.zato.servers, request.zato.each(_INFO, timeout=PATIENCE))}


def _context(request: Request, name: str) -> dict[str, Any]:
    """Raises UnknownServer."""
    answers = request.zato.each(_INFO, payloads={name: None}, timeout=PATIENCE)
    servers = [server for server in request.zato.servers if server.name == name]
    state = read_states(servers, answers)[0]
    return {'state': state, 'name': name}
