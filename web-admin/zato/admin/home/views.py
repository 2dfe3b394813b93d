"""Is anything wrong?"""

from __future__ import annotations

from time import time
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import render

from zato.admin.changes.trail import Entry, read_trail
from zato.admin.home.concerns import find_concerns, lasting
from zato.admin.home.figures import cards, is_first_run
from zato.admin.middleware.access import Request
from zato.admin.page import page
from zato.admin.servers.noticed import noticed_since
from zato.admin.servers.state import PATIENCE, State, read_states
from zato.common.exception import ZatoException

_RECENT = 5  #: changes


@page('viewer')
def home(request: Request) -> HttpResponseBase:
    return render(request, 'zato/home/home.html', _context(request))


@page('viewer', is_polled=True)
def state(request: Request) -> HttpResponseBase:
    """The part that changes."""
    return render(request, 'zato/home/state.html', _context(request))


def _context(request: Request) -> dict[str, Any]:
    """The servers are asked first, so that those that are away are asked last for the rest."""
    states = read_states(request.zato.servers, request.zato.each('zato.server.get-info', timeout=PATIENCE))
    now = time()
    found = find_concerns(states, _peers(request, states))
    concerns = lasting(found, noticed_since([concern.key for concern in found], now), now)
    changes, no_changes = _recent(request, states)
    return {
        'concerns': concerns,
        'cards': cards(states),
        'changes': changes,
        'no_changes': no_changes,
        'is_first_run': not no_changes and is_first_run(states, changes),
    }


def _peers(request: Request, states: list[State]) -> set[str] | None:
    """Servers whose workers are in the ODB, None if nobody can say."""
    if not any(state.is_up and not state.odb_problem for state in states):
        return None
    try:
        return {str(worker['server']) for worker in request.zato.ask('zato.worker.get-list', timeout=PATIENCE)}
    except (ZatoException, KeyError, TypeError):
        return None


def _recent(request: Request, states: list[State]) -> tuple[list[Entry], str]:
    """The latest changes, and why they are not known."""
    if not any(state.is_up for state in states):
        return [], 'No server answers, so nobody knows what was changed.'
    if not any(state.is_up and not state.odb_problem for state in states):
        return [], 'The ODB does not answer, so nobody knows what was changed.'
    try:
        found = request.zato.ask('zato.audit.get-list', {'limit': _RECENT}, timeout=PATIENCE)
        return read_trail(found), ''
    except ZatoException as e:
        return [], f'What was changed is not known: {e}'
