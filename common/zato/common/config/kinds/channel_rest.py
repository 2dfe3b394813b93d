"""REST channels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from zato.common.config.field import reference, setting
from zato.common.config.kind import kind

METHODS = ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS')

_PARAM = re.compile(r'\{([^{}/]*)\}')
_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_.-]*')
_RESERVED = '/zato/'


def check_url_path(path: Any) -> None:
    """Raises ValueError."""
    if not path.startswith('/'):
        raise ValueError('must begin with a slash')
    if f'{path}/'.startswith(_RESERVED):
        raise ValueError(f"must not be under {_RESERVED}, which is the server's own")
    if '?' in path or '#' in path:
        raise ValueError('must not have a query string or a fragment')
    if '%' in path:
        raise ValueError('must have characters as they are, not as %XX')
    names = _PARAM.findall(path)
    rest = _PARAM.sub('', path)
    if '{' in rest or '}' in rest:
        raise ValueError('must have a closing brace for each opening one, within one part of the path')
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f'must name a parameter in each pair of braces, such as {{customer_id}}, not {{{name}}}')
        if names.count(name) > 1:
            raise ValueError(f'must not have the parameter {{{name}}} twice')
    if re.search(r'\}\{', path):
        raise ValueError('must have something between two parameters')


@kind(
    'channel_rest',
    label='REST channel',
    services='zato.http-soap',
    fixed={'connection': 'channel', 'transport': 'plain_http'},
    unique=(('url_path', 'method'),),
    enmasse=('channel_rest', 'channel_plain_http', 'http_soap'),
    command='rest-channel',
    is_top_level_command=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelREST:
    """A path under which clients reach a service over HTTP."""

    url_path: str = setting(
        label='URL path',
        help='Exact, or with parameters in braces: /customer/{customer_id}; the most specific channel is taken',
        check=check_url_path,
        unique_as=lambda path: _PARAM.sub('{}', path),
    )
    service: int = reference('service', label='Service', help='What is invoked', default='pub.zato.ping')
    method: str = setting('', label='Method', help='The only one that is accepted; empty for any', choices=('', *METHODS))
    security: int | None = reference(
        'security_basic_auth',
        label='Security definition',
        help='Who may call; without one, anybody',
        default=None,
        aliases=('sec_def', 'sec_name'),
        none_names=('zato-no-security', 'ZATO_NONE', ''),
    )
    data_format: str = setting(
        '',
        label='Data format',
        help='json: bodies are parsed, and answers are JSON. Empty: services get the bytes as they came',
        choices=('', 'json'),
    )
