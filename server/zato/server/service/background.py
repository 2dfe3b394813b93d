"""What services run in the background: in this process's memory only. A stop waits for it for a while, then cuts it off."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import gevent

from zato.common.exception import ServiceUnavailable
from zato.common.log.cid import running_cid
from zato.server.config.cooperation import Bell, Stopped

logger = logging.getLogger(__name__)

_MOST = 100_000


class Background:
    """most: how many greenlets there may be; a service that starts others without end must not take all memory."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._greenlets: set[gevent.Greenlet[..., Any]] = set()
        self._is_stopping = False
        self._stop = Bell()

    def __len__(self) -> int:
        return len(self._greenlets)

    def spawn(
        self, what: str, cid: str, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> gevent.Greenlet[..., Any]:
        """Raises ServiceUnavailable where there are too many already. What the function raises is logged; what: how."""
        return self._start(_Spawned(what, cid, function, args, kwargs))

    def start(self, function: Callable[..., Any], *args: Any) -> gevent.Greenlet[..., Any]:
        """As `spawn`, for what raises nothing."""
        return self._start(gevent.Greenlet(function, *args))

    def start_all(self, function: Callable[..., Any], items: Sequence[Any], *args: Any) -> None:
        """As `start`, with each of `items` as the first argument. If there is no room for all of them, none is started."""
        self._check(len(items))
        for item in items:
            self.start(function, item, *args)

    def wait(self, seconds: float) -> bool:
        """Wait, and say whether the worker stops, which ends the wait at once."""
        return self._is_stopping or self._stop.wait(seconds)

    def join(self, timeout: float) -> bool:
        """Wait, at most `timeout` seconds, until nothing runs, what starts meanwhile included. False if something does."""
        end = monotonic() + timeout
        while self._greenlets and monotonic() < end:
            gevent.joinall(list(self._greenlets), timeout=end - monotonic())
        return not self._greenlets

    def end_waits(self) -> None:
        """The worker stops: whoever is in `wait` is told."""
        self._is_stopping = True
        self._stop.ring()

    def finish(self, timeout: float) -> None:
        """Wait for all, and for what they start in turn, at most `timeout` seconds. Those in `wait` end by themselves."""
        self.end_waits()
        gevent.sleep(0)  # what has just been started begins, and is known then
        self.join(timeout)

    def kill(self) -> None:
        """End all: Stopped is thrown into them."""
        gevent.killall(list(self._greenlets), exception=Stopped, block=False)

    def _start(self, greenlet: gevent.Greenlet[..., Any]) -> gevent.Greenlet[..., Any]:
        self._check(1)
        self._greenlets.add(greenlet)
        greenlet.rawlink(self._greenlets.discard)  # that is called even if it is killed before it has begun
        greenlet.start()
        return greenlet

    def _check(self, more: int) -> None:
        """Raises ServiceUnavailable."""
        running = len(self._greenlets)
        if running + more > self._most:
            text = f'{running:,} calls are running in the background already; there may be {self._most:,}'
            raise ServiceUnavailable(msg=text)


class _Spawned(gevent.Greenlet):  # type: ignore[type-arg]  # at runtime it takes none
    """One that fails does so as any other does, but is logged: gevent would print it, and end the process for SystemExit."""

    def __init__(
        self, what: str, cid: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        super().__init__(self._call, what, cid, function, args, kwargs)
        self._error: BaseException | None = None

    @property
    def exception(self) -> BaseException | None:
        return self._error or super().exception

    def successful(self) -> bool:
        return self._error is None and super().successful()

    def _raise_exception(self) -> None:
        """That is what `get` and `gevent.joinall` call where it is not successful."""
        if self._error is not None:
            raise self._error
        super()._raise_exception()  # type: ignore[misc]  # gevent's types do not have it

    def _call(self, what: str, cid: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        running_cid.set(cid)  # for the rest of this greenlet
        try:
            return function(*args, **kwargs)
        except gevent.GreenletExit:
            raise  # it was killed, which is no error
        except BaseException as e:
            logger.exception('%s failed (cid: %s)', what, cid, extra={'action': 'background.failed', 'cid': cid})
            self._error = e
            return None
