"""Whom requests are from, as the rest of a server and its access log are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.http.in_process import InProcessServer
from zato.common.client_address import TrustedProxies
from zato.server.http.message import Request, Response

CLAIM = 'X-Forwarded-For: 192.168.1.7'


def answer(message: Request) -> Response:
    return Response(200, message.peer.encode(), 'cid')


def ask(server: InProcessServer, *headers: str) -> list[bytes]:
    """What requests with these headers, on one connection, are answered with."""
    with server.connect() as client:
        return [client.get('/', *filter(None, [header])).body for header in headers]


@pytest.mark.parametrize('is_ipv6', [False, True])
def test_an_address_of_ipv4_has_one_form_wherever_the_server_listens(is_ipv6: bool) -> None:
    with InProcessServer(answer, is_ipv6=is_ipv6) as server:
        assert ask(server, '', CLAIM) == [b'127.0.0.1', b'127.0.0.1']


@pytest.mark.parametrize('is_ipv6', [False, True])
def test_a_trusted_proxy_says_it_anew_with_each_request(is_ipv6: bool, tmp_path: Path) -> None:
    log = tmp_path / 'http_access.log'
    with InProcessServer(answer, is_ipv6=is_ipv6, proxies=TrustedProxies(['127.0.0.0/8']), log=str(log)) as server:
        found = ask(server, CLAIM, CLAIM, '', 'X-Forwarded-For: 10.0.0.1', 'X-Forwarded-For: 2001:db8::1')
    expected = ['192.168.1.7', '192.168.1.7', '127.0.0.1', '10.0.0.1', '2001:db8::1']
    assert found == [address.encode() for address in expected]
    assert [line.split()[0] for line in log.read_text().splitlines()] == expected
