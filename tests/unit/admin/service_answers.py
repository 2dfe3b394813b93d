"""What servers answer about services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.support.dashboard import Pages

#: Kinds whose objects refer to services.
_USERS = ('channel-rest', 'pubsub-endpoint', 'pubsub-topic')

PATH = '/env/server1/pickup/incoming/services/crm.py'


def service(name: str = 'crm.get-customer', **changed: Any) -> dict[str, Any]:
    """As `zato.service.get-list` has one."""
    return {
        'id': 7,
        'name': name,
        'impl_name': 'crm.GetCustomer',
        'is_internal': False,
        'is_active': True,
        'is_deployed': True,
        'version': 3,
        'module': 'crm',
        'number': 4,
        'path': PATH,
        'line': 12,
        'deployed': '2026-02-03T10:11:12+00:00',
        'docs': 'Answers with one customer.',
        'problem': '',
        **changed,
    }


def built_in(name: str = 'zato.ping') -> dict[str, Any]:
    nothing = {'module': '', 'number': 0, 'path': '', 'line': 0, 'deployed': '', 'docs': ''}
    return service(name, impl_name=name, is_internal=True, **nothing)


def listed(*services: dict[str, Any], **meta: Any) -> Callable[[Any], Any]:
    """`zato.service.get-list`: a page if it is asked for, or else those of that name."""
    usual = {'total': len(services), 'num_pages': 1, 'cur_page': 1, 'has_prev_page': False, 'has_next_page': False}
    links = {'prev_page': None, 'next_page': None}

    def answer(payload: Any) -> Any:
        if payload.get('paginate'):
            return {'response': list(services), '_meta': {**usual, **links, **meta}}
        return [item for item in services if item['name'] == payload['name']]

    return answer


def version(number: int = 4, **changed: Any) -> dict[str, Any]:
    """As `zato.service.get-version-list` has one."""
    return {
        'module': 'crm',
        'number': number,
        'sha256': f'{number:064}',
        'deployed': f'2026-02-0{number}T10:11:12+00:00',
        'who': 'jane',
        'server': 'server1',
        'path': PATH,
        'services': ['crm.get-customer'],
        'size': 1_234,
        'is_active': number == 4,
        **changed,
    }


def know(pages: Pages, *services: dict[str, Any], sources: Sequence[str] = ('a\nb\n', 'a\nc\n')) -> None:
    """Servers with these services, and versions of module crm from 3 on with these texts, of which 4 is active."""
    versions = [version(3 + i) for i in reversed(range(len(sources)))]

    def source_of(payload: Any) -> Any:
        number = payload['number'] or 4
        return {**version(number), 'lines': {'crm.get-customer': 2}, 'source': sources[number - 3]}

    pages.cluster.answers |= {
        'zato.service.get-list': listed(*services or (service(),)),
        'zato.service.get-version-list': versions,
        'zato.service.get-source': source_of,
        'zato.service.get': {'id': 7, 'name': 'crm.get-customer', 'is_rate_limit_active': False},
        'zato.service.get-receipt': {**version(4), 'applied': ['server1:1'], 'pending': [], 'failed': {}},
        **{f'zato.{kind}.get-list': {'response': [], '_meta': {}} for kind in _USERS},
    }
