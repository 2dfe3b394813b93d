"""`zato.security.jwt.log-in` and `log-out`, which clients reach as `/zato/jwt/log-in` and `/zato/jwt/log-out`."""

from __future__ import annotations

from typing import Final

from zato.common.exception import BadRequest, ServiceUnavailable
from zato.server.admin_api.context import ContextService
from zato.server.security.jwt import unauthorized

LOG_IN: Final = 'zato.security.jwt.log-in'
LOG_OUT: Final = 'zato.security.jwt.log-out'


class LogIn(ContextService):
    """A token for the user of a JWT definition: `{"response": {"token": …}}`, and the same in header Authorization.

    `totp_code`, which classic clients may send, says nothing here.
    """

    def handle(self) -> None:
        username, password = self._text('username'), self._text('password')
        log_ins = self.context.log_ins
        self.context.limits.check(log_ins.definition_of(username), self.request.http.remote_addr, self.cid)
        token = log_ins.log_in(username, password)
        if token is None:
            raise unauthorized(self.request.http.path, self.cid)
        self.response.headers['Authorization'] = token
        self.response.headers['Cache-Control'] = 'no-store'
        self.response.payload = {'response': {'token': token}}

    def _text(self, key: str) -> str:
        """Raises BadRequest."""
        payload = self.request.payload
        value = payload.get(key) if isinstance(payload, dict) else None
        if not isinstance(value, str):
            raise BadRequest(self.cid, f'Element missing: {key}', needs_msg=True)
        return value


class LogOut(ContextService):
    """Ends the life of the token that the request has in header Authorization, on all workers of all servers."""

    def handle(self) -> None:
        message = self._call.message
        event = self.context.log_ins.log_out(message.headers) if message is not None else 0
        if not event:
            raise unauthorized(self.request.http.path, self.cid)
        outcome = self.context.configuration.wait_for(event, with_modules=False)
        if outcome.pending:
            raise ServiceUnavailable(
                self.cid, 'The token is void, but not all workers know of it yet; they will in a moment'
            )
        self.response.payload = {'result': 'OK', 'cid': self.cid}
