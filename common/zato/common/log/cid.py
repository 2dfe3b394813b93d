"""The cid of the call that a greenlet serves, in the head of each line that it logs.

It stands where the name of the thread would be, which says nothing of a greenlet: `2043:0cfa2e76b1f6d0c1c0c4b9e4`. So any
logging.conf that names threads names calls, and lines keep their form. Each greenlet has a context of its own, an empty one.
"""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from typing import Any, Final

#: That of the call that runs in this context, '' where none does.
running_cid: ContextVar[str] = ContextVar('running_cid', default='')

#: A cid that a service has chosen may be any text, and a head must stay one.
_fits = re.compile(r'[\w.:@/-]{1,64}', re.ASCII).fullmatch

_LogRecord: Final = logging.LogRecord


def name_calls() -> None:
    """From now on this process's log records have cids. Twice is safe."""
    logging.setLogRecordFactory(_make_record)


def _make_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    record = _LogRecord(*args, **kwargs)
    cid = running_cid.get()
    if cid and _fits(cid):
        record.threadName = cid
    return record
