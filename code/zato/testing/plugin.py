"""The pytest plugin. Every run of pytest loads it where this package is installed: it imports nothing before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from zato.testing.local_server import LocalServer


@pytest.fixture
def zato(tmp_path: Path) -> Iterator[LocalServer]:
    """Runs services in the test's own process. See LocalServer."""
    from zato.testing.local_server import LocalServer

    server = LocalServer(tmp_path / 'zato')
    yield server
    server.stop()
