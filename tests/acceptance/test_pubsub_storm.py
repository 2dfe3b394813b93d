"""Publish/subscribe while processes and databases end; the long versions are in tests/chaos."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.pubsub_cluster import cluster
from tests.chaos.pubsub_storm import storm
from zato.common.odb.address import ODBAddress


@pytest.fixture
def odb(odb_engine: str, request: pytest.FixtureRequest) -> ODBAddress | None:
    """None for SQLite, which an environment makes by itself."""
    return request.getfixturevalue('empty_odb_address') if odb_engine == 'postgresql' else None


def test_what_was_acknowledged_is_delivered_though_all_processes_are_killed(odb: ODBAddress | None, tmp_path: Path) -> None:
    with cluster(tmp_path, odb, workers=2) as made:
        assert storm(made, seed=7, rounds=4) == []
