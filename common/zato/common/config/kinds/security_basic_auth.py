"""HTTP Basic Auth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zato.common.config.field import secret, setting
from zato.common.config.kind import kind
from zato.common.config.rate_limit import RateLimited, check_limits


def _check_username(value: Any) -> None:
    if ':' in value:
        raise ValueError('must not have a colon, which ends the user name in what clients send (RFC 7617)')


@kind(
    'security_basic_auth',
    label='Basic Auth',
    menu=('Security', 'HTTP Basic Auth'),
    services='zato.security.basic-auth',
    fixed={'type': 'basic_auth'},
    enmasse=('security', 'def_sec', 'basic_auth'),
    command='basic-auth',
    inline=('basic-auth', 'username', 'password'),
    operations=('get-list', 'get', 'create', 'edit', 'delete', 'change-password'),
    check=check_limits,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityBasicAuth(RateLimited):
    """A user name and a password by which clients are told apart (RFC 7617)."""

    username: str = setting(
        label='Username', is_listed=True, help='What clients send', max_length=200, check=_check_username
    )
    realm: str = setting(
        'API', label='Domain', is_listed=True, help='What clients without credentials are told they need them for'
    )
    password: str = secret(label='Password', help='A random one unless it is given; change it with Change password')
