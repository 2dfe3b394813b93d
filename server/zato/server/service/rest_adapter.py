"""Services that are one call of an outgoing REST connection, declared instead of written."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from zato.common.exception import ConnectionMissing, ElementMissing
from zato.server.service.base import Service

_ID: Final = 'id'


class RESTAdapter(Service):
    """Calls an outgoing REST connection, and answers with the data that it gets.

    Attributes say which call it is. What depends on the request, a method says that takes the place of one of these.
    """

    conn_name: ClassVar[str] = ''  #: of the connection
    method: ClassVar[str] = 'GET'
    model: ClassVar[Any] = None  #: what the answer's data is made of
    sec_def_name: ClassVar[str | None] = None  #: a security definition in place of the connection's own
    auth_scopes: ClassVar[str] = ''  #: in place of those of a bearer token definition
    log_response: ClassVar[bool] = False  #: log the answer's text, secrets and all
    has_query_string_id: ClassVar[bool] = False  #: is an element of the input passed on as a parameter?
    query_string_id_param: ClassVar[str | None] = None  #: its name, `id` unless it is given

    def get_conn_name(self) -> str:
        return self.conn_name

    def get_method(self) -> str:
        return self.method

    def get_request(self) -> Any:
        """The body."""
        return ''

    def get_query_string(self, params: dict[str, Any]) -> dict[str, Any]:
        """More parameters. params: those so far."""
        return {}

    def get_path_params(self, params: dict[str, Any]) -> dict[str, Any]:
        """More parameters, for the connection's URL path. params: those so far."""
        return {}

    def get_headers(self) -> dict[str, str]:
        return {}

    def get_auth_bearer(self) -> str:
        """A bearer token of the service's own; '' for none."""
        return ''

    def get_sec_def_name(self) -> str | None:
        return self.sec_def_name

    def get_auth_scopes(self) -> Any:
        return self.auth_scopes

    def map_response(self, data: Any, **ctx: Any) -> Any:
        """The response's payload, made of the data of the answer. ctx: cid, id, name, model and callback of the call."""
        return data

    def rest_call(self, conn_name: str, **options: Any) -> Any:
        """As `rest_call` of a connection."""
        return self.out.rest[conn_name].conn.rest_call(cid=self.cid, **options)

    def handle(self) -> None:
        """Raises ElementMissing, and whatever `rest_call` does."""
        conn_name = self.get_conn_name()
        if not conn_name:
            raise ConnectionMissing(self.cid, f'Service {self.name} does not say what it calls: give it a `conn_name`')
        self.response.payload = self.rest_call(
            conn_name,
            method=self.get_method(),
            data=self.get_request(),
            params=self._params(),
            headers=self._headers(),
            model=self.model,
            callback=self.map_response,
            sec_def_name=self.get_sec_def_name(),
            auth_scopes=self.get_auth_scopes(),
            log_response=self.log_response,
        )

    def _params(self) -> dict[str, Any]:
        params: dict[str, Any] = {}
        if self.has_query_string_id:
            name = self.query_string_id_param or _ID
            if name not in self.request.input:
                raise ElementMissing(name)
            params[name] = self.request.input[name]
        params.update(self.get_query_string(params))
        params.update(self.get_path_params(params))
        return params

    def _headers(self) -> dict[str, str]:
        token = self.get_auth_bearer()
        return {**({'Authorization': f'Bearer {token}'} if token else {}), **self.get_headers()}
