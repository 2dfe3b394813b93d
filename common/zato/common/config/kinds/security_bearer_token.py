"""Bearer tokens that an authorization server gives to this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zato.common.config.field import secret, setting
from zato.common.config.kind import kind
from zato.common.config.kinds.outgoing_rest import check_address


def check_extra_fields(value: Any) -> None:
    """Raises ValueError."""
    for number, line in enumerate(value.splitlines(), 1):
        if line.strip() and not ('=' in line and line.partition('=')[0].strip()):
            raise ValueError(f'must have a line key=value for each field, which line {number} is not')


@kind(
    'security_bearer_token',
    label='Bearer token',
    menu=('Security', 'Bearer tokens'),
    services='zato.security.oauth',
    fixed={'type': 'bearer_token'},
    enmasse=('security', 'def_sec', 'bearer_token', 'oauth'),
    enmasse_types=('bearer_token', 'oauth'),
    operations=('get-list', 'get', 'create', 'edit', 'delete', 'change-password'),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityBearerToken:
    """OAuth client credentials for which an authorization server gives tokens for outgoing calls (RFC 6749, 4.4)."""

    username: str = setting(
        label='Client ID', is_listed=True, help='What this server is called there', aliases=('client_id',)
    )
    auth_server_url: str = setting(
        label='Auth. server URL',
        is_listed=True,
        help='Where tokens are asked for, such as https://example.com/oauth2/token',
        check=check_address,
        aliases=('auth_endpoint',),
    )
    scopes: str = setting('', label='Scopes', help='What is asked for, one a line', is_multiline=True)
    grant_type: str = setting(
        'client_credentials', label='Grant type', group='What is asked with', help='What the server is told'
    )
    client_id_field: str = setting(
        'client_id', label='Client ID field', group='What is asked with', help='The name that the client ID goes by'
    )
    client_secret_field: str = setting(
        'client_secret', label='Client secret field', group='What is asked with', help='The name that the secret goes by'
    )
    extra_fields: str = setting(
        '',
        label='Extra fields',
        group='What is asked with',
        help='What else is sent, one key=value a line; they are shown, so with a secret among them, let all of it be $NAME',
        is_multiline=True,
        check=check_extra_fields,
    )
    data_format: str = setting(
        'form',
        label='Data format',
        group='What is asked with',
        help='What the request is made as; RFC 6749 wants a form',
        choices=('form', 'json'),
    )
    tls_verify: bool = setting(
        True, label='Verify TLS', group='TLS', help="Is the authorization server's certificate verified?"
    )
    tls_ca_certs: str = setting(
        '',
        label='TLS CA certs',
        group='TLS',
        help="Authorities that may have signed it: a PEM file, relative to config/repo; empty for the system's own",
    )
    password: str = secret(label='Client secret', help='What the authorization server knows this server by')
