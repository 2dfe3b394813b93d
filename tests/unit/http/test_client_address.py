"""Whom a request is from: what proxies say of it, if they are trusted, and what anybody may claim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.common.client_address import TrustedProxies, plain_address

PROXY = '10.0.0.7'
NETWORKS = (PROXY, '10.1.0.0/16', '2001:db8::/32')
PROXIES = TrustedProxies(NETWORKS)
CLASSIC = TrustedProxies(NETWORKS, 'X-Zato-Forwarded-For')


def client(forwarded: str | None = None, zato: str | None = None, proxies: TrustedProxies = PROXIES) -> str:
    headers = {b'x-forwarded-for': forwarded, b'x-zato-forwarded-for': zato}
    found = {name: value.encode('latin-1') for name, value in headers.items() if value is not None}
    return proxies.client_of(found, PROXY)


@pytest.mark.parametrize(
    ('address', 'is_trusted'),
    [
        (PROXY, True),
        ('10.0.0.8', False),
        ('10.1.255.255', True),
        ('2001:db8::1', True),
        ('2001:db9::1', False),
        ('::ffff:10.0.0.7', True),
        ('-', False),
        ('', False),
    ],
)
def test_a_proxy_is_trusted_if_it_is_listed(address: str, is_trusted: bool) -> None:
    assert PROXIES.trusts(address) is is_trusted
    assert not TrustedProxies().trusts(address)


@pytest.mark.parametrize(
    ('header', 'address'),
    [
        ('192.168.1.7', '192.168.1.7'),
        (' 192.168.1.7 ', '192.168.1.7'),
        ('1.2.3.4, 192.168.1.7', '192.168.1.7'),
        ('1.2.3.4,192.168.1.7,10.1.0.1, 10.0.0.7', '192.168.1.7'),
        ('10.1.0.1, 10.1.0.2', '10.1.0.1'),
        ('192.168.1.7:5123', '192.168.1.7'),
        ('2001:DB9::1', '2001:db9::1'),
        ('[2001:db9::1]', '2001:db9::1'),
        ('[2001:db9::1]:5123', '2001:db9::1'),
        ('::ffff:192.168.1.7', '192.168.1.7'),
        ('::ffff:c0a8:107, ::ffff:10.1.0.1', '192.168.1.7'),
        ('1.2.3.4, unknown', PROXY),
        ('1.2.3.4, unknown, 10.1.0.1', '10.1.0.1'),
        ('1.2.3.4, , 10.1.0.1', '10.1.0.1'),
        ('1.2.3.4, 1.2.3.4/8', PROXY),
        ('1.2.3.4, 0x7f.1', PROXY),
        ('', PROXY),
        (None, PROXY),
    ],
)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(header: str | None, address: str) -> None:
    assert client(header) == address
    assert client(zato=header, proxies=CLASSIC) == address


def test_of_many_addresses_only_the_last_ones_are_looked_at() -> None:
    assert client(', '.join(['1.2.3.4'] * 5 + ['10.1.0.1'] * 31)) == '1.2.3.4'
    assert client(', '.join(['1.2.3.4'] * 5 + ['10.1.0.1'] * 32)) == '10.1.0.1'
    assert client('10.1.0.1,' * 5_000 + '10.1.0.1') == '10.1.0.1'


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_whatever_is_in_the_headers_there_is_an_address(forwarded: bytes, zato: bytes) -> None:
    for proxies in (PROXIES, CLASSIC):
        found = proxies.client_of({b'x-forwarded-for': forwarded, b'x-zato-forwarded-for': zato}, PROXY)
        assert found
        assert found.isprintable()


@given(st.ip_addresses(v=4), st.lists(st.text('0123456789., :[]abc', max_size=20)), st.none() | st.ip_addresses().map(str))
def test_what_a_client_says_of_itself_is_never_believed(address: object, claims: list[str], other: str | None) -> None:
    if not PROXIES.trusts(str(address)):
        header = ', '.join([*claims, str(address)])
        assert client(header, other) == str(address)
        assert client(other, header, CLASSIC) == str(address)


def test_an_address_is_no_place_for_other_text() -> None:
    assert client('fe80::1%eth0" 200') == 'fe80::1'


@pytest.mark.parametrize(
    ('address', 'plain'),
    [('::ffff:10.0.0.1', '10.0.0.1'), ('10.0.0.1', '10.0.0.1'), ('::1', '::1'), ('fe80::1%eth0', 'fe80::1%eth0')],
)
def test_an_ipv4_address_has_one_form(address: str, plain: str) -> None:
    assert plain_address(address) == plain


@pytest.mark.parametrize('network', ['10.0.0.0/33', 'proxy.example.com', '', '10.0.0'])
def test_what_is_no_network_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match='does not appear to be'):
        TrustedProxies([network])
