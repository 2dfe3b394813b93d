"""How the processes of a server tell whoever started them that it serves, or why it does not: one line in a pipe."""

from __future__ import annotations

import os

_READY = 'ready'
_FAILED = 'failed: '
_NEWLINE = ' | '  #: in place of one, within the line


class StartReport:
    """The writing end of a pipe that `zato start` reads a line from. One report is made; later ones are ignored."""

    def __init__(self, fd: int) -> None:
        """fd: -1 if nobody waits for the report."""
        self._fd = fd

    def ready(self) -> None:
        self._write(_READY)

    def failed(self, reason: str) -> None:
        self._write(_FAILED + reason)

    def close(self) -> None:
        """In processes that do not report."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, text: str) -> None:
        if self._fd >= 0:
            try:
                os.write(self._fd, text.replace('\n', _NEWLINE).encode() + b'\n')
            except BrokenPipeError:
                pass  # nobody waits any more
            self.close()


def reason_of(line: str) -> str | None:
    """Why the server does not serve, by what it wrote; '' if it wrote nothing, None if it serves."""
    text = line.strip()
    return None if text == _READY else text.removeprefix(_FAILED).replace(_NEWLINE, '\n')
