"""How a component on this host is reached by others on it: where it listens, and what verifies that it is the one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from zato.common.component import ComponentDirectory, WebAdminDirectory
from zato.common.config.bind import parse_bind
from zato.common.config.reader import read_stanza
from zato.common.config.server_conf import SERVER_CONF
from zato.common.config.web_admin_conf import WEB_ADMIN_CONF
from zato.common.exception import ConfigError

if TYPE_CHECKING:
    import ssl

#: Where to call what listens on all addresses.
ANYWHERE = {'0.0.0.0': '127.0.0.1', '::': '::1'}


def stanza_of(component: ComponentDirectory, stanza: str) -> Any:
    """One stanza of its configuration file. Raises ConfigError."""
    declaration = WEB_ADMIN_CONF if isinstance(component, WebAdminDirectory) else SERVER_CONF
    return read_stanza(component.conf, declaration, os.environ, stanza)


def address_of(component: ComponentDirectory) -> tuple[str, int]:
    """Host and port: what it says it listens on, else what its configuration says. Raises ConfigError."""
    try:
        text = component.address.read_text(encoding='utf-8').strip()
    except FileNotFoundError:
        text = stanza_of(component, 'main').gunicorn_bind
    try:
        host, port = parse_bind(text)
    except ValueError as e:
        raise ConfigError(str(e), path=str(component.conf)) from None
    return ANYWHERE.get(host, host), port


def url_of(component: ComponentDirectory) -> str:
    """Such as http://127.0.0.1:17010. Raises ConfigError."""
    return http_url(*address_of(component), is_tls=stanza_of(component, 'crypto').use_tls)


def http_url(host: str, port: int, *, is_tls: bool = False) -> str:
    scheme = 'https' if is_tls else 'http'
    return f'{scheme}://[{host}]:{port}' if ':' in host else f'{scheme}://{host}:{port}'


def tls_of(component: ComponentDirectory) -> ssl.SSLContext | None:
    """What verifies this very component: its own certificate, whatever name it was reached by; None without TLS.

    Raises ConfigError, OSError.
    """
    crypto = stanza_of(component, 'crypto')
    if not crypto.use_tls:
        return None
    from zato.common.tls import calling_context  # it needs ssl, which most commands do not

    certificate = component.repo / crypto.cert_location
    context = calling_context(certificate)
    context.check_hostname = False
    if not isinstance(component, WebAdminDirectory) and crypto.tls_client_certs != 'none':
        context.load_cert_chain(certificate, component.repo / crypto.priv_key_location)
    return context
