"""What `zato.config.get-dependents` answers is what `zato.config.apply` takes, as long as nothing has changed meanwhile."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.integration.test_changes import BASIC, CHANNEL, Config, basic, channel, create, edit
from tests.support.admin_services import AdminServices
from zato.common.exception import Conflict
from zato.common.odb.tables import config_reference
from zato.server.propagate.objects import all_objects

KEY, GROUP = 'security_apikey', 'security_group'


@pytest.fixture
def odb_engine() -> str:
    return 'sqlite'


def ask(config: Config, kind: str, name: str) -> dict[str, Any]:
    """As a worker that is up to date."""
    api = AdminServices()
    api.put(*config.opened.odb.read(all_objects))
    found: dict[str, Any] = api.call('zato.config.get-dependents', {'kind': kind, 'name': name})
    return found


def test_an_object_goes_with_what_depends_on_it_and_the_rest_stays_as_it_is(config: Config) -> None:
    config.apply(
        basic('s'),
        basic('t'),
        create(KEY, 't'),
        create(GROUP, 'g', members=['s', f'{KEY}/t', f'{BASIC}/t']),
        channel('by.s', security='s'),
        channel('by.g', security_groups=['g']),
    )
    config.apply(*ask(config, BASIC, 's')['changes'])
    assert {'s', 'by.s'}.isdisjoint(config.objects)
    rows = {(row['kind'], row['name']): row['id'] for row in config.objects.values()}
    assert rows.keys() >= {(CHANNEL, 'by.g'), (GROUP, 'g')}
    assert len(config.settings('g')['members']) == 2
    config.apply(*ask(config, GROUP, 'g')['changes'])
    assert {'g', 'by.g'}.isdisjoint(config.objects)


def test_what_has_changed_or_come_meanwhile_is_not_deleted(config: Config) -> None:
    config.apply(basic('s'), channel('c', security='s'), create(GROUP, 'g', members=['s']))
    for change in (
        edit(CHANNEL, 'c', method='GET'),
        edit(BASIC, 's', realm='new'),
        edit(GROUP, 'g', is_active=False),
        channel('new', security='s'),
    ):
        found = ask(config, BASIC, 's')
        config.apply(change)
        config.refused(Conflict, *found['changes'])
    config.apply(*ask(config, BASIC, 's')['changes'])
    assert config.objects.keys() >= {'g'}
    assert {'s', 'c', 'new'}.isdisjoint(config.objects)


@pytest.mark.parametrize('seed', range(8))
def test_whatever_is_deleted_so_leaves_nothing_that_refers_to_nothing(config: Config, seed: int) -> None:
    choose = random.Random(seed)
    definitions = [f'd{i}' for i in range(5)]
    groups = [f'g{i}' for i in range(4)]

    def some(names: list[str]) -> list[str]:
        return choose.sample(names, choose.randint(0, len(names)))

    config.apply(
        *(basic(name) for name in definitions),
        *(create(GROUP, name, members=some(definitions)) for name in groups),
        *(channel(f'c{i}', security=choose.choice([None, *definitions]), security_groups=some(groups)) for i in range(8)),
    )
    while left := [row for row in config.objects.values() if row['kind'] in (BASIC, GROUP)]:
        before = config.objects
        root = choose.choice(left)
        found = ask(config, root['kind'], root['name'])
        config.apply(*found['changes'])
        after = config.objects
        touched = {root['name'], *(item['name'] for item in found['dependents'])}
        deleted = {root['name'], *(item['name'] for item in found['dependents'] if item['action'] == 'delete')}
        assert before.keys() - after.keys() == deleted
        assert {name: row for name, row in after.items() if name not in touched} == {
            name: row for name, row in before.items() if name not in touched
        }
        ids = {row['id'] for row in after.values()}
        assert {row['target_id'] for row in config.opened.rows(config_reference)} <= ids
