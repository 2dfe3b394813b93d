"""What a service asks of an outgoing REST connection: one call, before it becomes a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any, Final

from zato.common.config.option import nearest
from zato.common.exception import RequestInvalid

METHODS: Final = frozenset({'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'})

#: Keyword arguments of the requests library that have another place here, and where that is.
_ELSEWHERE: Final = {
    'auth': 'give the connection a security definition, or name one with sec_def_name',
    'cert': 'set tls_client_cert and tls_client_key of the connection',
    'cookies': "give them as headers={'Cookie': …}",
    'files': 'send a file with upload',
    'hooks': 'do with the response what they would do',
    'max_retries': 'set max_retries of the connection',
    'proxies': 'proxies are not used',
    'retry_backoff_threshold': 'set max_retries and retry_sleep_time of the connection',
    'retry_sleep_time': 'set retry_sleep_time of the connection',
    'stream': 'answers are read whole, up to max_response of the connection',
    'verify': 'set tls_verify and tls_ca_certs of the connection',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The call of a service that an outgoing call is part of.

    traceparent, tracestate: headers of the request over HTTP that the service serves, '' without one. deadline: monotonic
    seconds by which it has to be done. is_repeated: does whoever calls try again by itself, so that the connection does not?
    """

    cid: str
    traceparent: str = ''
    tracestate: str = ''
    deadline: float | None = None
    is_repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """headers: more, or in place of the connection's own; None leaves one out. model: what `data` of the response becomes.

    timeout: seconds that the whole call may take, beside the connection's own limits. sec_def_name: in place of the
    connection's security definition; auth_scopes: in place of those of a bearer token definition, as text or a list.
    """

    method: str
    data: Any = ''
    json: Any = None
    params: Any = None
    headers: Mapping[str, Any] | None = field(default=None, repr=False)
    model: Any = None
    timeout: float | None = None
    allow_redirects: bool = True
    sec_def_name: str | None = None
    auth_scopes: Any = ''


OPTIONS: Final = tuple(item.name for item in fields(Ask) if item.name != 'method')


def make_ask(method: str, given: Mapping[str, Any], options: Mapping[str, Any]) -> Ask:
    """given: by position. Raises RequestInvalid, TypeError for an option that there is not."""
    if method not in METHODS:
        raise RequestInvalid(
            msg=f'{method!r} is not a method that calls are made with; one is: {", ".join(sorted(METHODS))}'
        )
    for name in options:
        if name in given:
            raise TypeError(f'`{name}` is given twice')
        if name not in OPTIONS:
            raise TypeError(_unknown(name))
    ask = Ask(method=method, **given, **options)
    if ask.json is not None and not _is_nothing(ask.data):
        raise TypeError('Of `data` and `json` one may be given')
    if ask.headers is not None and not isinstance(ask.headers, Mapping):
        raise TypeError(f'`headers` must be a dict, not {type(ask.headers).__name__}')
    timeout = ask.timeout
    if timeout is not None:
        is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
        if not is_number or not isfinite(timeout) or timeout <= 0:
            raise TypeError(f'`timeout` must be a number of seconds above 0, not {timeout!r}')
    return ask


def _unknown(name: str) -> str:
    if name in _ELSEWHERE:
        return f'`{name}` is not an option of calls: {_ELSEWHERE[name]}'
    return f'`{name}` is not an option of calls{nearest(name, list(OPTIONS))}; there are: {", ".join(OPTIONS)}'


def _is_nothing(data: Any) -> bool:
    return data is None or (isinstance(data, str | bytes) and not data)
