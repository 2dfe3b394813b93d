"""Headers of requests: what users give is checked, and where a call belongs goes along (W3C Trace Context)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from zato.common.exception import RequestInvalid
from zato.common.version import version
from zato.server.connection.rest.ask import Context

USER_AGENT: Final = f'Zato/{version}'

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_VALUE: Final = re.compile(r'[\t\x20-\x7e\x80-\xff]*').fullmatch
_CID: Final = re.compile(r'[0-9a-f]{24}').fullmatch
_TRACEPARENT: Final = re.compile(r'([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?').fullmatch

#: Made of the body, or of the connection; two of them, or wrong ones, would let requests be read as others.
_OURS: Final = frozenset(
    {'connection', 'content-length', 'expect', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'}
)
_NOT_RECORDED: Final = '00'
_SPAN_BYTES: Final = 8
_TRACE_BYTES: Final = 16


def checked(title: str, given: Mapping[Any, Any]) -> dict[str, str | None]:
    """Headers that a user gave; of those that differ in case alone, the last one.

    Raises RequestInvalid, which names the header and not its value, that may be a secret.
    """
    found: dict[str, str | None] = {}
    names: dict[str, str] = {}  # in lower case → as given
    for name, value in given.items():
        name = name.decode('latin-1') if isinstance(name, bytes) else name
        if not isinstance(name, str) or not _NAME(name):
            raise RequestInvalid(msg=f'{title}: {name!r} cannot be the name of a header')
        lower = name.lower()
        if lower in _OURS:
            raise RequestInvalid(msg=f'{title}: header {name} is made by the server and cannot be given')
        if lower in names:
            del found[names[lower]]
        names[lower] = name
        found[name] = None if value is None else _line(title, name, value)
    return found


def _line(title: str, name: str, value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode('latin-1')
    elif not isinstance(value, str):
        value = str(value)
    value = value.strip(' \t')
    if not _VALUE(value):
        raise RequestInvalid(
            msg=f'{title}: header {name} has a line break in it, or another character that headers cannot have'
        )
    return str(value)


def trace_headers(context: Context) -> dict[str, str]:
    """traceparent, and tracestate where one came in: the trace of the incoming request, or one named after the cid."""
    span = secrets.token_hex(_SPAN_BYTES)
    came = _TRACEPARENT(context.traceparent)
    if came is not None and _is_valid(came):
        headers = {'traceparent': f'00-{came[2]}-{span}-{came[4]}'}
        if context.tracestate:
            headers['tracestate'] = context.tracestate
        return headers
    is_ours = _CID(context.cid) is not None and bool(context.cid.strip('0'))
    trace = context.cid.rjust(2 * _TRACE_BYTES, '0') if is_ours else secrets.token_hex(_TRACE_BYTES)
    return {'traceparent': f'00-{trace}-{span}-{_NOT_RECORDED}'}


def _is_valid(came: re.Match[str]) -> bool:
    version, trace, parent, _, more = came.groups()
    return version != 'ff' and (version != '00' or more is None) and bool(trace.strip('0')) and bool(parent.strip('0'))
