"""Sends HTTP requests: one transport per outgoing connection object and worker.

At most `pool_size` connections are open at a time; they are kept for the next call where the answer before was in order,
and closed otherwise, whatever ended it: an error, a timeout, the end of the greenlet. Nothing that a server does makes a
call longer than its deadline, or its answer longer than `max_response`. No proxies, no cookies. Nothing is sent twice, but
for idempotent requests on a connection that turns out to have been closed meanwhile. Other retries are not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

import gevent
from gevent import ssl

from zato.common.exception import CallFailed, CallTimeout, PoolExhausted, RequestInvalid
from zato.server.connection.rest.answer_headers import AnswerHeaders
from zato.server.connection.rest.failure import Broken
from zato.server.connection.rest.link import Link, Stale
from zato.server.connection.rest.message import Inbound, Outbound, TransportOptions
from zato.server.connection.rest.origin import Origin, split
from zato.server.connection.rest.pool import Pool
from zato.server.connection.rest.redirect import Redirects
from zato.server.connection.rest.retry import IDEMPOTENT
from zato.server.connection.rest.tls import make_context

__all__ = ['Inbound', 'Outbound', 'Transport', 'TransportOptions', 'check_files']


def check_files(options: TransportOptions) -> None:
    """Can all files of certificates and keys be used? Raises ConfigError, which names the one that cannot."""
    if options.ca_certs is not None or options.client_cert is not None:
        _context_of(options)


def _context_of(options: TransportOptions) -> ssl.SSLContext:
    return make_context(
        verify=options.tls_verify,
        ca_certs=options.ca_certs,
        client_cert=options.client_cert,
        client_key=options.client_key,
    )


@dataclass(frozen=True, slots=True)
class _Call:
    """started, deadline: monotonic seconds."""

    title: str
    started: float
    deadline: float | None

    def remaining(self) -> float | None:
        """Seconds; None without a deadline."""
        return None if self.deadline is None else self.deadline - monotonic()

    def seconds(self) -> float:
        return monotonic() - self.started

    def error(self, kind: type[CallFailed], origin: Origin, text: str) -> CallFailed:
        return kind(msg=f'{self.title}: {origin}: {text}, after {self.seconds():.3f} s')


class Transport:
    def __init__(self, options: TransportOptions) -> None:
        self._options = options
        self._pool: Pool[Link] = Pool(options.pool_size)
        self._context: ssl.SSLContext | None = None

    def send(self, request: Outbound, deadline: float | None) -> Inbound:
        """Returns any complete answer, whatever its status. deadline: monotonic seconds. Raises CallFailed, ConfigError."""
        options = self._options
        call = _Call(options.title, monotonic(), deadline)
        answer = self._exchange(request, call)
        if not 300 <= answer.status <= 399 or not request.follows_redirects:
            return answer
        redirects = Redirects(request, most=options.max_redirects)
        while True:
            try:
                after = redirects.follow(request, answer)
            except Broken as e:
                raise call.error(e.kind, split(request.url)[0], e.text) from None
            if after is None:
                return answer
            request = after
            answer = self._exchange(request, call)

    def close(self) -> None:
        """Idle connections are closed. Calls that run go on, and theirs are closed after them."""
        self._pool.close()

    def _exchange(self, request: Outbound, call: _Call) -> Inbound:
        """One request and its answer."""
        try:
            origin, target = split(request.url)
        except ValueError as e:
            raise RequestInvalid(msg=f'{call.title}: {e}') from None
        self._acquire(origin, call)
        timer = gevent.Timeout.start_new(call.remaining())
        try:
            status, reason, headers, body = self._converse(request, origin, target)
        except Broken as e:
            raise call.error(e.kind, origin, e.text) from e.__cause__
        except gevent.Timeout as e:
            if e is not timer:
                raise
            raise call.error(CallTimeout, origin, 'there was no complete answer by the deadline of the call') from None
        finally:
            timer.close()
            self._pool.release()
        return Inbound(status=status, reason=reason, headers=headers, body=body, url=request.url, seconds=call.seconds())

    def _acquire(self, origin: Origin, call: _Call) -> None:
        """A place in the pool. Raises CallTimeout, PoolExhausted."""
        options, remaining = self._options, call.remaining()
        if remaining is not None and remaining <= 0:
            raise call.error(CallTimeout, origin, 'the deadline of the call had passed before it was made')
        if not self._pool.acquire(options.timeout if remaining is None else min(options.timeout, remaining)):
            raise call.error(PoolExhausted, origin, f'all of its connections (pool_size {options.pool_size}) were in use')

    def _converse(self, request: Outbound, origin: Origin, target: str) -> tuple[int, str, AnswerHeaders, bytes]:
        link = self._pool.take(origin)
        if link is not None:
            try:
                return self._use(link, request, target)
            except Stale:
                if request.method not in IDEMPOTENT:
                    raise
        return self._use(self._connect(origin), request, target)

    def _use(self, link: Link, request: Outbound, target: str) -> tuple[int, str, AnswerHeaders, bytes]:
        found = link.exchange(request, target)
        if link.sock is not None:
            self._pool.put(link)
        return found

    def _connect(self, origin: Origin) -> Link:
        options = self._options
        if origin.scheme == 'https' and self._context is None:
            self._context = _context_of(options)
        link = Link(
            origin,
            timeout=options.timeout,
            connect_timeout=options.connect_timeout or options.timeout,
            context=self._context if origin.scheme == 'https' else None,
            max_body=options.max_response,
        )
        link.connect()
        return link
