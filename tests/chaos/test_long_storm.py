"""The long version; a short one is in tests/acceptance."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.chaos.storm import Storm
from tests.support.environment import Environment


@pytest.mark.parametrize('seed', [1, 2, 3, 4, 5])
def test_a_server_in_a_storm_of_kills_serves_what_was_saved(tmp_path: Path, seed: int) -> None:
    environment = storm_environment(tmp_path)
    try:
        storm = Storm(environment, seed)
        storm.rage(rounds=60)
        storm.settle()
        print(dict(storm.books.counts))
        assert storm.books.wrong == []
    finally:
        environment.close()


def storm_environment(tmp_path: Path) -> Environment:
    """Two workers on a port that stays the same over restarts."""
    environment = Environment(tmp_path / 'qs-1', workers=2)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    conf = environment.server.server_conf
    conf.write_text(conf.read_text().replace('gunicorn_bind=0.0.0.0:0', f'gunicorn_bind=127.0.0.1:{port}'))
    environment.start()
    return environment
