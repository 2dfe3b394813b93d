"""Pages of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.dashboard import Pages
from tests.support.dashboard import pages as make_pages


@pytest.fixture
def pages() -> Iterator[Pages]:
    with make_pages() as found:
        yield found
