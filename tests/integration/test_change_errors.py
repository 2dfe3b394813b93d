"""What is wrong with changes, one by one: which change, which key as the user named it, and a text for beside the field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.test_changes import BASIC, CHANNEL, Config, Raw, basic, channel, create, delete, edit
from zato.common.exception import BadRequest, Fault, HTTPException
from zato.server.propagate.change import parse_change

GROUP, OUT = 'security_group', 'outgoing_rest'

Told = tuple[int, str, str]


@pytest.fixture
def odb_engine() -> str:
    return 'sqlite'


def told(config: Config, *raw: Raw) -> list[Told]:
    """What is wrong, each of which is the end of a line of the whole text, and each line ends with one of them."""
    with pytest.raises(HTTPException) as info:
        config.apply(*raw)
    errors = info.value.errors
    lines = info.value.msg.split('\n')
    assert all(any(line.endswith(error.text) for line in lines) for error in errors)
    assert all(any(line.endswith(error.text) for error in errors) for line in lines if not line.startswith('and '))
    return [(error.change, error.key, error.text) for error in errors]


def test_each_setting_that_is_wrong_is_told_with_its_key_and_change(config: Config) -> None:
    changes = (
        basic('fine'),
        channel('c', url_path='x', method='FETCH', service_timeout=-1),
        channel('d', url_path='/d', is_active='maybe'),
    )
    assert told(config, *changes) == [
        (1, 'url_path', 'must begin with a slash; got `x`'),
        (1, 'method', 'must be one of: (empty), GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS; got `FETCH`'),
        (1, 'service_timeout', 'must be a number from 0 to 86,400 seconds; got `-1`'),
        (2, 'is_active', 'must be True or False; got `maybe`'),
    ]


def test_what_is_missing_or_unknown_is_told_with_its_key(config: Config) -> None:
    assert told(config, create(CHANNEL, 'c', url_pth='/c')) == [
        (0, 'url_pth', 'is unknown; did you mean `url_path`?'),
        (0, 'url_path', 'is required'),
    ]
    assert told(config, create(CHANNEL, None, url_path='/c')) == [(0, 'name', 'is required')]
    assert told(config, create(CHANNEL, ' ', url_path='/c')) == [(0, 'name', 'must be text and not empty; got ` `')]


def test_a_secret_that_is_refused_is_not_in_the_text(config: Config) -> None:
    [(_, key, text)] = told(config, basic('s', password='$my secret'))
    assert key == 'password'
    assert 'my secret' not in text


@pytest.mark.parametrize('key', ['security', 'security_name', 'sec_def'])
def test_a_reference_to_what_is_not_there_is_told_with_the_key_that_was_given(config: Config, key: str) -> None:
    config.apply(basic('partner'))
    labels = 'Basic Auth or API key or JWT'
    assert told(config, channel('c', **{key: 'partnr'})) == [
        (0, key, f'there is no {labels} `partnr`; did you mean `partner`?')
    ]


def test_a_reference_by_id_or_in_a_list_is_told_with_its_key_too(config: Config) -> None:
    assert told(config, channel('c', service_id=999)) == [(0, 'service_id', 'there is no Service with ID 999')]
    labels = 'Basic Auth or API key'
    assert told(config, create(GROUP, 'g', members=['x', 'y'])) == [
        (0, 'members', f'there is no {labels} `x`'),
        (0, 'members', f'there is no {labels} `y`'),
    ]


def test_a_name_that_is_taken_is_told_with_the_key_of_names(config: Config) -> None:
    config.apply(basic('s'))
    assert told(config, basic('s')) == [(0, 'name', 'already exists in this cluster')]
    assert told(config, basic('a'), basic('a')) == [(1, 'name', 'is named twice')]
    config.apply(basic('t'))
    id = config.objects['t']['id']
    assert told(config, edit(BASIC, id, name='s')) == [(0, 'name', 'already exists in this cluster')]
    service = config.objects['my.service']['id']
    assert told(config, edit('service', service, name='x')) == [(0, 'name', 'objects of this kind cannot be renamed')]


def test_settings_that_are_taken_together_are_told_with_the_first_and_name_all(config: Config) -> None:
    config.apply(channel('c', url_path='/c', method='GET'))
    [(change, key, text)] = told(config, basic('s'), channel('d', url_path='/c', method='GET'))
    assert (change, key) == (1, 'url_path')
    assert text == '`url_path` `/c` and `method` `GET` and `http_accept` `*/*` already exist together, in REST channel `c`'


def test_settings_that_do_not_fit_together_are_told_with_the_one_that_the_rule_begins_with(config: Config) -> None:
    [(_, key, text)] = told(config, channel('c', cors_credentials=True, cors_origins='*'))
    assert key == 'cors_credentials'
    assert text.startswith('`cors_credentials` needs `cors_origins` that are named')


def test_a_version_that_is_not_current_is_told_with_the_key_of_versions(config: Config) -> None:
    config.apply(channel('c'))
    config.apply(edit(CHANNEL, 'c', method='GET'))
    text = 'has been changed meanwhile: version 1 was edited, and it is version 2 now, last changed by alice; load it again'
    for raw in (edit(CHANNEL, 'c', method='PUT', version=1), {**delete(CHANNEL, 'c'), 'version': 1}):
        assert told(config, raw) == [(0, 'version', text)]


def test_what_is_about_a_whole_object_is_told_without_a_key(config: Config) -> None:
    config.apply(basic('s'), channel('c', security='s'))
    assert told(config, delete(BASIC, 's')) == [(0, '', 'cannot be deleted: it is used by REST channel `c`')]
    assert told(config, edit(CHANNEL, 'x')) == [(0, '', 'There is no REST channel `x`')]
    assert told(config, delete(CHANNEL, 999)) == [(0, '', 'There is no REST channel with ID 999')]
    assert told(config, delete('service', 'my.service')) == [(0, '', 'objects of this kind cannot be deleted')]
    assert told(config, {'action': 'edit', 'kind': CHANNEL}) == [(0, '', '`id` or `name` is required, to say which one')]


def test_no_more_is_told_of_many_than_of_a_few(config: Config) -> None:
    changes = [channel(f'c{i}', url_path='x') for i in range(150)]
    errors = told(config, *changes)
    assert [change for change, _, _ in errors] == list(range(100))


@pytest.mark.parametrize(('key', 'value'), [('id', 'x'), ('version', 'x'), ('version', True)])
def test_a_number_that_is_none_is_told_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(BadRequest) as info:
        parse_change({'action': 'edit', 'kind': CHANNEL, 'name': 'c', key: value})
    assert info.value.errors == (Fault(0, key, f'must be a number; got `{value}`'),)
