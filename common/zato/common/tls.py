"""TLS of a server's own port."""

from __future__ import annotations

import ssl
from pathlib import Path

from zato.common.config.server_conf import Crypto
from zato.common.exception import ConfigError

_CLIENT_CERTS = {'none': ssl.CERT_NONE, 'optional': ssl.CERT_OPTIONAL, 'required': ssl.CERT_REQUIRED}


def server_context(crypto: Crypto, repo: Path) -> ssl.SSLContext:
    """repo: the directory that locations are relative to. Raises ConfigError that names the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(['http/1.1'])
    certificate, key, authorities = (
        repo / name for name in (crypto.cert_location, crypto.priv_key_location, crypto.ca_certs_location)
    )
    needed = [certificate, key]
    context.verify_mode = _CLIENT_CERTS[crypto.tls_client_certs]
    if context.verify_mode != ssl.CERT_NONE:
        needed.append(authorities)
    for path in needed:
        if not path.is_file():
            raise ConfigError('[crypto] the TLS files cannot be loaded: it is missing', path=str(path))
    try:
        context.load_cert_chain(certificate, key)
        if authorities in needed:
            context.load_verify_locations(authorities)
    except (OSError, ssl.SSLError) as e:
        names = ', '.join(str(path) for path in needed)
        raise ConfigError(f'[crypto] the TLS files cannot be loaded: {e}', path=names) from None
    return context
