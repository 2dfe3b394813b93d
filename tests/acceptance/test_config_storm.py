"""The short version of tests/chaos."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos.config_storm import ConfigStorm, storm_cluster


def test_configuration_that_is_changed_in_a_short_storm_of_kills_is_what_was_answered(
    odb_engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    on_postgresql = odb_engine == 'postgresql'
    odb = request.getfixturevalue('empty_odb_address') if on_postgresql else None
    postgresql = request.getfixturevalue('postgresql') if on_postgresql else None
    with (
        storm_cluster(tmp_path / 'qs-1', odb) as cluster,
        closing(ConfigStorm(cluster, seed=7, postgresql=postgresql)) as storm,
    ):
        storm.rage(changes=300, rounds=16, most=20)
        storm.settle()
        storm.balance()
        assert storm.books.wrong == []
