"""match → authenticate → parse → invoke → render, for each request. Errors become answers here, and nowhere else."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import unquote_to_bytes

from zato.common.exception import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    Unauthorized,
    ZatoException,
)
from zato.server.channel.channel import Channel
from zato.server.channel.json_format import render_error
from zato.server.channel.routes import Routes
from zato.server.http.message import Request, Response
from zato.server.security.principal import ANONYMOUS, Principal
from zato.server.service.invoker import Call, Invoker

logger = logging.getLogger('zato.rest')

_METHODS = frozenset({b'GET', b'POST', b'PUT', b'PATCH', b'DELETE', b'HEAD', b'OPTIONS'})
_ALLOW = tuple(sorted(method.decode() for method in _METHODS))


class Pipeline:
    """`error_message` is what a client is told of a failure inside a service."""

    def __init__(self, routes: Routes, invoker: Invoker, error_message: str, return_tracebacks: bool) -> None:
        self._routes = routes
        self._invoker = invoker
        self._error_message = error_message
        self._return_tracebacks = return_tracebacks

    def respond(self, request: Request) -> Response:
        """Never raises."""
        cid = self._invoker.cids.new()
        channel: Channel | None = None
        try:
            if request.method not in _METHODS:
                raise MethodNotAllowed(cid, 'Unsupported HTTP method', _ALLOW)
            channel, params = self._match(request)
            principal = self._authenticate(channel, request, cid)
            service = channel.resolve(params, cid)
            parsed = channel.parse(request, params)
            response = self._invoker.run(Call(service, cid, channel.name, request, None, principal), parsed)
            return channel.render(response, cid, channel.name)
        except BaseException as e:  # whatever a service raises, sys.exit() included, is its failure, not the worker's end
            return self._render_exception(e, cid, channel)

    def refuse(self, request: Request) -> Response | None:
        """How a request would be refused for its path or its credentials; None if it would not."""
        cid = self._invoker.cids.new()
        channel: Channel | None = None
        try:
            channel, _ = self._match(request)
            self._authenticate(channel, request, cid)
        except HTTPException as e:
            return self._render_exception(e, cid, channel)
        return None

    def reject(self, status: int, details: str) -> Response:
        """The answer to what could not be read as a request."""
        return render_error(status, details, self._invoker.cids.new())

    def _match(self, request: Request) -> tuple[Channel, dict[str, str]]:
        path = request.path
        if b'%' in path:
            path = unquote_to_bytes(path)
        return self._routes.match(path, request.method)

    @staticmethod
    def _authenticate(channel: Channel, request: Request, cid: str) -> Principal:
        if not channel.is_active:
            raise NotFound(cid, 'Channel inactive')
        security = channel.security
        if security is None:
            return ANONYMOUS
        principal = security.identify(request.headers)
        if principal is None:
            raise Unauthorized(cid, f'Unauthorized; cid={cid}', security.challenge)
        return principal

    def _render_exception(self, e: BaseException, cid: str, channel: Channel | None) -> Response:
        name = channel.name if channel is not None else '-'
        has_full_errors = channel is not None and channel.has_full_errors
        if isinstance(e, HTTPException):
            details: Any = str(e.msg) if e.needs_msg or has_full_errors else 'Bad request'
            return render_error(e.status, details, cid, _headers(e), name)
        if isinstance(e, ZatoException) and e.retryable:
            logger.error(
                'Request failed (cid: %s, channel: %s): %s', cid, name, e, extra={'action': 'rest.failed', 'cid': cid}
            )
            return render_error(e.status, e.msg if has_full_errors else self._error_message, cid, channel=name)
        logger.error(
            'Request failed (cid: %s, channel: %s)', cid, name, exc_info=e, extra={'action': 'rest.failed', 'cid': cid}
        )
        status = e.status if isinstance(e, ZatoException) else 500
        if has_full_errors or self._return_tracebacks:
            return render_error(status, f'{type(e).__name__}: {e}', cid, channel=name)
        return render_error(status, self._error_message, cid, channel=name)


def _headers(e: HTTPException) -> tuple[tuple[bytes, bytes], ...]:
    if isinstance(e, Unauthorized) and e.challenge:
        return ((b'WWW-Authenticate', e.challenge.encode('latin-1', 'replace')),)
    if isinstance(e, MethodNotAllowed) and e.allowed:
        return ((b'Allow', ', '.join(e.allowed).encode()),)
    return ()
