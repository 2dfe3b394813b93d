"""Services that are told what became of others: who they are, when it was, and what becomes of those that fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from zato.server.config.cooperation import Stopped

logger = logging.getLogger(__name__)

#: A service, by name or class.
Target = str | type[Any]


def name_of(target: Target) -> str:
    """Raises TypeError."""
    if isinstance(target, str):
        return target
    get_name = getattr(target, 'get_name', None)
    if get_name is None:
        raise TypeError(f'A service is invoked by its name or its class, not by {target!r}')
    name: str = get_name()
    return name


def names_of(callbacks: Any, what: str, exists: Callable[[str], bool]) -> list[str]:
    """Callbacks by name. Raises ValueError if one does not exist."""
    is_one = isinstance(callbacks, str) or hasattr(callbacks, 'get_name')
    items = [] if not callbacks else [callbacks] if is_one else list(callbacks)
    names = [name_of(item) for item in items]
    for name in names:
        if not exists(name):
            raise ValueError(f'{what}: there is no service {name}')
    return names


def call_back(name: str, service: str, cid: str, invoke: Callable[[], Any]) -> None:
    """Invoke one; what it raises is logged. service, cid: whose callback it is."""
    try:
        invoke()
    except Stopped:
        raise
    except BaseException:  # whatever a service raises is its failure, not that of the others
        logger.exception(
            'Callback %s of service %s failed (cid: %s)',
            name,
            service,
            cid,
            extra={'action': 'callback.failed', 'cid': cid},
        )


def utc_text(moment: datetime) -> str:
    """ISO 8601 without a zone, as all times in callbacks are."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def now_utc() -> str:
    return utc_text(datetime.now(UTC))
