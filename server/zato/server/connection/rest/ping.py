"""A ping of an outgoing REST connection, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

from zato.common.clock import SYSTEM_CLOCK
from zato.server.connection.rest.ask import Context
from zato.server.connection.rest.connection import RESTConnection
from zato.server.connection.rest.response import RESTResponse
from zato.server.connection.rest.url import without_query


@dataclass(frozen=True, slots=True, kw_only=True)
class PingReport:
    """asked: when, in UTC. response_time: with its unit."""

    asked: datetime
    method: str
    response: RESTResponse
    response_time: str

    def __str__(self) -> str:
        return (
            f'{self.asked:%Y-%m-%d %H:%M:%S} (UTC) {self.method} {without_query(self.response.url)}\n'
            f'Code: {self.response.status_code}\n'
            f'Response time: {self.response_time}'
        )

    def as_dict(self) -> dict[str, Any]:
        """As commands and the admin API show it."""
        return {
            'is_success': True,
            'status_code': self.response.status_code,
            'response_time': self.response_time,
            'info': str(self),
        }


def ping(connection: RESTConnection, context: Context, path: str = '/') -> PingReport:
    """Any answer will do: the other side is there. Raises CallFailed if there is none."""
    asked, started = SYSTEM_CLOCK.utcnow(), monotonic()
    response = connection.ping(context, path)
    took = f'{(monotonic() - started) * 1_000:.3f} ms'
    return PingReport(asked=asked, method=connection.settings.ping_method, response=response, response_time=took)
