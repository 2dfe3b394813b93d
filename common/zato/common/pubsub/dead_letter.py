"""Why messages become dead letters."""

from __future__ import annotations

from typing import Final, Literal, get_args

#: Deliveries failed too often; processes ended during them; the target, or a client, rejected it; nobody is left to get it.
Reason = Literal['max-retry', 'crash', 'rejected', 'deleted-sub']

REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
