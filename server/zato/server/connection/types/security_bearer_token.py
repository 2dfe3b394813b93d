"""Bearer token definitions: each keeps the tokens that its authorization server has given."""

from __future__ import annotations

from zato.common.config.kind import kinds
from zato.server.config.runtime import ConfigObject, Runtime, runtime
from zato.server.connection.registry import OutgoingConnections
from zato.server.connection.rest.bearer import BearerTokens
from zato.server.connection.rest.codecs import Surroundings
from zato.server.connection.rest.transport import Transport, TransportOptions, check_files

_TIMEOUT = 10.0  #: seconds that an authorization server may be silent
_POOL_SIZE = 5
_MAX_RESPONSE = 1_048_576  #: bytes


@runtime('security_bearer_token')
class BearerTokenDefinitions(Runtime):
    def __init__(self, connections: OutgoingConnections, surroundings: Surroundings) -> None:
        self._connections = connections
        self._surroundings = surroundings

    def start(self, item: ConfigObject) -> None:
        """Raises ConfigError for files that cannot be used."""
        settings, title = item.settings, kinds()[item.kind].title(item.name)
        options = TransportOptions(
            title=title,
            timeout=_TIMEOUT,
            connect_timeout=_TIMEOUT,
            pool_size=_POOL_SIZE,
            max_redirects=0,  # the secret is for this address alone
            max_response=_MAX_RESPONSE,
            tls_verify=settings.tls_verify,
            ca_certs=self._surroundings.file(settings.tls_ca_certs),
        )
        check_files(options)
        tokens = BearerTokens(title, settings, Transport(options), is_active=item.is_active)
        self._connections.put(item.id, tokens)

    def stop(self, item: ConfigObject) -> None:
        tokens = self._connections.remove(item.id)
        if isinstance(tokens, BearerTokens):
            tokens.close()
