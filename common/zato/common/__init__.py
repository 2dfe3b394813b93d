"""What clients, servers and tools have in common."""

from __future__ import annotations

from zato.common.api import DATA_FORMAT

__all__ = ['DATA_FORMAT']
