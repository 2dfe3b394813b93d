"""The channels that every server has: ping, the invoker of user services, the admin API (source: classic Zato 3.2)."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from zato.common.exception import Forbidden, NotFound
from zato.server.channel import json_format
from zato.server.channel.channel import Channel, Resolve
from zato.server.http.json import encode
from zato.server.http.message import Response
from zato.server.security.definitions import Authenticator
from zato.server.service import data
from zato.server.service.compiled import CompiledService
from zato.server.service.naming import is_reserved
from zato.server.service.store import ServiceStore

#: Built-in services that `/zato/api/invoke` reaches without being listed.
PUBLIC_SERVICES = frozenset({'zato.ping', 'pub.zato.ping', 'zato.helpers.echo', 'helpers.echo', 'pub.helpers.echo'})

ADMIN_INVOKE = 'zato.service.invoke'


def builtin_channels(
    store: ServiceStore, pubapi: Authenticator, admin: Authenticator, allow_internal: frozenset[str]
) -> list[Channel]:
    """`allow_internal`: further built-in services that `/zato/api/invoke` may reach."""
    return [
        Channel(
            name='zato.ping',
            path='/zato/ping',
            resolve=_always(store, 'zato.ping'),
            parse=json_format.parse,
            render=_render_with_env,
        ),
        Channel(
            name='service.invoke',
            path='/zato/api/invoke/{service_name}',
            security=pubapi,
            resolve=_by_path(store, PUBLIC_SERVICES | allow_internal),
            parse=_parse_invoke,
            render=json_format.render,
        ),
        Channel(
            name='admin.invoke.json',
            path='/zato/admin/invoke',
            security=admin,
            resolve=_always(store, ADMIN_INVOKE),
            parse=json_format.parse,
            render=_render_admin,
            has_full_errors=True,
        ),
    ]


def _always(store: ServiceStore, name: str) -> Resolve:
    def resolve(params: dict[str, str], cid: str) -> CompiledService:
        found = store.get(name)
        assert found is not None  # a built-in one, which stays
        return found

    return resolve


def _by_path(store: ServiceStore, allowed: frozenset[str]) -> Resolve:
    def resolve(params: dict[str, str], cid: str) -> CompiledService:
        name = params['service_name']
        found = store.get(name)
        if found is not None and (not found.is_internal or name in allowed):
            return found
        if found is not None or is_reserved(name):
            raise Forbidden(cid)
        raise NotFound(cid, f'No such service: {name}')

    return resolve


def _parse_invoke(request: Any, params: dict[str, str]) -> data.Request:
    # The service's name is for us, not an input of the service.
    return json_format.parse(request, {})


def _zato_env(cid: str) -> dict[str, str]:
    return {'result': 'ZATO_OK', 'cid': cid, 'details': ''}


def _render_with_env(response: data.Response, cid: str, channel: str) -> Response:
    response.payload = {**response.payload, 'zato_env': _zato_env(cid)}
    return json_format.render(response, cid, channel)


def _render_admin(response: data.Response, cid: str, channel: str) -> Response:
    """`{"response": base64 of the service's JSON, "zato_env": …}`, which classic clients take apart."""
    payload = response.payload
    raw = payload if isinstance(payload, bytes) else payload.encode() if isinstance(payload, str) else None
    raw = encode(payload) if raw is None else raw
    response.payload = {'response': b64encode(raw).decode(), 'zato_env': _zato_env(cid)}
    return json_format.render(response, cid, channel)
