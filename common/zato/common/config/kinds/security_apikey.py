"""API keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from zato.common.config.field import secret, setting
from zato.common.config.kind import kind
from zato.common.config.rate_limit import RateLimited, check_limits

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def check_header_name(value: Any) -> None:
    """Raises ValueError."""
    if not _HEADER.fullmatch(value):
        raise ValueError('must be the name of an HTTP header, such as X-API-Key')


@kind(
    'security_apikey',
    label='API key',
    menu=('Security', 'API keys'),
    services='zato.security.apikey',
    fixed={'type': 'apikey'},
    enmasse=('security', 'def_sec', 'apikey'),
    command='api-key',
    inline=('api-key', 'header', 'password'),
    operations=('get-list', 'get', 'create', 'edit', 'delete', 'change-password'),
    ignored={'username': None},
    check=check_limits,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityAPIKey(RateLimited):
    """A key in a header of requests, by which clients are told apart."""

    header: str = setting(
        'X-API-Key',
        label='Header',
        is_listed=True,
        help='The header that the key is in',
        max_length=200,
        check=check_header_name,
    )
    password: str = secret(label='API key', help='A random one unless it is given; change it with Change password')
