"""A server that starts with very many messages; the long version is in tests/chaos."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.pubsub_backlog import needs
from zato.common.odb.address import ODBAddress


def test_a_start_costs_the_same_whatever_waits(environment_odb: ODBAddress | None, tmp_path: Path) -> None:
    few, many = needs(tmp_path, environment_odb, 200_000)
    assert many.cpu < 1.5 * few.cpu
    assert many.memory < few.memory + 15
