"""What viewers are told of who changed what: everything but secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.test_changes import BASIC, BOB, CHANNEL, Config, basic, channel, create, delete, edit
from tests.support.admin_services import AdminServices
from zato.common.config.kind import kinds
from zato.common.exception import BadRequest
from zato.server.security.principal import Principal

GET = 'zato.audit.get-list'
SECRET = 'Planted-7c1e'


@pytest.fixture
def odb_engine() -> str:
    return 'sqlite'


def ask(config: Config, **request: Any) -> list[dict[str, Any]]:
    api = AdminServices(odb=config.opened.odb)
    found: list[dict[str, Any]] = api.call(GET, request, principal=Principal('eve', 'viewer'))
    return found


def test_changes_are_told_the_latest_first_with_who_and_what(config: Config) -> None:
    config.apply(basic('s'))
    config.apply(edit(BASIC, 's', realm='new'), actor=BOB)
    edited, created = ask(config, kind=BASIC)
    assert (edited['who'], edited['role'], edited['action'], edited['name']) == ('bob', 'operator', 'edit', 's')
    assert edited['before']['realm'] != edited['after']['realm'] == 'new'
    assert (created['who'], created['action'], created['before']) == ('alice', 'create', None)


def test_a_viewer_sees_no_secret_of_any_kind_and_no_credentials_in_an_address(config: Config) -> None:
    for kind in kinds().values():
        if kind.secrets:
            required = {name: f'x-{name}' for name, declared in kind.fields.items() if declared.is_required}
            required.update({name: 'http://localhost' for name in required if 'url' in name or 'endpoint' in name})
            config.apply(create(kind.name, 's', **required, **dict.fromkeys(kind.secrets, SECRET)))
            config.apply(edit(kind.name, 's', **dict.fromkeys(kind.secrets, f'{SECRET}-new')))
            config.apply(delete(kind.name, 's'))
    with pytest.raises(BadRequest) as info:
        config.apply(create('outgoing_rest', 'o', host=f'http://jane:{SECRET}@localhost'))
    config.apply(create('outgoing_rest', 'o', host='$ADDRESS'))
    text = json.dumps(ask(config, limit=1_000))
    assert text.count('"******"') > 2 * sum(len(kind.secrets) for kind in kinds().values())
    assert SECRET not in text + str(info.value.errors) + info.value.msg
    assert '"$ADDRESS"' in text


def test_some_are_chosen_by_what_was_done_to_what_by_whom(config: Config) -> None:
    config.apply(basic('s'), channel('c'))
    config.apply(edit(CHANNEL, 'c', method='GET'), delete(BASIC, 's'), actor=BOB)

    def names(**request: Any) -> list[str]:
        return [f'{row["action"]} {row["name"]}' for row in ask(config, **request)]

    assert names(action='edit') == ['edit c']
    assert names(kind=BASIC) == ['delete s', 'create s']
    assert names(kind=BASIC, action='create') == ['create s']
    assert names(who='bob', name='c') == ['edit c']
    assert names(object_id=config.objects['c']['id'], limit=1) == ['edit c']
    assert names(action='nothing') == []


def test_earlier_ones_are_told_page_by_page(config: Config) -> None:
    config.apply(*(basic(f's{i}') for i in range(5)))
    seen: list[str] = []
    before = 0
    while page := ask(config, kind=BASIC, limit=2, **({'before_event': before} if before else {})):
        seen += [row['name'] for row in page]
        before = page[-1]['event']
    assert seen == ['s4', 's3', 's2', 's1', 's0']
