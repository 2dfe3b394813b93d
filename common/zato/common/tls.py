"""TLS of a component's own port, and of its calls to others."""

from __future__ import annotations

import ssl
from pathlib import Path

from zato.common.config.server_conf import Crypto
from zato.common.exception import ConfigError

_CLIENT_CERTS = {'none': ssl.CERT_NONE, 'optional': ssl.CERT_OPTIONAL, 'required': ssl.CERT_REQUIRED}


def server_context(crypto: Crypto, repo: Path) -> ssl.SSLContext:
    """repo: the directory that locations are relative to. Raises ConfigError that names the file."""
    certificate, key, authorities = (
        repo / name for name in (crypto.cert_location, crypto.priv_key_location, crypto.ca_certs_location)
    )
    verify_mode = _CLIENT_CERTS[crypto.tls_client_certs]
    context = own_context(certificate, key)
    context.set_alpn_protocols(['http/1.1'])
    context.verify_mode = verify_mode
    if verify_mode != ssl.CERT_NONE:
        _check_is_there(authorities)
        try:
            context.load_verify_locations(authorities)
        except (OSError, ssl.SSLError) as e:
            raise ConfigError(f'[crypto] the TLS files cannot be loaded: {e}', path=str(authorities)) from None
    return context


def own_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Of a port whose clients are not asked for certificates. Raises ConfigError that names the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in (certificate, key):
        _check_is_there(path)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as e:
        raise ConfigError(f'[crypto] the TLS files cannot be loaded: {e}', path=f'{certificate}, {key}') from None
    return context


def calling_context(authorities: Path | None) -> ssl.SSLContext:
    """Of calls. authorities: what signed certificates of those who are called, or these themselves; None: the system's.

    Raises ConfigError that names the file.
    """
    if authorities is not None:
        _check_is_there(authorities)
    try:
        context = ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as e:
        raise ConfigError(f'[crypto] the TLS files cannot be loaded: {e}', path=str(authorities)) from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _check_is_there(path: Path) -> None:
    if not path.is_file():
        raise ConfigError('[crypto] the TLS files cannot be loaded: it is missing', path=str(path))
