"""Changes of configuration over a real database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.test_changes import Config
from zato.common.odb.address import ODBAddress


@pytest.fixture
def config(odb_address: ODBAddress) -> Iterator[Config]:
    created = Config(odb_address)
    yield created
    created.opened.close()
