"""Outgoing REST connections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from zato.common.config import classic_http
from zato.common.config.audit_log import Audited
from zato.common.config.field import reference, setting
from zato.common.config.kind import kind

PING_METHODS = ('HEAD', 'GET', 'OPTIONS', 'POST', 'PUT')

PARAM = re.compile(r'\{([^{}]*)\}')  #: in a path; its name is the group

_PARAM_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_.-]*')


def check_address(value: Any) -> None:
    """Raises ValueError."""
    rule = 'must be an address such as https://example.com:8443'
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError(rule) from None
    if parts.scheme not in ('http', 'https') or not parts.hostname or any(char.isspace() for char in value):
        raise ValueError(rule)
    if parts.username is not None:
        raise ValueError('must not have a user name or a password; a security definition is the place for them')
    if '#' in value:
        raise ValueError('must not have a fragment')
    try:
        parts.hostname.encode('idna')
    except UnicodeError:
        raise ValueError(f'must not have a name that no host can have, {parts.hostname}') from None


def check_host(value: Any) -> None:
    """Raises ValueError."""
    check_address(value)
    if '?' in value:
        raise ValueError('must not have a query string')


def check_url_path(value: Any) -> None:
    """Raises ValueError."""
    if value and not value.startswith('/'):
        raise ValueError('must begin with a slash')
    if '#' in value or any(char.isspace() for char in value):
        raise ValueError('must have no fragment and no spaces')
    rest = PARAM.sub('', value)
    if '{' in rest or '}' in rest:
        raise ValueError('must have a closing brace for each opening one')
    for name in PARAM.findall(value):
        if not _PARAM_NAME.fullmatch(name):
            raise ValueError(f'must name a parameter in each pair of braces, such as {{customer_id}}, not {{{name}}}')


@kind(
    'outgoing_rest',
    label='Outgoing REST connection',
    menu=('Connections', 'Outgoing', 'REST'),
    services='zato.http-soap',
    fixed={'connection': 'outgoing', 'transport': 'plain_http'},
    enmasse=('outgoing_rest', 'outconn_plain_http', 'http_soap'),
    operations=('get-list', 'get', 'create', 'edit', 'delete', 'ping'),
    connects=True,
    ignored={
        **classic_http.IGNORED,
        'service': ('', None),
        'service_name': ('', None),
        'service_id': ('', 0, None),
        'security_groups': ([], '', None),
        'method': None,
        'merge_url_params_req': None,
        'url_params_pri': None,
        'params_pri': None,
        'match_slash': None,
        'http_accept': ('', '*/*', None),
        'content_encoding': ('', None),
        'is_rate_limit_active': (False,),
        'rate_limit_type': None,
        'rate_limit_def': None,
        'rate_limit_check_parent_def': None,
    },
)
@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingREST(Audited):
    """An HTTP server that services call: self.out.rest['name'].conn."""

    host: str = setting(
        label='Host',
        is_listed=True,
        help='Where it is, such as https://example.com:8443',
        check=check_host,
        aliases=('address',),
    )
    url_path: str = setting(
        '',
        label='URL path',
        is_listed=True,
        help='What follows, with parameters in braces that each call fills in: /customer/{customer_id}',
        check=check_url_path,
    )
    security: int | None = reference(
        'security_basic_auth',
        'security_apikey',
        'security_bearer_token',
        label='Security definition',
        is_listed=True,
        help='The credentials that calls are made with',
        default=None,
        aliases=('sec_def', 'sec_name'),
        none_names=('zato-no-security', 'ZATO_NONE', ''),
    )
    data_format: str = setting(
        '',
        label='Data format',
        help='What requests are made of, and what answers are parsed as. Empty: text goes as it is, JSON answers are parsed',
        choices=('', 'json', 'form', 'xml'),
    )
    timeout: float = setting(
        10.0,
        label='Timeout',
        help='How long a call waits for each piece of an answer, and for one of the connections to be free',
        unit='seconds',
        minimum=0.001,
        maximum=86_400,
    )
    connect_timeout: float = setting(
        0.0,
        label='Connect timeout',
        group='Timeouts, retries, circuit breaker',
        help='How long a connection may take to be made; 0: as Timeout',
        unit='seconds',
        minimum=0,
        maximum=86_400,
    )
    total_timeout: float = setting(
        60.0,
        label='Total timeout',
        group='Timeouts, retries, circuit breaker',
        help='How long a whole call may take, with its retries; 0 for no limit',
        unit='seconds',
        minimum=0,
        maximum=86_400,
    )
    pool_size: int = setting(
        20,
        label='Pool size',
        is_listed=True,
        help='Most connections that a worker has open to it',
        minimum=1,
        maximum=10_000,
    )
    ping_method: str = setting(
        'HEAD', label='Ping method', group='Requests and answers', help='Of the request that a ping is', choices=PING_METHODS
    )
    content_type: str = setting(
        '',
        label='Content type',
        group='Requests and answers',
        help='Of requests; empty for that of the data format',
        max_length=200,
    )
    max_retries: int = setting(
        0,
        label='Max retries',
        group='Timeouts, retries, circuit breaker',
        help='How often a call is made again that failed, or was answered with 429, 502, 503 or 504; never POST and PATCH',
        minimum=0,
        maximum=100,
    )
    retry_sleep_time: float = setting(
        2.0,
        label='Retry sleep time',
        group='Timeouts, retries, circuit breaker',
        help='Pause before the first retry; it doubles with each one, up to 30 s, and is varied at random',
        unit='seconds',
        minimum=0,
        maximum=3_600,
    )
    breaker_failures: int = setting(
        0,
        label='Circuit breaker',
        group='Timeouts, retries, circuit breaker',
        help='After how many failures in a row calls fail at once for a while; 0 for never',
        minimum=0,
        maximum=1_000_000,
    )
    breaker_pause: float = setting(
        30.0,
        label='Circuit breaker pause',
        group='Timeouts, retries, circuit breaker',
        help='How long they do, before one call is let through that tells if it is there again',
        unit='seconds',
        minimum=0.001,
        maximum=86_400,
    )
    max_redirects: int = setting(
        5,
        label='Max redirects',
        group='Requests and answers',
        help='How many are followed; 0 gives the redirect itself',
        minimum=0,
        maximum=100,
    )
    max_response: int = setting(
        104_857_600,
        label='Max response',
        group='Requests and answers',
        help='Longest body of an answer, decompressed',
        unit='bytes',
        minimum=1,
    )
    tls_verify: bool = setting(
        True,
        label='Verify TLS',
        group='TLS',
        help="Is the server's certificate verified?",
        aliases=('sec_tls_ca_cert_id', 'sec_tls_ca_cert_name'),
        synonyms={'ZATO_DEFAULT': True, 'ZATO_NONE': False},
    )
    tls_ca_certs: str = setting(
        '',
        label='TLS CA certs',
        group='TLS',
        help="Authorities that may have signed it: a PEM file, relative to config/repo; empty for the system's own",
    )
    tls_client_cert: str = setting(
        '',
        label='TLS client cert',
        group='TLS',
        help='The certificate that this server shows, with those that signed it: a PEM file, relative to config/repo',
    )
    tls_client_key: str = setting(
        '',
        label='TLS client key',
        group='TLS',
        help='Its private key, a PEM file, relative to config/repo; empty if that is in the same one',
    )
    soap_version: str = setting(
        '',
        label='SOAP version',
        group='SOAP',
        help='Is text put into a SOAP envelope, unless it has one, and of which version? Empty: no',
        choices=('', '1.1', '1.2'),
    )
    soap_action: str = setting(
        '', label='SOAP action', group='SOAP', help='What requests say they are for, where SOAP is spoken'
    )
