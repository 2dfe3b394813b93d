"""The channels that every server has: ping, the invoker of user services, the admin API (source: classic Zato 3.2)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from zato.common.api import CHANNEL
from zato.common.exception import Forbidden, NotFound
from zato.server.channel.channel import Channel, Resolve
from zato.server.channel.format.registry import data_format
from zato.server.http.json import encode
from zato.server.security.definitions import Authenticator
from zato.server.service import data
from zato.server.service.channel_info import ChannelInfo
from zato.server.service.compiled import CompiledService
from zato.server.service.naming import is_reserved
from zato.server.service.store import ServiceStore

#: Built-in services that `/zato/api/invoke` reaches without being listed.
PUBLIC_SERVICES = frozenset({'zato.ping', 'pub.zato.ping', 'zato.helpers.echo', 'helpers.echo', 'pub.helpers.echo'})

ADMIN_INVOKE = 'zato.service.invoke'

_MAX_LOG_IN = 65_536  #: bytes


def builtin_channels(
    store: ServiceStore, pubapi: Authenticator, admin: Authenticator, allow_internal: frozenset[str]
) -> list[Channel]:
    """`allow_internal`: further built-in services that `/zato/api/invoke` may reach."""
    return [
        Channel(
            name='zato.ping',
            path='/zato/ping',
            resolve=_always(store, 'zato.ping'),
            format=data_format('json'),
            info=_info('zato.ping', '/zato/ping'),
            envelope=_with_env,
        ),
        Channel(
            name='service.invoke',
            path='/zato/api/invoke/{service_name}',
            security=pubapi,
            resolve=_by_path(store, PUBLIC_SERVICES | allow_internal),
            format=_InvokeFormat(),
            info=_info('service.invoke', '/zato/api/invoke/{service_name}'),
            drops_path=True,
            is_query_payload=True,
        ),
        Channel(
            name='admin.invoke.json',
            path='/zato/admin/invoke',
            is_limited=False,
            security=admin,
            resolve=_always(store, ADMIN_INVOKE),
            format=data_format('json'),
            info=_info('admin.invoke.json', '/zato/admin/invoke'),
            envelope=_base64_with_env,
            has_full_errors=True,
        ),
        *(_jwt_channel(store, action) for action in ('log-in', 'log-out')),
    ]


def _jwt_channel(store: ServiceStore, action: str) -> Channel:
    """For anybody. What is in the URL is no input: access logs have it."""
    name, path = f'zato.jwt.{action}', f'/zato/jwt/{action}'
    return Channel(
        name=name,
        path=path,
        method='POST',
        resolve=_always(store, f'zato.security.jwt.{action}'),
        format=data_format('json'),
        info=_info(name, path),
        merges_params=False,
        max_body=_MAX_LOG_IN,
    )


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


class _InvokeFormat:
    """What `/zato/api/invoke` speaks: JSON in, if anything; text, bytes or JSON out, as they are."""

    name = 'json'

    def read(self, body: bytes, content_type: bytes, options: Mapping[str, Any]) -> Any:
        return data_format('json').read(body, content_type, options)

    def fields(self, payload: Any) -> Any:
        return payload

    def write(self, payload: Any, options: Mapping[str, Any]) -> tuple[bytes, bytes]:
        return data_format('').write(payload, options)


def _info(name: str, path: str) -> ChannelInfo:
    return ChannelInfo(name=name, type=CHANNEL.HTTP_SOAP, data_format='json', is_internal=True, match_target=path)


def _zato_env(response: data.Response, cid: str) -> dict[str, str]:
    return {'result': response.result, 'cid': cid, 'details': response.result_details}


def _with_env(response: data.Response, cid: str) -> Any:
    return {**response.payload, 'zato_env': _zato_env(response, cid)}


def _base64_with_env(response: data.Response, cid: str) -> Any:
    """`{"response": base64 of the service's JSON, "zato_env": …}`, which classic clients take apart."""
    payload = response.payload
    raw = payload if isinstance(payload, bytes) else payload.encode() if isinstance(payload, str) else encode(payload)
    return {'response': b64encode(raw).decode(), 'zato_env': _zato_env(response, cid)}
