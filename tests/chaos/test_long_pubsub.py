"""Publish/subscribe at full length; short versions are in tests/acceptance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.pubsub_backlog import needs
from tests.chaos.pubsub_cluster import cluster
from tests.chaos.pubsub_storm import freezes, outages, storm
from tests.support.postgresql import PostgreSQL
from zato.common.odb.address import ODBAddress


@pytest.mark.parametrize('seed', [1, 2, 3])
def test_what_was_acknowledged_is_delivered_though_all_processes_are_killed(
    environment_odb: ODBAddress | None, tmp_path: Path, seed: int
) -> None:
    with cluster(tmp_path, environment_odb, workers=2) as made:
        assert storm(made, seed=seed, rounds=20, most=2.0) == []


@pytest.mark.parametrize('seed', [1, 2, 3])
def test_what_was_acknowledged_is_delivered_though_single_processes_are_killed(
    environment_odb: ODBAddress | None, tmp_path: Path, seed: int
) -> None:
    with cluster(tmp_path, environment_odb, servers=2, workers=2) as made:
        assert storm(made, seed=seed, rounds=20, most=2.0, what='worker') == []


@pytest.mark.parametrize('seed', [1, 2])
def test_what_was_acknowledged_is_delivered_though_workers_stop_for_a_while(
    environment_odb: ODBAddress | None, tmp_path: Path, seed: int
) -> None:
    with cluster(tmp_path, environment_odb, servers=2, workers=2) as made:
        assert freezes(made, seed=seed, rounds=4) == []


@pytest.mark.parametrize('seed', [1, 2, 3])
@pytest.mark.parametrize('odb_engine', ['postgresql'])
def test_what_was_acknowledged_is_delivered_though_postgresql_is_restarted(
    environment_odb: ODBAddress, postgresql: PostgreSQL, tmp_path: Path, seed: int
) -> None:
    with cluster(tmp_path, environment_odb, servers=2, workers=2) as made:
        assert outages(made, postgresql, seed=seed, how=['fast', 'immediate', 'crash', 'long'] * 2) == []


def test_a_start_costs_the_same_whatever_waits(environment_odb: ODBAddress | None, tmp_path: Path) -> None:
    few, many = needs(tmp_path, environment_odb, 1_000_000)
    assert many.cpu < 1.5 * few.cpu
    assert many.memory < few.memory + 15
