"""What a command fails with: one line, and an exit code (source of the codes: classic Zato)."""

from __future__ import annotations

from zato.common.exception import ZatoException

ODB_EXISTS = 1
NO_FILE = 2
NOT_A_COMPONENT = 3
DIRECTORY_NOT_EMPTY = 5
CLUSTER_EXISTS = 6
SERVER_EXISTS = 7
NO_SUCH_CLUSTER = 8
ALREADY_RUNNING = 9
CONFLICTING_OPTIONS = 13
NO_OPTIONS = 14
INVALID_INPUT = 15
FAILED = 16
FAILED_TO_START = 18
NOT_A_SERVER = 23
TIMEOUT = 28


class CommandError(ZatoException):
    """The command failed"""

    def __init__(self, msg: str, exit_code: int = FAILED) -> None:
        super().__init__(msg=msg)
        self.exit_code = exit_code
