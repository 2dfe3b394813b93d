"""Publish/subscribe while processes and databases end; the long versions are in tests/chaos."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.pubsub_cluster import cluster
from tests.chaos.pubsub_storm import outages, storm
from tests.support.postgresql import PostgreSQL
from zato.common.odb.address import ODBAddress


def test_what_was_acknowledged_is_delivered_though_all_processes_are_killed(
    environment_odb: ODBAddress | None, tmp_path: Path
) -> None:
    with cluster(tmp_path, environment_odb, workers=2) as made:
        assert storm(made, seed=7, rounds=4) == []


@pytest.mark.parametrize('odb_engine', ['postgresql'])
def test_what_was_acknowledged_is_delivered_though_postgresql_is_restarted(
    environment_odb: ODBAddress, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    with cluster(tmp_path, environment_odb, workers=2) as made:
        assert outages(made, postgresql, seed=7, how=['fast', 'crash']) == []
