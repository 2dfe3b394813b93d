"""What is believed of proxies, and of whoever only looks like one."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.support.dashboard import Pages
from tests.unit.admin.security import security

PROXY = '10.0.0.7'


def address_of(pages: Pages, caplog: Any, **meta: str) -> str:
    """Whom the access log names."""
    caplog.set_level(logging.INFO, 'zato_access_log')
    pages.client().get('/accounts/login/', **meta)
    return str(caplog.records[-1].getMessage().split()[0])


@pytest.mark.parametrize(
    ('connection', 'header', 'found'),
    [
        (PROXY, '203.0.113.5', '203.0.113.5'),
        (PROXY, '1.1.1.1, 203.0.113.5', '203.0.113.5'),
        (PROXY, '203.0.113.5, 10.0.0.7', '203.0.113.5'),
        (PROXY, '203.0.113.5:4711', '203.0.113.5'),
        (PROXY, '[2001:db8::1]:4711', '2001:db8::1'),
        (PROXY, '::ffff:203.0.113.5', '203.0.113.5'),
        ('::ffff:10.0.0.7', '203.0.113.5', '203.0.113.5'),
        (PROXY, '203.0.113.5, unknown', PROXY),
        (PROXY, '', PROXY),
        (PROXY, '\u20ac, \x00', PROXY),
        ('192.0.2.9', '203.0.113.5', '192.0.2.9'),
        ('192.0.2.9', PROXY, '192.0.2.9'),
    ],
    ids=range(12),
)
def test_the_address_is_the_last_that_no_trusted_proxy_has(
    pages: Pages, caplog: Any, connection: str, header: str, found: str
) -> None:
    security(trusted_proxies=(PROXY,))
    assert address_of(pages, caplog, REMOTE_ADDR=connection, HTTP_X_FORWARDED_FOR=header) == found


def test_without_trusted_proxies_no_header_counts(pages: Pages, caplog: Any) -> None:
    assert address_of(pages, caplog, REMOTE_ADDR='127.0.0.1', HTTP_X_FORWARDED_FOR='203.0.113.5') == '127.0.0.1'


@pytest.mark.parametrize(
    ('connection', 'proto', 'is_secure'),
    [
        (PROXY, 'https', True),
        (PROXY, 'http', False),
        (PROXY, 'http, https', True),
        (PROXY, 'https, http', False),
        (PROXY, '', False),
        ('192.0.2.9', 'https', False),
    ],
    ids=['https', 'http', 'said last', 'said first', 'nothing', 'anybody'],
)
def test_cookies_of_https_are_never_sent_over_http(pages: Pages, connection: str, proto: str, is_secure: bool) -> None:
    security(trusted_proxies=(PROXY,))
    pages.user('admin')
    meta = {'REMOTE_ADDR': connection, 'HTTP_X_FORWARDED_PROTO': proto}
    client = pages.client()
    client.get('/accounts/login/', **meta)
    client.post('/accounts/login/', {'username': 'the-admin', 'password': 'correct-horse-9'}, **meta)
    assert set(client.cookies) == {'zato_csrf', 'zato_session'}
    for cookie in client.cookies.values():
        assert bool(cookie['secure']) == is_secure
        assert cookie['httponly']
        assert cookie['samesite'] in ('Strict', 'Lax')


@pytest.mark.parametrize(
    ('origin', 'connection', 'is_accepted'),
    [
        ('https://zato.example.com', PROXY, True),
        ('http://zato.example.com', PROXY, False),
        ('https://elsewhere.example', PROXY, False),
        ('null', PROXY, False),
        ('https://zato.example.com', '192.0.2.9', False),
    ],
    ids=['own', 'http', 'elsewhere', 'null', 'no proxy'],
)
def test_forms_behind_a_proxy_come_from_its_https_address(
    pages: Pages, origin: str, connection: str, is_accepted: bool
) -> None:
    security(trusted_proxies=(PROXY,))
    pages.user('admin')
    client = pages.client(enforce_csrf_checks=True)
    meta = {
        'REMOTE_ADDR': connection,
        'HTTP_X_FORWARDED_PROTO': 'https',
        'HTTP_HOST': 'zato.example.com',
        'HTTP_ORIGIN': origin,
    }
    client.get('/accounts/login/', **meta)
    given = {
        'username': 'the-admin',
        'password': 'correct-horse-9',
        'csrfmiddlewaretoken': client.cookies['zato_csrf'].value,
    }
    answer = client.post('/accounts/login/', given, **meta)
    assert answer.status_code == (302 if is_accepted else 403)
