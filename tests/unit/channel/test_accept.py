"""The Accept header: what of several offers a client wants most."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.common.exception import ConfigError
from zato.server.channel.accept import Accept, normalize, specificity


@dataclass(frozen=True)
class Offered:
    http_accept: str


def chosen(header: bytes, *offers: str) -> str | None:
    found = Accept(header).choose([Offered(item) for item in offers])
    return found.http_accept if found else None


def weights(header: bytes) -> dict[str, float]:
    """Of some media types, those that the client wants."""
    accept = Accept(header)
    types = ('application/json', 'application/xml', 'text/csv')
    return {item: accept.weight(item) for item in types if accept.weight(item)}


EVERYTHING = {'application/json': 1.0, 'application/xml': 1.0, 'text/csv': 1.0}


@pytest.mark.parametrize(
    ('header', 'wanted'),
    [
        (b'', EVERYTHING),
        (b'*/*', EVERYTHING),
        (b' , ,', EVERYTHING),
        (b'application/json', {'application/json': 1.0}),
        (b'Application/JSON', {'application/json': 1.0}),
        (b'application/*', {'application/json': 1.0, 'application/xml': 1.0}),
        (b'text/csv;q=0.5, application/*;q=0.25', {'application/json': 0.25, 'application/xml': 0.25, 'text/csv': 0.5}),
        (b'application/json;q=0, */*', {'application/xml': 1.0, 'text/csv': 1.0}),
        (b'*/*, application/json;q=0', {'application/xml': 1.0, 'text/csv': 1.0}),
        (
            b'*/*;q=0.1, application/*;q=0.2, application/xml;q=0.3',
            {'application/json': 0.2, 'application/xml': 0.3, 'text/csv': 0.1},
        ),
        (b'*/*;q=0', {}),
        (b'text/html, image/gif, *; q=.2, */*; q=.2', dict.fromkeys(EVERYTHING, 0.2)),
    ],
)
def test_the_most_specific_range_that_a_type_is_in_says_how_much_it_is_wanted(
    header: bytes, wanted: dict[str, float]
) -> None:
    assert weights(header) == wanted


@pytest.mark.parametrize(
    ('parameters', 'weight'),
    [
        (b'', 1.0),
        (b';q=1', 1.0),
        (b';q=1.000', 1.0),
        (b';q=0.', 0.0),
        (b';Q=0.5', 0.5),
        (b' \t; \tq=0.001', 0.001),
        (b';charset=utf-8;q=0.5', 0.5),
        (b';q=0.5;charset=utf-8', 0.5),
        (b';a="x, */*;q=1";q=0.5', 0.5),
        (b';a="\\"";q=0.5', 0.5),
        (b';;q=0.5;', 0.5),
        (b';a;q=0.5', 0.5),
        (b';q=0.33333', 0.33333),
    ],
)
def test_parameters_other_than_the_weight_do_not_count(parameters: bytes, weight: float) -> None:
    assert Accept(b'text/csv%b, text/xml;q=0' % parameters).weight('text/csv') == weight


@pytest.mark.parametrize(
    'item',
    [
        b'text',
        b'text/',
        b'/csv',
        b'*/csv',
        b'*',
        b'text/csv/x',
        b'text /csv',
        b'te"x"xt/csv',
        b'text/csv x',
        b'text/csv;q=',
        b'text/csv;q=x',
        b'text/csv;q=-1',
        b'text/csv;q=1.1',
        b'text/csv;q=2',
        b'text/csv;q="1"',
        b'text/csv;q=1e0',
        b'text/csv;q=nan',
        b'text/csv;q=\xb2',
        b'text/csv\x00',
        b'text/c\xe4v',
    ],
)
def test_what_is_malformed_is_ignored(item: bytes) -> None:
    assert weights(b'application/xml, %b, application/json;q=0.5' % item) == {
        'application/xml': 1.0,
        'application/json': 0.5,
    }
    assert weights(item) == EVERYTHING


def test_of_a_type_that_is_there_twice_the_highest_weight_counts() -> None:
    assert Accept(b'text/csv;q=0.2, text/csv;header=absent;q=0.8, text/csv;q=0').weight('text/csv') == 0.8


@pytest.mark.parametrize(
    ('header', 'offers', 'found'),
    [
        (b'', ['*/*', 'text/*', 'text/csv'], 'text/csv'),
        (b'', ['*/*', 'text/*'], 'text/*'),
        (b'*/*', ['application/json', 'text/csv'], 'application/json'),
        (b'text/csv, application/json;q=0.9', ['application/json', 'text/csv'], 'text/csv'),
        (b'text/*, application/json;q=0.9', ['application/json', 'text/*'], 'text/*'),
        (b'text/csv', ['*/*', 'text/*', 'text/csv', 'text/xml'], 'text/csv'),
        (b'text/html', ['*/*', 'text/*', 'text/csv'], 'text/*'),
        (b'image/png', ['*/*', 'text/*', 'text/csv'], '*/*'),
        (b'image/png', ['text/*', 'text/csv'], None),
        (b'text/csv;q=0', ['text/csv'], None),
        (b'text/csv;q=0, text/html', ['text/csv', 'text/*'], 'text/*'),
        (b'text/*;q=0, text/html;q=0.1', ['text/csv', 'text/*'], 'text/*'),
        (b'text/csv;q=0.5, image/png', ['text/csv', '*/*'], '*/*'),
        (b'*/*;q=0', ['text/csv', '*/*'], '*/*'),
        (b'text/csv;q=0', ['*/*'], '*/*'),
        (b'texts/csv', ['text/*'], None),
        (b'text/csv', [], None),
    ],
)
def test_the_offer_that_is_wanted_most_is_taken_and_of_equals_the_most_specific(
    header: bytes, offers: list[str], found: str | None
) -> None:
    assert chosen(header, *offers) == found


MAIN, SUB = ['a', 'b', 'x'], ['1', '2', 'x']  # no header names x, which stands for all others
RANGES = ['*/*', 'a/*', 'b/*', 'a/1', 'a/2', 'b/1']


@given(st.dictionaries(st.sampled_from(RANGES), st.sampled_from([0, 0.2, 0.5, 1])), st.sampled_from(RANGES))
def test_a_range_is_wanted_as_much_as_the_best_in_it(wanted: dict[str, float], offered: str) -> None:
    header = ', '.join(f'{name};q={weight}' for name, weight in wanted.items()).encode()
    wanted = wanted or {'*/*': 1}

    def weight(main: str, sub: str) -> float:
        return next((wanted[name] for name in (f'{main}/{sub}', f'{main}/*', '*/*') if name in wanted), 0)

    main, sub = offered.split('/')
    inside = [(m, s) for m in MAIN for s in SUB if main in ('*', m) and sub in ('*', s)]
    assert Accept(header).weight(offered) == max(weight(*item) for item in inside)


@given(st.binary(max_size=60) | st.text('a/*;q=0.5", \\', max_size=60).map(str.encode))
def test_no_header_whatever_is_an_error(header: bytes) -> None:
    accept = Accept(header)
    assert all(0 <= accept.weight(item) <= 1 for item in ('a/b', 'a/*', '*/*'))
    assert chosen(header, 'a/b', '*/*')


@pytest.mark.parametrize(
    'header', [b'"' * 30_001, b'"\\' * 15_000, b'"\\""' * 8_000, b'a/b;q=' + b'1' * 30_000, b'\\"' * 15_000]
)
def test_quotes_and_numbers_without_an_end_are_read_once(header: bytes) -> None:
    assert chosen(header, 'text/csv')  # with one way tried after the other, this would take minutes


@pytest.mark.parametrize(
    ('text', 'media_range'),
    [
        ('', '*/*'),
        (' ', '*/*'),
        ('*/*', '*/*'),
        ('*/*; q=0.5', '*/*'),
        ('Text/*', 'text/*'),
        (' application/vnd.Acme.v1+json;charset=utf-8 ', 'application/vnd.acme.v1+json'),
    ],
)
def test_a_media_type_is_in_lower_case_and_without_parameters(text: str, media_range: str) -> None:
    assert normalize(text) == normalize(media_range) == media_range


@pytest.mark.parametrize(
    'text', ['json', 'text/', '/csv', '*/csv', '*', 'text/csv, text/xml', 'text/c v', 'text/ü', 'a\n/b']
)
def test_what_is_no_media_type_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match='`http_accept` must be a media type such as'):
        normalize(text)


def test_one_type_is_more_specific_than_a_range_and_that_than_anything() -> None:
    assert sorted(['text/*', 'text/csv', '*/*'], key=specificity) == ['*/*', 'text/*', 'text/csv']
