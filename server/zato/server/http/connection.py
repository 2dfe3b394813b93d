"""One client's connection: its requests one after another, each read strictly, answered, and logged.

Guarantees: a request that was read whole gets one answer; a connection gets at least one answer before a drain closes it,
if it asks for one in time; a client that sends or reads too slowly is let go; nothing is read after a rejected request.
A body that is made while it is sent is made no faster than the client takes it, and if it ends early, the client can tell.
Times are set as deadlines that the server's sweeper looks at, since a timer a request costs more than the rest of the loop.
"""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING

import gevent

from zato.server.config.cooperation import Interrupted, let_others_run
from zato.server.http.chunked import ChunkedBody
from zato.server.http.head import Head, HeadParser, Reject, check_line_ends, skip_empty_lines
from zato.server.http.limits import BLOCK
from zato.server.http.message import CHUNKED, CLOSE, KEEP_ALIVE, Request, Response, Stream, serialize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from greenlet import greenlet

    from zato.server.http.server import HTTPServer
    from zato.server.http.transport import PlainTransport, TLSTransport, Transport

logger = logging.getLogger(__name__)

_CONTINUE = b'HTTP/1.1 100 Continue\r\n\r\n'
_LAST_CHUNK = b'0\r\n\r\n'
_PIPELINE_SLICE = 0.002  #: seconds a client that sends requests without awaiting answers may keep others waiting
_LINGER = 2.0  #: seconds to read on after a rejection, or the client would see a reset instead of the answer

#: What a service may raise to its own request's harm only; GreenletExit is how a drain ends what takes too long.
_FAILURES = (Exception, gevent.Timeout, SystemExit, Interrupted)


class Expired(BaseException):
    """Thrown into a connection's greenlet while it waits for the client past its deadline."""


class Refused(Exception):
    """The request is answered without its body, and the connection closed."""

    def __init__(self, request: Request, response: Response) -> None:
        super().__init__(response.status)
        self.request = request
        self.response = response


class Connection:
    """`deadline`: monotonic seconds until which the client must do its part, `inf` while a service runs or makes a body."""

    __slots__ = (
        '_heads',
        '_is_proxy',
        '_pending',
        '_server',
        '_transport',
        'answered',
        'deadline',
        'greenlet',
        'idle',
        'peer',
    )

    def __init__(self, transport: Transport, peer: str, server: HTTPServer) -> None:
        self._transport = transport
        self._server = server
        self._heads = HeadParser(server.limits)
        self._pending = b''
        self.peer = peer
        self._is_proxy = server.proxies.trusts(peer)
        self.deadline = inf
        self.greenlet: greenlet | None = None
        self.idle = True  #: between two requests
        self.answered = False  #: was there an answer on this connection?

    def run(self) -> None:
        try:
            self._serve()
        except (Expired, OSError):
            pass  # the client is gone, or too slow to be told anything
        except Exception:
            logger.exception('Connection from %s failed', self.peer, extra={'action': 'http.connection.failed'})
        finally:
            self._transport.close()

    def run_tls(self, plain: PlainTransport, tls: TLSTransport, done: Callable[[], None]) -> None:
        """As `run`, after a TLS handshake within `deadline`; `done` is called once that has ended, well or not."""
        try:
            tls.handshake()
        except (Expired, OSError) as e:
            logger.info('No TLS with %s: %s', self.peer, str(e) or 'no handshake in time')
            plain.close()
            return
        finally:
            done()
        self.run()

    def _serve(self) -> None:
        server = self._server
        monotonic = server.monotonic
        slice_end = monotonic() + _PIPELINE_SLICE
        while True:
            if not self._pending:
                self.idle = True
                self.deadline = server.idle_deadline(self.answered)
                self._pending = self._transport.receive()
                if not self._pending:
                    return
                slice_end = monotonic() + _PIPELINE_SLICE
            elif monotonic() > slice_end:
                let_others_run()
                slice_end = monotonic() + _PIPELINE_SLICE
            self.idle = False
            try:
                request, keep_alive = self._read_request()
            except Reject as reject:
                self._answer_rejected(reject)
                return
            except Refused as refused:
                self._answer_refused(refused)
                return
            if request is None:
                return
            if self._answer(request, keep_alive):
                self._close_after_answer()
                return

    def _answer(self, request: Request, keep_alive: bool) -> bool:
        """Returns whether that was the connection's last answer."""
        server = self._server
        self.deadline = inf
        try:
            response = server.respond(request)
        except _FAILURES as e:
            return self._answer_failed(request, e)
        body = response.body
        if not isinstance(body, bytes):
            return self._answer_stream(request, response, body, keep_alive)
        close = not keep_alive or server.draining
        connection = CLOSE if close else b'' if request.version == b'HTTP/1.1' else KEEP_ALIVE
        try:
            data = serialize(response, server.common_headers, connection, request.method == b'HEAD')
        except _FAILURES as e:
            return self._answer_failed(request, e, response.cid)
        self._send(data)
        self.answered = True
        server.access_log.add(request, response, len(body), server.monotonic() - request.received)
        return close

    def _answer_failed(self, request: Request, error: BaseException, cid: str = '-') -> bool:
        """As `_answer`. cid: of the response that could not be sent, if there was one."""
        extra = {'action': 'http.respond.failed', 'cid': cid}
        logger.error('No answer to a request from %s (cid: %s)', self.peer, cid, exc_info=error, extra=extra)
        self._answer_whole(request, self._server.reject(500, 'Internal error'))
        return True

    def _answer_whole(self, request: Request, response: Response) -> None:
        """The connection's last answer, which is one of our own."""
        server = self._server
        self._send(serialize(response, server.common_headers, CLOSE, request.method == b'HEAD'))
        self.answered = True
        server.access_log.add(request, response, response.size, server.monotonic() - request.received)

    def _answer_stream(self, request: Request, response: Response, pieces: Iterator[bytes], keep_alive: bool) -> bool:
        """As `_answer`. The first piece is taken before the head is sent: where that fails, the answer is another one."""
        server = self._server
        stream = Stream(request, response, pieces, server.limits.block_timeout)
        try:
            try:
                piece = stream.take() if stream.has_body else b''
                close = not keep_alive or server.draining or (stream.has_body and not stream.is_chunked)
                connection = CLOSE if close else b'' if request.version == b'HTTP/1.1' else KEEP_ALIVE
                connection += CHUNKED if stream.is_chunked else b''
                head = serialize(response, server.common_headers, connection, is_head=True)
            except _FAILURES as e:
                return self._answer_failed(request, e, response.cid)
            try:
                is_whole = self._send_stream(head, piece, stream)
            except (gevent.Timeout, Interrupted) as e:  # a timeout of the iterator's own, which went on meanwhile
                _log_stream('The body of a response was cut off', stream, e)
                is_whole = False
            finally:
                server.access_log.add(request, response, stream.sent, server.monotonic() - request.received)
        finally:
            self._close_stream(stream)
        self.answered = True
        if not is_whole and not stream.is_chunked:
            self._transport.abort()  # the end of the connection would be the end of the body
            raise ConnectionAbortedError
        return close or not is_whole

    def _send_stream(self, head: bytes, piece: bytes, stream: Stream) -> bool:
        """`piece` is the first one, b'' if there is none. Returns whether all of the body was sent."""
        while piece:
            for start in range(0, len(piece), BLOCK):
                part = piece[start : start + BLOCK]
                if stream.is_chunked:
                    self._send_part(b'%s%x\r\n' % (head, len(part)), part, b'\r\n', stream)
                else:
                    self._send_part(head, part, b'', stream)
                head = b''
            try:
                piece = stream.take()
            except _FAILURES as e:
                _log_stream('The body of a response was cut off', stream, e)
                return False
        self._send_part(head, b'', _LAST_CHUNK if stream.has_body and stream.is_chunked else b'', stream)
        return True

    def _close_stream(self, stream: Stream) -> None:
        self.deadline = inf
        try:
            stream.close()
        except _FAILURES as e:
            _log_stream('What makes the body of a response did not close', stream, e)

    def _read_request(self) -> tuple[Request | None, bool]:
        """The next request, and whether another may follow it. None if the client left in the middle."""
        server = self._server
        limits = server.limits
        data = self._pending
        if data[:2] == b'\r\n':
            data = skip_empty_lines(data)
        end = data.find(b'\r\n\r\n')
        if end < 0:
            data, end = self._read_head(data)
            if end < 0:
                return None, False
        end += 4
        if end > limits.head:
            raise self._too_long(data)
        head = self._heads.parse(data[:end])
        path, _, query = head.target.partition(b'?')
        peer = server.proxies.client_of(head.headers, self.peer) if self._is_proxy else self.peer
        request = Request(head.method, path, query, head.version, head.headers, peer)
        request.received = server.monotonic()
        if head.length:
            arrived = data[end:]
            if not 0 < head.length <= len(arrived):
                self._refuse_early(request)
            body = self._read_body(head, arrived)
            if body is None:
                return None, False
            request.body = body
        else:
            self._pending = data[end:]
        return request, head.keep_alive

    def _refuse_early(self, request: Request) -> None:
        """Answer now, if the answer is a refusal, rather than wait for a body and keep it: anybody could send bodies."""
        refusal = self._server.refuse(request)
        if refusal is not None:
            raise Refused(request, refusal)

    def _read_head(self, data: bytes) -> tuple[bytes, int]:
        limits = self._server.limits
        self.deadline = self._server.monotonic() + limits.head_timeout
        end = -1
        checked = 0
        try:
            while end < 0:
                check_line_ends(data, checked)
                if len(data) > limits.head:
                    raise self._too_long(data)
                more = self._transport.receive()
                if not more:
                    return data, -1
                checked = max(0, len(data) - 3)
                data += more
                if data[:2] == b'\r\n':
                    data, checked = skip_empty_lines(data), 0
                self._pending = data
                end = data.find(b'\r\n\r\n', checked)
        except Expired:
            if not data:
                raise  # there were empty lines only: the client is idle
            raise Reject(408, f'The headers did not arrive in {limits.head_timeout:g} s') from None
        return data, end

    def _too_long(self, data: bytes) -> Reject:
        limits = self._server.limits
        if b'\r\n' not in data[: limits.request_line + 2]:
            return Reject(414, f'The request line is longer than {limits.request_line} bytes')
        return Reject(431, f'The request line and headers are longer than {limits.head} bytes')

    def _read_body(self, head: Head, arrived: bytes) -> bytes | None:
        server = self._server
        limits = server.limits
        if head.length > limits.body:
            raise Reject(413, f'The body is longer than {limits.body} bytes')
        if head.expects_continue and not arrived:
            self._send(_CONTINUE)
        if head.length > 0 and len(arrived) >= head.length:
            self._pending = arrived[head.length :]
            return arrived[: head.length]
        self.deadline = server.monotonic() + limits.block_timeout
        try:
            return self._read_chunked(arrived) if head.length < 0 else self._read_length(head.length, arrived)
        except Expired:
            raise Reject(408, f'The body did not arrive in time: {BLOCK} bytes in {limits.block_timeout:g} s') from None

    def _read_length(self, length: int, arrived: bytes) -> bytes | None:
        pieces = [arrived]
        missing = length - len(arrived)
        block = BLOCK
        while missing > 0:
            more = self._transport.receive()
            if not more:
                return None
            pieces.append(more)
            missing -= len(more)
            block = self._extend(block, len(more))
        data = b''.join(pieces)
        self._pending = data[length:]
        return data[:length]

    def _read_chunked(self, arrived: bytes) -> bytes | None:
        body = ChunkedBody(self._server.limits.body)
        block = BLOCK
        complete = body.feed(arrived)
        while not complete:
            more = self._transport.receive()
            if not more:
                return None
            block = self._extend(block, len(more))
            complete = body.feed(more)
        self._pending = body.rest
        return body.body

    def _extend(self, block: int, moved: int) -> int:
        """Give the client time for the next block once it has moved this one. Returns what is left of the block."""
        block -= moved
        if block > 0:
            return block
        self.deadline = self._server.monotonic() + self._server.limits.block_timeout
        return BLOCK

    def _send(self, data: bytes) -> None:
        self.deadline = self._server.monotonic() + self._server.limits.block_timeout
        sent = self._transport.send(data)
        if sent == len(data):
            return
        rest = memoryview(data)[sent:]
        block = BLOCK
        while rest:
            sent = self._transport.send(rest)
            rest = rest[sent:]
            block = self._extend(block, sent)

    def _send_part(self, before: bytes, part: bytes, after: bytes, stream: Stream) -> None:
        """Part of a body within its framing. The client's time runs on from one part to the next, but not between them."""
        data = memoryview(b''.join((before, part, after)))
        moved = 0
        self.deadline = self._server.monotonic() + stream.seconds
        try:
            while moved < len(data):
                sent = self._transport.send(data[moved:])
                moved += sent
                stream.block = self._extend(stream.block, sent)
        finally:
            stream.sent += min(max(moved - len(before), 0), len(part))
            stream.seconds = self.deadline - self._server.monotonic()
            self.deadline = inf

    def _answer_rejected(self, reject: Reject) -> None:
        server = self._server
        response: Response = server.reject(reject.status, reject.details)
        self._send(serialize(response, server.common_headers, CLOSE, is_head=self._pending.startswith(b'HEAD ')))
        server.access_log.add_rejected(self.peer, response)
        self._close_after_answer()

    def _answer_refused(self, refused: Refused) -> None:
        self._answer_whole(refused.request, refused.response)
        self._close_after_answer()

    def _close_after_answer(self) -> None:
        """Read what the client still sends, for a while: closing with unread data makes the kernel discard our answer."""
        self.deadline = self._server.monotonic() + _LINGER
        self._transport.close_sending()
        while self._transport.discard():
            pass


def _log_stream(what: str, stream: Stream, error: BaseException) -> None:
    extra = {'action': 'http.stream.failed', 'cid': stream.cid}
    logger.error('%s (cid: %s)', what, stream.cid, exc_info=error, extra=extra)
