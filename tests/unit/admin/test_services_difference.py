"""What differs between two texts."""

from __future__ import annotations

from difflib import unified_diff

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zato.admin.services.difference import Line, compare

TEXTS = st.lists(st.sampled_from(['', 'a', 'b', '  c', 'd' * 30]), max_size=40).map('\n'.join)


def shown(old: str, new: str) -> list[str]:
    lines = compare(old, new)
    assert lines is not None
    return [line.text for line in lines]


def test_equal_texts_have_no_difference() -> None:
    assert compare('a\nb\n', 'a\nb\n') == []


def test_lines_say_whether_they_are_gone_or_new_and_where() -> None:
    old = '\n'.join(str(i) for i in range(1, 21))
    assert compare(old, old.replace('\n10\n', '\nten\n')) == [
        Line('hunk', '@@ -7,7 +7,7 @@'),
        Line('', ' 7'),
        Line('', ' 8'),
        Line('', ' 9'),
        Line('removed', '-10'),
        Line('added', '+ten'),
        Line('', ' 11'),
        Line('', ' 12'),
        Line('', ' 13'),
    ]


def test_a_form_feed_does_not_end_a_line() -> None:
    assert shown('a\x0cb', 'a\x0cc') == ['@@ -1,1 +1,1 @@', '-a\x0cb', '+a\x0cc']


@settings(max_examples=200)
@given(TEXTS, TEXTS)
def test_the_new_text_can_be_made_of_the_old_one_and_the_difference(old: str, new: str) -> None:
    before, after, made = old.split('\n'), new.split('\n'), list[str]()
    position = 0
    for line in compare(old, new) or ():
        if line.css == 'hunk':
            start = int(line.text[4:].split(',')[0]) - 1
            made += before[position : max(start, position)]
            position = max(start, position)
            continue
        if line.css != 'added':
            assert before[position] == line.text[1:]
            position += 1
        if line.css != 'removed':
            made.append(line.text[1:])
    assert made + before[position:] == after


@pytest.mark.parametrize(('old', 'new'), [('a', 'a\nb'), ('a\nb\nc', 'b'), ('x\n' * 9, 'x\n' * 4 + 'y\n' + 'x\n' * 5)])
def test_it_is_what_other_tools_show(old: str, new: str) -> None:
    expected = list(unified_diff(old.split('\n'), new.split('\n'), lineterm=''))[2:]
    assert [line for line in shown(old, new) if line[0] in '+-'] == [line for line in expected if line[0] in '+-']


def test_texts_of_which_too_much_differs_are_not_compared() -> None:
    assert compare('a\n' * 10_000, 'b\n' * 10_000) is None


def test_long_texts_that_differ_in_little_are_compared() -> None:
    old = '\n'.join(str(i) for i in range(100_000))
    assert len(shown(old, old.replace('\n50000\n', '\n\n'))) == 9


def test_lines_that_repeat_do_not_take_for_ever() -> None:
    old = '\n' * 3_900
    new = ''.join(f'\n{i}' for i in range(1_950))
    assert compare(old, new)
