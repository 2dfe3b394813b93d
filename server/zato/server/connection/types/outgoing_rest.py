"""Outgoing REST connections that users configured."""

from __future__ import annotations

from typing import Any

from zato.common.config.kind import kinds
from zato.common.config.kinds.outgoing_rest import OutgoingREST
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import ConfigObject, Runtime, runtime
from zato.server.connection.registry import OutgoingConnections
from zato.server.connection.rest.ask import Context
from zato.server.connection.rest.codecs import Surroundings
from zato.server.connection.rest.connection import RESTConnection
from zato.server.connection.rest.credentials import Definitions
from zato.server.connection.rest.ping import ping
from zato.server.connection.rest.transport import Transport, TransportOptions, check_files


@runtime('outgoing_rest')
class OutgoingRESTConnections(Runtime):
    def __init__(self, connections: OutgoingConnections, objects: ConfigObjects, surroundings: Surroundings) -> None:
        self._connections = connections
        self._surroundings = surroundings
        self._definitions = Definitions(objects, connections)

    def start(self, item: ConfigObject) -> None:
        """Raises ConfigError for files that cannot be used, and the like."""
        settings: OutgoingREST = item.settings
        options = self._options(kinds()[item.kind].title(item.name), settings)
        check_files(options)
        connection = RESTConnection(
            item,
            self._surroundings,
            transport=Transport(options),
            credentials=self._definitions.by_id(settings.security) if settings.security else None,
            definitions=self._definitions,
        )
        self._connections.put(item.id, connection)

    def stop(self, item: ConfigObject) -> None:
        connection = self._connections.remove(item.id)
        if isinstance(connection, RESTConnection):
            connection.close()

    def ping(self, item: ConfigObject) -> dict[str, Any]:
        """Any answer will do: it is there. Raises CallFailed."""
        connection = self._connections.get(item.kind, item.name)
        assert isinstance(connection, RESTConnection)  # nothing else is put under this kind
        return ping(connection, Context(cid=self._surroundings.new_cid())).as_dict()

    def _options(self, title: str, settings: OutgoingREST) -> TransportOptions:
        file = self._surroundings.file
        return TransportOptions(
            title=title,
            timeout=settings.timeout,
            connect_timeout=settings.connect_timeout,
            pool_size=settings.pool_size,
            max_redirects=settings.max_redirects,
            max_response=settings.max_response,
            tls_verify=settings.tls_verify,
            ca_certs=file(settings.tls_ca_certs),
            client_cert=file(settings.tls_client_cert),
            client_key=file(settings.tls_client_key),
        )
