"""Who imports whom, of what is deployed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.modules import version_of
from zato.server.deploy.versions import Snapshot


def snapshot_of(imports: dict[str, tuple[str, ...]]) -> Snapshot:
    return Snapshot(1, {name: version_of(f'/s/{name}.py', b'', imports=of) for name, of in imports.items()})


@pytest.mark.parametrize(
    ('imports', 'expected'),
    [
        ({'a': (), 'b': ()}, []),
        ({'a': (), 'b': ('a',), 'c': ('b',), 'd': ('c', 'a')}, ['b', 'd', 'c']),
        ({'a': ('b',), 'b': ('a',)}, ['b']),
        ({'a': ('a',)}, []),
        ({'a': ('c',), 'b': ('a',), 'c': ('b',)}, ['b', 'c']),
        ({'a': (), 'b': ('c', 'a'), 'c': ('b',)}, ['b', 'c']),
        ({'b': ('a',)}, ['b']),
    ],
    ids=['none', 'chain', 'two', 'itself', 'three', 'cycle-beyond', 'not-deployed'],
)
def test_dependants_are_found_through_others_nearest_first(imports: dict[str, tuple[str, ...]], expected: list[str]) -> None:
    assert [version.module for version in snapshot_of(imports).dependants('a')] == expected


@given(st.integers())
def test_dependants_of_any_graph_are_those_that_reach_the_module_each_once(seed: int) -> None:
    chance = random.Random(seed)
    names = 'abcdef'
    imports = {name: tuple(other for other in names if chance.random() < 0.3) for name in names}
    reach = {'a'}
    while more := {name for name in names if reach & set(imports[name])} - reach:
        reach |= more
    found = [version.module for version in snapshot_of(imports).dependants('a')]
    assert sorted(found) == sorted(reach - {'a'})
