"""This server's log files, read for administrators in a native thread: one search at a time, the others stand in line.

A search looks at a few megabytes at most (zato.common.log.reading), so it ends soon even if nobody waits for it any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any, Final, TypeVar, cast

import gevent
from gevent.monkey import get_original
from gevent.threadpool import ThreadPool

from zato.common.exception import ServiceUnavailable
from zato.common.log.choice import Choice
from zato.common.log.parts import Scanner
from zato.common.log.places import Place, list_logs, open_logs
from zato.common.log.reading import MOST_READ, LogReader, Page

T = TypeVar('T')

_TIMEOUT: Final = 10.0  #: seconds
_CLOSE_TIMEOUT: Final = 0.5
_PAUSE: Final = 0.0005

_sleep: Callable[[float], None] = get_original('time', 'sleep')  # in a native thread, gevent's would make a hub of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """file: its name. before, after: a place to read back from, or on from; neither: the last records. limit: of records."""

    file: str
    choice: Choice
    limit: int
    before: Place | None = None
    after: Place | None = None


class LogFiles:
    """directory: `logs` of the server. Raises NotFound for a file that is not there, ServiceUnavailable."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pool = ThreadPool(1)

    def get_list(self) -> list[dict[str, Any]]:
        """By name: `name`, `size` in bytes, `modified` in UTC, ISO 8601."""
        return self._run(lambda: _shown_list(self._directory))

    def read(self, query: LogQuery) -> dict[str, Any]:
        """As `zato.log.read` answers."""
        return self._run(lambda: _read(self._directory, query))

    def close(self) -> None:
        with gevent.Timeout(_CLOSE_TIMEOUT, False):  # type: ignore[arg-type]  # False ends the block without an exception
            self._pool.kill()

    def _run(self, work: Callable[[], T]) -> T:
        limit = gevent.Timeout(_TIMEOUT)
        try:
            with limit:
                outcome = self._pool.spawn(_outcome_of, work).get()
        except gevent.Timeout as e:
            if e is not limit:
                raise
            raise ServiceUnavailable(msg=f'Other searches of logs took longer than {_TIMEOUT:g} s; try again') from None
        result, error = cast('tuple[T, BaseException | None]', outcome)
        if isinstance(error, OSError):
            raise ServiceUnavailable(msg=f'The log cannot be read: {error}') from error
        if error is not None:
            raise error
        return result


def _outcome_of(work: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """What it returns or raises: gevent logs all that a native thread raises, as a failure that nobody waits for."""
    try:
        return work(), None
    except BaseException as e:
        return None, e


def _let_the_hub_run() -> None:
    """Python would let it wait for 5 ms in each of its steps: a request has several, and a search takes long."""
    _sleep(_PAUSE)


def _shown_list(directory: Path) -> list[dict[str, Any]]:
    return [
        {'name': file.name, 'size': file.size, 'modified': datetime.fromtimestamp(file.modified, UTC).isoformat()}
        for file in list_logs(directory)
    ]


def _read(directory: Path, query: LogQuery) -> dict[str, Any]:
    with open_logs(directory, query.file) as logs:
        scanner = Scanner(MOST_READ, pause=_let_the_hub_run)
        reader = LogReader(logs, query.choice, query.limit, now=time(), scanner=scanner)
        if query.before is not None:
            page = reader.before(query.before)
        elif query.after is not None:
            page = reader.after(query.after)
        else:
            page = reader.latest()
        return {'file': query.file, **_shown(page)}


def _shown(page: Page) -> dict[str, Any]:
    return {
        'records': [
            {
                'at': found.record.at,
                'level': found.record.level,
                'process': found.record.process,
                'cid': found.record.cid,
                'logger': found.record.logger,
                'line': found.record.line,
                'text': found.record.shown_text,
                'position': str(found.place),
            }
            for found in page.records
        ],
        'first': str(page.first),
        'last': str(page.last),
        'is_complete': page.is_complete,
        'was_reset': page.was_reset,
        'searched_bytes': page.searched,
    }
