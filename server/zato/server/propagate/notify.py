"""How PostgreSQL tells of commits on other hosts: LISTEN on a connection of its own, watched by gevent's loop."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from typing import Any

import gevent
import psycopg
from gevent import get_hub

from zato.common.odb.address import ODBAddress
from zato.common.odb.database import POSTGRESQL
from zato.server.propagate.ledger import CHANNEL

logger = logging.getLogger(__name__)

_READ = 1
_RETRY_FIRST, _RETRY_MOST = 0.5, 10.0  #: seconds


class Listener:
    """`heard` is called for each commit, and each time the connection is made, for what was missed before.

    others: further channels; each one's function is given the text of a notification.
    """

    def __init__(
        self, address: ODBAddress, heard: Callable[[], None], others: Mapping[str, Callable[[str], None]] | None = None
    ) -> None:
        self._address = address
        self._heard = heard
        self._others = others or {}
        self._greenlet: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Twice is safe."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self) -> None:
        pause = _RETRY_FIRST
        while True:
            try:
                with self._connect() as connection:
                    for channel in (CHANNEL, *self._others):
                        connection.execute(f'LISTEN {channel}')
                    pause = _RETRY_FIRST
                    self._listen(connection)
            except Exception as e:
                logger.info('Changes are looked for each second until PostgreSQL tells of them again: %s', e)
            gevent.sleep(pause * (0.5 + random.random()))
            pause = min(pause * 2, _RETRY_MOST)

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        address = self._address
        arguments: dict[str, Any] = {
            **POSTGRESQL,
            'application_name': 'zato listener',
            'dbname': address.db_name,
            'host': address.host or None,
            'port': address.port or None,
            'user': address.username or None,
            'password': address.password or None,
            'autocommit': True,
        }
        return psycopg.connect(**arguments)

    def _listen(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._heard()
        hub = get_hub()
        watcher = hub.loop.io(connection.pgconn.socket, _READ)
        try:
            while True:
                hub.wait(watcher)
                connection.pgconn.consume_input()
                is_told = False
                while (told := connection.pgconn.notifies()) is not None:
                    other = self._others.get(told.relname.decode())
                    if other is None:
                        is_told = True
                    else:
                        other(told.extra.decode('utf-8', 'replace'))
                if is_told:
                    self._heard()
        finally:
            watcher.close()
