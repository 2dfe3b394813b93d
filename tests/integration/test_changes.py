"""Changes of configuration: what is refused and how it is told, what is written, what the audit trail says of it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.odb import ALICE, OpenODB
from zato.common.config import kind as kind_module
from zato.common.config.field import reference, secret, setting
from zato.common.config.kind import Kind, find_kind, kinds
from zato.common.exception import BadRequest, Conflict, HTTPException, NotFound
from zato.common.odb.address import ODBAddress
from zato.common.odb.tables import audit, config_counter, config_event, config_key, config_object, config_reference
from zato.server.propagate import changes as changes_module
from zato.server.propagate import checks, plan, targets
from zato.server.propagate.change import Result, parse_change
from zato.server.propagate.ledger import Actor, Entry, Ledger

CHANNEL, BASIC, SERVICE = 'channel_rest', 'security_basic_auth', 'service'
BOB = Actor('bob', 'operator')

Raw = dict[str, Any]


@pytest.fixture
def odb_engine() -> str:
    return 'sqlite'


class Config:
    """An ODB with two services."""

    def __init__(self, address: ODBAddress) -> None:
        self.opened = OpenODB(address)
        services = [
            create(SERVICE, name, impl_name=f'{name}.Service', is_internal=True) for name in ('pub.zato.ping', 'my.service')
        ]
        self.opened.apply(*map(parse_change, services), is_system=True)

    def apply(self, *raw: Raw, actor: Actor = ALICE) -> list[Result]:
        return self.opened.apply(*map(parse_change, raw), actor=actor)

    def apply_one(self, raw: Raw) -> Result:
        [result] = self.apply(raw)
        return result

    def refused(self, error: type[HTTPException], *raw: Raw) -> list[str]:
        """Lines of what is wrong. Nothing is written then."""
        before = self.everything
        with pytest.raises(HTTPException) as info:
            self.apply(*raw)
        assert type(info.value) is error, info.value
        assert info.value.needs_msg, 'the client is told'
        assert self.everything == before
        return str(info.value.msg).split('\n')

    @property
    def everything(self) -> list[Any]:
        tables = (config_object, config_key, config_reference, config_event, audit, config_counter)
        return [sorted(map(repr, self.opened.rows(table))) for table in tables]

    @property
    def objects(self) -> dict[str, dict[str, Any]]:
        """By name; settings as they are stored."""
        rows = self.opened.rows(config_object)
        return {row['name']: {**row, 'settings': json.loads(row['settings'])} for row in rows}

    def settings(self, name: str) -> dict[str, Any]:
        return dict(self.objects[name]['settings'])

    @property
    def events(self) -> list[tuple[int, str, int]]:
        return [(row['id'], row['kind'], row['object_id']) for row in self.opened.rows(config_event, ['id'])]

    @property
    def trail(self) -> list[dict[str, Any]]:
        """The audit trail, the latest last."""
        return self.opened.rows(audit, ['event'])


def create(kind: str, name: Any, **settings: Any) -> Raw:
    return {'action': 'create', 'kind': kind, 'name': name, **settings}


def channel(name: str = 'c', **settings: Any) -> Raw:
    return create(CHANNEL, name, **{'url_path': f'/{name}', **settings})


def basic(name: str = 's', **settings: Any) -> Raw:
    return create(BASIC, name, **{'username': f'user of {name}', **settings})


def edit(kind: str, which: str | int, **settings: Any) -> Raw:
    return {'action': 'edit', 'kind': kind, 'name' if isinstance(which, str) else 'id': which, **settings}


def delete(kind: str, which: str | int) -> Raw:
    return {**edit(kind, which), 'action': 'delete'}


# What is written


def test_what_is_created_is_stored_with_defaults_for_what_was_not_given(config: Config) -> None:
    result = config.apply_one(channel('c', url_path='/a', method='GET'))
    row = config.objects['c']
    assert result == Result(
        action='create', kind=CHANNEL, id=row['id'], name='c', version=1, is_changed=True, after=result.after
    )
    assert (row['kind'], row['is_active'], row['version']) == (CHANNEL, True, 1)
    ping = config.objects['pub.zato.ping']['id']
    assert row['settings'] == {
        **row['settings'],
        'url_path': '/a',
        'method': 'GET',
        'service': ping,
        'security': None,
        'data_format': '',
    }
    assert config.events[-1] == (config.trail[-1]['event'], CHANNEL, row['id'])


def test_an_edit_changes_what_is_given_and_leaves_the_rest(config: Config) -> None:
    created = config.apply_one(channel('c', url_path='/a', method='GET'))
    before = config.settings('c')
    edited = config.apply_one(edit(CHANNEL, 'c', url_path='/b', is_active='false'))
    assert replace(edited, before=None, after=None) == Result(
        action='edit', kind=CHANNEL, id=created.id, name='c', version=2, is_changed=True, changed=('url_path',)
    )
    assert config.settings('c') == {**before, 'url_path': '/b'}
    assert config.objects['c']['is_active'] is False
    assert config.apply_one(edit(CHANNEL, created.id, name='new name')).version == 3
    assert 'c' not in config.objects
    assert config.settings('new name') == {**before, 'url_path': '/b'}


def test_what_is_deleted_is_gone_with_its_keys_and_references(config: Config) -> None:
    created = config.apply_one(channel('c'))
    assert {row['object_id'] for row in config.opened.rows(config_key)} == {created.id}
    assert {row['object_id'] for row in config.opened.rows(config_reference)} == {created.id}
    deleted = config.apply_one(delete(CHANNEL, 'c'))
    assert replace(deleted, before=None) == Result(
        action='delete', kind=CHANNEL, id=created.id, name='c', version=0, is_changed=True
    )
    assert set(config.objects) == {'pub.zato.ping', 'my.service'}
    assert config.opened.rows(config_key) == config.opened.rows(config_reference) == []
    again = config.apply_one(channel('c'))
    assert again.id > created.id, 'an ID is never given twice'


def test_services_that_servers_are_administered_through_stay_active(config: Config) -> None:
    new = parse_change(create(SERVICE, 'zato.config.apply', impl_name='x.Apply', is_internal=True))
    config.opened.apply(new, is_system=True)
    with pytest.raises(BadRequest) as info:
        config.apply(edit(SERVICE, 'zato.config.apply', is_active=False))
    why = 'it is built in, and servers are administered through such services'
    assert info.value.msg == f'Service `zato.config.apply` cannot be made inactive: {why}'
    assert [error.key for error in info.value.errors] == ['is_active']
    config.apply(edit(SERVICE, 'pub.zato.ping', is_active=False))


def test_each_change_of_a_set_has_its_result_and_an_event(config: Config) -> None:
    before = len(config.events)
    results = config.apply(channel('c', security='s'), edit(SERVICE, 'my.service', is_active=False), basic('s'))
    assert [(result.action, result.name) for result in results] == [('create', 'c'), ('edit', 'my.service'), ('create', 's')]
    events = config.events[before:]
    assert {(kind, id) for _, kind, id in events} == {(result.kind, result.id) for result in results}
    ids = [id for id, _, _ in events]
    assert ids == list(range(ids[0], ids[0] + 3))


@pytest.mark.parametrize(
    'raw', [{}, {'url_path': '/c'}, {'is_active': True, 'method': ''}, {'id': 3, 'name': 'c'}, {'service': 'pub.zato.ping'}]
)
def test_an_edit_that_changes_nothing_is_no_event_and_no_new_version(config: Config, raw: Raw) -> None:
    config.apply(channel('c'))
    before = config.everything
    raw = edit(CHANNEL, 'c', **raw)
    if 'id' in raw:
        raw['id'] = config.objects['c']['id']
    result = config.apply_one(raw)
    assert (result.version, result.is_changed) == (1, False)
    assert config.everything == before


def test_a_set_of_which_one_change_is_refused_changes_nothing(config: Config) -> None:
    config.refused(BadRequest, basic('s'), channel('c', url_path='nonsense'))
    assert set(config.objects) == {'pub.zato.ping', 'my.service'}


def test_many_objects_are_written_at_once(config: Config) -> None:
    security = [basic(f's{i}') for i in range(600)]
    results = config.apply(*security, *(channel(f'c{i}', security=f's{i}') for i in range(600)))
    assert len(config.objects) == 1_202
    config.apply(*(edit(CHANNEL, result.id, method='GET') for result in results[600:]))
    assert {row['version'] for name, row in config.objects.items() if name.startswith('c')} == {2}
    config.apply(*(delete(result.kind, result.id) for result in results))
    assert len(config.objects) == 2


# What is wrong


def test_everything_that_is_wrong_is_told_at_once_with_object_field_rule_and_value(config: Config) -> None:
    assert config.refused(
        BadRequest,
        channel('one', url_path='a', method='FETCH', is_active='perhaps'),
        channel('two', url_path='/zato/x', service='my.servise'),
        basic('three', username='a:b', realm=['x']),
        create(BASIC, 'four'),
    ) == [
        'REST channel `one`: `url_path` must begin with a slash; got `a`',
        'REST channel `one`: `method` must be one of: (empty), GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS; got `FETCH`',
        "REST channel `two`: `url_path` must not be under /zato/, which is the server's own; got `/zato/x`",
        'Basic Auth `three`: `username` must not have a colon, which ends the user name in what clients send (RFC 7617); '
        'got `a:b`',
        "Basic Auth `three`: `realm` must be text; got `['x']`",
        'Basic Auth `four`: `username` is required',
        'REST channel `one`: `is_active` must be True or False; got `perhaps`',
        'REST channel `two`: `service`: there is no Service `my.servise`; did you mean `my.service`?',
    ]


@pytest.mark.parametrize('origins', ['*', 'https://example.com, *', 'null'])
def test_settings_that_do_not_fit_together_are_refused_when_they_meet(config: Config, origins: str) -> None:
    settings = {'url_path': '/a', 'service': 'my.service', 'cors_credentials': True}
    [line] = config.refused(BadRequest, channel(**settings, cors_origins=origins))
    assert line.startswith('REST channel `c`: `cors_credentials` needs `cors_origins` that are named')
    config.apply_one(channel(**settings, cors_origins='https://example.com'))
    config.refused(BadRequest, edit('channel_rest', 'c', cors_origins=origins))
    config.apply_one(edit('channel_rest', 'c', cors_origins='$ORIGINS'))  # looked at where it is resolved


def test_errors_of_different_kinds_at_once_are_a_bad_request(config: Config) -> None:
    config.apply(channel('c'))
    lines = config.refused(BadRequest, channel('d', url_path='x'), edit(CHANNEL, 'c', version=7), delete(BASIC, 'nobody'))
    assert len(lines) == 3


@pytest.mark.parametrize(
    ('key', 'hint'),
    [
        ('url_paht', '; did you mean `url_path`?'),
        ('securty', '; did you mean `security`?'),
        ('is_activ', '; did you mean `is_active`?'),
        ('something else', ''),
        ('', ''),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_one_that_is_known(config: Config, key: str, hint: str) -> None:
    assert config.refused(BadRequest, channel('c', **{key: 'x'})) == [f'REST channel `c`: `{key}` is unknown{hint}']


def test_keys_of_classic_requests_that_say_nothing_here_are_accepted(config: Config) -> None:
    classic = {'cluster_id': 1, 'paginate': True, 'connection': 'channel', 'transport': 'plain_http'}
    config.apply(channel('c', **classic))
    assert not classic.keys() & config.settings('c').keys()
    assert config.refused(BadRequest, channel('d', transport='soap')) == [
        'REST channel `d`: `transport` must be `plain_http`; got `soap`'
    ]


@pytest.mark.parametrize(
    ('raw', 'error', 'line'),
    [
        (edit(CHANNEL, 'd'), NotFound, 'There is no REST channel `d`'),
        (edit(CHANNEL, 'the chanel'), NotFound, 'There is no REST channel `the chanel`; did you mean `the channel`?'),
        (edit(CHANNEL, 999), NotFound, 'There is no REST channel with ID 999'),
        (edit(CHANNEL, 1), NotFound, 'There is no REST channel with ID 1'),
        (delete(CHANNEL, 'd'), NotFound, 'There is no REST channel `d`'),
        ({'action': 'edit', 'kind': CHANNEL}, BadRequest, 'REST channel: `id` or `name` is required, to say which one'),
        (create(BASIC, None, username='x'), BadRequest, 'Basic Auth: `name` is required'),
        (create(SERVICE, 'x'), BadRequest, 'Service `x`: objects of this kind cannot be created'),
        (delete(SERVICE, 'my.service'), BadRequest, 'Service `my.service`: objects of this kind cannot be deleted'),
        (edit(SERVICE, 1, name='x'), BadRequest, 'Service `pub.zato.ping`: objects of this kind cannot be renamed'),
    ],
)
def test_what_cannot_be_done_is_told(config: Config, raw: Raw, error: type[HTTPException], line: str) -> None:
    config.apply(channel('the channel'))
    assert config.refused(error, raw) == [line]


@pytest.mark.parametrize(
    ('raw', 'line'),
    [
        ([], 'A change must be an object; got `[]`'),
        ('create', 'A change must be an object; got `create`'),
        ({'kind': CHANNEL}, '`action` must be one of: create, edit, delete, put; got `None`'),
        ({'action': ['create']}, "`action` must be one of: create, edit, delete, put; got `['create']`"),
        ({'action': 'edit', 'kind': 'chanel_rest'}, 'There is no kind `chanel_rest`; did you mean `channel_rest`?'),
        ({'action': 'edit', 'kind': {}}, 'There is no kind `{}`'),
        ({'action': 'edit'}, 'There is no kind ``'),
        (edit(CHANNEL, 'c', id='x'), 'REST channel: `id` must be a number; got `x`'),
        (edit(CHANNEL, 'c', id=True), 'REST channel: `id` must be a number; got `True`'),
        (edit(CHANNEL, 'c', version=-1), 'REST channel: `version` must be a number; got `-1`'),
        (edit(CHANNEL, 'c', version=1.5), 'REST channel: `version` must be a number; got `1.5`'),
    ],
)
def test_what_is_no_change_at_all_is_told(raw: Any, line: str) -> None:
    with pytest.raises(BadRequest) as info:
        parse_change(raw)
    assert info.value.msg == line
    assert info.value.needs_msg


@pytest.mark.parametrize('value', [10**30, '9' * 30, '9' * 5_000])
@pytest.mark.parametrize('key', ['id', 'version', 'service_id', 'security_id'])
def test_a_number_that_no_id_can_be_is_a_bad_request(config: Config, key: str, value: Any) -> None:
    config.apply(channel('c'))
    with pytest.raises(HTTPException) as info:
        config.apply(edit(CHANNEL, 'c', **{key: value}))
    assert len(str(info.value.msg)) < 400


def test_a_kind_may_be_named_as_commands_name_it() -> None:
    assert parse_change(create('channel-rest', 'c')).kind is kinds()[CHANNEL]


# Anything at all in any field

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(['$X', '$$', '******']),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = sorted(
    {key for kind in (CHANNEL, BASIC) for key in find_kind(kind).keys} | {'name', 'is_active', 'id', 'version', 'x'}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([CHANNEL, BASIC]), st.sampled_from(['create', 'edit', 'delete']), st.data())
def test_whatever_is_given_is_stored_or_refused_and_nothing_else(
    config: Config, kind: str, action: str, data: st.DataObject
) -> None:
    raw = {'action': action, 'kind': kind, **data.draw(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4))}
    if data.draw(st.booleans()):
        raw.update(create(kind, 'c', url_path='/c') if kind == CHANNEL else create(kind, 's', username='u'))
    try:
        results = config.apply(raw)
    except (BadRequest, NotFound, Conflict) as e:
        lines = str(e.msg).split('\n')
        assert all(lines)
        assert max(map(len, lines)) < 600
    else:
        for result in results:
            if result.action != 'delete':
                config.apply(delete(kind, result.id))


@pytest.mark.parametrize('field', ['name', 'url_path', 'method', 'service', 'security', 'data_format', 'is_active'])
@pytest.mark.parametrize(
    'value', [[], {}, [1], {'a': 'b'}, '\0', 'a\nb', '\ud800', 'x' * 1_000_000], ids=lambda value: repr(value)[:9]
)
def test_a_value_of_a_wrong_type_or_with_what_cannot_be_stored_is_refused_by_a_short_line(
    config: Config, field: str, value: Any
) -> None:
    [line] = config.refused(BadRequest, {**channel('c'), field: value})
    assert line.startswith('REST channel')
    assert f'`{field}`' in line
    assert len(line) < 400
    assert line.isprintable()


@pytest.mark.parametrize('value', [[], {}, True, '\0', '\ud800', 'x' * 1_000_000], ids=lambda value: repr(value)[:9])
def test_a_secret_that_is_refused_is_not_shown(config: Config, value: Any) -> None:
    [line] = config.refused(BadRequest, basic('s', password=value))
    assert line.startswith('Basic Auth `s`: `password` must ')
    assert 'got' not in line
    assert len(line) < 200


def test_an_unknown_kind_or_key_of_any_length_is_refused_by_a_short_line(config: Config) -> None:
    long = 'x' * 1_000_000
    with pytest.raises(BadRequest) as info:
        parse_change(create(long, 'c'))
    assert len(str(info.value.msg)) < 400
    [line] = config.refused(BadRequest, channel('c', **{long: 1}))
    assert len(line) < 400


# Names


@pytest.mark.parametrize(
    'name',
    ['żółw 🐢', 'a/b', ' inner  blanks ', '名前', "O'Brien; DROP TABLE", '%', '`x`', '..', '0', 'a' * 200, 'עברית', '$x'],
)
def test_a_name_may_be_any_printable_text(config: Config, name: str) -> None:
    config.apply(channel(name, url_path='/c'), channel('other', url_path='/d'))
    assert name.strip() in config.objects
    config.apply(edit(CHANNEL, name, method='GET'))
    assert config.settings(name.strip())['method'] == 'GET'


def test_names_that_look_the_same_are_the_same(config: Config) -> None:
    composed, decomposed = 'żółw', unicodedata.normalize('NFD', 'żółw')
    assert composed != decomposed
    config.apply(basic(decomposed))
    assert composed in config.objects
    assert config.refused(Conflict, basic(f' {composed} ')) == ['Basic Auth `żółw` already exists in this cluster']
    config.apply(edit(BASIC, decomposed, realm='x'), channel('c', security=decomposed))
    assert config.settings('c')['security'] == config.objects[composed]['id']


@pytest.mark.parametrize('name', ['', ' ', '\n', 'a\nb', '\x7f', 'a\0', '\u2028', '\ud800', 'a' * 201, 5, ['x'], True])
def test_a_name_that_nobody_could_write_is_refused(config: Config, name: Any) -> None:
    [line] = config.refused(BadRequest, create(BASIC, name, username='x'))
    assert re.search(r'`name` must (be text and not empty|not have the character|have 200 characters or fewer)', line)
    assert line.isprintable()


def test_two_objects_of_a_kind_cannot_have_one_name_and_two_of_different_kinds_can(config: Config) -> None:
    config.apply(channel('x'), basic('x'))
    id = config.apply_one(channel('y')).id
    assert config.refused(Conflict, channel('x', url_path='/z')) == ['REST channel `x` already exists in this cluster']
    assert config.refused(Conflict, edit(CHANNEL, id, name='x')) == ['REST channel `x` already exists in this cluster']
    assert config.refused(Conflict, channel('z', url_path='/1'), channel('z', url_path='/2')) == [
        'REST channel `z` is named twice'
    ]


def test_two_objects_may_swap_their_names_in_one_set(config: Config) -> None:
    one, two = config.apply(channel('one'), channel('two'))
    config.apply(edit(CHANNEL, one.id, name='two'), edit(CHANNEL, two.id, name='one'))
    assert {row['name']: row['id'] for row in config.objects.values() if row['kind'] == CHANNEL} == {
        'two': one.id,
        'one': two.id,
    }
    assert {config.objects[name]['version'] for name in ('one', 'two')} == {2}


def test_a_name_that_becomes_free_can_be_taken_in_the_same_set(config: Config) -> None:
    old = config.apply_one(channel('c'))
    _, new = config.apply(delete(CHANNEL, 'c'), channel('c'))
    assert new.id != old.id
    _, newer = config.apply(edit(CHANNEL, new.id, name='moved', url_path='/moved'), channel('c'))
    assert {'moved': new.id, 'c': newer.id}.items() <= {name: row['id'] for name, row in config.objects.items()}.items()


# References


@pytest.mark.parametrize('key', ['security', 'security_name', 'sec_def', 'sec_name'])
@pytest.mark.parametrize('prefix', ['', f'{BASIC}/', 'basic_auth/'])
def test_an_object_is_referred_to_by_its_name_under_each_of_the_keys_names(config: Config, key: str, prefix: str) -> None:
    id = config.apply_one(basic('s')).id
    config.apply(channel('c', **{key: f'{prefix}s'}))
    assert config.settings('c')['security'] == id
    assert {'object_id': config.objects['c']['id'], 'field': 'security', 'target_id': id} in config.opened.rows(
        config_reference
    )


def test_an_object_may_be_referred_to_by_its_id(config: Config) -> None:
    id = config.apply_one(basic('s')).id
    config.apply(channel('c', security_id=id), channel('d', security_id=str(id), security_name='s'))
    assert config.settings('c')['security'] == config.settings('d')['security'] == id


@pytest.mark.parametrize('value', [None, '', 'zato-no-security', 'ZATO_NONE'])
def test_a_reference_may_be_to_nothing_where_that_makes_sense(config: Config, value: Any) -> None:
    config.apply(basic('s'), channel('c', security='s'))
    config.apply(edit(CHANNEL, 'c', security=value))
    assert config.settings('c')['security'] is None
    config.apply(delete(BASIC, 's'))


def test_a_reference_to_what_is_not_there_is_refused_with_the_nearest_name(config: Config) -> None:
    config.apply(basic('customers'))
    labels = 'Basic Auth or API key or JWT'
    assert config.refused(
        BadRequest,
        channel('a', security='custmers'),
        channel('b', security_id=999),
        channel('c', security_id=config.objects['my.service']['id']),
        channel('d', service='customers'),
        channel('e', security='service/my.service'),
    ) == [
        f'REST channel `a`: `security`: there is no {labels} `custmers`; did you mean `customers`?',
        f'REST channel `b`: `security`: there is no {labels} with ID 999',
        f'REST channel `c`: `security`: there is no {labels} with ID {config.objects["my.service"]["id"]}',
        'REST channel `d`: `service`: there is no Service `customers`',
        f'REST channel `e`: `security`: there is no {labels} `service/my.service`',
    ]


@pytest.mark.parametrize('is_first', [True, False])
def test_an_object_and_one_that_refers_to_it_are_created_in_one_set_in_any_order(config: Config, *, is_first: bool) -> None:
    both = [basic('s'), channel('c', security='s')]
    config.apply(*(both if is_first else both[::-1]))
    assert config.settings('c')['security'] == config.objects['s']['id']


def test_what_others_refer_to_is_not_deleted_and_they_are_named(config: Config) -> None:
    config.apply(basic('s'), basic('t'), *(channel(f'c{i:02}', security='s') for i in range(12)), channel('d', security='t'))
    one, two = config.refused(Conflict, delete(BASIC, 's'), delete(BASIC, 't'))
    found = re.fullmatch(r'Basic Auth `s` cannot be deleted: it is used by (.*) and 2 more', one)
    assert found
    assert set(found[1].split(', ')) < {f'REST channel `c{i:02}`' for i in range(12)}
    assert two == 'Basic Auth `t` cannot be deleted: it is used by REST channel `d`'


@pytest.mark.parametrize('is_first', [True, False])
def test_what_is_deleted_together_with_all_that_refers_to_it_is_deleted(config: Config, *, is_first: bool) -> None:
    config.apply(basic('s'), basic('t'), channel('c', security='s'), channel('d', security='s'))
    changes = [delete(CHANNEL, 'c'), edit(CHANNEL, 'd', security='t'), delete(BASIC, 's')]
    config.apply(*(changes if is_first else changes[::-1]))
    assert {'s', 'c'}.isdisjoint(config.objects)
    assert config.settings('d')['security'] == config.objects['t']['id']


def test_what_is_deleted_cannot_be_referred_to_in_the_same_set(config: Config) -> None:
    config.apply(basic('s'), channel('c'))
    id = config.objects['s']['id']
    for changes in (
        [edit(CHANNEL, 'c', security='s'), delete(BASIC, 's')],
        [delete(BASIC, 's'), edit(CHANNEL, 'c', security='s')],
        [delete(BASIC, 's'), edit(CHANNEL, 'c', security_id=id)],
        [channel('d', security='s'), delete(BASIC, 's')],
    ):
        with pytest.raises((BadRequest, Conflict)):
            config.apply(*changes)
    assert config.settings('c')['security'] is None
    assert 's' in config.objects


# Versions


def test_an_edit_of_a_version_that_is_no_longer_the_current_one_is_refused_with_who_changed_it(config: Config) -> None:
    config.apply(channel('c'))
    config.apply(edit(CHANNEL, 'c', method='GET', version=1), actor=BOB)
    for raw in (edit(CHANNEL, 'c', method='PUT', version='1'), {**delete(CHANNEL, 'c'), 'version': 1}):
        assert config.refused(Conflict, raw) == [
            'REST channel `c` has been changed meanwhile: version 1 was edited, and it is version 2 now, '
            'last changed by bob; load it again'
        ]
    assert config.apply_one(edit(CHANNEL, 'c', method='PUT', version=2)).version == 3
    assert config.apply_one(edit(CHANNEL, 'c', method='GET')).version == 4, 'who names no version does not care'


# What no two objects have


@pytest.mark.parametrize(
    ('one', 'two'),
    [('/a', '/a'), ('/a/{x}', '/a/{x}'), ('/a/{x}', '/a/{y}'), ('/a/x-{b}/c', '/a/x-{c}/c'), ('/{a}/{b}', '/{b}/{a}')],
)
@pytest.mark.parametrize('method', ['', 'GET'])
def test_two_channels_cannot_have_one_path_and_method_whatever_parameters_are_called(
    config: Config, one: str, two: str, method: str
) -> None:
    config.apply(channel('c', url_path=one, method=method))
    same = {'url_path': two, 'method': method}
    text = f'`url_path` `{two}` and `method` `{method}` and `http_accept` `*/*` already exist together, in REST channel `c`'
    assert config.refused(Conflict, channel('d', **same)) == [f'REST channel `d`: {text}']
    config.apply(channel('d', **{**same, 'method': 'PUT'}))
    assert config.refused(Conflict, edit(CHANNEL, 'd', method=method)) == [f'REST channel `d`: {text}']
    config.apply(delete(CHANNEL, 'c'), edit(CHANNEL, 'd', method=method))


def test_two_channels_of_one_set_cannot_have_one_path_and_may_swap_theirs(config: Config) -> None:
    [line] = config.refused(Conflict, channel('c', url_path='/a'), channel('d', url_path='/a'))
    text = '`url_path` `/a` and `method` `` and `http_accept` `*/*` already exist together, in REST channel `c`'
    assert line == f'REST channel `d`: {text}'
    config.apply(channel('c', url_path='/a'), channel('d', url_path='/b'))
    config.apply(edit(CHANNEL, 'c', url_path='/b'), edit(CHANNEL, 'd', url_path='/a'))
    assert (config.settings('c')['url_path'], config.settings('d')['url_path']) == ('/b', '/a')
    config.refused(Conflict, channel('e', url_path='/a'))


# Secrets


def test_a_secret_is_encrypted_at_rest_and_masked_in_the_audit_trail(config: Config) -> None:
    config.apply(basic('s', password='my secret'))
    stored = config.settings('s')['password']
    assert config.opened.cipher.decrypt(stored) == 'my secret'
    config.apply(edit(BASIC, 's', password='another one'))
    assert config.opened.cipher.decrypt(config.settings('s')['password']) == 'another one'
    assert [json.loads(row['after'])['password'] for row in config.trail if row['kind'] == BASIC] == ['******', '******']
    assert config.apply_one(delete(BASIC, 's')).is_changed
    for text in ('my secret', 'another one', stored):
        assert text not in repr([config.opened.rows(table) for table in (audit, config_event, config_key)])


def test_a_secret_that_is_not_given_is_a_random_one(config: Config) -> None:
    config.apply(basic('s'), basic('t', password=''), basic('u', password='******'))
    passwords = {config.opened.cipher.decrypt(config.settings(name)['password']) for name in 'stu'}
    assert len(passwords) == 3
    assert min(map(len, passwords)) > 20


@pytest.mark.parametrize('password', ['******', 'my secret'])
def test_the_mask_and_the_same_secret_again_change_nothing(config: Config, password: str) -> None:
    config.apply(basic('s', password='my secret'))
    before = config.everything
    assert not config.apply_one(edit(BASIC, 's', password=password)).is_changed
    assert config.everything == before
    config.apply(edit(BASIC, 's', password=password, realm='new'))
    assert config.opened.cipher.decrypt(config.settings('s')['password']) == 'my secret'


def test_a_secret_that_is_a_variable_is_stored_and_shown_as_it_is(config: Config) -> None:
    config.apply(basic('s', password='$MY_PASSWORD'))
    assert config.settings('s')['password'] == '$MY_PASSWORD'
    assert json.loads(config.trail[-1]['after'])['password'] == '$MY_PASSWORD'
    config.apply(edit(BASIC, 's', password='plain'))
    assert config.opened.cipher.decrypt(config.settings('s')['password']) == 'plain'
    config.apply(edit(BASIC, 's', password='$MY_PASSWORD'))
    assert config.settings('s')['password'] == '$MY_PASSWORD'


@pytest.mark.parametrize('password', ['$', '$$NAME', ' blanks ', 'żółw', '$$'])
def test_a_secret_that_is_no_variable_is_kept_to_the_letter(config: Config, password: str) -> None:
    config.apply(basic('s', password=password))
    assert config.opened.cipher.decrypt(config.settings('s')['password']) == password


@pytest.mark.parametrize('password', ['$uper secret!', '$1', '$pass-word', '$CRM_PASSWORD '])
def test_a_password_that_was_meant_as_text_is_refused_rather_than_shown_as_the_name_of_a_variable(
    config: Config, password: str
) -> None:
    [line] = config.refused(BadRequest, basic('s', password=password))
    assert line.startswith('Basic Auth `s`: `password` begins with a dollar sign, after which there must be the name of an ')
    assert password.strip('$ ') not in line


def test_a_reference_cannot_be_a_variable_and_that_is_told(config: Config) -> None:
    assert config.refused(BadRequest, channel('c', service='$SERVICE')) == [
        'REST channel `c`: `service`: there is no Service `$SERVICE`; it must be a name, not a variable'
    ]


@pytest.mark.parametrize('value', [' $REALM', '$REALM '])
def test_blanks_around_a_variable_are_no_part_of_its_name(config: Config, value: str) -> None:
    config.apply(basic('s', realm=value, rate_limit_type=value))
    assert (config.settings('s')['realm'], config.settings('s')['rate_limit_type']) == ('$REALM', '$REALM')


@pytest.mark.parametrize('value', ['$REALM', '$$realm', '$'])
def test_a_variable_is_stored_as_it_was_given(config: Config, value: str) -> None:
    config.apply(basic('s', realm=value))
    assert config.settings('s')['realm'] == value


# The audit trail


def test_the_audit_trail_says_who_changed_what_from_what_to_what(config: Config) -> None:
    start = len(config.trail)
    config.apply(channel('c', url_path='/a'))
    config.apply(edit(CHANNEL, 'c', url_path='/żółw', is_active=False), actor=BOB)
    config.apply(delete(CHANNEL, 'c'))
    created, edited, deleted = config.trail[start:]
    assert [(row['who'], row['role'], row['action'], row['name']) for row in (created, edited, deleted)] == [
        ('alice', 'admin', 'create', 'c'),
        ('bob', 'operator', 'edit', 'c'),
        ('alice', 'admin', 'delete', 'c'),
    ]
    assert created['before'] == deleted['after'] == ''
    assert created['after'] == edited['before']
    assert edited['after'] == deleted['before']
    after = json.loads(edited['after'])
    assert (after['name'], after['is_active'], after['url_path']) == ('c', False, '/żółw')
    assert created['at'] <= edited['at'] <= deleted['at']


# The ledger


def test_a_transaction_without_entries_uses_up_no_event(config: Config) -> None:
    before = config.everything
    result, event = config.opened.writer.write(lambda ledger: ledger.new_object_id(), ALICE)
    assert config.everything == before
    assert (result, event) == (config.opened.rows(config_counter)[0]['object'] + 1, config.events[-1][0])


def test_events_are_numbered_on_from_the_last_one_and_told_with_the_entry(config: Config) -> None:
    last = config.events[-1][0]

    def work(ledger: Ledger) -> list[int]:
        return [ledger.add(Entry(kind='x', object_id=i, name='n', action='a', after={'i': i})) for i in (7, 8)]

    assert config.opened.writer.write(work, BOB) == ([last + 1, last + 2], last + 2)
    assert config.events[-2:] == [(last + 1, 'x', 7), (last + 2, 'x', 8)]
    assert [(row['event'], row['after']) for row in config.trail[-2:]] == [(last + 1, '{"i": 7}'), (last + 2, '{"i": 8}')]


def test_what_fails_in_a_transaction_uses_up_neither_event_nor_id(config: Config) -> None:
    before = config.everything

    def work(ledger: Ledger) -> None:
        ledger.add(Entry(kind='x', object_id=ledger.new_object_id(), name='n', action='a'))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        config.opened.writer.write(work, ALICE)
    assert config.everything == before


# Kinds that refer to themselves, and to several others


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Refers to what it comes after."""

    after: int | None = reference('node', 'leaf', label='After', help='x', default=None)
    weight: int = setting(1, label='Weight', help='x', minimum=0, maximum=9)
    token: str = secret(label='Token', help='x')


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """Refers to nothing."""

    ratio: float = setting(0.5, label='Ratio', help='x', minimum=0)


@pytest.fixture
def graph(config: Config, monkeypatch: pytest.MonkeyPatch) -> Config:
    more = {
        'leaf': Kind(name='leaf', label='Leaf', settings=Leaf),
        'node': Kind(name='node', label='Node', settings=Node),
    }
    all_kinds = {**kinds(), **more}
    for module in (kind_module, changes_module, checks, plan, targets):
        monkeypatch.setattr(module, 'kinds', lambda: all_kinds)
    return config


def nodes(*names: str) -> list[Raw]:
    """'a>b' is a node a after b."""
    return [create('node', name.partition('>')[0], after=name.partition('>')[2] or None) for name in names]


@pytest.mark.parametrize(
    ('stored', 'changes', 'circle'),
    [
        (['a'], [edit('node', 'a', after='a')], '`a` -> `a`'),
        (['a', 'b>a'], [edit('node', 'a', after='b')], '`a` -> `b` -> `a`'),
        (['a', 'b>a', 'c>b'], [edit('node', 'a', after='c')], '`a` -> `c` -> `b` -> `a`'),
        (['a', 'b'], [edit('node', 'a', after='b'), edit('node', 'b', after='a')], '`a` -> `b` -> `a`'),
        (['a'], [*nodes('b>a'), edit('node', 'a', after='b')], '`b` -> `a` -> `b`'),
    ],
)
def test_objects_that_refer_to_each_other_in_a_circle_are_refused_with_the_circle(
    graph: Config, stored: Sequence[str], changes: list[Raw], circle: str
) -> None:
    for raw in nodes(*stored):
        graph.apply(raw)
    [line] = graph.refused(BadRequest, *changes)
    name = circle.partition(' ')[0]
    assert line == f'Node {name} refers to itself: {circle}'


def test_what_only_looks_like_a_circle_is_no_error(graph: Config) -> None:
    graph.apply(create('leaf', 'leaf'), *nodes('a', 'b>a', 'c>b', 'd>b'))
    graph.apply(edit('node', 'b', after='leaf'), edit('node', 'a', after='c'))
    id = graph.objects['a']['id']
    graph.apply(edit('node', 'b', after=None), edit('node', id, name='z'))
    assert graph.settings('z')['after'] == graph.objects['c']['id']


def test_a_name_that_means_several_objects_is_refused_with_what_to_say_instead(graph: Config) -> None:
    graph.apply(create('leaf', 'x'), *nodes('x', 'y'))
    assert graph.refused(BadRequest, edit('node', 'y', after='x')) == [
        'Node `y`: `after`: there are several of that name; say node/x or leaf/x'
    ]
    graph.apply(edit('node', 'y', after='leaf/x'))
    assert graph.settings('y')['after'] == next(
        row['id'] for row in graph.opened.rows(config_object) if row['kind'] == 'leaf'
    )


@pytest.mark.parametrize(
    ('kind', 'field', 'value', 'rule'),
    [
        ('node', 'weight', 10, 'must be a number from 0 to 9'),
        ('node', 'weight', '-1', 'must be a number from 0 to 9'),
        ('node', 'weight', 1.0, 'must be a number from 0 to 9, without a fraction'),
        ('node', 'weight', True, 'must be a number from 0 to 9'),
        ('node', 'weight', None, 'must be a number from 0 to 9'),
        ('node', 'weight', '9' * 5_000, 'must be a number from 0 to 9'),
        ('leaf', 'ratio', 'nan', 'must be a number of 0 or more'),
        ('leaf', 'ratio', 'inf', 'must be a number of 0 or more'),
        ('leaf', 'ratio', [1], 'must be a number of 0 or more'),
    ],
)
def test_a_number_that_is_none_or_out_of_range_is_refused(
    graph: Config, kind: str, field: str, value: Any, rule: str
) -> None:
    [line] = graph.refused(BadRequest, create(kind, 'x', **{field: value}))
    assert line.startswith(f'{kind.title()} `x`: `{field}` {rule}; got ')
    assert len(line) < 300


@pytest.mark.parametrize(('value', 'stored'), [(3, 3), ('3', 3), (' 3 ', 3), ('$WEIGHT', '$WEIGHT')])
def test_a_number_may_come_as_text_or_as_a_variable(graph: Config, value: Any, stored: Any) -> None:
    graph.apply(create('node', 'x', weight=value))
    assert graph.settings('x')['weight'] == stored
