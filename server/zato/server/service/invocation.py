"""`self.invoke` with options, and the callbacks of `self.invoke_async`."""

from __future__ import annotations

import math
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

import gevent
from bunch import bunchify

from zato.common.api import CHANNEL
from zato.common.exception import BadRequest, TimeoutException, ZatoException
from zato.server.http.json import decode, encode
from zato.server.pattern import callback
from zato.server.pattern.callback import name_of, now_utc, utc_text
from zato.server.service.call import Call
from zato.server.service.channel_info import channel_of_type
from zato.server.service.data import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zato.server.service.base import Service
    from zato.server.service.invoker import Invoker


class InvocationTimeout(TimeoutException, gevent.Timeout):
    """A service did not answer its caller in time"""

    def __init__(self, service: str, seconds: float, cid: str) -> None:
        gevent.Timeout.__init__(self)  # never to be started, but it has all attributes
        ZatoException.__init__(self, cid, f'Service {service} did not answer in {seconds:g} s')
        self.seconds = seconds

    __str__ = Exception.__str__
    __repr__ = Exception.__repr__


class InvokeOptions(NamedTuple):
    """Those of `Service.invoke`, as documented there."""

    channel: str
    data_format: str
    transport: str
    serialize: bool
    as_bunch: bool
    timeout: float
    raise_timeout: bool
    skip_response_elem: bool


def invoke_with_options(
    invoker: Invoker, caller: Call, target: str | type[Service], payload: Any, options: InvokeOptions
) -> Any:
    """As documented at `Service.invoke`."""
    name, timeout, data_format = name_of(target), options.timeout, options.data_format
    payload = prepared(payload, data_format, caller.cid)
    seconds = _checked(timeout) or None
    timer = gevent.Timeout(seconds)
    timer.start()
    try:
        channel = channel_of_type(options.channel)
        deadline = None if seconds is None else monotonic() + seconds
        response = invoker.invoke_from(caller, name, payload, channel, data_format, options.transport, deadline=deadline)
    except gevent.Timeout as e:
        if e is not timer:
            raise
        if not options.raise_timeout:
            return None
        raise InvocationTimeout(name, timeout, caller.cid) from None
    finally:
        timer.close()
    if options.skip_response_elem:
        response = without_response_elem(response)
    if options.as_bunch:
        response = bunchify(response)
    return encode(response).decode() if options.serialize else response


def _checked(timeout: float | None) -> float | None:
    """Raises ValueError."""
    if timeout is not None and (not isinstance(timeout, int | float) or not timeout >= 0):
        raise ValueError(f'timeout must be a number of seconds, not {timeout!r}')
    return None if timeout == math.inf else timeout


def only_payload(payload: Any, keywords: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments that no option has are the payload where there is none. Raises TypeError where there is one."""
    if isinstance(payload, str) and not payload:
        return keywords
    raise TypeError(f'Unknown keyword arguments: {", ".join(keywords)}; they would be the payload, but another one is given')


def prepared(payload: Any, data_format: str, cid: str, *, to_json_string: bool = False) -> Any:
    """The payload as the target gets it. Raises ZatoException for text that should be JSON and is not. cid: the caller's."""
    if to_json_string:
        return encode(payload).decode()
    if data_format != 'json' or not isinstance(payload, str | bytes) or not payload:
        return payload
    try:
        return decode(payload.encode() if isinstance(payload, str) else payload)
    except (BadRequest, UnicodeEncodeError) as e:  # the caller has made it, not the caller's client
        raise ZatoException(cid, 'The payload of an invocation whose data_format is json is not valid JSON') from e


def without_response_elem(response: Any) -> Any:
    """Without the one key that wraps it: `response`, or one that begins with `zato` (source: classic Zato)."""
    if isinstance(response, dict) and len(response) == 1:
        ((key, value),) = response.items()
        if isinstance(key, str) and (key == 'response' or key.startswith('zato')):
            return value
    return response


def call_back(
    invoker: Invoker, source: str, call: Call, callbacks: Sequence[str], response: Any, error: BaseException | None
) -> None:
    """Invoke the callbacks of an asynchronous call, whether it went well or not; what they raise is logged.

    Their payload is the response; their input has `ok`, `exception`, `response`, `source`, `target`, `cid`, `req_ts_utc` and
    `resp_ts_utc`, and the keys of the response if it is a dict. source: the service that made the call.
    """
    told = {
        'ok': error is None,
        'exception': error,
        'response': response,
        'source': source,
        'target': call.service.name,
        'cid': call.cid,
        'req_ts_utc': utc_text(call.started_utc),
        'resp_ts_utc': now_utc(),
    }
    fields = {**response, **told} if isinstance(response, dict) else told
    for name in callbacks:
        callback.call_back(name, call.service.name, call.cid, partial(_run_callback, invoker, name, call, response, fields))


def _run_callback(invoker: Invoker, name: str, call: Call, response: Any, fields: dict[str, Any]) -> None:
    channel = channel_of_type(CHANNEL.INVOKE_ASYNC_CALLBACK)
    run = Call(invoker.find(name), invoker.cids.new(), channel, None, None, call.principal)
    run.in_reply_to = call.cid
    if call._environ is not None:
        run.environ = call._environ
    request = Request(response, response)
    request.look_in(fields, is_message_first=True)
    invoker.run(run, request)
