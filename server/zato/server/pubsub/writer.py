"""Group commit: what the greenlets of a worker want of the store while a commit is under way shares the next one.

There is no timer: a lone operation is carried out at once, and under load the batches grow by themselves. The store blocks,
so it has a native thread of its own.
"""

from __future__ import annotations

import logging
from _queue import Empty, SimpleQueue  # gevent replaces those of the queue module
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final, TypeVar

import gevent
from gevent import get_hub, getcurrent, monkey
from gevent.event import Event

from zato.common.exception import StoreUnavailable, ZatoException
from zato.server.pubsub.store.interface import Operation, Publish, Settle, Store

logger = logging.getLogger('zato.pubsub')

O = TypeVar('O', bound=Operation)  # noqa: E741  # it stands for any operation

_MOST: Final = 1_024  #: operations in one commit
_LOOK_EVERY: Final = 1.0  #: seconds between looks at those who wait
_start_thread = monkey.get_original('_thread', 'start_new_thread')


class Writer:
    """One worker's. patience: seconds after which whoever waits for an operation is told that the store does not answer."""

    def __init__(self, store: Store, patience: float = 10.0) -> None:
        self._store = store
        self._patience = patience
        self._queue: SimpleQueue[Operation | None] = SimpleQueue()
        self._done: deque[Sequence[Operation]] = deque()
        self._waiting: dict[_Wait, float] = {}  # since when, the oldest first
        self._ended = Event()
        self._is_running = self._is_stopping = False
        self._async: Any = None
        self._watch: gevent.Greenlet[..., None] | None = None
        self.commits = 0  #: how many there have been
        self.operations = 0  #: that they carried out
        self.slowest = 0.0  #: seconds that the longest commit since the last look took

    def start(self) -> None:
        """Raises StoreUnavailable."""
        self._store.open()
        self._async = get_hub().loop.async_()
        self._async.start(self._finish)
        self._is_running = True
        _start_thread(self._run, ())
        self._watch = gevent.spawn(self._watch_waiting)

    def stop(self, timeout: float = 5.0) -> None:
        """What was put before is carried out. Twice is safe."""
        if self._is_running and not self._is_stopping:
            self._is_stopping = True
            self._queue.put(None)
            self._ended.wait(timeout)
            self._is_running = False
        if self._watch is not None:
            self._watch.kill()
        if self._async is not None:
            self._async.close()
            self._async = None
        for wait in list(self._waiting):
            wait.end(StoreUnavailable(msg='The server stops; it is not known whether it was written'))

    def put(self, operation: Operation) -> None:
        """It is carried out some time; its `done` tells when. Without effect after a stop."""
        self._queue.put(operation)

    def run(self, operation: O) -> O:
        """Wait until it has been carried out. Raises what its `error` is, StoreUnavailable."""
        if self._is_stopping or not self._is_running:
            raise StoreUnavailable(msg='The server stops; nothing was written')
        wait = _Wait(operation)
        self._waiting[wait] = monotonic()
        try:
            self._queue.put(operation)
            wait.wait()
        except BaseException:
            operation.is_wanted = False
            raise
        finally:
            wait.greenlet = None
            del self._waiting[wait]
        if wait.error is not None:
            raise wait.error
        return operation

    # In the store's thread

    def _run(self) -> None:
        queue, store = self._queue, self._store
        while (first := queue.get()) is not None:
            try:
                self._commit(first)
            except BaseException as e:  # the thread must not end: nobody could publish any more
                logger.critical('The store failed: %r', e, exc_info=True, extra={'action': 'pubsub.store_failed'})
        store.close()
        self._tell(())

    def _commit(self, first: Operation) -> None:
        taken: list[Operation] = []
        started = 0.0

        def take() -> Sequence[Operation]:
            nonlocal started
            started = monotonic()
            for operation in (first, *self._rest()):
                if operation.begin():
                    taken.append(operation)
            return taken

        try:
            self._store.commit(take)
        except Exception as e:
            logger.exception('The store failed', extra={'action': 'pubsub.store_failed'})
            for operation in taken:
                operation.error = StoreUnavailable(msg=f'The store failed: {e}; it is not known whether it was written')
        self.commits += 1
        self.operations += len(taken)
        self.slowest = max(self.slowest, monotonic() - started)
        self._tell(taken)

    def _tell(self, operations: Sequence[Operation]) -> None:
        self._done.append(operations)
        if (loop := self._async) is not None:
            loop.send()

    def _rest(self) -> list[Operation]:
        found: list[Operation] = []
        queue = self._queue
        try:
            while len(found) < _MOST:
                operation = queue.get_nowait()
                if operation is None:
                    queue.put(None)  # the stop, which comes once nothing is left
                    break
                found.append(operation)
        except Empty:
            pass
        return found

    # In the event loop

    def _finish(self) -> None:
        done = self._done
        while done:
            operations = done.popleft()
            if not operations and self._is_stopping:
                self._ended.set()
            for operation in sorted(operations, key=_order) if len(operations) > 1 else operations:
                try:
                    operation.done(operation)
                except Exception:
                    logger.exception('An operation of the store could not be finished', extra={'action': 'pubsub.failed'})

    def _watch_waiting(self) -> None:
        while True:
            gevent.sleep(_LOOK_EVERY)
            oldest = monotonic() - self._patience
            for wait, since in list(self._waiting.items()):
                if since > oldest:
                    break
                wait.operation.is_wanted = False
                begun = wait.operation.has_begun
                known = 'it is not known whether it was written' if begun else 'it is locked; nothing was written'
                wait.end(StoreUnavailable(msg=f'The store of messages did not answer in {self._patience:g} s; {known}'))


class _Wait:
    """A greenlet that waits for an operation."""

    __slots__ = ('_then', 'error', 'greenlet', 'is_done', 'operation')

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.greenlet: Any = None
        self.is_done = False
        self.error: ZatoException | None = None
        self._then = operation.done
        operation.done = self._done

    def wait(self) -> None:
        hub = get_hub()
        self.greenlet = getcurrent()
        while not self.is_done:
            hub.switch()

    def end(self, error: ZatoException | None) -> None:
        """Called in the event loop, or in another greenlet."""
        if self.is_done:
            return
        self.error = error
        self.is_done = True
        if self.greenlet is not None:
            get_hub().loop.run_callback(self._wake)

    def _done(self, operation: Operation) -> None:
        self._then(operation)
        if not self.is_done:
            self.error = operation.error
            self.is_done = True
            if self.greenlet is not None:
                self.greenlet.switch()

    def _wake(self) -> None:
        if self.greenlet is not None:
            self.greenlet.switch()


def _order(operation: Operation) -> int:
    """Whoever reads a queue has been told of all that was written before."""
    return 0 if isinstance(operation, Publish) else 1 if isinstance(operation, Settle) else 2
