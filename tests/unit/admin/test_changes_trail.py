"""The audit trail's entries as people read them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.dashboard import Pages
from tests.unit.admin.server_answers import change
from zato.admin.changes.trail import Entry, NotATrail, as_text, differences, read_trail
from zato.common.config.kind import kinds


def read_entry(raw: dict[str, Any]) -> Entry:
    (entry,) = read_trail([raw])
    return entry


def test_an_edit_shows_what_differs(pages: Pages) -> None:
    entry = read_entry(change())
    assert [(item.label, item.before, item.after) for item in entry.differences] == [('URL path', '/a', '/b')]


def test_what_was_created_shows_what_is_not_as_by_default() -> None:
    after = {'name': 'x', 'is_active': True, 'url_path': '/a', 'method': '', 'timeout': 0}
    found = differences('channel_rest', None, after)
    assert ('URL path', '', '/a') in [(item.label, item.before, item.after) for item in found]
    assert {item.label for item in found} & {'Name', 'Active'} == set()


@pytest.mark.parametrize(
    ('after', 'expected'),
    [
        (['a', 'c'], ('b', '')),
        (['a', 'b', 'c', 'd'], ('', 'd')),
        (['x'], ('a\nb\nc', 'x')),
        (['b', 'a', 'c'], ('a\nb\nc', 'b\na\nc')),
    ],
    ids=['less', 'more', 'others', 'order'],
)
def test_of_a_list_it_is_told_what_went_and_what_came(after: list[str], expected: tuple[str, str]) -> None:
    [found] = differences('security_group', {'members': ['a', 'b', 'c']}, {'members': after})
    assert (found.before, found.after) == expected


def test_what_was_deleted_has_no_page(pages: Pages) -> None:
    raw = change(action='delete', after=None)
    assert read_entry(raw).page == ''
    assert read_entry(raw).differences[0].before == '/a'


def test_an_edit_of_a_secret_alone_says_so(pages: Pages) -> None:
    same = {'name': 'x', 'is_active': True, 'password': '******'}
    entry = read_entry(change(kind='security_basic_auth', before=same, after=same))
    assert entry.note == 'Only a secret, which is not shown'


def test_switching_off_shows_yes_and_no() -> None:
    before: dict[str, Any] = {'name': 'x', 'is_active': True}
    (found,) = differences('channel_rest', before, {**before, 'is_active': False})
    assert (found.label, found.before, found.after) == ('Active', 'yes', 'no')


def test_a_kind_that_is_not_known_shows_its_keys() -> None:
    (found,) = differences('of_the_future', {'number': 1, 'x': 1}, {'number': 1, 'x': 2})
    assert (found.label, found.before, found.after) == ('x', '1', '2')


@pytest.mark.parametrize(
    ('value', 'text'),
    [(None, 'none'), ('', 'none'), ([], 'none'), (['a', 'b'], 'a\nb'), ({'a': 'ż'}, '{"a": "ż"}'), (0, '0'), ('x', 'x')],
)
def test_values_are_shown_as_text(value: Any, text: str) -> None:
    assert as_text(value, None) == text


def test_long_values_are_cut() -> None:
    assert as_text('x' * 10_000, None) == 'x' * 500 + '… (10,000 characters)'


def test_numbers_have_their_unit() -> None:
    declared = next(field for kind in kinds().values() for field in kind.fields.values() if field.unit)
    assert as_text(5, declared) == f'5 {declared.unit}'
    assert as_text('$NAME', declared) == '$NAME'


@pytest.mark.parametrize('garbage', [None, 'text', {'a': 1}, [1], [{}], [{**change(), 'before': 'x'}]])
def test_what_is_no_trail_is_refused(pages: Pages, garbage: Any) -> None:
    with pytest.raises(NotATrail):
        read_trail(garbage)
