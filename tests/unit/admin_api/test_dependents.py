"""What has to go with an object that is deleted, and what just loses it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.admin_services import AdminServices, stored
from zato.common.config import kind as kind_module
from zato.common.config.kind import kinds
from zato.common.exception import BadRequest, Conflict, NotFound
from zato.server.security.principal import Principal

GET = 'zato.config.get-dependents'
EVE = Principal('eve', 'viewer')
BASIC, KEY, GROUP, CHANNEL, OUTGOING = (
    'security_basic_auth',
    'security_apikey',
    'security_group',
    'channel_rest',
    'outgoing_rest',
)


@pytest.fixture
def api() -> AdminServices:
    api = AdminServices()
    api.put(
        stored(1, 'service', 'my.service'),
        stored(2, BASIC, 'partner', username='u', version=4),
        stored(3, BASIC, 'other', username='v'),
        stored(4, KEY, 'other', header='X-Key'),
        stored(5, KEY, 'with/slash', header='X-Key'),
        stored(6, GROUP, 'all', members=[2, 3, 4, 5], version=2),
        stored(7, GROUP, 'one', members=[2]),
        stored(8, CHANNEL, 'by.definition', url_path='/a', service=1, security=2, version=7),
        stored(9, CHANNEL, 'by.group', url_path='/b', service=1, security_groups=[7, 6]),
        stored(10, CHANNEL, 'open', url_path='/c', service=1),
        stored(11, OUTGOING, 'out', host='http://localhost', security=2),
    )
    return api


def ask(api: AdminServices, kind: str, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = api.call(GET, {'kind': kind, 'name': name}, principal=EVE)
    return answer


def deleted(id: int, kind: str, name: str, version: int = 1) -> dict[str, Any]:
    return {'action': 'delete', 'kind': kind, 'id': id, 'name': name, 'version': version}


def test_what_nothing_refers_to_goes_alone(api: AdminServices) -> None:
    alone = {'changes': [deleted(10, CHANNEL, 'open')], 'dependents': []}
    assert ask(api, CHANNEL, 'open') == alone
    for by_id in ({'id': 10}, {'id': '10'}):
        assert api.call(GET, {'kind': 'channel-rest', **by_id}) == alone


def test_what_refers_to_it_goes_before_it_and_groups_lose_it(api: AdminServices) -> None:
    found = ask(api, BASIC, 'partner')
    assert found['changes'] == [
        {
            'action': 'edit',
            'kind': GROUP,
            'id': 6,
            'version': 2,
            'members': ['security_basic_auth/other', 'security_apikey/other', 'security_apikey/with/slash'],
        },
        {'action': 'edit', 'kind': GROUP, 'id': 7, 'version': 1, 'members': []},
        deleted(11, OUTGOING, 'out'),
        deleted(8, CHANNEL, 'by.definition', 7),
        deleted(2, BASIC, 'partner', 4),
    ]
    channel, *_, group = found['dependents']
    assert channel == {
        'kind': CHANNEL,
        'label': 'REST channel',
        'id': 8,
        'name': 'by.definition',
        'action': 'delete',
        'field': 'Security definition',
        'why': 'Basic Auth `partner`',
    }
    assert (group['name'], group['action'], group['field']) == ('one', 'edit', 'Members')
    assert [item['name'] for item in found['dependents']] == ['by.definition', 'out', 'all', 'one']


def test_a_channel_goes_with_one_of_its_groups_rather_than_let_anybody_in(api: AdminServices) -> None:
    found = ask(api, GROUP, 'one')
    assert found['changes'] == [deleted(9, CHANNEL, 'by.group'), deleted(7, GROUP, 'one')]
    assert [(item['action'], item['field'], item['why']) for item in found['dependents']] == [
        ('delete', 'Security groups', 'Security group `one`')
    ]


def test_what_depends_on_a_dependent_goes_too(api: AdminServices, monkeypatch: pytest.MonkeyPatch) -> None:
    group = kinds()[GROUP]
    fields = {name: replace(declared, on_delete='delete') for name, declared in group.fields.items()}
    monkeypatch.setitem(group.__dict__, 'fields', fields)
    found = ask(api, BASIC, 'other')
    assert found['changes'] == [deleted(9, CHANNEL, 'by.group'), deleted(6, GROUP, 'all', 2), deleted(3, BASIC, 'other')]
    assert [(item['name'], item['why']) for item in found['dependents']] == [
        ('all', 'Basic Auth `other`'),
        ('by.group', 'Security group `all`'),
    ]


def test_what_would_lose_it_goes_where_it_refers_to_it_by_another_field_too(
    api: AdminServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = kinds()[CHANNEL]
    loose = replace(channel.fields['security_groups'], on_delete='detach')
    monkeypatch.setitem(channel.__dict__, 'fields', {**channel.fields, 'security_groups': loose})
    api.put(stored(9, CHANNEL, 'by.group', url_path='/b', service=1, security=7, security_groups=[7, 6]))
    assert ask(api, GROUP, 'one')['changes'] == [deleted(9, CHANNEL, 'by.group'), deleted(7, GROUP, 'one')]
    assert ask(api, GROUP, 'all')['changes'] == [
        {'action': 'edit', 'kind': CHANNEL, 'id': 9, 'version': 1, 'security_groups': ['one']},
        deleted(6, GROUP, 'all', 2),
    ]


def test_what_cannot_be_deleted_is_named(api: AdminServices, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadRequest, match=r'^Service `my\.service`: objects of this kind cannot be deleted$'):
        ask(api, 'service', 'my.service')
    lasting = replace(kinds()[OUTGOING], operations=('get-list', 'get', 'edit'))
    monkeypatch.setattr(kind_module, 'kinds', kinds)
    monkeypatch.setattr('zato.server.admin_api.dependents.kinds', lambda: {**kinds(), OUTGOING: lasting})
    with pytest.raises(Conflict) as info:
        ask(api, BASIC, 'partner')
    assert info.value.msg == (
        'Basic Auth `partner` cannot be deleted with what depends on it: Outgoing REST connection `out`, '
        'which uses Basic Auth `partner`, is of a kind whose objects cannot be deleted'
    )
    assert info.value.needs_msg


def test_what_is_not_there_is_not_found(api: AdminServices) -> None:
    with pytest.raises(NotFound, match='There is no REST channel `partner`'):
        ask(api, CHANNEL, 'partner')
    with pytest.raises(NotFound, match='There is no REST channel with ID 2'):
        api.call(GET, {'kind': CHANNEL, 'id': 2})
    with pytest.raises(BadRequest, match='There is no kind `channel_rst`; did you mean `channel_rest`'):
        ask(api, 'channel_rst', 'x')
    with pytest.raises(BadRequest, match='Element missing: kind'):
        api.call(GET, {'id': 2})
