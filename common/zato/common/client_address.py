"""Where a request comes from: the address of the connection, or what a trusted proxy says of it.

Anybody can send the headers in which proxies tell for whom they ask. One counts only where the connection is a trusted
proxy's, and in it what such a proxy has written: each one adds, on the right, the address that called it. There is only
one that counts, since a proxy that writes one passes others on as clients send them.
IPv4 addresses have one form, `10.0.0.1`, even where the server listens on IPv6 and sees `::ffff:10.0.0.1`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zato.common.config.network import Address, parse_address, parse_network

_MOST = 32  #: addresses of the header that are looked at, from the right


class TrustedProxies:
    """networks: addresses and networks of the proxies, in text. Raises ValueError for what is neither.

    header: that they write.
    """

    def __init__(self, networks: Iterable[str] = (), header: str = 'X-Forwarded-For') -> None:
        self._networks = tuple(map(parse_network, networks))
        self._header = header.lower().encode()

    def trusts(self, address: str) -> bool:
        """Is it the address of a trusted proxy?"""
        parsed = parse_address(address) if self._networks else None
        return parsed is not None and self._has(parsed)

    def client_of(self, headers: Mapping[bytes, bytes], proxy: str) -> str:
        """Whom a trusted proxy has a request from: the last address in its header that is not another such proxy's.

        It is the first one where all of them are proxies. What is no address is not believed, nor is what was before it.
        headers: names in lower case.
        """
        client = proxy
        for text in reversed(_listed(headers.get(self._header, b''))):
            parsed = parse_address(_address_in(text))
            if parsed is None:
                break
            client = str(parsed)
            if not self._has(parsed):
                break
        return client

    def _has(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._networks)


def plain_address(address: str) -> str:
    """An address of a connection, that of IPv4 in its own form."""
    return address[7:] if address.startswith('::ffff:') and '.' in address else address


def _listed(value: bytes) -> list[str]:
    return [item.strip() for item in value.decode('latin-1').rsplit(',', _MOST)[-_MOST:]]


def _address_in(text: str) -> str:
    """Some proxies write `10.0.0.1:5123` and `[2001:db8::1]:5123`. A zone, which may be any text, is the proxy's own."""
    if text.startswith('['):
        text = text[1:].partition(']')[0]
    elif text.count(':') == 1:
        text = text.partition(':')[0]
    return text.partition('%')[0]
