"""Patterns of topics that endpoints may publish and subscribe to."""

from __future__ import annotations

import pytest

from zato.common.pubsub.pattern import Patterns, check_patterns


@pytest.mark.parametrize(
    ('pattern', 'allowed', 'refused'),
    [
        ('/customer/new', ['/customer/new'], ['/customer/newest', '/customer/new/x', '/customer/New', 'x/customer/new']),
        (
            '/customer/*',
            ['/customer/new', '/customer/a b'],
            ['/customer', '/customer/', '/customer/new/x', '/customers/new'],
        ),
        ('/*/new', ['/customer/new'], ['//new', '/a/b/new']),
        ('/customer/v*', ['/customer/v', '/customer/v2'], ['/customer/w', '/customer/v/2']),
        ('/a/*b*/c', ['/a/b/c', '/a/xbx/c'], ['/a/x/c', '/a/b/b/c']),
        ('/customer/**', ['/customer/', '/customer/new', '/customer/new/x'], ['/customer', '/customers/new']),
        ('**/new', ['/new', '/a/b/new'], ['/new/']),
        ('/*', ['/a', '/a/b/c', '/zato/s/to/my.service'], []),
        ('**', ['/a', '/a/b/c'], []),
        ('/zato/s/to/*', ['/zato/s/to/my.service'], ['/zato/s/to/a/b']),
        ('/a.b+(c)', ['/a.b+(c)'], ['/axb+(c)', '/a.bb(c)']),
    ],
)
def test_a_pattern_matches_whole_names(pattern: str, allowed: list[str], refused: list[str]) -> None:
    patterns = Patterns(f'pub={pattern}')
    assert [topic for topic in (*allowed, *refused) if patterns.match('pub', topic)] == allowed
    assert not any(patterns.match('sub', topic) for topic in allowed)


def test_the_first_pattern_that_allows_it_is_told() -> None:
    patterns = Patterns('sub=/a/*\n\n  pub = /a/*  \npub=/a/b')
    assert patterns.match('pub', '/a/b') == 'pub=/a/*'
    assert patterns.match('sub', '/a/b') == 'sub=/a/*'
    assert patterns.match('sub', '/b') == ''
    assert Patterns('').match('pub', '/a') == ''


@pytest.mark.parametrize(
    ('line', 'what'),
    [
        ('/a', 'pub= or sub='),
        ('publish=/a', 'pub= or sub='),
        ('PUB=/a', 'pub= or sub='),
        ('pub=', 'begin with a slash'),
        ('pub=a', 'begin with a slash'),
        ('pub=*', 'begin with a slash'),
        ('pub=/***', 'one or two asterisks'),
        ('pub=/a*b*c*d*', 'up to 3 asterisks'),
        ('pub=/**/**/**/**', 'up to 3 asterisks'),
    ],
)
def test_a_wrong_line_is_named(line: str, what: str) -> None:
    with pytest.raises(ValueError, match='line 3 is ') as raised:
        check_patterns(f'pub=/a\n\n{line}\n')
    assert what in str(raised.value)
    assert str(raised.value).endswith(f'line 3 is {line}')


def test_one_endpoint_has_a_thousand_patterns_at_most() -> None:
    check_patterns('pub=/a\n' * 1_000)
    with pytest.raises(ValueError, match='1,001'):
        check_patterns('pub=/a\n' * 1_001)


def test_the_longest_names_are_matched_soon_whatever_the_pattern() -> None:
    """One that went back at each character would not end."""
    topic = '/' + 'a' * 199
    assert not Patterns('pub=/**a**a**b').match('pub', topic)
    assert not Patterns('pub=/' + '*/' * 400 + 'b').match('pub', '/a' * 100)
