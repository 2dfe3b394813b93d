"""What a form's inputs hold, and what is made of it: for objects of every kind, whatever they have."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.dashboard import set_up_once
from tests.unit.admin.object_answers import required, shown
from zato.admin.objects.values import Values, defaults_of, differing, fields_of, request_of, typed, values_of
from zato.common.config.field import Field, convert_value
from zato.common.config.kind import Kind, kinds
from zato.common.config.stored import MASK, read_settings

KINDS = [kind for kind in kinds().values() if 'edit' in kind.operations]
CHANNEL = kinds()['channel_rest']
BASIC_AUTH = kinds()['security_basic_auth']
GROUP = kinds()['security_group']

_NAMES = st.text('abcXYZ .,-/&<>"\'é', min_size=1, max_size=12).map(str.strip).filter(bool)


@pytest.fixture(autouse=True, scope='module')
def _settings() -> None:
    set_up_once()


def _browser(kind: Kind, values: Values) -> Any:
    """What a browser sends of a form that nobody has touched."""
    form = QueryDict(mutable=True)
    for name, value in values.items():
        declared = kind.fields.get(name)
        if declared is not None and declared.is_read_only:
            continue
        if isinstance(value, list):
            form.setlist(name, value)
        elif isinstance(value, bool):
            form.update({name: 'on'} if value else {})
        elif declared is not None and declared.choices and value not in declared.choices:
            form.update({name: '$', f'{name}.variable': value})
        else:
            form[name] = value.replace('\n', '\r\n')
    return form


def _valid(declared: Field) -> st.SearchStrategy[Any]:
    """Values that a setting may have, some of them variables."""
    if declared.is_many:
        return st.lists(_NAMES, max_size=3, unique=True)
    if declared.refers_to:
        return _NAMES if declared.is_required or declared.default else st.none() | _NAMES
    if declared.type is bool:
        return st.booleans()
    if declared.is_secret:
        return st.sampled_from([MASK, '$SECRET'])
    variable = st.sampled_from(['$NAME', '$other'])
    if declared.choices:
        return st.sampled_from(declared.choices) | variable
    if declared.type in (int, float):
        low = declared.minimum or 0
        high = declared.maximum or low + 10_000
        numbers = st.integers(int(low) + 1, int(high)) if declared.type is int else st.floats(low, high)
        return numbers | variable
    samples = ('', '/x', 'sample', 'https://example.com', 'a/b', 'key=value', '*=10/m\n# more\n', '$$text')
    return st.sampled_from([text for text in samples if _fits(declared, text)]) | variable


def _fits(declared: Field, text: str) -> bool:
    try:
        convert_value(declared, text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize('kind', KINDS, ids=lambda kind: kind.name)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_form_that_nobody_touched_changes_nothing(kind: Kind, data: st.DataObject) -> None:
    given_ = {name: data.draw(_valid(declared), name) for name, declared in kind.fields.items() if not declared.is_read_only}
    item = shown(kind, **given_)
    values = values_of(kind, item)
    request = request_of(kind, typed(kind, _browser(kind, values)))
    assert values_of(kind, shown(kind, **{**given_, **_read(kind, request)})) == values
    assert MASK not in request.values()


def _read(kind: Kind, request: dict[str, Any]) -> dict[str, Any]:
    """What a server stores, with names of what is referred to."""
    problems: list[str] = []
    given_ = {key: value for key, value in request.items() if key not in ('name', 'is_active')}
    found = read_settings(kind, given_, lambda key, text: problems.append(f'{key} {text}'))
    assert problems == []
    for name, declared in kind.references.items():
        if declared.is_many:
            found[name] = [_name(target.name, declared) for target in found[name]]
        elif found.get(name) is not None:
            found[name] = _name(found[name].name, declared)
    return found


def _name(text: str, declared: Field) -> str:
    return text.removeprefix(f'{declared.refers_to[0]}/')


@pytest.mark.parametrize('kind', [kind for kind in KINDS if 'create' in kind.operations], ids=lambda kind: kind.name)
def test_defaults_with_what_is_required_make_an_object(kind: Kind) -> None:
    values = {**defaults_of(kind), **required(kind), 'name': 'x'}
    request = request_of(kind, typed(kind, _browser(kind, values)))
    problems: list[str] = []
    settings_ = {key: value for key, value in request.items() if key not in ('name', 'is_active')}
    read_settings(kind, settings_, lambda key, text: problems.append(f'{key} {text}'))
    assert problems == []
    assert request['is_active'] is True
    assert not {*request} & {*kind.secrets}, 'secrets that are empty are made at random by the server'


def test_a_password_that_there_is_already_is_not_in_the_form() -> None:
    assert 'password' in {declared.name for declared in fields_of(BASIC_AUTH, None)}
    assert 'password' not in {declared.name for declared in fields_of(BASIC_AUTH, shown(BASIC_AUTH))}
    assert 'password' in {declared.name for declared in fields_of(BASIC_AUTH, shown(BASIC_AUTH, password='$NAME'))}


def test_of_a_select_the_variable_may_be_written_with_or_without_its_dollar_sign() -> None:
    for text in ('$METHOD', 'METHOD', ' METHOD '):
        form = QueryDict(mutable=True)
        form.update({'method': '$', 'method.variable': text})
        assert typed(CHANNEL, form)['method'] == '$METHOD'


def test_names_are_read_from_boxes_from_lines_and_from_what_is_to_be_added() -> None:
    form = QueryDict(mutable=True)
    form.setlist('members', ['one', 'security_apikey/two\r\n one \r\n\r\nthree'])
    form['members.add'] = 'four'
    assert typed(GROUP, form)['members'] == ['one', 'security_apikey/two', 'three', 'four']


def test_what_a_browser_did_not_send_stays_as_it_is() -> None:
    request = request_of(CHANNEL, typed(CHANNEL, QueryDict('url_path=/x')))
    assert 'method' not in request
    assert 'name' not in request
    assert request['match_slash'] is False, 'a box that is not ticked is not sent'


def test_a_secret_is_never_among_what_differs() -> None:
    theirs, mine = {'name': 'a', 'password': '', 'realm': 'x'}, {'name': 'b', 'password': 'planted', 'realm': 'x'}
    assert differing(BASIC_AUTH, theirs, mine) == ['name']


@pytest.mark.parametrize('text', ['a\r\nb', 'a\rb', 'a\nb'], ids=['as browsers end lines', 'as old ones did', 'plain'])
def test_how_a_browser_ends_lines_is_not_stored(text: str) -> None:
    assert convert_value(kinds()['security_bearer_token'].fields['scopes'], text) == 'a\nb'
