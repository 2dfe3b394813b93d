"""`self.out.rest`: outgoing REST connections, and `self.out.soap`: those of them that speak SOAP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gevent import get_hub

from zato.common.config.kinds.outgoing_rest import OutgoingREST
from zato.common.exception import CallFailed, ConnectionMissing, RequestInvalid
from zato.server.connection.registry import OutgoingConnections
from zato.server.connection.rest.ask import Context, make_ask
from zato.server.connection.rest.connection import RESTConnection
from zato.server.connection.rest.content import multipart
from zato.server.connection.rest.ping import ping
from zato.server.connection.rest.response import RESTResponse

if TYPE_CHECKING:
    from zato.server.service.base import Service

logger = logging.getLogger('zato.rest.out')

KIND: Final = 'outgoing_rest'


class RESTConnections:
    """By name: `self.out.rest['CRM'].conn`. Iterates over names."""

    def __init__(self, connections: OutgoingConnections, service: Service, *, is_soap: bool = False) -> None:
        self._connections = connections
        self._service = service
        self._is_soap = is_soap

    def __getitem__(self, name: str) -> RESTItem:
        """Raises ConnectionMissing, a KeyError, and ConnectionDown, which says what is wrong with it."""
        item = RESTItem(name, self._connections, self._service)
        if self._is_soap and not item.config.soap_version:
            raise ConnectionMissing(
                self._service.cid,
                f'Outgoing REST connection `{name}` does not speak SOAP: set its soap_version to 1.1 or 1.2',
            )
        return item

    def get(self, name: str, default: Any = None) -> Any:
        """The same, or `default` if there is none of that name. Raises ConnectionDown."""
        try:
            return self[name]
        except ConnectionMissing:
            return default

    def __contains__(self, name: object) -> bool:
        return self._connections.exists(KIND, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._connections.names(KIND))


class RESTItem:
    """One of them. config: its settings, as attributes: host, url_path, timeout and so on."""

    def __init__(self, name: str, connections: OutgoingConnections, service: Service) -> None:
        """Raises ConnectionMissing, ConnectionDown."""
        self.conn = RESTClient(name, connections, service)
        self.name = name
        self.config: OutgoingREST = self.conn._connection.settings

    def __repr__(self) -> str:
        return f'<RESTItem `{self.name}`>'


class RESTClient:
    """Calls the other side, on behalf of one service.

    The first argument of each method is the cid that goes along, usually `self.cid`. `params` fill in the parameters of the
    connection's URL path; the rest of them becomes the query string. Options of all methods are: `headers`, `json`, `model`
    (what `data` of the response is made of), `timeout` (seconds for the whole call), `allow_redirects`, `sec_def_name` and
    `auth_scopes` (in place of the connection's own security definition, or of its scopes).

    All of them return the response, whatever its status. They raise CallFailed, or one of its subclasses, if there is none;
    Inactive; RequestInvalid for what cannot be sent; TypeError for an option that there is not.
    """

    def __init__(self, name: str, connections: OutgoingConnections, service: Service) -> None:
        """Raises ConnectionMissing, ConnectionDown."""
        self.name = name
        self._connections = connections
        self._service = service
        _ = self._connection

    def get(self, cid: str, params: Any = None, **options: Any) -> RESTResponse:
        return self._call('GET', cid, {'params': params}, options)

    def head(self, cid: str, params: Any = None, **options: Any) -> RESTResponse:
        return self._call('HEAD', cid, {'params': params}, options)

    def post(self, cid: str, data: Any = '', params: Any = None, **options: Any) -> RESTResponse:
        """data: text and bytes go as they are, anything else in the data format of the connection, or as JSON."""
        return self._call('POST', cid, {'data': data, 'params': params}, options)

    send = post

    def put(self, cid: str, data: Any = '', params: Any = None, **options: Any) -> RESTResponse:
        return self._call('PUT', cid, {'data': data, 'params': params}, options)

    def patch(self, cid: str, data: Any = '', params: Any = None, **options: Any) -> RESTResponse:
        return self._call('PATCH', cid, {'data': data, 'params': params}, options)

    def delete(self, cid: str, data: Any = '', params: Any = None, **options: Any) -> RESTResponse:
        return self._call('DELETE', cid, {'data': data, 'params': params}, options)

    def options(self, cid: str, data: Any = '', params: Any = None, **options: Any) -> RESTResponse:
        return self._call('OPTIONS', cid, {'data': data, 'params': params}, options)

    def upload(
        self, cid: str, path: str | Path, field_name: str = 'data', mime_type: str = 'text/plain', **options: Any
    ) -> RESTResponse:
        """Send a file as a form does (multipart/form-data), read whole. Raises OSError if it cannot be read."""
        ask = make_ask('POST', {'data': '', 'json': None}, options)
        connection, path = self._connection, Path(path)
        content = get_hub().threadpool.apply(_content, (path,))
        if isinstance(content, OSError):
            raise content
        body = multipart(connection.title, field_name, path.name, mime_type, content)
        return connection.upload(ask, self._context(cid), body)

    def ping(
        self, cid: str, return_response: bool = False, log_verbose: bool = False, ping_path: str = '/'
    ) -> str | RESTResponse:
        """Is it there, active or not? Returns a report of the answer, or the answer. log_verbose: log the report."""
        report = ping(self._connection, self._context(cid), ping_path)
        if log_verbose:
            logger.info('%s: %s', self._connection.title, report, extra={'action': 'rest.out.ping', 'cid': cid})
        return report.response if return_response else str(report)

    def rest_call(
        self,
        *,
        cid: str,
        data: Any = '',
        method: str = '',
        callback: Callable[..., Any] | None = None,
        log_response: bool = False,
        **options: Any,
    ) -> Any:
        """The data of a response, or what `callback(data, cid=, id=, name=, model=, callback=)` makes of it.

        method: GET by default. log_response: log its text, secrets and all. Raises ErrorStatus if the status is not 2xx.
        """
        response = self._call((method or 'GET').upper(), cid, {'data': data}, options)
        if log_response:
            logger.info('%s: %s', self._connection.title, response.text, extra={'action': 'rest.out.response', 'cid': cid})
        if not 200 <= response.status_code < 300:
            raise response.error()
        found = response.data
        if callback is None:
            return found
        more = {'id': self._connection.id, 'name': self.name, 'model': options.get('model'), 'callback': callback}
        return callback(found, cid=cid, **more)

    def __repr__(self) -> str:
        return f'<RESTClient `{self.name}`>'

    @property
    def _connection(self) -> RESTConnection:
        """As it is now: a service may hold this object while the connection is edited."""
        found = self._connections.get(KIND, self.name)
        assert isinstance(found, RESTConnection)  # nothing else is put under this kind
        return found

    def _call(self, method: str, cid: str, given: Mapping[str, Any], options: Mapping[str, Any]) -> RESTResponse:
        context = self._context(cid)
        try:
            return self._connection.call(make_ask(method, given, options), context)
        except CallFailed as e:
            e.cid = cid
            raise

    def _context(self, cid: str) -> Context:
        if not isinstance(cid, str) or not cid:
            raise RequestInvalid(
                self._service.cid,
                f'The first argument is the cid, such as self.cid, and not a value of type {type(cid).__name__}',
            )
        call = self._service._call
        traceparent, tracestate = call.trace
        return Context(cid=cid, traceparent=traceparent, tracestate=tracestate, deadline=call.until)


def _content(path: Path) -> bytes | OSError:
    """What is raised in a thread of the pool, gevent also prints, as if nobody had expected it."""
    try:
        return path.read_bytes()
    except OSError as e:
        return e
