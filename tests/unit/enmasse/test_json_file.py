"""JSON as it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zato.common.enmasse.json_file import parse_json
from zato.common.enmasse.nodes import MapNode, text_of, value_of

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(ANY_JSON, st.sampled_from([None, 2, '\t']), st.booleans())
def test_it_is_read_as_by_any_other_parser(value: Any, indent: Any, is_ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    parsed = parse_json(text)
    assert not parsed.flaws
    assert parsed.root is not None
    assert value_of(parsed.root) == value


def test_numbers_are_as_they_are_written_and_keys_have_lines() -> None:
    parsed = parse_json('{"a": 1.10,\r\n\t"b"\n:\n[1e3, null, "null"]}')
    assert isinstance(parsed.root, MapNode)
    assert text_of(parsed.root) == {'a': '1.10', 'b': ['1e3', None, 'null']}
    assert [(key.text, key.line, value.line) for key, value in parsed.root.pairs] == [('a', 1, 1), ('b', 2, 4)]


@pytest.mark.parametrize(
    ('text', 'line', 'column', 'part'),
    [
        ('{"a": 1,\n "a": 2}', 2, 0, 'the key `a` is in line 1 already'),
        ('{"a": 1,\n}', 2, 1, 'there must be a value after the comma'),
        ('[1 2]', 1, 4, 'there must be a comma or ]'),
        ('{a: 1}', 1, 2, 'there must be a key in double quotes'),
        ('{"a" 1}', 1, 6, 'there must be a colon'),
        ('["a\nb"]', 1, 2, 'this text has no end'),
        ('["\\q"]', 1, 2, 'an escape that there is not'),
        ('[NaN]', 1, 2, 'there must be a value'),
        ('[01]', 1, 3, 'there must be a comma'),
        ('[1]\n[2]', 2, 1, 'the file must end after its value'),
        ('[', 1, 2, 'there must be a value'),
        ('{"a":', 1, 6, 'there must be a value'),
        ('// no', 1, 1, 'there must be a value'),
    ],
)
def test_what_is_no_json_is_told_with_its_place(text: str, line: int, column: int, part: str) -> None:
    (flaw,) = parse_json(text).flaws
    assert (flaw.line, flaw.column) == (line, column)
    assert part in flaw.text


@pytest.mark.parametrize('depth', [51, 100_000])
def test_what_is_nested_too_deeply_is_refused(depth: int) -> None:
    (flaw,) = parse_json('[' * depth + ']' * depth).flaws
    assert (flaw.line, flaw.column, flaw.text) == (1, 51, 'it is nested more than 50 levels deep')
