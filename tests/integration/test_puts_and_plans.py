"""Changes that say what an object is to be, plans of what changes would do, and lists of references."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.test_changes import BASIC, CHANNEL, Config, Raw, basic, channel, create, delete, edit
from zato.common.exception import BadRequest, Conflict, NotFound
from zato.common.odb.tables import config_reference
from zato.server.propagate.change import Result, parse_change

GROUP, OUT = 'security_group', 'outgoing_rest'


@pytest.fixture
def odb_engine() -> str:
    return 'sqlite'


def put(kind: str, name: Any, **settings: Any) -> Raw:
    return {'action': 'put', 'kind': kind, 'name': name, **settings}


def plan(config: Config, *raw: Raw) -> tuple[list[Result], list[str]]:
    """What the changes would do. Nothing is written."""
    before = config.everything
    found = config.opened.writer.plan([parse_change(one) for one in raw])
    assert config.everything == before
    return found


def test_a_put_creates_what_is_not_there(config: Config) -> None:
    [result] = config.apply(put(CHANNEL, 'c', url_path='/a'))
    assert (result.action, result.is_changed, result.version) == ('create', True, 1)
    assert config.settings('c')['url_path'] == '/a'


def test_a_put_makes_of_what_is_there_what_it_says_and_nothing_else(config: Config) -> None:
    config.apply(channel('c', url_path='/a', method='GET', data_format='json', is_active=False))
    [result] = config.apply(put(CHANNEL, 'c', url_path='/a', data_format='xml'))
    assert (result.action, result.version, result.changed) == ('edit', 2, ('method', 'data_format'))
    assert (config.settings('c')['method'], config.settings('c')['data_format']) == ('', 'xml')
    assert config.objects['c']['is_active'] is True


def test_a_put_of_what_is_there_already_changes_nothing(config: Config) -> None:
    raw = [put(BASIC, 's', username='u', password='p'), put(CHANNEL, 'c', url_path='/a', security='s')]
    config.apply(*raw)
    before = config.everything
    assert [result.is_changed for result in config.apply(*raw)] == [False, False]
    assert config.everything == before


def test_a_put_leaves_secrets_that_it_does_not_give(config: Config) -> None:
    config.apply(put(BASIC, 's', username='u', password='p'))
    before = config.settings('s')['password']
    config.apply(put(BASIC, 's', username='v'))
    assert config.settings('s')['password'] == before
    assert config.opened.cipher.decrypt(before) == 'p'


def test_a_put_without_a_secret_creates_a_random_one(config: Config) -> None:
    config.apply(put(BASIC, 's', username='u'))
    assert len(config.opened.cipher.decrypt(config.settings('s')['password'])) > 20


def test_a_put_may_refer_to_what_a_later_one_makes(config: Config) -> None:
    config.apply(put(CHANNEL, 'c', url_path='/c', security='s'), put(BASIC, 's', username='u'))
    assert config.settings('c')['security'] == config.objects['s']['id']


def test_two_puts_of_one_name_are_refused_with_both_places(config: Config) -> None:
    first, second = put(BASIC, 's', username='u', place='a.yaml:2'), put(BASIC, 's', username='v', place='b.yaml:7')
    assert config.refused(Conflict, first, second) == ['b.yaml:7: Basic Auth `s` is named twice, first in a.yaml:2']
    config.apply(put(BASIC, 's', username='u'))
    assert config.refused(Conflict, first, second) == ['b.yaml:7: Basic Auth `s` is named twice, first in a.yaml:2']


def test_what_can_only_be_deployed_cannot_be_put(config: Config) -> None:
    text = 'There is no Service `x`, and objects of this kind cannot be created'
    assert config.refused(NotFound, put('service', 'x')) == [text]


def test_a_service_that_is_there_can_be_put(config: Config) -> None:
    config.apply(put('service', 'my.service', is_rate_limit_active=True, rate_limit_def='*=1/m'))
    assert config.settings('my.service')['rate_limit_def'] == '*=1/m'


def test_a_put_leaves_what_only_the_server_sets(config: Config) -> None:
    before = {name: config.settings('my.service')[name] for name in ('impl_name', 'is_internal')}
    assert before == {'impl_name': 'my.service.Service', 'is_internal': True}
    config.apply(put('service', 'my.service', is_active=False))
    assert {name: config.settings('my.service')[name] for name in before} == before
    assert config.objects['my.service']['is_active'] is False


def test_a_put_of_a_version_that_is_no_longer_the_current_one_is_refused(config: Config) -> None:
    config.apply(put(BASIC, 's', username='u'), put(CHANNEL, 'c', url_path='/c'))
    config.apply(put(BASIC, 's', username='v', version=1))
    [text] = config.refused(Conflict, put(BASIC, 's', username='w', version=1))
    assert text.startswith('Basic Auth `s` has been changed meanwhile: version 1 was edited, and it is version 2 now')


def test_problems_tell_where_each_was_written(config: Config) -> None:
    wrong = put(
        CHANNEL,
        'c',
        url_path='x',
        methd='GET',
        security='nobody',
        place='a.yaml:1',
        places={'url_path': 'a.yaml:2', 'methd': 'a.yaml:3', 'security': 'a.yaml:4'},
    )
    assert config.refused(BadRequest, wrong, put(OUT, 'o', place='a.yaml:9')) == [
        'a.yaml:2: REST channel `c`: `url_path` must begin with a slash; got `x`',
        'a.yaml:3: REST channel `c`: `methd` is unknown; did you mean `method`?',
        'a.yaml:9: Outgoing REST connection `o`: `host` is required',
        'a.yaml:4: REST channel `c`: `security`: there is no Basic Auth or API key or JWT `nobody`',
    ]


def test_classic_keys_that_say_nothing_here_are_accepted_with_their_usual_values_only(config: Config) -> None:
    config.apply(put(CHANNEL, 'c', url_path='/c', timeout=15, cache_expiry=0, sec_use_rbac=False))
    text = 'REST channel `c`: `sec_use_rbac` is not in this version; got `True`'
    assert config.refused(BadRequest, put(CHANNEL, 'c', url_path='/c', sec_use_rbac=True)) == [text]


def test_a_reference_to_what_the_same_request_deletes_is_refused_as_that(config: Config) -> None:
    config.apply(basic('s'), channel('c'))
    text = 'REST channel `c`: `security`: Basic Auth or API key or JWT `s` is deleted together with this change'
    assert config.refused(BadRequest, delete(BASIC, 's'), edit(CHANNEL, 'c', security='s')) == [text]


# Plans


def test_a_plan_says_what_would_change_and_writes_nothing(config: Config) -> None:
    config.apply(basic('s', password='p'), channel('c', security='s'), channel('gone'))
    results, _ = plan(
        config, put(CHANNEL, 'c', url_path='/d', security='s'), delete(CHANNEL, 'gone'), put(BASIC, 'new', username='x')
    )
    edited, deleted, created = results
    assert (edited.action, edited.changed) == ('edit', ('url_path',))
    assert edited.before is not None
    assert edited.after is not None
    assert (edited.before['url_path'], edited.after['url_path'], edited.after['security']) == ('/c', '/d', 's')
    assert (deleted.action, deleted.after) == ('delete', None)
    assert (created.action, created.before) == ('create', None)


def test_a_plan_masks_secrets_and_says_that_they_change(config: Config) -> None:
    config.apply(basic('s', password='old-secret'))
    [result], _ = plan(config, edit(BASIC, 's', password='new-secret'))
    assert result.changed == ('password',)
    assert result.before is not None
    assert result.after is not None
    assert (result.before['password'], result.after['password']) == ('******', '******')


def test_a_plan_tells_what_would_connect_anew(config: Config) -> None:
    config.apply(
        basic('s'),
        basic('other'),
        create(OUT, 'with s', host='http://localhost', security='s'),
        create(OUT, 'without', host='http://localhost'),
    )
    assert plan(config, edit(BASIC, 's', realm='x'))[1] == ['Outgoing REST connection `with s`']
    assert plan(config, edit(OUT, 'without', timeout=1))[1] == ['Outgoing REST connection `without`']
    assert plan(config, edit(BASIC, 'other', realm='x'), create(OUT, 'new', host='http://localhost'))[1] == []


def test_a_plan_refuses_what_would_be_refused(config: Config) -> None:
    with pytest.raises(BadRequest, match='`url_path` is required'):
        plan(config, put(CHANNEL, 'c'))
    with pytest.raises(NotFound):
        plan(config, delete(CHANNEL, 'c'))


# Lists of references


@pytest.mark.parametrize(
    'members', [['a', 'b'], 'a,b', 'a\n b\n', ['a', 'b', 'a'], ['basic_auth/a', 'security_basic_auth/b']]
)
def test_a_list_of_references_comes_as_a_list_or_as_text(config: Config, members: Any) -> None:
    config.apply(basic('a'), basic('b'), create(GROUP, 'g', members=members))
    ids = [config.objects[name]['id'] for name in 'ab']
    assert config.settings('g')['members'] == ids
    group = config.objects['g']['id']
    assert {(row['field'], row['target_id']) for row in config.opened.rows(config_reference)} == {
        ('members.0', ids[0]),
        ('members.1', ids[1]),
    }
    assert {row['object_id'] for row in config.opened.rows(config_reference)} == {group}


@pytest.mark.parametrize('members', [[], '', None])
def test_a_list_of_references_may_be_empty(config: Config, members: Any) -> None:
    config.apply(basic('a'), create(GROUP, 'g', members=['a']))
    config.apply(edit(GROUP, 'g', members=members))
    assert config.settings('g')['members'] == []
    assert config.opened.rows(config_reference) == []


def test_a_list_of_references_may_be_given_as_it_is_shown(config: Config) -> None:
    config.apply(basic('a'), create(GROUP, 'g', members=['a']))
    id = config.objects['a']['id']
    config.apply(edit(GROUP, 'g', members=['a'], members_id=[id]))
    config.apply(edit(GROUP, 'g', members_id=[id], members=['a']))
    assert config.settings('g')['members'] == [id]


def test_wrong_lists_of_references_are_refused(config: Config) -> None:
    config.apply(basic('a'))
    assert config.refused(
        BadRequest,
        create(GROUP, 'g', members=['a', 'c', 'd']),
        create(GROUP, 'h', members={'a': 1}),
        create(GROUP, 'i', members=[True]),
    ) == [
        "Security group `h`: `members` must be a list of names; got `{'a': 1}`",
        'Security group `i`: `members` must be a list of names; got `[True]`',
        'Security group `g`: `members`: there is no Basic Auth or API key `c`',
        'Security group `g`: `members`: there is no Basic Auth or API key `d`',
    ]


def test_what_a_list_refers_to_cannot_be_deleted(config: Config) -> None:
    config.apply(basic('a'), basic('b'), create(GROUP, 'g', members=['a', 'b']))
    text = 'Basic Auth `b` cannot be deleted: it is used by Security group `g`'
    assert config.refused(Conflict, delete(BASIC, 'b')) == [text]
    config.apply(edit(GROUP, 'g', members=['a']), delete(BASIC, 'b'))
