"""Whom an address leads to."""

from __future__ import annotations

import pytest

from zato.server.connection.rest.origin import Origin, split


@pytest.mark.parametrize(
    ('url', 'origin', 'target', 'text'),
    [
        ('http://a', Origin('http', 'a', 80, 'a'), '/', 'http://a:80'),
        ('https://a', Origin('https', 'a', 443, 'a'), '/', 'https://a:443'),
        ('HTTPS://A.B:443/c', Origin('https', 'a.b', 443, 'a.b'), '/c', 'https://a.b:443'),
        ('http://a:443?b=c&d#e', Origin('http', 'a', 443, 'a:443'), '/?b=c&d', 'http://a:443'),
        ('http://[::1]:8080/%2F//', Origin('http', '::1', 8080, '[::1]:8080'), '/%2F//', 'http://[::1]:8080'),
        ('http://b\xfccher.example/', Origin('http', 'xn--bcher-kva.example', 80, 'xn--bcher-kva.example'), '/', None),
        ('http://user:password@a/b', Origin('http', 'a', 80, 'a'), '/b', 'http://a:80'),
    ],
)
def test_an_address_is_an_origin_and_what_is_asked_for_there(
    url: str, origin: Origin, target: str, text: str | None
) -> None:
    assert split(url) == (origin, target)
    assert text is None or str(origin) == text


@pytest.mark.parametrize(
    'url',
    [
        '',
        'a',
        '/a',
        'ftp://secret/',
        'http://',
        'http:///secret',
        'http://secret:port/',
        'http://[secret',
        'http://\u2100secret/',
        'http://secret..a',
        f'http://secret{"a" * 64}',
    ],
)
def test_what_is_no_address_is_an_error_that_does_not_repeat_it(url: str) -> None:
    with pytest.raises(ValueError, match='not a valid one') as caught:
        split(url)
    assert 'secret' not in str(caught.value)
