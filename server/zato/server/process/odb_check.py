"""Is the ODB there, with the schema that this version needs and the cluster that this server is one of? And is what messages
are in?"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from gevent import Timeout, reinit
from sqlalchemy import Connection

from zato.common.exception import ZatoException
from zato.common.odb.cluster import read_cluster
from zato.common.odb.database import Database
from zato.common.odb.schema import check_schema
from zato.common.pubsub.schema import check_sqlite, store_address
from zato.server.deploy.checker import die_with_parent
from zato.server.process.settings import Settings
from zato.server.propagate.odb import ODB

_TIMEOUT = 5.0  #: seconds


def check_odb(odb: ODB, settings: Settings) -> None:
    """Raises ConfigError, ODBUnavailable."""

    def run(connection: Connection) -> None:
        check_schema(connection, str(settings.odb))
        read_cluster(connection, settings.cipher, str(settings.odb))
        if settings.odb.is_sqlite:
            check_sqlite(Path(store_address(settings.odb).db_name))

    odb.read(run)


def start_probe(settings: Settings, close_in_child: Callable[[], None], report: int) -> int:
    """Check it in a child process, so that the arbiter waits for nobody. Returns the child's process ID.

    report: descriptor that the child writes `{"probe": its process ID, "problem": …}` to, '' for no problem.
    """
    writing = os.dup(report)
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid
    try:
        die_with_parent(signal.SIGKILL)
        reinit()
        close_in_child()
        problem = f'no answer in {_TIMEOUT:g} s'
        try:
            with Timeout(_TIMEOUT, False):  # type: ignore[arg-type]  # False ends the block without an exception
                check_odb(ODB(Database(settings.odb)), settings)
                problem = ''
        except ZatoException as e:
            problem = str(e)[:400]
        os.write(writing, json.dumps({'probe': os.getpid(), 'problem': problem}).encode() + b'\n')
    finally:
        os._exit(0)
