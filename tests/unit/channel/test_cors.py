"""What browsers are told about pages of other origins."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.common.config.origins import parse_origins
from zato.common.exception import ConfigError
from zato.server.channel.cors import CORS

PAGE = b'https://page.example'
VARY = (b'Vary', b'Origin')
VARY_PREFLIGHT = (b'Vary', b'Origin, Access-Control-Request-Method, Access-Control-Request-Headers')


def cors(
    origins: str = 'https://page.example, https://other.example:8443',
    *,
    headers: tuple[str, ...] = (),
    expose: tuple[str, ...] = (),
    credentials: bool = False,
) -> CORS:
    return CORS(origins=parse_origins(origins), headers=headers, expose=expose, credentials=credentials)


def preflight(
    made: CORS,
    origin: bytes = PAGE,
    method: bytes = b'PUT',
    headers: bytes = b'content-type,x-key',
    allowed: tuple[str, ...] = ('GET', 'PUT'),
) -> dict[bytes, bytes]:
    lines = made.preflight(origin, method, headers, allowed)
    assert len(dict(lines)) == len(lines)
    return dict(lines)


# Origins


@pytest.mark.parametrize(
    ('text', 'origins'),
    [
        ('', set()),
        (' \n,\n', set()),
        ('*', {'*'}),
        ('https://a.example', {'https://a.example'}),
        ('HTTPS://A.Example:8443', {'https://a.example:8443'}),
        ('https://a.example\r\nhttp://b.example, http://b.example ,*', {'https://a.example', 'http://b.example', '*'}),
        ('https://a.example:443, http://a.example:80', {'https://a.example', 'http://a.example'}),
        ('https://a.example:80, http://a.example:0443', {'https://a.example:80', 'http://a.example:443'}),
        ('http://localhost:3000', {'http://localhost:3000'}),
        ('http://127.0.0.1:3000\nhttp://[::1]:3000', {'http://127.0.0.1:3000', 'http://[::1]:3000'}),
        ('capacitor://localhost', {'capacitor://localhost'}),
        ('moz-extension://0a1b-2c', {'moz-extension://0a1b-2c'}),
    ],
)
def test_origins_are_one_a_line_or_separated_by_commas(text: str, origins: set[str]) -> None:
    assert parse_origins(text) == origins
    assert parse_origins('\n'.join(origins)) == origins


@pytest.mark.parametrize(
    'text',
    [
        'a.example',
        'https://',
        'https://a.example/',
        'https://a.example/x',
        'https://*.example',
        'https://a.example?x',
        'https://user@a.example',
        'https://a.example:',
        'https://a.example:x',
        'https://a.example http://b.example',
        'https://bücher.example',
        'https://a.example:٣',
        '**',
    ],
)
def test_what_is_no_origin_is_refused_with_the_rule(text: str) -> None:
    rule = f'without a path, one a line or separated by commas, not `{re.escape(text)}`'
    with pytest.raises(ValueError, match=rule):
        parse_origins(f'https://a.example\n {text}')


def test_a_port_that_is_too_high_is_refused() -> None:
    assert parse_origins('https://a.example:65535')
    with pytest.raises(ValueError, match='must have ports up to 65535, not 65536'):
        parse_origins('https://a.example:65536')


def test_the_time_that_a_browser_may_remember_is_not_negative() -> None:
    with pytest.raises(ConfigError, match='`max_age` of CORS must be 0 or more seconds, not -1'):
        CORS(origins=frozenset(), max_age=-1)


# Answers to what is not a preflight request


def test_a_page_of_an_allowed_origin_may_read_the_answer_and_its_cid() -> None:
    allow, expose = (b'Access-Control-Allow-Origin', PAGE), (b'Access-Control-Expose-Headers', b'X-Zato-CID')
    assert cors().headers_for(PAGE) == (allow, expose, VARY)
    credentials = (b'Access-Control-Allow-Credentials', b'true')
    assert cors(credentials=True).headers_for(PAGE) == (allow, credentials, expose, VARY)


NOT_ALLOWED = [
    b'',
    b'null',
    b'https://page.example:8443',
    b'http://page.example',
    b'https://page.example.evil.example',
    b'https://evil-page.example',
    b'https://PAGE.example',
    b'https://page.example, https://other.example:8443',
    b'https://page.example/',
    b'*',
    b'\xff',
]


@pytest.mark.parametrize('origin', NOT_ALLOWED)
@pytest.mark.parametrize('credentials', [False, True])
def test_any_other_page_may_not(origin: bytes, credentials: bool) -> None:
    made = cors(credentials=credentials)
    assert made.headers_for(origin) == (VARY,)
    assert made.preflight(origin, b'PUT', b'x-key', ('PUT',)) == (VARY_PREFLIGHT,)


def test_without_an_origin_there_is_only_what_caches_need() -> None:
    assert cors().headers_for(None) == cors('*', credentials=True).headers_for(None) == (VARY,)


@pytest.mark.parametrize('origin', [None, PAGE, b'null', b'nonsense'])
def test_where_any_page_may_read_it_all_answers_are_the_same(origin: bytes | None) -> None:
    allow, expose = (b'Access-Control-Allow-Origin', b'*'), (b'Access-Control-Expose-Headers', b'X-Zato-CID')
    assert cors('*').headers_for(origin) == cors('*, https://a.example').headers_for(origin) == (allow, expose)


@pytest.mark.parametrize('origin', [PAGE, b'null', b'http://[::1]:80', b'moz-extension://0a1b-2c'])
def test_with_credentials_any_page_is_named(origin: bytes) -> None:
    made = dict(cors('*', credentials=True).headers_for(origin))
    assert made[b'Access-Control-Allow-Origin'] == origin
    assert made[b'Access-Control-Allow-Credentials'] == b'true'
    assert made[b'Vary'] == b'Origin'


@given(st.binary(max_size=20) | st.binary(max_size=5).map(lambda tail: PAGE + tail))
def test_with_credentials_there_is_never_an_asterisk_nor_anything_that_is_no_origin(origin: bytes) -> None:
    for lines in (
        cors('*', credentials=True).headers_for(origin),
        cors('*', credentials=True).preflight(origin, b'', b'', ()),
    ):
        allowed = dict(lines).get(b'Access-Control-Allow-Origin', b'null')
        assert allowed == b'null' or re.fullmatch(rb'[a-z][a-z0-9+.-]*://[a-z0-9._:\[\]-]+', allowed)


def test_the_cid_is_exposed_once_with_what_else_is() -> None:
    made = dict(cors(expose=('X-Total', 'x-zato-cid', 'X-Total', 'ETag')).headers_for(PAGE))
    assert made[b'Access-Control-Expose-Headers'] == b'X-Zato-CID, X-Total, ETag'


# Preflight requests


def test_a_preflight_request_is_answered_with_what_the_page_may_do() -> None:
    assert cors().preflight(PAGE, b'PUT', b'content-type,x-key', ('GET', 'PUT')) == (
        (b'Access-Control-Allow-Origin', PAGE),
        (b'Access-Control-Allow-Methods', b'GET, PUT'),
        (b'Access-Control-Allow-Headers', b'content-type, x-key'),
        (b'Access-Control-Max-Age', b'600'),
        VARY_PREFLIGHT,
    )
    assert CORS(origins=frozenset({'*'}), max_age=0).preflight(PAGE, b'PUT', b'', ('PUT',)) == (
        (b'Access-Control-Allow-Origin', b'*'),
        (b'Access-Control-Allow-Methods', b'PUT'),
        (b'Access-Control-Max-Age', b'0'),
        VARY_PREFLIGHT,
    )


def test_requests_with_credentials_are_allowed_before_they_are_made() -> None:
    for origins in ('*', 'https://page.example'):
        made = preflight(cors(origins, credentials=True))
        assert made[b'Access-Control-Allow-Origin'] == PAGE
        assert made[b'Access-Control-Allow-Credentials'] == b'true'
    assert b'Access-Control-Allow-Credentials' not in preflight(cors('*'))


@pytest.mark.parametrize(
    ('allowed', 'method', 'told'),
    [
        (('GET', 'PUT'), b'DELETE', b'GET, PUT'),
        (('',), b'DELETE', b'DELETE'),
        (('GET', ''), b'PATCH', b'GET, PATCH'),
        (('GET', ''), b'GET', b'GET'),
        (('GET', ''), b'P\r\nX: y', b'GET'),
        (('GET', ''), b'', b'GET'),
        ((), b'GET', None),
    ],
)
def test_the_methods_are_those_that_are_allowed_any_being_the_one_asked_for(
    allowed: tuple[str, ...], method: bytes, told: bytes | None
) -> None:
    assert preflight(cors(), method=method, allowed=allowed).get(b'Access-Control-Allow-Methods') == told


@pytest.mark.parametrize(
    ('configured', 'asked', 'told'),
    [
        ((), b'authorization,x-b', b'authorization, x-b'),
        ((), b' x-b\t,, x-b ,x-c', b'x-b, x-c'),
        ((), b'', None),
        ((), b'x b, x:c, "x", \xff, x-d\r\nX: y, *', b'*'),
        (('*',), b'authorization', b'authorization'),
        (('Authorization', 'X-Key'), b'x-other', b'Authorization, X-Key'),
        (('Authorization', 'X-Key\r\nX: y', 'Ключ'), b'', b'Authorization'),
        (('no name',), b'x-other', None),
    ],
)
def test_the_headers_are_those_configured_or_else_those_asked_for(
    configured: tuple[str, ...], asked: bytes, told: bytes | None
) -> None:
    assert preflight(cors(headers=configured), headers=asked).get(b'Access-Control-Allow-Headers') == told


@given(
    st.binary(max_size=20),
    st.binary(max_size=20),
    st.lists(st.text(max_size=10)),
    st.lists(st.text(max_size=10)),
    st.booleans(),
)
def test_no_header_breaks_out_of_its_line(
    method: bytes, asked: bytes, names: list[str], origins: list[str], credentials: bool
) -> None:
    encodable = [name.encode('utf-8', 'ignore').decode() for name in (*names, 'x\r\ny', 'x\ny')]
    made = CORS(
        origins=frozenset([*origins, 'https://page.example', 'https://a\r\nX: y']),
        headers=tuple(encodable),
        expose=tuple(encodable),
        credentials=credentials,
    )
    for origin in (PAGE, b'https://a\r\nX: y', *(name.encode('utf-8', 'ignore') for name in origins)):
        for name, value in (*made.headers_for(origin), *made.preflight(origin, method, asked, ('', *encodable))):
            assert re.fullmatch(rb'[A-Za-z-]+', name)
            assert re.fullmatch(rb'[\x21-\x7e][\x20-\x7e]*', value)


def test_equal_settings_make_equal_objects_and_only_settings_are_shown() -> None:
    assert cors() == cors()
    assert hash(cors()) == hash(cors())
    assert cors() != cors(credentials=True)
    assert repr(CORS(origins=frozenset({'*'}))) == (
        "CORS(origins=frozenset({'*'}), headers=(), expose=(), credentials=False, max_age=600)"
    )
