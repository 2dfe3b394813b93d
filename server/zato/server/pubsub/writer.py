"""Group commit: what the greenlets of a worker want of the store while a commit is under way shares the next one.

There is no timer: a lone operation is carried out at once, and under load the batches grow by themselves. The store blocks,
so it has a native thread of its own. Where several greenlets publish, that is given all that they put in one turn of the
event loop together: given each at once, it would begin with the first one, as soon as a system call of another lets it run.
"""

from __future__ import annotations

import logging
from _queue import Empty, SimpleQueue  # gevent replaces those of the queue module
from collections import deque
from collections.abc import Callable, Sequence
from operator import attrgetter
from time import monotonic
from typing import Any, Final, TypeVar

import gevent
from gevent import get_hub, getcurrent, monkey
from gevent.event import Event

from zato.common.exception import StoreUnavailable
from zato.server.pubsub.commits import Commits
from zato.server.pubsub.store.interface import Operation, Store

logger = logging.getLogger('zato.pubsub')

O = TypeVar('O', bound=Operation)  # noqa: E741  # it stands for any operation

_MOST: Final = 1_024  #: operations in one commit
_LOOK_EVERY: Final = 1.0  #: seconds between looks at those who wait
_ORDER: Final = attrgetter('order')
_start_thread = monkey.get_original('_thread', 'start_new_thread')


class Writer:
    """One worker's. patience: seconds after which whoever waits for an operation is told that the store does not answer.

    trouble: told why nothing can be written, and '' once it can again; each time that changes, in the event loop.
    """

    def __init__(self, store: Store, patience: float = 10.0, *, trouble: Callable[[str], None] = lambda text: None) -> None:
        self._store = store
        self._patience = patience
        self._trouble = trouble
        self._is_in_trouble = False
        self._new: list[Operation] = []  # put in this turn of the event loop
        self._queue: SimpleQueue[list[Operation]] = SimpleQueue()  # an empty list is the end
        self._done: deque[Sequence[Operation] | None] = deque()  # None is the end
        self._waiting: dict[Operation, float] = {}  # since when, the oldest first
        self._is_quiet = True  # was there nothing to share the last commit with?
        self._ended = Event()
        self._is_running = self._is_stopping = False
        self._async: Any = None
        self._watch: gevent.Greenlet[..., None] | None = None
        self.commits = Commits()

    def start(self) -> None:
        """Raises StoreUnavailable."""
        self._store.open()
        self._async = get_hub().loop.async_()
        self._async.start(self._finish)
        self._is_running = True
        _start_thread(self._run, ())
        self._hand_over()
        self._watch = gevent.spawn(self._watch_waiting)

    def stop(self, timeout: float = 5.0) -> None:
        """What was put before is carried out. Twice is safe."""
        if self._is_running and not self._is_stopping:
            self._is_stopping = True
            self._hand_over()
            self._queue.put([])
            self._ended.wait(timeout)
            self._is_running = False
        if self._watch is not None:
            self._watch.kill()
        if self._async is not None:
            self._async.close()
            self._async = None
        for operation in self._waiting:
            self._give_up(operation, 'The server stops; it is not known whether it was written')

    def put(self, operation: Operation) -> None:
        """It is carried out some time; its `done` tells when. Without effect after a stop."""
        self._new.append(operation)
        if len(self._new) == 1 and self._is_running:
            get_hub().loop.run_callback(self._hand_over)

    def run(self, operation: O) -> O:
        """Wait until it has been carried out. Raises what its `error` is, StoreUnavailable."""
        if self._is_stopping or not self._is_running:
            raise StoreUnavailable(msg='The server stops; nothing was written')
        operation.waiter = getcurrent()
        self._waiting[operation] = monotonic()
        try:
            self.put(operation)
            if self._is_quiet and len(self._waiting) == 1:
                self._hand_over()
            switch = get_hub().switch
            while not operation.is_finished:
                switch()
        except BaseException:
            operation.is_wanted = False
            raise
        finally:
            operation.waiter = None
            del self._waiting[operation]
        if operation.error is not None:
            raise operation.error
        return operation

    # In the store's thread

    def _run(self) -> None:
        queue, store = self._queue, self._store
        while first := queue.get():
            try:
                self._commit(first)
            except BaseException as e:  # the thread must not end: nobody could publish any more
                logger.critical('The store failed: %r', e, exc_info=True, extra={'action': 'pubsub.store_failed'})
            first.clear()  # or what was published would be kept in memory until the next commit
        store.close()
        self._tell(None)

    def _commit(self, first: list[Operation]) -> None:
        taken: list[Operation] = []
        started = 0.0

        def take() -> Sequence[Operation]:
            nonlocal started
            started = monotonic()
            self._add_rest(first)
            taken.extend(operation for operation in first if operation.begin())
            return taken

        try:
            self._store.commit(take)
        except Exception as e:
            logger.exception('The store failed', extra={'action': 'pubsub.store_failed'})
            for operation in taken:
                operation.error = StoreUnavailable(msg=f'The store failed: {e}; it is not known whether it was written')
        ended = monotonic()
        self._tell(taken)
        self.commits.add(ended - started, len(taken))

    def _tell(self, operations: Sequence[Operation] | None) -> None:
        self._done.append(operations)
        if (loop := self._async) is not None:
            loop.send()

    def _add_rest(self, found: list[Operation]) -> None:
        """What has come since."""
        queue = self._queue
        try:
            while len(found) < _MOST:
                more = queue.get_nowait()
                if not more:
                    queue.put(more)  # the end, which comes once nothing is left
                    break
                found += more
        except Empty:
            pass

    # In the event loop

    def _hand_over(self) -> None:
        """To the store's thread."""
        if self._new:
            new, self._new = self._new, []
            self._queue.put(new)

    def _finish(self) -> None:
        done = self._done
        while done:
            operations = done.popleft()
            if operations is None:
                self._ended.set()
                continue
            self._look_for_trouble(operations)
            self._is_quiet = len(operations) <= 1
            for operation in sorted(operations, key=_ORDER) if len(operations) > 1 else operations:
                try:
                    operation.done(operation)
                except Exception:
                    logger.exception('An operation of the store could not be finished', extra={'action': 'pubsub.failed'})
                operation.is_finished = True
                if operation.waiter is not None:
                    operation.waiter.switch()

    def _look_for_trouble(self, operations: Sequence[Operation]) -> None:
        errors = [operation.error for operation in operations if operation.error is not None]
        failed = [error for error in errors if isinstance(error, StoreUnavailable)]
        if failed:
            self._is_in_trouble = True
            self._trouble(str(failed[0]))
        elif self._is_in_trouble and any(operation.order == 0 for operation in operations):
            self._is_in_trouble = False
            self._trouble('')

    def _watch_waiting(self) -> None:
        while True:
            gevent.sleep(_LOOK_EVERY)
            oldest = monotonic() - self._patience
            for operation, since in list(self._waiting.items()):
                if since > oldest:
                    break
                operation.is_wanted = False
                begun = operation.has_begun
                known = 'it is not known whether it was written' if begun else 'it is locked; nothing was written'
                self._is_in_trouble = True
                self._trouble(text := f'The store of messages did not answer in {self._patience:g} s')
                self._give_up(operation, f'{text}; {known}')

    def _give_up(self, operation: Operation, text: str) -> None:
        """Whoever waits for it is told."""

        def tell() -> None:
            if operation.waiter is not None and not operation.is_finished:
                operation.waiter.throw(StoreUnavailable(msg=text))

        get_hub().loop.run_callback(tell)
