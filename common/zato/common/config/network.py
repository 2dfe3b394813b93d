"""Addresses and networks of IP. Those of IPv4-mapped IPv6 are IPv4's: `::ffff:10.0.0.1` is another way to write 10.0.0.1."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAPPED: Final = IPv6Network('::ffff:0:0/96')


def parse_address(text: str) -> Address | None:
    """None if it is no address."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, 'ipv4_mapped', None) or found


def parse_network(text: str) -> Network:
    """An address or a network, whose host part is not looked at. Raises ValueError."""
    network = ip_network(text, strict=False)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - _MAPPED.prefixlen))
    return network


def check_networks(value: tuple[str, ...]) -> None:
    """Raises ValueError, its text being the rule of an option."""
    for text in value:
        try:
            parse_network(text)
        except ValueError:
            raise ValueError(f'must have addresses or networks, such as 10.0.0.7 or 10.0.0.0/8, not `{text}`') from None
