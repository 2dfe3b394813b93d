"""`self.invoke` with options, and the callbacks of `self.invoke_async`."""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import gevent
from bunch import bunchify

from zato.common.api import CHANNEL
from zato.common.exception import TimeoutException, ZatoException
from zato.server.http.json import decode, encode
from zato.server.service.call import Call
from zato.server.service.channel_info import channel_of_type
from zato.server.service.data import Request

if TYPE_CHECKING:
    from zato.server.service.base import Service
    from zato.server.service.invoker import Invoker

logger = logging.getLogger(__name__)


class InvocationTimeout(TimeoutException, gevent.Timeout):
    """A service did not answer its caller in time"""

    def __init__(self, service: str, seconds: float, cid: str) -> None:
        gevent.Timeout.__init__(self)  # never to be started, but it has all attributes
        ZatoException.__init__(self, cid, f'Service {service} did not answer in {seconds:g} s')
        self.seconds = seconds

    __str__ = Exception.__str__
    __repr__ = Exception.__repr__


def invoke_with_options(
    invoker: Invoker,
    caller: Call,
    target: str | type[Service],
    payload: Any,
    *,
    channel: str,
    data_format: str,
    transport: str,
    serialize: bool,
    as_bunch: bool,
    timeout: float,
    raise_timeout: bool,
    skip_response_elem: bool,
) -> Any:
    """As documented at `Service.invoke`."""
    name = target if isinstance(target, str) else target.get_name()
    payload = prepared(payload, data_format)
    timer = gevent.Timeout(_checked(timeout) or None)
    timer.start()
    try:
        response = invoker.invoke_from(caller, name, payload, channel_of_type(channel), data_format, transport)
    except gevent.Timeout as e:
        if e is not timer:
            raise
        if not raise_timeout:
            return None
        raise InvocationTimeout(name, timeout, caller.cid) from None
    finally:
        timer.close()
    if skip_response_elem:
        response = without_response_elem(response)
    if as_bunch:
        response = bunchify(response)
    return encode(response).decode() if serialize else response


def _checked(timeout: float | None) -> float | None:
    """Raises ValueError."""
    if timeout is not None and (not isinstance(timeout, int | float) or not timeout >= 0):
        raise ValueError(f'timeout must be a number of seconds, not {timeout!r}')
    return None if timeout == math.inf else timeout


def prepared(payload: Any, data_format: str, *, to_json_string: bool = False) -> Any:
    """The payload as the target gets it. Raises BadRequest for text that should be JSON and is not."""
    if to_json_string:
        return encode(payload).decode()
    if data_format == 'json' and isinstance(payload, str | bytes) and payload:
        return decode(payload.encode() if isinstance(payload, str) else payload)
    return payload


def without_response_elem(response: Any) -> Any:
    """Without the one key that wraps it: `response`, or one that begins with `zato` (source: classic Zato)."""
    if isinstance(response, dict) and len(response) == 1:
        ((key, value),) = response.items()
        if isinstance(key, str) and (key == 'response' or key.startswith('zato')):
            return value
    return response


def call_back(
    invoker: Invoker,
    source: str,
    call: Call,
    callbacks: tuple[str, ...],
    response: Any,
    error: BaseException | None,
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
        'req_ts_utc': call.started_utc.replace(tzinfo=None).isoformat(),
        'resp_ts_utc': datetime.now(UTC).replace(tzinfo=None).isoformat(),
    }
    fields = {**response, **told} if isinstance(response, dict) else told
    for name in callbacks:
        try:
            run = Call(
                invoker.find(name),
                invoker.cids.new(),
                channel_of_type(CHANNEL.INVOKE_ASYNC_CALLBACK),
                None,
                None,
                call.principal,
            )
            run.in_reply_to = call.cid
            if call._environ is not None:
                run.environ = call._environ
            request = Request(response, response)
            request.look_in(fields, is_message_first=True)
            invoker.run(run, request)
        except gevent.GreenletExit:
            raise
        except BaseException:  # whatever a service raises is its failure, not the worker's end
            logger.exception(
                'Callback %s of service %s failed (cid: %s)',
                name,
                call.service.name,
                call.cid,
                extra={'action': 'callback.failed', 'cid': call.cid},
            )
