"""What servers are sent under load, what they must answer, and the credentials that some of it is sent with."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

USERNAME: Final = 'bench'
PASSWORD: Final = 'secret'


@dataclass(frozen=True, eq=False)
class Exchange:
    """The bodies of one request and of its response, both JSON."""

    sent: Mapping[str, Any]
    answer: Mapping[str, Any]

    @cached_property
    def body(self) -> bytes:
        return json.dumps(self.sent).encode()


_ORDER: Final = {
    'order_id': 'A-2026-000173',
    'customer': 'Jane Smith',
    'country': 'DE',
    'is_express': True,
    'total': 1234.5,
    'lines': [{'sku': 'A-100', 'quantity': 2}, {'sku': 'B-220', 'quantity': 1}],
}
ECHO: Final = Exchange(_ORDER, _ORDER)


def basic_auth(username: str = USERNAME, password: str = PASSWORD) -> dict[str, str]:
    """The header with these credentials."""
    return {'Authorization': 'Basic ' + base64.b64encode(f'{username}:{password}'.encode()).decode()}
