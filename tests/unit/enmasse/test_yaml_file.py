"""YAML as it is read: values as they are written, lines, and everything that is wrong."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from zato.common.enmasse.nodes import MOST_NODES, MapNode, Node, text_of, value_of
from zato.common.enmasse.yaml_file import parse_yaml


def flaws(text: str) -> list[tuple[int, str]]:
    return [(flaw.line, flaw.text) for flaw in parse_yaml(text).flaws]


def root(text: str) -> Node:
    parsed = parse_yaml(text)
    assert not parsed.flaws, parsed.flaws
    assert parsed.root is not None
    return parsed.root


@pytest.mark.parametrize(
    'written',
    ['on', 'No', '0123', '1_000', '1e3', '2024-01-01T00:00:00', '12:30:45', '0x1F', '.5', 'NaN', '=', '!', '1.10', 'True'],
)
def test_a_value_is_the_text_that_is_written(written: str) -> None:
    text = f'key: "{written}"' if written in '=!' else f'key: {written}'
    assert text_of(root(text)) == {'key': written}


@pytest.mark.parametrize('written', ['', '~', 'null', 'Null', '!!null', '!!null ""'])
def test_nothing_is_nothing(written: str) -> None:
    assert text_of(root(f'key: {written}')) == {'key': None}


@pytest.mark.parametrize('written', ['"null"', "'~'", "''", '!!str null', '! null'])
def test_nothing_in_quotes_is_text(written: str) -> None:
    assert text_of(root(f'key: {written}'))['key'] in ('null', '~', '')


@pytest.mark.parametrize(
    ('written', 'value'),
    [('yes', True), ('False', False), ('"yes"', 'yes'), ('10', 10), ('1.5', 1.5), ('~', None), ('[1, a]', [1, 'a'])],
)
def test_values_that_nobody_reads_as_text_are_those_of_yaml(written: str, value: Any) -> None:
    assert value_of(root(f'key: {written}')) == {'key': value}


def test_each_key_has_its_line_in_unix_and_in_windows_files() -> None:
    text = 'a: 1\n\n# comment\nb:\n  - c: 2\n    d: 3\n'
    for each in (text, text.replace('\n', '\r\n')):
        node = root(each)
        assert isinstance(node, MapNode)
        assert [(key.text, key.line) for key, _ in node.pairs] == [('a', 1), ('b', 4)]
        assert [node.pairs[1][1].line, node.pairs[1][1].items[0].line] == [5, 5]  # type: ignore[union-attr]  # a list


def test_text_of_several_lines_and_from_beyond_ascii_is_kept() -> None:
    assert text_of(root('a: |\n  é\n   😀\nb: >-\n  x\n  y\n')) == {'a': 'é\n 😀\n', 'b': 'x y'}


def test_aliases_and_merge_keys_are_followed_and_own_keys_count() -> None:
    text = 'x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: [*x, *x]\nw: {<<: [{b: 4, c: 5}, *x], a: 6}\n'
    found = text_of(root(text))
    assert found['y'] == {'a': '1', 'b': '3'}
    assert found['z'] == [{'a': '1', 'b': '2'}] * 2
    assert found['w'] == {'a': '6', 'b': '4', 'c': '5'}


def test_a_quoted_merge_key_is_a_key() -> None:
    assert text_of(root('"<<": a')) == {'<<': 'a'}


def test_only_mappings_can_be_merged() -> None:
    assert flaws('a:\n  <<: text') == [(2, 'only mappings can be merged')]


def test_keys_that_are_there_twice_are_told_with_both_lines() -> None:
    text = 'a: 1\nb: {c: 1, "c": 2}\na: 3\n'
    assert flaws(text) == [(2, 'the key `c` is in line 2 already'), (3, 'the key `a` is in line 1 already')]


@pytest.mark.parametrize(
    ('text', 'line', 'part'),
    [
        ('a: [1,\n b: {', 3, 'while parsing a flow'),
        ('\ta: 1', 1, 'cannot start any token'),
        ('a: 1\n\tb: 2', 2, ''),
        ('a: 1\nb: x\x00', 2, r'the character \x00 is not allowed'),
        ('a: 1\n---\nb: 2', 2, 'another one begins here'),
        ('a: *b', 1, 'an alias has no anchor before it; was it text, to be in quotes?'),
        ('a: &a\n  - *a', 2, '*a is in itself'),
        ('a: &a 1\nb: &a [*a]', 2, '*a is in itself'),
        ('? [a]\n: 1', 1, 'a key must be text'),
        ('"a\\ud83d": 1', 1, ''),
        ('a: !secret b', 1, 'the tag, which begins with !, is not understood; was it text, to be in quotes?'),
        ('a: !!python/object/apply:os.system [ls]', 1, 'is not understood'),
        ('a: !!binary aGk=', 1, 'is not understood'),
    ],
)
def test_what_is_no_yaml_for_us_is_told_with_its_line(text: str, line: int, part: str) -> None:
    (found,) = flaws(text)
    assert found[0] == line
    assert part in found[1]


def test_aliases_that_multiply_are_refused() -> None:
    names = 'abcdefghij'
    text = 'a: &a [x, x, x, x, x, x, x, x, x, x]\n' + ''.join(
        f'{name}: &{name} [{", ".join([f"*{before}"] * 10)}]\n' for before, name in pairwise(names)
    )
    assert flaws(text) == [(7, f'there are more than {MOST_NODES:,} values, those behind aliases included')]


@pytest.mark.parametrize('depth', [51, 200_000])
def test_what_is_nested_too_deeply_is_refused(depth: int) -> None:
    assert flaws('[' * depth + ']' * depth) == [(1, 'it is nested more than 50 levels deep')]
    assert flaws('- ' * depth + 'x') == [(1, 'it is nested more than 50 levels deep')]


def test_aliases_do_not_nest_deeper_than_what_is_written_may() -> None:
    text = f'a: &a {"[" * 30 + "]" * 30}\nb: {"[" * 30}*a{"]" * 30}\n'
    assert flaws(text) == [(2, 'it is nested more than 50 levels deep')]


@pytest.mark.parametrize('text', ['', '\n', '# comment', '---\n...\n', '\ufeff'])
def test_a_file_may_have_nothing(text: str) -> None:
    parsed = parse_yaml(text)
    assert not parsed.flaws
    assert parsed.root is None or text_of(parsed.root) is None
