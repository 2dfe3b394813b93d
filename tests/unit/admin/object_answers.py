"""What servers answer about objects of any kind, for tests of lists and forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.dashboard import FakeCluster
from zato.common.config.kind import Kind, kinds
from zato.common.config.stored import MASK, with_defaults

SERVICES = ('pub.zato.ping', 'my.service')


def shown(kind: Kind, id: int = 1, name: str = 'My object', **settings: Any) -> dict[str, Any]:
    """An object as `get` and `get-list` have it. settings: what is not as it is by default; references by name."""
    item: dict[str, Any] = {'id': id, 'name': name, 'is_active': True, 'version': 3, 'kind': kind.name, 'error': ''}
    for field, value in with_defaults(kind, required(kind)).items():
        declared = kind.fields[field]
        item[field] = MASK if declared.is_secret else value
    for field, declared in kind.references.items():
        names = settings.get(field, item.get(field))
        found = names if isinstance(names, list) else [names] if names else []
        ids = [100 + position for position in range(len(found))]
        item[f'{field}_id'] = ids if declared.is_many else next(iter(ids), None)
        if len(declared.refers_to) > 1:
            in_kinds = [declared.refers_to[0]] * len(found)
            item[f'{field}_kind'] = in_kinds if declared.is_many else next(iter(in_kinds), None)
    return {**item, **kind.fixed, **settings}


def required(kind: Kind) -> dict[str, str]:
    """Something that fits, for each setting without a default."""
    samples = {'url_path': '/x', 'host': 'http://127.0.0.1:1', 'auth_server_url': 'http://127.0.0.1:1/token'}
    return {name: samples.get(name, 'sample') for name, declared in kind.fields.items() if declared.is_required}


def page_of(items: Sequence[dict[str, Any]], **meta: Any) -> dict[str, Any]:
    """As a paged get-list answers."""
    return {
        'response': list(items),
        '_meta': {'total': len(items), 'num_pages': 1, 'cur_page': 1, 'page_size': 50, **meta},
    }


def objects_of(cluster: FakeCluster, **names: Sequence[str]) -> None:
    """Lists of every kind: of services SERVICES, of others what `names` has by kind."""
    for kind in kinds().values():
        found = names.get(kind.name, SERVICES if kind.name == 'service' else ('one', 'two'))
        items = [shown(kind, id=100 + position, name=name) for position, name in enumerate(found)]
        cluster.answers[f'{kind.derived_services}.get-list'] = page_of(items)
    cluster.answers['zato.config.get-error-list'] = {'errors': {}}


def saved(id: int = 1, name: str = 'My object', **more: Any) -> dict[str, Any]:
    """As `create` and `edit` answer."""
    return {'id': id, 'name': name, 'version': 4, 'event': 9, 'pending': [], 'failed': {}, **more}


def as_saved(payload: Any) -> dict[str, Any]:
    """The same, of whatever is given."""
    return saved(id=int(payload.get('id') or 7), name=str(payload.get('name') or 'My object'))
