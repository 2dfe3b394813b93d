"""web-admin.conf: everything that the dashboard reads from it, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from configobj import ConfigObj

from zato.common.config.bind import parse_bind
from zato.common.config.conf_file import ConfFile, OpenStanza, Values
from zato.common.config.network import check_networks
from zato.common.config.option import option
from zato.common.config.origins import is_origin
from zato.common.config.reader import GetSecret, Overrides, read_declared
from zato.common.exception import ConfigError

#: How long a user may be locked out, in seconds, however often a wrong password was given.
LONGEST_LOCKOUT = 3_600


def _check_bind(value: str) -> None:
    """Raises ValueError."""
    try:
        parse_bind(value)
    except ValueError:
        raise ValueError('must be host:port') from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Main:
    """The dashboard's processes."""

    gunicorn_bind: str = option(
        '0.0.0.0:8183', 'Where the dashboard listens, host:port; [::]:8183 for IPv6', check=_check_bind
    )
    gunicorn_workers: int = option(1, 'Worker processes', minimum=1, maximum=256)
    gunicorn_threads: int = option(8, 'Requests that each of them works on at a time', minimum=1, maximum=256)
    gunicorn_timeout: int = option(60, 'A worker that is stuck for so long is replaced', unit='seconds', minimum=1)
    gunicorn_graceful_timeout: int = option(10, 'How long a stop waits for running requests', unit='seconds', minimum=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crypto:
    """TLS of the dashboard's own port, and of its calls to servers."""

    use_tls: bool = option(False, 'Is the port HTTPS?')
    priv_key_location: str = option('zato-web-admin-priv-key.pem', 'Private key, PEM; relative to this directory')
    cert_location: str = option('zato-web-admin-cert.pem', 'Certificate and those that signed it, PEM')
    ca_certs_location: str = option(
        '', "What verifies servers with https addresses, PEM: authorities, or the servers' own; the system's if it is empty"
    )


def _check_hosts(value: tuple[str, ...]) -> None:
    """Raises ValueError."""
    for text in value:
        if '/' in text or '://' in text or text.rpartition(':')[2].isdecimal():
            raise ValueError('must have names of hosts without scheme, port or path, such as zato.example.com, or *')


def _check_origins(value: tuple[str, ...]) -> None:
    """Raises ValueError."""
    for text in value:
        if not is_origin(text.replace('://*.', '://any.', 1)):
            raise ValueError(f'must have origins such as https://zato.example.com, without a path, not `{text}`')


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Who may log in, from where, and for how long."""

    session_timeout: int = option(3_600, 'A user who does nothing for so long is logged out', unit='seconds', minimum=10)
    session_max: int = option(86_400, 'How long a session lasts at most', unit='seconds', minimum=10)
    allowed_hosts: tuple[str, ...] = option(
        ('*',), 'Names under which browsers reach the dashboard; * for any', check=_check_hosts
    )
    csrf_trusted_origins: tuple[str, ...] = option(
        (),
        'Origins that may send forms besides the one in the address, such as https://zato.example.com',
        check=_check_origins,
    )
    trusted_proxies: tuple[str, ...] = option(
        (),
        'Proxies, addresses or networks, that say in X-Forwarded-For and X-Forwarded-Proto who called them, and how',
        check=check_networks,
    )
    lockout_after: int = option(5, 'After so many wrong passwords in a row a user has to wait', minimum=1)
    lockout_time: int = option(
        60,
        'How long; twice as long after each further one, up to an hour',
        unit='seconds',
        minimum=1,
        maximum=LONGEST_LOCKOUT,
    )
    log_ins_per_minute: int = option(20, 'How often one address may try to log in', minimum=1)
    is_totp_required: bool = option(False, 'Must every user have a second factor, TOTP?')


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAdminConf:
    """One web-admin.conf. servers: name → address, or the path of a server's directory, in the order of preference."""

    main: Main
    crypto: Crypto
    security: Security
    servers: dict[str, str]


def is_directory(address: str) -> bool:
    """Is it the path of a server's directory, rather than an address?"""
    return address.startswith(('.', '/'))


def check_address(address: str) -> None:
    """Raises ValueError, its text being the rule."""
    if is_directory(address):
        return
    try:
        url = urlsplit(address)
        is_good = url.scheme in ('http', 'https') and url.hostname and url.port != 0 and '@' not in url.netloc
    except ValueError:
        is_good = False
    if not is_good or url.path not in ('', '/') or url.query or url.fragment:
        raise ValueError('must be like http://127.0.0.1:17010, without a path, or the directory of a server on this host')


WEB_ADMIN_CONF = ConfFile(
    component='Dashboard',
    stanzas={'main': Main, 'crypto': Crypto, 'security': Security},
    open_stanzas={
        'servers': OpenStanza(
            help=(
                'Servers of one cluster, name=address, the preferred one first; or name=directory of a server on this host, '
                'wherever it listens, relative to that of the dashboard.'
            ),
            check=check_address,
            example='server1=http://127.0.0.1:17010',
        )
    },
)


def template(values: Values) -> str:
    """The text of a new web-admin.conf. values: stanza → key → value, where they are not the defaults; `servers` whole."""
    return WEB_ADMIN_CONF.text('dashboard', values)


def read_web_admin_conf(path: Path, environ: Mapping[str, str], get_secret: GetSecret | None = None) -> WebAdminConf:
    """Raises ConfigError that lists everything wrong with the file, a line each."""
    _check_form(path)
    return WebAdminConf(**read_declared(path, WEB_ADMIN_CONF, environ, get_secret, shorter=_apply_short_overrides))


def _check_form(path: Path) -> None:
    """Classic web-admin.conf is JSON, with nothing in it that could be taken over."""
    try:
        with path.open('rb') as file:
            is_json = file.read(100).removeprefix(b'\xef\xbb\xbf').lstrip().startswith(b'{')
    except OSError:
        return  # which is told when the file is read
    if is_json:
        raise ConfigError(
            'it is the JSON of classic Zato, and this version needs stanzas; zato create web-admin makes a new directory, '
            'and zato create user its users',
            path=str(path),
        )


def _apply_short_overrides(conf: ConfigObj, environ: Mapping[str, str]) -> Overrides:
    """Those that classic Zato knows."""
    done: Overrides = {}
    for name, key in (
        ('Zato_Dashboard_Session_Timeout', 'session_timeout'),
        ('Zato_Dashboard_CSRF_Trusted_Origins', 'csrf_trusted_origins'),
    ):
        if value := environ.get(name):
            conf.setdefault('security', {})[key] = value
            done['security', key] = name
    return done
