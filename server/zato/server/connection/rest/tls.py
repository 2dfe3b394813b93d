"""TLS of outgoing connections: whom they trust, and what they show."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from gevent import ssl

from zato.common.exception import ConfigError


def make_context(
    *, verify: bool, ca_certs: Path | None, client_cert: Path | None, client_key: Path | None
) -> ssl.SSLContext:
    """TLS 1.2 or newer. client_key: None if the key is in the certificate's file. Raises ConfigError, which names the file.

    It takes tens of milliseconds where the system's own authorities are asked, so all that add nothing to them share one.
    """
    if verify and ca_certs is None and client_cert is None:
        return _system()
    context = _base()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_certs is None:
        context.load_default_certs()
    else:
        _trust(context, ca_certs)
    if client_cert is not None:
        _show(context, client_cert, client_key)
    return context


@cache
def _system() -> ssl.SSLContext:
    context = _base()
    context.load_default_certs()
    return context


def _base() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # whoever is in the file is trusted, an intermediate one, too
    context.set_alpn_protocols(['http/1.1'])
    return context


def _trust(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as e:
        raise ConfigError('has no certificate in PEM format that can be read (tls_ca_certs)', path=str(path)) from e
    except OSError as e:
        raise ConfigError(f'cannot be read (tls_ca_certs): {e.strerror}', path=str(path)) from e


def _show(context: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    for name, path in (('tls_client_cert', cert), ('tls_client_key', key)):
        if path is not None:
            _check_readable(name, path)
    where = str(key or cert)

    def refuse() -> str:
        raise ConfigError('the private key is encrypted, and there is nobody to ask for its password', path=where)

    try:
        context.load_cert_chain(cert, key, password=refuse)
    except ssl.SSLError as e:
        what = (
            'the private key is not that of the certificate'
            if e.reason == 'KEY_VALUES_MISMATCH'
            else f'there is no certificate with its private key in PEM format in it (tls_client_cert {cert})'
        )
        raise ConfigError(what, path=where) from e


def _check_readable(name: str, path: Path) -> None:
    try:
        path.open('rb').close()
    except OSError as e:
        raise ConfigError(f'cannot be read ({name}): {e.strerror}', path=str(path)) from e
