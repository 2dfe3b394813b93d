"""`self.wsgi_environ`: the HTTP request as WSGI has it (PEP 3333), for services that read it that way."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from zato.server.http.message import Request
    from zato.server.service.channel_info import ChannelInfo

_WITHOUT_PREFIX = {'CONTENT_TYPE', 'CONTENT_LENGTH'}


def wsgi_environ(message: Request | None, channel: ChannelInfo) -> dict[str, Any]:
    """Empty without a message."""
    if message is None:
        return {}
    environ: dict[str, Any] = {
        'REQUEST_METHOD': message.method.decode('latin-1'),
        'SCRIPT_NAME': '',
        'PATH_INFO': unquote_to_bytes(message.path).decode('latin-1'),
        'QUERY_STRING': message.query.decode('latin-1'),
        'SERVER_PROTOCOL': message.version.decode('latin-1'),
        'REMOTE_ADDR': message.peer,
        'CONTENT_LENGTH': str(len(message.body)),
        'wsgi.version': (1, 0),
        'wsgi.input': BytesIO(message.body),
        'zato.http.remote_addr': message.peer,
        'zato.channel_name': channel.name,
    }
    for name, value in message.headers.items():
        key = name.decode('latin-1').upper().replace('-', '_')
        environ[key if key in _WITHOUT_PREFIX else f'HTTP_{key}'] = value.decode('latin-1')
    host = environ.get('HTTP_HOST', '')
    name, separator, port = host.rpartition(':')
    is_name = not separator or port.endswith(']')  # of an address in IPv6
    environ['SERVER_NAME'], environ['SERVER_PORT'] = (host, '') if is_name else (name, port)
    return environ
