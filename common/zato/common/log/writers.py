"""What writes to the files that all processes of a server share: `logging` handlers and buffers of lines.

Not here: how a file is shared and rotated (files.py), when to flush a buffer (its owner's timer).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from zato.common.log.files import BACKUP_COUNT, MAX_BYTES, AppendFile, encode, own_line


class RotatingFileHandler(logging.Handler):
    """Writes each record, with its traceback, in one piece to an AppendFile, which is its attribute `file`."""

    def __init__(
        self,
        filename: str | os.PathLike[str],
        max_bytes: int = MAX_BYTES,
        backup_count: int = BACKUP_COUNT,
        *,
        maxBytes: int | None = None,  # noqa: N803 the standard library's spelling
        backupCount: int | None = None,  # noqa: N803
    ) -> None:
        """Parameters of AppendFile; the last two are what logging.conf files of classic servers call them."""
        self.file = AppendFile(
            filename,
            max_bytes if maxBytes is None else maxBytes,
            backup_count if backupCount is None else backupCount,
        )
        super().__init__()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception as error:
            where = f'{record.pathname}:{record.lineno}'
            message = record.msg if isinstance(record.msg, str) else type(record.msg)
            self.file.write(own_line(f'A record logged at {where} cannot be formatted: {error!r}; it is {message!r}'))
        else:
            self.file.write(encode(text))

    def close(self) -> None:
        self.file.close()
        super().close()


class BufferedLines:
    """Lines kept in memory until their owner flushes them, for logs written on a hot path.

    `add(line)`, without a newline, is the bound `append` of one list, which is the same for life: it may be kept in a
    local variable, and called by any greenlet or thread, also while another one flushes.
    """

    def __init__(self, file: AppendFile) -> None:
        self.file = file
        self._lines: list[str] = []
        self.add: Callable[[str], None] = self._lines.append
        file.when_forked.append(self._lines.clear)  # the parent writes the lines it had

    def flush(self) -> None:
        """Write what was added so far, in one piece."""
        with self.file.lock:
            lines = self._lines[:]
            del self._lines[: len(lines)]  # and not clear(): more may have been added by now
            if lines:
                self.file.write(encode('\n'.join(lines)))

    def close(self) -> None:
        """Flush, and close the file."""
        self.flush()
        self.file.close()
