"""JWT: tokens that clients are given when they log in to this server."""

from __future__ import annotations

from dataclasses import dataclass

from zato.common.config.field import secret, setting
from zato.common.config.kind import kind
from zato.common.config.rate_limit import RateLimited, check_limits


@kind(
    'security_jwt',
    label='JWT',
    menu=('Security', 'JWT'),
    services='zato.security.jwt',
    fixed={'type': 'jwt'},
    enmasse=('security', 'def_sec', 'jwt'),
    unique=(('username',),),
    operations=('get-list', 'get', 'create', 'edit', 'delete', 'change-password'),
    check=check_limits,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityJWT(RateLimited):
    """A user name and a password for which /zato/jwt/log-in gives a token; each use makes the token live on (RFC 7519)."""

    username: str = setting(label='Username', is_listed=True, help='What clients log in with', max_length=200)
    ttl: int = setting(
        3_600,
        label='TTL',
        is_listed=True,
        help='How long a token lives after it was last used',
        unit='seconds',
        minimum=1,
        maximum=31_536_000,
    )
    password: str = secret(label='Password', help='A random one unless it is given; change it with Change password')
