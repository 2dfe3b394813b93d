"""One outgoing REST connection in a worker: from what a service asks to the answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf
from time import monotonic
from typing import Final

import gevent

from zato.common.clock import SYSTEM_CLOCK
from zato.common.config.kind import kinds
from zato.common.config.kinds.outgoing_rest import OutgoingREST
from zato.common.exception import CallFailed, CallTimeout, Inactive, PoolExhausted, RequestInvalid
from zato.server.config.runtime import ConfigObject
from zato.server.connection.rest.ask import Ask, Context
from zato.server.connection.rest.audit import CallAudit
from zato.server.connection.rest.bearer import scopes_of
from zato.server.connection.rest.breaker import Breaker
from zato.server.connection.rest.codecs import Surroundings
from zato.server.connection.rest.content import Bodies, Body
from zato.server.connection.rest.credentials import Credentials, Definitions
from zato.server.connection.rest.headers import USER_AGENT, checked, trace_headers
from zato.server.connection.rest.message import WITHOUT_BODY
from zato.server.connection.rest.response import RESTResponse
from zato.server.connection.rest.retry import Retries
from zato.server.connection.rest.soap import SOAP
from zato.server.connection.rest.transport import Inbound, Outbound, Transport
from zato.server.connection.rest.url import Target

logger = logging.getLogger('zato.rest.out')

#: (request, deadline in monotonic seconds) → its answer.
Send = Callable[[Outbound, float | None], Inbound]

_UNAUTHORIZED: Final = 401
_DOWN: Final = frozenset({502, 503, 504})  #: statuses that say that the target is not there
_ONCE: Final = Retries(0, 0.0)
_OWN_FAULT: Final = (PoolExhausted, RequestInvalid)  #: says nothing of the target


class RESTConnection:
    """item: of kind outgoing_rest. transport: its own, closed by `close`. credentials: None for none.

    definitions: where those are found that calls name.
    """

    def __init__(
        self,
        item: ConfigObject,
        surroundings: Surroundings,
        *,
        transport: Transport,
        credentials: Credentials | None = None,
        definitions: Definitions,
    ) -> None:
        """Raises ConfigError, RequestInvalid."""
        settings: OutgoingREST = item.settings
        self.id = item.id
        self.name = item.name
        self.title = kinds()[item.kind].title(item.name)
        self.is_active = item.is_active
        self.settings = settings
        self._codecs = surroundings.codecs
        self._transport = transport
        self._credentials = credentials
        self._definitions = definitions
        self._retries = Retries(settings.max_retries, settings.retry_sleep_time)
        self._breaker = Breaker(self.title, settings.breaker_failures, settings.breaker_pause)
        self._target = Target(self.title, settings.host, settings.url_path, self._codecs.text)
        soap = SOAP(self.title, settings.soap_version, settings.soap_action) if settings.soap_version else None
        self._bodies = Bodies(self.title, settings.data_format, soap, self._codecs)
        self._headers = {
            'User-Agent': USER_AGENT,
            'Accept': '*/*',
            'X-Zato-Component': surroundings.component,
            **(soap.headers if soap is not None else {}),
        }
        self._content_type = checked(self.title, {'Content-Type': settings.content_type})['Content-Type'] or ''
        is_audited = settings.is_audit_log_sent_active or settings.is_audit_log_received_active
        recorder = surroundings.recorder if is_audited else None
        self._audit = CallAudit(item, recorder, self._target.params) if recorder is not None else None

    def call(self, ask: Ask, context: Context) -> RESTResponse:
        """The answer, whatever its status.

        Raises Inactive, RequestInvalid, CallFailed and its subclasses, ConnectionMissing for an unknown security definition.
        """
        ask = self._checked(ask)
        data = ask.data if ask.json is None else ask.json
        headers = ask.headers or {}
        own = next((str(value) for name, value in headers.items() if name.lower() == 'content-type' and value), '')
        content_type = own or (self._content_type if ask.json is None else '')
        body = self._bodies.json(data) if ask.json is not None else self._bodies.make(data, content_type)
        if content_type:
            body = body._replace(content_type=content_type)
        has_type = bool(body.data or content_type) or ask.method not in WITHOUT_BODY
        return self._send(ask, context, self._target.url(ask.params), body if has_type else None)

    def upload(self, ask: Ask, context: Context, body: Body) -> RESTResponse:
        """As `call`, with a body that is made already."""
        return self._send(self._checked(ask), context, self._target.url(ask.params), body)

    def ping(self, context: Context, path: str = '/') -> RESTResponse:
        """Is it there? Once, active or not, whatever the circuit breaker says. path: what is asked for, below the host."""
        ask = Ask(method=self.settings.ping_method)
        deadline = self._deadline(ask, context)
        request = self._request(ask, context, self._target.at(path), None)
        return self._answered(self._authorized(ask, request, deadline, self._transport.send), ask, context)

    def close(self) -> None:
        """Idle connections are closed now, others when the calls that run have ended."""
        self._transport.close()

    def _checked(self, ask: Ask) -> Ask:
        """Raises Inactive, RequestInvalid."""
        if not self.is_active:
            raise Inactive(self.name, msg=f'{self.title} is inactive')
        return replace(ask, headers=checked(self.title, ask.headers)) if ask.headers else ask

    def _send(self, ask: Ask, context: Context, url: str, body: Body | None) -> RESTResponse:
        deadline = self._deadline(ask, context)
        request = self._request(ask, context, url, body)
        audit = self._audit
        try:
            if audit is not None:
                audit.sent(request, context.cid)
            retries = _ONCE if context.is_repeated else self._retries
            inbound = self._authorized(ask, request, deadline, partial(self._exchange, retries))
        except CallFailed as e:
            logger.warning('%s', e.msg, extra={'action': 'rest.out.failed', 'cid': context.cid})
            if audit is not None:
                audit.failed(request, e, context.cid)
            raise
        if audit is not None:
            audit.received(request, inbound, context.cid)
        return self._answered(inbound, ask, context)

    def _deadline(self, ask: Ask, context: Context) -> float | None:
        """Monotonic seconds. Raises CallTimeout if it has passed."""
        now = monotonic()
        limits = [now + seconds for seconds in (self.settings.total_timeout, ask.timeout) if seconds]
        if context.deadline is not None:
            if context.deadline <= now:
                raise CallTimeout(context.cid, f'{self.title} is not called: the time of the service that calls it is over')
            limits.append(context.deadline)
        return min(limits) if limits else None

    def _request(self, ask: Ask, context: Context, url: str, body: Body | None) -> Outbound:
        lines: dict[str, str | None] = {
            **self._headers,
            **checked(self.title, {'X-Zato-CID': context.cid}),
            'X-Zato-Msg-TS': SYSTEM_CLOCK.utcnow().replace(tzinfo=None).isoformat(),
            **trace_headers(context),
        }
        if body is not None:
            lines['Content-Type'] = body.content_type
        if ask.headers:
            given = {name.lower() for name in ask.headers}
            lines = {name: value for name, value in lines.items() if name.lower() not in given} | {**ask.headers}
        sent = {name: value for name, value in lines.items() if value is not None}
        data = body.data if body is not None else b''
        return Outbound(method=ask.method, url=url, headers=sent, body=data, follows_redirects=ask.allow_redirects)

    def _authorized(self, ask: Ask, request: Outbound, deadline: float | None, send: Send) -> Inbound:
        """With credentials; new ones, once, where the target refuses those that it is shown."""
        credentials = self._definitions.by_name(ask.sec_def_name) if ask.sec_def_name else self._credentials
        if credentials is None:
            return send(request, deadline)
        name = credentials.name.lower()
        if ask.headers and name in map(str.lower, ask.headers):  # the service has its own, or wants none
            return send(replace(request, private_headers=frozenset({name})), deadline)
        scopes = scopes_of(ask.auth_scopes or '')
        value = credentials.value(scopes, deadline)
        inbound = send(_with(request, credentials.name, value), deadline)
        if inbound.status == _UNAUTHORIZED and credentials.renew(scopes, value):
            value = credentials.value(scopes, deadline)
            inbound = send(_with(request, credentials.name, value), deadline)
        return inbound

    def _exchange(self, retries: Retries, request: Outbound, deadline: float | None) -> Inbound:
        breaker = self._breaker
        breaker.allow()
        granted = inf if deadline is None else deadline - monotonic()
        try:
            inbound = retries.run(lambda: self._transport.send(request, deadline), request.method, deadline)
        except (CallFailed, gevent.Timeout) as e:
            is_hasty = isinstance(e, CallTimeout | gevent.Timeout) and granted < self.settings.timeout
            if not is_hasty and not isinstance(e, _OWN_FAULT):  # who has no time says nothing of the target
                breaker.failed()
            raise
        if inbound.status in _DOWN:
            breaker.failed()
        else:
            breaker.succeeded()
        return inbound

    def _answered(self, inbound: Inbound, ask: Ask, context: Context) -> RESTResponse:
        extra = {'action': 'rest.out', 'cid': context.cid}
        where, status, seconds = self._target.shown(inbound.url), inbound.status, inbound.seconds
        logger.debug('%s: %s %s: %d in %.3f s', self.title, ask.method, where, status, seconds, extra=extra)
        response = RESTResponse(
            inbound, title=self.title, cid=context.cid, data_format=self.settings.data_format, codecs=self._codecs
        )
        if ask.model is not None:
            response.expect(ask.model)
        return response


def _with(request: Outbound, name: str, value: str) -> Outbound:
    return replace(request, headers={**request.headers, name: value}, private_headers=frozenset({name.lower()}))
