"""The cluster in a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zato.admin.changes.trail import Entry
from zato.admin.links import address
from zato.admin.servers.state import State, Worker
from zato.admin.template_tags import size

#: How the audit trail names the pickup directory of a server.
_PICKUP = 'pickup on '


@dataclass(frozen=True, slots=True)
class Card:
    """page: where there is more of it, '' for nowhere."""

    label: str
    figure: str
    note: str = ''
    page: str = ''


def cards(states: Sequence[State]) -> list[Card]:
    """Numbers of servers that are down are not in them, but for that of servers."""
    up = [state for state in states if state.is_up]
    workers = [worker for state in up for worker in state.workers]
    ready = sum(state.ready for state in up)
    known = _best(workers)
    return [
        Card('Servers', f'{len(up)} of {len(states)}', 'up', address('servers')),
        Card('Workers', f'{ready} of {len(workers)}', 'ready', address('servers')),
        Card('Services', _count(known.services), f'in {_plural(known.modules, "module")}', address('services')),
        Card('Objects', _count(known.objects), 'services and built-in ones too'),
        Card('Requests running', _count(sum(state.running for state in up)), f'{_invoked(up)} since the start'),
        Card('Memory', size(sum(state.memory for state in up)), 'resident, of all workers'),
    ]


def is_first_run(states: Sequence[State], changes: Sequence[Entry]) -> bool:
    """Has nobody deployed or changed anything yet? There may be the module of sample services, and what servers make."""
    workers = [worker for state in states for worker in state.workers if worker.is_ready]
    own = [entry for entry in changes if entry.who != 'server' and not entry.who.startswith(_PICKUP)]
    return bool(workers) and not own and all(worker.modules + len(worker.module_problems) <= 1 for worker in workers)


def _best(workers: Sequence[Worker]) -> Worker:
    """The one that is the furthest: what it has, the cluster has."""
    return max(workers, key=lambda worker: worker.applied_event, default=Worker(pid=0))


def _invoked(states: Sequence[State]) -> str:
    return _count(sum(state.invoked for state in states))


def _plural(number: int, noun: str) -> str:
    return f'{_count(number)} {noun}{"" if number == 1 else "s"}'


def _count(number: int) -> str:
    return f'{number:,}'
