"""A certificate authority for tests of TLS, which gives out good certificates and bad ones."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from gevent import ssl

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """Paths of PEM files."""

    cert: Path
    key: Path


class Authority:
    """folder: where its files are, all of them beginning with its name."""

    def __init__(self, folder: Path, name: str = 'authority') -> None:
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def path(self) -> Path:
        """Its own certificate."""
        builder = self._builder(self._name, self._key, datetime.now(UTC) - _DAY, datetime.now(UTC) + _DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        path = self._folder / f'{self._name}.pem'
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path

    def issue(
        self, name: str, *, names: tuple[str, ...] = ('localhost', '127.0.0.1'), days: int = 1, password: bytes = b''
    ) -> Certificate:
        """days: for how many it is valid yet; below 0, it has expired. password: its key is encrypted with it."""
        key = ec.generate_private_key(ec.SECP256R1())
        end = datetime.now(UTC) + days * _DAY
        alternatives = x509.SubjectAlternativeName([_alternative(item) for item in names])
        certificate = self._builder(name, key, end - 2 * _DAY, end).add_extension(alternatives, critical=False)
        found = Certificate(self._folder / f'{self._name}-{name}.pem', self._folder / f'{self._name}-{name}.key')
        found.cert.write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        found.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
        return found

    def _builder(
        self, name: str, key: ec.EllipticCurvePrivateKey, start: datetime, end: datetime
    ) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._name)]),
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            key.public_key(),
            x509.random_serial_number(),
            start,
            end,
        )


def server_context(certificate: Certificate, clients: Authority | None = None) -> ssl.SSLContext:
    """clients: who must have signed the certificate that a client has to show; None if it need not show any."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    if clients is not None:
        context.load_verify_locations(clients.path)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
