"""`self.patterns`."""

from __future__ import annotations

from typing import Any

from zato.server.pattern.callback import Target
from zato.server.pattern.fanout import Fanout, Parallel
from zato.server.pattern.invoke_retry import InvokeRetry
from zato.server.pattern.source import Source


class Patterns:
    """Everything here works in this process's memory only, and what has not ended is lost if the server stops."""

    __slots__ = ('_source',)

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def fanout(self) -> Fanout:
        return Fanout(self._source)

    @property
    def parallel(self) -> Parallel:
        return Parallel(self._source)

    @property
    def invoke_retry(self) -> InvokeRetry:
        return InvokeRetry(self._source)

    def invoke_async(self, name: Target, payload: Any = '', **options: Any) -> str:
        """The same as `self.invoke_async`, callback included."""
        return self._source.invoke_async(name, payload, **options)
