"""What is exported can be imported, and exported again: the same text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.enmasse import read
from zato.common.config.field import Field, clean_name, convert_value
from zato.common.config.kind import Kind, kinds
from zato.common.config.stored import Target, missing_settings, read_settings
from zato.common.enmasse.writing import Format, document_of, render

WRITTEN = [kind for kind in kinds().values() if kind.enmasse]

#: Of settings that are checked, by the setting's name.
EXAMPLES: Mapping[str, list[str]] = {
    'url_path': ['/a/{b}', '/é 😀', "/it's"],
    'host': ['https://example.com:8443/{a}', 'http://[::1]'],
    'auth_server_url': ['https://example.com/token?a=b'],
    'header': ['X-API-Key', '~'],
    'http_accept': ['application/json', 'application/*'],
    'username': ['jane', 'Łucja ', '{a: b}', '- x', '0123', 'no'],
    'cors_origins': ['*', 'https://a.example\nnull'],
    'rate_limit_def': ['*=1/m', '# none\n10.0.0.0/8=100/h\n\n*=*'],
    'extra_fields': ['a=b\n\n  c = d', 'on=yes'],
    'topic_patterns': ['pub=/*', 'pub=/a b/*\n\n sub = /é/**'],
    'sub_key': ['zpsk.rest.0123', 'zpsk.srv.a-b_c'],
}

AWKWARD = st.sampled_from(
    [
        *(
            '',
            ' ',
            'no',
            'on',
            '~',
            'null',
            '0123',
            '1e3',
            '2024-01-01',
            '12:30',
            '=',
            '<<',
            '---',
            '...',
            '?',
            ':',
            '"',
            "'",
        ),
        *('- a', 'a: b', 'a #b', '# a', '\\n', '{a}', '[a]', '*a', '&a', '!a', '|', '>', '%a', '@a', '`a', '$A', '$$A'),
        *('é\u00a0', '\u0300a', '😀', '\u200b', '\u061c', '\ufeff', 'x' * 300),
    ]
)
LINES = st.sampled_from(['', ' ', '  a', 'a  ', '\ta', 'a\t', '# a', '- a', '---', '...', 'é😀', 'a\r', '|', '$A', ': '])
TEXT = AWKWARD | st.text(max_size=12)
TEXTS = TEXT | st.lists(LINES | TEXT, max_size=5).map('\n'.join)


def names(*, but: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    return TEXT.filter(lambda text: _is_name(text) and text not in but)


def _is_name(text: str) -> bool:
    try:
        return clean_name(text) == text
    except ValueError:
        return False


def values(declared: Field) -> st.SearchStrategy[Any]:
    """What the setting may be stored as."""
    if declared.is_many:
        return st.lists(names(), max_size=3, unique=True)
    if declared.refers_to:
        return names(but=declared.none_names)
    if declared.is_secret:
        return st.sampled_from(['$SECRET', '$É'])
    return _raw_values(declared).filter(lambda raw: _is_valid(declared, raw)).map(lambda raw: convert_value(declared, raw))


def _raw_values(declared: Field) -> st.SearchStrategy[Any]:
    low, high = declared.minimum or 0, declared.maximum or 1e15
    if declared.type is bool:
        return st.booleans()
    if declared.type is int:
        return st.integers(int(low), int(high)) | st.just('$NUMBER')
    if declared.type is float:
        return st.floats(low, high) | st.just('$NUMBER')
    if declared.choices:
        return st.sampled_from(declared.choices)
    if declared.check is not None:
        return st.sampled_from([*EXAMPLES.get(declared.name, []), '$VARIABLE'])
    return TEXTS if declared.is_multiline else TEXT


def _is_valid(declared: Field, raw: Any) -> bool:
    try:
        convert_value(declared, raw)
    except ValueError:
        return False
    return True


@st.composite
def exported(draw: st.DrawFn, kind: Kind) -> dict[str, Any]:
    """An object as zato.config.export has it."""
    able = {name: declared for name, declared in kind.fields.items() if not declared.is_read_only}
    wanted = [name for name, declared in able.items() if declared.is_required or draw(st.booleans())]
    return as_exported(
        kind, draw(names()), {name: draw(values(kind.fields[name])) for name in wanted}, is_active=draw(st.booleans())
    )


def as_exported(kind: Kind, name: str, settings: Mapping[str, Any], *, is_active: bool) -> dict[str, Any]:
    differing = {
        key: settings[key]
        for key, declared in kind.fields.items()
        if key in settings and settings[key] != ([] if declared.is_many else declared.default)
    }
    return {'kind': kind.name, 'name': name, 'is_active': is_active, 'settings': differing}


def imported(change: Mapping[str, Any]) -> dict[str, Any]:
    """What the server has after this change, as it exports it."""
    kind = kinds()[change['kind']]
    given = {key: value for key, value in change.items() if key in kind.keys}

    def refuse(key: str, text: str) -> None:
        raise AssertionError(f'{key} {text}')

    complete = missing_settings(kind, read_settings(kind, given, refuse), given, refuse)
    is_active = str(change.get('is_active', True)) != 'false'
    return as_exported(kind, change['name'], {key: _shown(value) for key, value in complete.items()}, is_active=is_active)


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return value.name if isinstance(value, Target) else value


@pytest.mark.parametrize('format_', ['yaml', 'json'])
@pytest.mark.parametrize('kind', WRITTEN, ids=lambda kind: kind.name)
def test_what_is_exported_can_be_imported_and_is_exported_as_the_same_text(
    kind: Kind, format_: Format, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp('export')

    @settings(max_examples=100, deadline=None, database=None)
    @given(st.lists(exported(kind), max_size=3, unique_by=lambda item: item['name']))
    def check(objects: list[dict[str, Any]]) -> None:
        text = render(document_of(objects), format_)
        found = read(directory, text or '{}', name=f'export.{format_}')
        assert found.problems in ([], [f'export.{format_}: there is no section in it'][: not objects])
        again = [imported(change) for change in found.changes]
        assert sorted(again, key=lambda item: item['name']) == sorted(objects, key=lambda item: item['name'])
        assert render(document_of(again), format_) == text

    check()


@settings(max_examples=60, deadline=None, database=None)
@given(st.lists(exported(kinds()['outgoing_rest']), max_size=3, unique_by=lambda item: item['name']))
def test_other_programs_read_the_same(objects: list[dict[str, Any]]) -> None:
    document = document_of(objects)
    assert yaml.safe_load(render(document, 'yaml')) == document
    assert json.loads(render(document, 'json')) == document
