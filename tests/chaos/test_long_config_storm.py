"""The long version; a short one is in tests/acceptance."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos.config_storm import ConfigStorm, storm_cluster


@pytest.mark.parametrize('seed', [1, 2, 3])
def test_configuration_that_is_changed_in_a_storm_of_kills_is_what_was_answered(
    odb_engine: str, request: pytest.FixtureRequest, tmp_path: Path, seed: int
) -> None:
    on_postgresql = odb_engine == 'postgresql'
    odb = request.getfixturevalue('empty_odb_address') if on_postgresql else None
    postgresql = request.getfixturevalue('postgresql') if on_postgresql else None
    with (
        storm_cluster(tmp_path / 'qs-1', odb) as cluster,
        closing(ConfigStorm(cluster, seed=seed, postgresql=postgresql)) as storm,
    ):
        storm.rage(changes=2_000, rounds=80, most=200)
        storm.settle()
        storm.balance()
        assert storm.books.wrong == []
