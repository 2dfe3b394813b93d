"""`self.rest`: outgoing REST connections without the cid: `self.rest['CRM'].get({'id': 1})`, `self.rest.crm.get(…)`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from zato.common.exception import ConnectionMissing
from zato.server.connection.registry import OutgoingConnections
from zato.server.connection.rest.response import RESTResponse
from zato.server.service.facade.rest import KIND, RESTClient

if TYPE_CHECKING:
    from zato.server.service.base import Service

_OTHER: Final = re.compile(r'\W')


class REST:
    """By name, by an attribute with `_` for all but word characters, or by an environment variable: `self.rest['$NAME']`."""

    def __init__(self, connections: OutgoingConnections, service: Service, environ: Mapping[str, str]) -> None:
        """environ: of the server."""
        self._connections = connections
        self._service = service
        self._environ = environ

    def __getitem__(self, name: str) -> RESTCaller:
        """Raises ConnectionMissing, a KeyError, and ConnectionDown."""
        if name.startswith('$') and name not in self:
            variable = name[1:]
            found = self._environ.get(variable)
            if found is None:
                problem = f'the server has no environment variable {variable}'
                raise ConnectionMissing(self._service.cid, f'self.rest[{name!r}]: {problem}')
            if found not in self:  # what it holds is not told: it may be another variable than was meant, and a secret
                problem = f'there is no connection of the name that environment variable {variable} holds'
                raise ConnectionMissing(self._service.cid, f'self.rest[{name!r}]: {problem}')
            name = found
        return RESTCaller(RESTClient(name, self._connections, self._service), self._service.cid)

    def __getattr__(self, attribute: str) -> RESTCaller:
        """Raises ConnectionMissing, also if several names become the same attribute."""
        if attribute.startswith('_'):
            raise AttributeError(attribute)
        names = [attribute] if attribute in self else [name for name in self if _OTHER.sub('_', name) == attribute]
        if len(names) > 1:
            raise ConnectionMissing(
                self._service.cid, f'self.rest.{attribute} may be each of {", ".join(names)}; use self.rest[name]'
            )
        return self[names[0] if names else attribute]

    def __contains__(self, name: object) -> bool:
        return self._connections.exists(KIND, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._connections.names(KIND))


class RESTCaller:
    """The methods of `self.out.rest[name].conn`, which is its `conn`, with the same arguments and options but for the cid.

    The cid is the service's own; where that is given nevertheless, first or by its name, it does no harm.
    """

    def __init__(self, conn: RESTClient, cid: str) -> None:
        self.conn = conn
        self._cid = cid

    def get(self, *args: Any, **options: Any) -> RESTResponse:
        return self.conn.get(*self._with_cid(args, options), **options)

    def head(self, *args: Any, **options: Any) -> RESTResponse:
        return self.conn.head(*self._with_cid(args, options), **options)

    def post(self, *args: Any, **options: Any) -> RESTResponse:
        return self.conn.post(*self._with_cid(args, options), **options)

    send = post

    def put(self, *args: Any, **options: Any) -> RESTResponse:
        return self.conn.put(*self._with_cid(args, options), **options)

    def patch(self, *args: Any, **options: Any) -> RESTResponse:
        return self.conn.patch(*self._with_cid(args, options), **options)

    def delete(self, *args: Any, **options: Any) -> RESTResponse:
        return self.conn.delete(*self._with_cid(args, options), **options)

    def options(self, *args: Any, **options: Any) -> RESTResponse:
        return self.conn.options(*self._with_cid(args, options), **options)

    def upload(self, *args: Any, **options: Any) -> RESTResponse:
        return self.conn.upload(*self._with_cid(args, options), **options)

    def ping(self, *args: Any, **options: Any) -> str | RESTResponse:
        return self.conn.ping(*self._with_cid(args, options), **options)

    def rest_call(self, **options: Any) -> Any:
        return self.conn.rest_call(cid=options.pop('cid', self._cid), **options)

    def _with_cid(self, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, ...]:
        """The cid, then the other arguments; it may be among them, or among the options, which it is taken out of."""
        if 'cid' in options:
            return (options.pop('cid'), *args)
        return args if args[:1] == (self._cid,) else (self._cid, *args)
