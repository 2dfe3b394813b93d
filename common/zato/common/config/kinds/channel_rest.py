"""REST channels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from zato.common.config import classic_http
from zato.common.config.audit_log import Audited
from zato.common.config.field import reference, references, setting
from zato.common.config.kind import kind
from zato.common.config.origins import ANY, NULL, parse_origins
from zato.common.config.rate_limit import RateLimited, check_limits

PATH_FIRST, QUERY_FIRST = 'path-over-qs', 'qs-over-path'
MESSAGE_FIRST, URL_FIRST = 'msg-over-channel-params', 'channel-params-over-msg'

METHODS = ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS')

PARAM = re.compile(r'\{([^{}/]*)\}')  #: in a path; its name is the group

_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_.-]*')
_MEDIA_TYPE = re.compile(r"\*/\*|[!#$%&'+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_RESERVED = '/zato/'


def check_media_type(value: Any) -> None:
    """Raises ValueError."""
    if not _MEDIA_TYPE.fullmatch(value):
        raise ValueError('must be a media type, such as application/json, application/* or */*')


def check_origins(value: Any) -> None:
    """Raises ValueError."""
    parse_origins(value)


def check_header(value: Any) -> None:
    """Raises ValueError."""
    if not value.isascii():
        raise ValueError('must be ASCII')


def check_together(channel: Any) -> None:
    """Raises ValueError."""
    if channel.cors_credentials and {ANY, NULL} & parse_origins(channel.cors_origins):
        raise ValueError(
            '`cors_credentials` needs `cors_origins` that are named; with * or null any page could act as its visitor'
        )
    check_limits(channel)


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
    names = PARAM.findall(path)
    rest = PARAM.sub('', path)
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
    menu=('Connections', 'Channels', 'REST'),
    services='zato.http-soap',
    fixed={'connection': 'channel', 'transport': 'plain_http'},
    unique=(('url_path', 'method', 'http_accept'),),
    enmasse=('channel_rest', 'channel_plain_http', 'http_soap'),
    command='rest-channel',
    is_top_level_command=True,
    check=check_together,
    ignored={
        **classic_http.IGNORED,
        'host': ('', None),
        'pool_size': None,
        'ping_method': None,
        'timeout': None,
        'soap_action': ('', None),
        'soap_version': None,
        'sec_tls_ca_cert_id': None,
        'sec_tls_ca_cert_name': None,
    },
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelREST(RateLimited, Audited):
    """A path under which clients reach a service over HTTP."""

    url_path: str = setting(
        label='URL path',
        is_listed=True,
        help='Exact, or with parameters in braces: /customer/{customer_id}; the most specific channel is taken',
        check=check_url_path,
        unique_as=lambda path: PARAM.sub('{}', path),
    )
    service: int = reference('service', label='Service', is_listed=True, help='What is invoked', default='pub.zato.ping')
    method: str = setting('', label='Method', help='The only one that is accepted; empty for any', choices=('', *METHODS))
    security: int | None = reference(
        'security_basic_auth',
        'security_apikey',
        'security_jwt',
        label='Security definition',
        is_listed=True,
        help='Who may call; without one, and without groups, anybody',
        default=None,
        aliases=('sec_def', 'sec_name'),
        none_names=('zato-no-security', 'ZATO_NONE', ''),
    )
    security_groups: tuple[int, ...] = references(
        'security_group', label='Security groups', help='Members of these may call, besides what the definition asks for'
    )
    data_format: str = setting(
        '',
        label='Data format',
        is_listed=True,
        help='What bodies are parsed as, and what answers are made. Empty: services get the bytes as they came',
        choices=('', 'json', 'form', 'csv', 'xml'),
    )
    match_slash: bool = setting(
        True,
        label='Match slash',
        group='Requests and answers',
        help='May a parameter of the path have slashes in it? Channels that need none go first',
    )
    http_accept: str = setting(
        '*/*',
        label='HTTP Accept',
        group='Requests and answers',
        help='What the client must accept, such as application/json; channels may differ in it alone',
        max_length=200,
        check=check_media_type,
        unique_as=str.lower,
    )
    merge_url_params_req: bool = setting(
        True,
        label='Merge URL params',
        group='Requests and answers',
        help='Are parameters of the path and the query string part of the input of the service?',
    )
    url_params_pri: str = setting(
        QUERY_FIRST,
        label='URL params priority',
        group='Requests and answers',
        help='Which of the two counts where path and query string have the same parameter',
        choices=(QUERY_FIRST, PATH_FIRST),
    )
    params_pri: str = setting(
        URL_FIRST,
        label='Params priority',
        group='Requests and answers',
        help='Which of the two counts where URL and body have the same element',
        choices=(URL_FIRST, MESSAGE_FIRST),
    )
    content_type: str = setting(
        '',
        label='Content type',
        group='Requests and answers',
        help='Of answers, unless the service sets one; empty for that of the data format',
        max_length=200,
        check=check_header,
    )
    content_encoding: str = setting(
        '',
        label='Content encoding',
        group='Requests and answers',
        help='gzip: answers are compressed for clients that accept it',
        choices=('', 'gzip'),
    )
    service_timeout: float = setting(
        0.0,
        label='Service timeout',
        group='Requests and answers',
        help='The service is interrupted after it, and the client answered with 504; 0 for no limit',
        unit='seconds',
        minimum=0,
        maximum=86_400,
    )
    max_body: int = setting(
        0,
        label='Max body',
        group='Requests and answers',
        help='Longest body, after decompression too; 413. 0 for that of server.conf, which no channel exceeds',
        unit='bytes',
        minimum=0,
    )
    cors_origins: str = setting(
        '',
        label='CORS origins',
        group='CORS',
        help='Whose pages may call from a browser: origins such as https://example.com, one a line, or *. Empty: none',
        is_multiline=True,
        check=check_origins,
    )
    cors_headers: str = setting(
        '',
        label='CORS headers',
        group='CORS',
        help='Request headers that such pages may set; empty for all',
        max_length=2_000,
    )
    cors_expose_headers: str = setting(
        '', label='CORS exposed headers', group='CORS', help='Headers of answers that such pages may read'
    )
    cors_credentials: bool = setting(
        False,
        label='CORS credentials',
        group='CORS',
        help='May such pages send cookies and credentials that the browser has stored?',
    )
    cors_max_age: int = setting(
        600,
        label='CORS max age',
        group='CORS',
        help='How long browsers may remember all this',
        unit='seconds',
        minimum=0,
        maximum=86_400,
    )
