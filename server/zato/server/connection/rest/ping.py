"""A ping of an outgoing REST connection, and how it is told."""

from __future__ import annotations

from time import monotonic
from typing import Any, Final

from zato.common.clock import SYSTEM_CLOCK
from zato.server.connection.rest.ask import Context
from zato.server.connection.rest.connection import RESTConnection
from zato.server.connection.rest.url import without_query

_MS: Final = 1_000


class PingReport:
    """Asks once. Any answer is one: the other side is there. Raises CallFailed if there is none."""

    def __init__(self, connection: RESTConnection, context: Context, path: str = '/') -> None:
        self._asked = SYSTEM_CLOCK.utcnow()
        self._method = connection.settings.ping_method
        started = monotonic()
        self.response = connection.ping(context, path)
        self._ms = (monotonic() - started) * _MS

    def __str__(self) -> str:
        return (
            f'{self._asked:%Y-%m-%d %H:%M:%S} (UTC) {self._method} {without_query(self.response.url)}\n'
            f'Code: {self.response.status_code}\n'
            f'Response time: {self._ms:.3f} ms'
        )

    def as_dict(self) -> dict[str, Any]:
        """As commands and the admin API show it."""
        return {
            'is_success': True,
            'status_code': self.response.status_code,
            'response_time': f'{self._ms:.3f} ms',
            'info': str(self),
        }
