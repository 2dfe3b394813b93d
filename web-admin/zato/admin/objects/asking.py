"""What these pages ask servers for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zato.admin.cluster import Calls, Failure
from zato.client.admin import ServerError
from zato.common.config.kind import Kind, kinds
from zato.common.exception import ZatoException

_MOST_NAMES = 1_000  #: of one kind, that a form is made with
_PATIENCE = 3.0  #: seconds that a page waits for each server's word on what is down there


class Garbled(ZatoException):
    """A server answered with something else than it was asked for"""

    status = 502


class Gone(ZatoException):
    """There is no such object, or no longer"""

    status = 404


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list. items: as `get-list` has them. meta: which page it is, and how many there are."""

    items: Sequence[Mapping[str, Any]]
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Names:
    """Of objects that a reference may lead to, by kind. total: how many there are, of which there may be more."""

    by_kind: Mapping[str, Sequence[str]]
    total: int


def get_page(zato: Calls, kind: Kind, payload: Mapping[str, Any]) -> Found:
    """payload: which page. Raises what `Calls.ask` does, Garbled."""
    answer = zato.ask(f'{kind.derived_services}.get-list', {**payload, 'paginate': True})
    try:
        return Found([dict(item) for item in answer['response']], dict(answer['_meta']))
    except (TypeError, KeyError, ValueError):
        raise Garbled(msg=f'The server answered {kind.derived_services}.get-list with something else than a list') from None


def get_object(zato: Calls, kind: Kind, id: int) -> dict[str, Any]:
    """Raises Gone, what `Calls.ask` does, Garbled."""
    try:
        found = zato.ask(f'{kind.derived_services}.get', {'id': id})
    except ServerError as e:
        if e.http_status == 404:
            raise Gone(msg=e.details) from None
        raise
    if not isinstance(found, dict) or 'name' not in found:
        raise Garbled(msg=f'The server answered {kind.derived_services}.get with something else than an object')
    return found


def down_by_server(zato: Calls, kind: Kind) -> dict[str, Mapping[int, str] | Failure]:
    """Why objects of the kind are down, by their IDs, on each server; or that it does not say."""
    found: dict[str, Mapping[int, str] | Failure] = {}
    for server, answer in zato.each('zato.config.get-error-list', {'kind': kind.name}, timeout=_PATIENCE).items():
        if isinstance(answer, Failure):
            found[server] = answer
            continue
        try:
            found[server] = {int(id): str(why) for id, why in answer.payload['errors'].items()}
        except (TypeError, KeyError, ValueError, AttributeError):
            found[server] = Failure(server, Garbled(msg='It answered with something else than a list of errors'))
    return found


def names_of(zato: Calls, refers_to: Sequence[str]) -> Names:
    """Of objects of these kinds, built-in ones last; of many, the first of each kind."""
    by_kind, total = {}, 0
    for name in refers_to:
        page = get_page(zato, kinds()[name], {'page_size': _MOST_NAMES})
        by_kind[name] = [str(item['name']) for item in sorted(page.items, key=lambda item: bool(item.get('is_internal')))]
        total += int(page.meta.get('total') or len(page.items))
    return Names(by_kind, total)


def last_change(zato: Calls, id: int) -> dict[str, Any] | None:
    """The latest entry on an object in the audit trail, None if there is none."""
    found = zato.ask('zato.audit.get-list', {'object_id': id, 'limit': 1})
    return dict(found[0]) if isinstance(found, list) and found else None
