"""How to make from a shell the call that the invoker made."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from urllib.parse import quote

from zato.admin.cluster import Server
from zato.common.exception import ConfigError
from zato.common.reach import http_url

_MOST = 10_000  #: characters of a payload


def curl_command(servers: Sequence[Server], service: str, server: str, payload: str, data_format: str) -> str:
    """Asks for the password of user pubapi. '' where the call cannot be made so.

    server: '' for the first one. That path takes JSON alone, of users' services, and where a server is has to be known.
    """
    if service.startswith(('zato.', 'pub.zato.')) or data_format not in ('', 'json') or len(payload) > _MOST:
        return ''
    if payload and not _is_json(payload):
        return ''
    address = _address(next((item for item in servers if item.name == server), servers[0]))
    if not address:
        return ''
    data = ['--data-binary', payload, '-H', 'Content-Type: application/json'] if payload else ['-X', 'POST']
    command = ['curl', '-u', 'pubapi', *data, f'{address}/zato/api/invoke/{quote(service)}']
    return shlex.join(command)


def _address(server: Server) -> str:
    """'' of a server that does not run."""
    if '://' in server.address:
        return server.address.rstrip('/')
    try:
        host, port, tls = server.locate()
    except ConfigError:
        return ''
    return http_url(host, port, is_tls=tls is not None)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
