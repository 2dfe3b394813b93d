"""The short version of tests/chaos."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.storm import Storm
from tests.chaos.test_long_storm import storm_environment


def test_a_server_in_a_short_storm_of_kills_serves_what_was_saved(tmp_path: Path) -> None:
    environment = storm_environment(tmp_path)
    try:
        storm = Storm(environment, seed=7)
        storm.rage(rounds=12)
        storm.settle()
        print(dict(storm.books.counts))
        assert storm.books.wrong == []
    finally:
        environment.close()
