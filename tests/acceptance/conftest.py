from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environment import Environment


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    """One worker, not started."""
    created = Environment(tmp_path / 'qs-1')
    yield created
    created.close()


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[Environment]:
    """Two workers, running."""
    created = Environment(tmp_path / 'qs-1', workers=2)
    try:
        created.start()
        yield created
    finally:
        created.close()


@pytest.fixture(scope='module')
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """One worker, running, shared by the tests of a module, which must not harm it."""
    created = Environment(tmp_path_factory.mktemp('shared') / 'qs-1')
    try:
        created.start()
        yield created
    finally:
        created.close()
