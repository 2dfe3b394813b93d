"""A call with a text, as the dashboard's invoker makes it: any text goes in, and comes out what a channel would send."""

from __future__ import annotations

import binascii
import logging
from base64 import b64decode, b64encode
from codecs import utf_8_decode
from time import monotonic
from typing import Any, Final, NoReturn

import gevent

from zato.common.api import CHANNEL
from zato.common.config.field import shown
from zato.common.exception import BadRequest, GatewayTimeout, HTTPException, ZatoException
from zato.server.admin_api.context import AdminService
from zato.server.channel.channel import NO_LIMIT, Channel
from zato.server.channel.format.registry import FORMATS, data_format
from zato.server.channel.reading import read_request
from zato.server.channel.writing import headers_of_failed, write_response
from zato.server.http import message
from zato.server.service.call import Call
from zato.server.service.channel_info import ChannelInfo
from zato.server.service.compiled import CompiledService
from zato.server.service.data import Request

logger = logging.getLogger(__name__)

_TRANSPORTS: Final = ('', 'plain_http', 'soap')
_METHODS: Final = ('DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT')
_CONTENT_TYPES: Final = {
    '': b'text/plain; charset=utf-8',
    'csv': b'text/csv; charset=utf-8',
    'form': b'application/x-www-form-urlencoded',
    'json': b'application/json',
    'xml': b'application/xml; charset=utf-8',
}
_MOST: Final = 10_000_000  #: bytes of a response that are answered


class RawCall:
    """One call of `target`. The request of `caller` has the text, `raw_payload`, base64 of UTF-8, and what to make of it:
    `data_format`, `transport` and `method`. Raises BadRequest for what is wrong with them, and a text not of its format.
    """

    def __init__(self, caller: AdminService, target: CompiledService) -> None:
        self._caller = caller
        self._target = target
        self._text = self._decoded()
        self._format = self._choice('data_format', tuple(FORMATS))
        self._transport = self._choice('transport', _TRANSPORTS)
        self._channel = Channel(
            name=CHANNEL.INVOKE,
            path='/',
            resolve=lambda params, cid: target,
            format=data_format(self._format),
            merges_params=False,
        )
        self._message = self._make_message()
        self._request = self._read()

    def run(self, seconds: float) -> dict[str, Any]:
        """What a channel would have answered: `is_ok`, `status_code`, `headers`, `content_type`, `body`, `is_base64`,
        `is_cut`, `milliseconds`, `cid`; of a service that has failed, `error` and `error_type` in place of the body's keys.

        seconds: 0 for no limit. Raises GatewayTimeout.
        """
        caller = self._caller
        call = self._call(caller.cid, CHANNEL.INVOKE, caller._call)
        call.deadline = monotonic() + seconds if seconds else None
        timer = gevent.Timeout(seconds or None)
        timer.start()
        try:
            response = caller._invoker.run(call, self._request)
            answer = self._shown(write_response(self._channel, response, self._target, self._message, call.cid))
        except gevent.Timeout as e:
            if e is not timer:
                raise
            raise GatewayTimeout(call.cid, f'Service {self._target.name} did not answer in {seconds:g} s') from None
        except Exception as e:  # whatever a service raises is what came of it
            answer = _failed(e, call)
        finally:
            timer.close()
        return {**answer, 'milliseconds': round(call.seconds * 1_000, 3), 'cid': call.cid}

    def start(self) -> str:
        """Run it in the background. Returns its cid."""
        invoker = self._caller._invoker
        call = self._call(invoker.cids.new(), CHANNEL.INVOKE_ASYNC, None)
        invoker.start(call, self._request)
        return call.cid

    def _call(self, cid: str, type_: str, waiting: Call | None) -> Call:
        info = ChannelInfo(name=type_, type=type_, data_format=self._format)
        principal = waiting.principal if waiting is not None else self._caller._call.acting
        call = Call(self._target, cid, info, self._message, waiting, principal)
        call.data_format, call.transport = self._format, self._transport
        return call

    def _make_message(self) -> message.Request:
        method = self._choice('method', _METHODS, 'POST').encode()
        made = message.Request(method, b'/', b'', b'HTTP/1.1', {b'content-type': _CONTENT_TYPES[self._format]}, '')
        made.body = self._text.encode()
        return made

    def _read(self) -> Request:
        if self._format:
            request = read_request(self._channel, self._message, {}, self._target, NO_LIMIT)
            request.raw_request = self._text
            return request
        request = Request(self._text, self._text or None, self._message)
        request.look_in(self._json(), is_message_first=True)
        return request

    def _json(self) -> Any:
        """What elements of the input are looked up in where no format is chosen: most texts are JSON. None for others."""
        if not self._text.lstrip().startswith(('{', '[')):
            return None
        json, io = data_format('json'), self._target.io
        try:
            return json.fields(json.read(self._message.body, b'', io.format_options if io is not None else {}))
        except BadRequest:
            return None

    def _decoded(self) -> str:
        request = self._caller.request.input
        if request.get('payload'):
            self._refuse('`payload` and `raw_payload` cannot both be given')
        if request.get('pid') or request.get('all_pids'):
            self._refuse('`raw_payload` goes with neither `pid` nor `all_pids`')
        try:
            return b64decode(request['raw_payload'], validate=True).decode()
        except (binascii.Error, ValueError, TypeError):
            raise BadRequest(self._caller.cid, 'Element raw_payload is not base64 of UTF-8', needs_msg=True) from None

    def _choice(self, key: str, allowed: tuple[str, ...], default: str = '') -> str:
        value = self._caller.request.input.get(key) or default
        if value not in allowed:
            known = ', '.join(filter(None, allowed))
            self._refuse(f'`{key}` must be one of: {known}; or empty; got {shown(value)}')
        return str(value)

    def _refuse(self, text: str) -> NoReturn:
        raise BadRequest(self._caller.cid, text, needs_msg=True)

    def _shown(self, answer: message.Response) -> dict[str, Any]:
        body, is_cut = _whole(answer.body)
        try:
            text, is_base64 = utf_8_decode(body, 'strict', not is_cut)[0], False  # half a character at the end is no text
        except UnicodeDecodeError:
            text, is_base64 = b64encode(body).decode(), True
        return {
            'is_ok': True,
            'status_code': answer.status,
            'headers': _text_of(answer.headers),
            'content_type': answer.content_type.decode('latin-1'),
            'body': text,
            'is_base64': is_base64,
            'is_cut': is_cut,
        }


def _failed(e: Exception, call: Call) -> dict[str, Any]:
    """It is logged as one that came through a channel."""
    status = e.status if isinstance(e, ZatoException) else 500
    if status >= 500:
        logger.error(
            'Service %s failed (cid: %s)',
            call.service.name,
            call.cid,
            exc_info=e,
            extra={'action': 'service.failed', 'cid': call.cid},
        )
    return {
        'is_ok': False,
        'status_code': status,
        'headers': _text_of(headers_of_failed(call.response)),
        'error': e.msg if isinstance(e, HTTPException) else str(e),
        'error_type': type(e).__name__,
    }


def _whole(body: Any) -> tuple[bytes, bool]:
    """All of a body, or the beginning of one that is too long, and whether it was."""
    if isinstance(body, bytes):
        return body[:_MOST], len(body) > _MOST
    pieces, size = [], 0
    try:
        for piece in body:
            pieces.append(piece)
            size += len(piece)
            if size > _MOST:
                return b''.join(pieces)[:_MOST], True
    finally:
        body.close()
    return b''.join(pieces), False


def _text_of(headers: tuple[tuple[bytes, bytes], ...]) -> dict[str, str]:
    return {name.decode('latin-1'): value.decode('latin-1') for name, value in headers}
