"""Roles that one worker of a server has at a time, held by an flock that the kernel frees if the worker dies."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from zato.common.lock import FileLock
from zato.server.process.loop import Loop

logger = logging.getLogger(__name__)

_TRY_EVERY = 0.5  #: seconds


class Role:
    """take_up and give_up are called in this worker when it gets the role and before it lets go of it."""

    def __init__(self, name: str, path: Path, take_up: Callable[[], None], give_up: Callable[[], None]) -> None:
        self.name = name
        self._lock = FileLock(path)
        self._take_up = take_up
        self._give_up = give_up
        self._loop = Loop(f'role {name}', self._try, _TRY_EVERY)
        # A forked child must not keep the role alive after this process has died.
        os.register_at_fork(after_in_child=self._lock.close)

    @property
    def is_held(self) -> bool:
        return self._lock.is_held

    def start(self) -> None:
        self._try()
        self._loop.start()

    def stop(self) -> None:
        """Give the role up, if it is held, and do not try again."""
        self._loop.stop()
        if self._lock.is_held:
            self._give_up()
            self._lock.release()

    def _try(self) -> None:
        if self._lock.is_held or not self._lock.acquire():
            return
        logger.info('This worker has the role `%s` now', self.name, extra={'action': 'role.taken'})
        try:
            self._take_up()
        except Exception:
            self._lock.release()
            raise
