"""match → authenticate → read → invoke → write, for each request. Errors become answers here, and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from urllib.parse import unquote_to_bytes

import gevent

from zato.common.exception import (
    GatewayTimeout,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    ServiceUnavailable,
    StoreUnavailable,
    TooManyRequests,
    TopicFull,
    Unauthorized,
    UnsupportedMediaType,
    ZatoException,
)
from zato.server.channel.channel import Channel, ChannelDown
from zato.server.channel.reading import check_length, read_request
from zato.server.channel.routes import Routes
from zato.server.channel.writing import headers_of_failed, render_error, render_refusal, with_cors, write_response
from zato.server.http.limits import Limits
from zato.server.http.message import Request, Response
from zato.server.security.principal import ANONYMOUS, Principal
from zato.server.security.rate_limit.limits import RateLimits
from zato.server.service import data
from zato.server.service.call import Call
from zato.server.service.invoker import Cancelled, Invoker

logger = logging.getLogger('zato.rest')

_METHODS = frozenset({b'GET', b'POST', b'PUT', b'PATCH', b'DELETE', b'HEAD', b'OPTIONS'})
_MAX_BODY = Limits().body
_ALLOW = tuple(sorted(method.decode() for method in _METHODS))

#: What a client is told of a failure inside a service.
Describe = Callable[[BaseException], str | list[str]]


class _Late(GatewayTimeout):
    """A channel's timeout; it is logged where it is found"""


class Pipeline:
    """describe: as above. has_timeouts: do the channels' timeouts apply? max_body: most bytes of a body, decompressed."""

    def __init__(
        self,
        routes: Routes,
        invoker: Invoker,
        describe: Describe,
        *,
        limits: RateLimits | None = None,
        has_timeouts: bool = True,
        max_body: int = _MAX_BODY,
    ) -> None:
        self._routes = routes
        self._invoker = invoker
        self._describe = describe
        self._limits = limits or RateLimits()
        self._has_timeouts = has_timeouts
        self._max_body = max_body

    def respond(self, request: Request) -> Response:
        """Never raises."""
        invoker = self._invoker
        cid = invoker.cids.new()
        channel: Channel | None = None
        call: Call | None = None
        try:
            if request.method not in _METHODS:
                raise MethodNotAllowed(cid, 'Unsupported HTTP method', _ALLOW)
            if request.method == b'OPTIONS' and (answer := self._preflight(request, cid)) is not None:
                return answer
            channel, params = self._match(request)
            if channel.audit is not None:
                channel.audit.received(request, cid)
            principal = self._authenticate(channel, request, cid)
            is_limited = self._limits.is_any and channel.is_limited
            if is_limited:
                for id in _limited_by(channel, principal):
                    self._limits.check(id, request.peer, cid)
            service = channel.resolve(params, cid)
            if is_limited:
                self._limits.check_service(service.name, request.peer, cid)
            parsed = read_request(channel, request, params, service, self._max_body)
            info = channel.info if channel.info_of is None else channel.info_of(principal.definition)
            call = Call(service, cid, info, request, None, principal)
            if channel.timeout and self._has_timeouts:
                response = self._run_in_time(channel, call, parsed)
            else:
                response = invoker.run(call, parsed)
            answer = write_response(channel, response, service, request, cid)
            if not isinstance(answer.body, bytes):
                answer.body = invoker.running_while(call, answer.body)
            if channel.audit is not None:
                channel.audit.sent(request, answer)
            return answer
        except BaseException as e:  # whatever a service raises, sys.exit() included, is its failure, not the worker's end
            answer = self._render_exception(e, cid, channel, request, call)
            if channel is not None and channel.audit is not None:
                channel.audit.sent(request, answer)
            return answer

    def refuse(self, request: Request) -> Response | None:
        """How a request would be refused for its path, its credentials or its length; None if it would not."""
        cid = self._invoker.cids.new()
        channel: Channel | None = None
        try:
            channel, _ = self._match(request)
            principal = self._authenticate(channel, request, cid)
            if self._limits.is_any and channel.is_limited:
                for id in _limited_by(channel, principal):
                    self._limits.look(id, request.peer, cid)
            length = request.headers.get(b'content-length', b'')
            if length.isdigit():
                check_length(channel, int(length))
        except HTTPException as e:
            answer = self._render_exception(e, cid, channel, request)
            if channel is not None and channel.audit is not None:
                channel.audit.received(request, cid)
                channel.audit.sent(request, answer)
            return answer
        return None

    def reject(self, status: int, details: str) -> Response:
        """The answer to what could not be read as a request."""
        return render_error(status, details, self._invoker.cids.new())

    def _match(self, request: Request) -> tuple[Channel, dict[str, str]]:
        found = self._routes.match(_path(request), request.method, request.headers.get(b'accept', b''))
        request.shown_path = found[0].shown_path or request.path
        return found

    def _preflight(self, request: Request, cid: str) -> Response | None:
        """The answer to a browser that asks whether a page may make a request; None where it is for a service to answer."""
        headers = request.headers
        origin, method = headers.get(b'origin'), headers.get(b'access-control-request-method')
        if origin is None or method is None:
            return None
        path = _path(request)
        try:
            channel, _ = self._routes.match(path, method)
        except HTTPException:
            return None
        if channel.cors is None:
            return None
        allowed = _methods_of(self._routes.allowed(path))
        lines = channel.cors.preflight(origin, method, headers.get(b'access-control-request-headers', b''), allowed)
        return Response(204, b'', cid, headers=lines, channel=channel.name)

    @staticmethod
    def _authenticate(channel: Channel, request: Request, cid: str) -> Principal:
        if not channel.is_active:
            raise NotFound(cid, 'Channel inactive')
        security = channel.security
        if security is None:
            return ANONYMOUS
        principal = security.identify(request.headers)
        if principal is None:
            raise security.refusal(request.path, cid)
        return principal

    def _run_in_time(self, channel: Channel, call: Call, parsed: data.Request) -> data.Response:
        """Raises GatewayTimeout where the service has taken too long; it is interrupted then, wherever it waits."""
        call.deadline = monotonic() + channel.timeout
        timer = gevent.Timeout(channel.timeout)
        timer.start()
        try:
            return self._invoker.run(call, parsed)
        except gevent.Timeout as e:
            if e is not timer:
                raise
            logger.error(
                'Service %s was interrupted after %g s, the timeout of channel %s (cid: %s)',
                call.service.name,
                channel.timeout,
                channel.name,
                call.cid,
                extra={'action': 'rest.timeout', 'cid': call.cid},
            )
            raise _Late(call.cid, f'There was no answer in {channel.timeout:g} s') from None
        finally:
            timer.close()

    def _render_exception(
        self, e: BaseException, cid: str, channel: Channel | None, request: Request, call: Call | None = None
    ) -> Response:
        name = channel.name if channel is not None else '-'
        has_full_errors = channel is not None and channel.has_full_errors
        headers = headers_of_failed(call.response) if call is not None else ()
        if channel is not None and channel.cors is not None:
            headers = with_cors(headers, channel.cors, request)
        if isinstance(e, Cancelled):
            e = ServiceUnavailable(cid, str(e))
            is_logged = True
        else:
            is_logged = isinstance(e, (_Late, ChannelDown, StoreUnavailable, TopicFull))  # alarms have told of these
        if isinstance(e, HTTPException):
            if e.status >= 500 and not is_logged:
                logger.error(
                    'Request failed (cid: %s, channel: %s): %s',
                    cid,
                    name,
                    e,
                    exc_info=e if e.__cause__ is not None else None,
                    extra={'action': 'rest.failed', 'cid': cid},
                )
            headers = (*_headers(e), *headers)
            if e.needs_msg or has_full_errors:
                return render_refusal(e, e.msg, cid, headers, name)
            return render_error(e.status, 'Bad request' if e.status == 400 else '', cid, headers, name)
        is_expected = isinstance(e, ZatoException) and e.retryable
        logger.error(
            'Request failed (cid: %s, channel: %s)%s',
            cid,
            name,
            f': {e}' if is_expected else '',
            exc_info=None if is_expected else e,
            extra={'action': 'rest.failed', 'cid': cid},
        )
        status = e.status if isinstance(e, ZatoException) else 500
        details = f'{type(e).__name__}: {e}' if has_full_errors else self._describe(e)
        return render_error(status, details, cid, headers, name)


def _limited_by(channel: Channel, principal: Principal) -> tuple[int, ...]:
    """IDs of those objects whose limits count a request before its service is known, in this order."""
    own = channel.info.security.id or 0
    definitions = (own,) if own == principal.definition else (own, principal.definition)
    return (*definitions, channel.info.id or 0)


def _path(request: Request) -> bytes:
    path = request.path
    return unquote_to_bytes(path) if b'%' in path else path


def _methods_of(channels: tuple[Channel, ...]) -> tuple[str, ...]:
    methods = {channel.method for channel in channels}
    return _ALLOW if '' in methods else tuple(sorted(methods))


def _headers(e: HTTPException) -> tuple[tuple[bytes, bytes], ...]:
    if isinstance(e, Unauthorized) and e.challenge:
        return ((b'WWW-Authenticate', e.challenge.encode('latin-1', 'replace')),)
    if isinstance(e, TooManyRequests | ServiceUnavailable) and e.retry_after:
        return ((b'Retry-After', str(e.retry_after).encode()),)
    if isinstance(e, MethodNotAllowed) and e.allowed:
        return ((b'Allow', ', '.join(e.allowed).encode()),)
    if isinstance(e, UnsupportedMediaType) and e.accept_encoding:
        return ((b'Accept-Encoding', e.accept_encoding.encode()),)
    return ()
