"""Channels and routes as tests of them need them."""

from __future__ import annotations

from zato.server.channel.channel import Channel
from zato.server.channel.format import raw
from zato.server.channel.routes import Routes
from zato.server.service.compiled import CompiledService


def no_service(params: dict[str, str], cid: str) -> CompiledService:
    raise AssertionError('nothing is invoked here')


def channel(path: str, method: str = '', name: str = '', *, accept: str = '*/*', match_slash: bool = False) -> Channel:
    return Channel(
        name=name or f'{method} {path}'.strip(),
        path=path,
        method=method,
        http_accept=accept,
        match_slash=match_slash,
        resolve=no_service,
        format=raw.FORMAT,
    )


def slashed(path: str, method: str = '', name: str = '') -> Channel:
    return channel(path, method, name, match_slash=True)


def routes_of(*channels: str | Channel) -> Routes:
    """Each channel is 'METHOD /path' or '/path' for any method."""
    routes = Routes()
    for item in channels:
        if isinstance(item, str):
            method, _, path = item.rpartition(' ')
            item = channel(path, method)
        routes.add(item)
    return routes


def match(routes: Routes, path: str | bytes, method: str = 'GET', accept: bytes = b'') -> tuple[str, dict[str, str]]:
    """Name of the channel, and the parameters."""
    found, params = routes.match(path if isinstance(path, bytes) else path.encode(), method.encode(), accept)
    return found.name, params


def is_empty(routes: Routes) -> bool:
    return not routes._exact and routes._root.is_empty
