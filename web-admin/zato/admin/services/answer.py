"""What a service has answered, as the invoker shows it."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from zato.client.admin import ServerError, ServerUnreachable
from zato.common.exception import ZatoException

SHOWN: Final = 200_000  #: characters of a response that a page shows
SAVED: Final = 10_000_000  #: bytes of a response that a page takes along, so that it can be saved as a file

_INDENTED: Final = 4_000_000  #: characters of what is shown indented
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """body: its text, as it came, or the beginning of it. pretty: the same, if it is JSON that reads better indented.

    size: bytes. is_cut: is there more than is shown? is_stopped: more than the server has read? saved: all of it, base64,
    if it is to be offered as a file. milliseconds: -1 if that is not known. error: the exception's text. hint: what to do.
    """

    status: int = 0
    cid: str = ''
    milliseconds: float = -1
    content_type: str = ''
    headers: Mapping[str, str] | None = None
    body: str = ''
    pretty: str = ''
    size: int = 0
    is_binary: bool = False
    is_cut: bool = False
    is_stopped: bool = False
    saved: str = ''
    has_failed: bool = False
    error: str = ''
    error_type: str = ''
    hint: str = ''


def shown_answer(answer: Mapping[str, Any]) -> Shown:
    """answer: of `zato.service.invoke` with a `raw_payload`."""
    status, cid, milliseconds = answer['status_code'], answer['cid'], answer['milliseconds']
    if not answer['is_ok']:
        return Shown(
            status=status,
            cid=cid,
            milliseconds=milliseconds,
            headers=answer['headers'],
            has_failed=True,
            error=answer['error'],
            error_type=answer['error_type'],
        )
    body: str = answer['body']
    data = b64decode(body) if answer['is_base64'] else body.encode()
    is_cut = len(body) > SHOWN and not answer['is_base64']
    return Shown(
        status=status,
        cid=cid,
        milliseconds=milliseconds,
        content_type=answer['content_type'],
        headers=answer['headers'],
        body='' if answer['is_base64'] else body[:SHOWN],
        pretty='' if is_cut or answer['is_base64'] else indented(body),
        size=len(data),
        is_binary=answer['is_base64'],
        is_cut=is_cut,
        is_stopped=answer['is_cut'],
        saved=b64encode(data).decode() if (is_cut or answer['is_base64']) and len(data) <= SAVED else '',
    )


def shown_failure(e: ZatoException) -> Shown:
    """Of a call that no answer of the service came of."""
    if isinstance(e, ServerError):
        status = e.http_status
        return Shown(
            status=status, cid=e.cid, has_failed=True, error=e.details, error_type=_phrase(status), hint=_hint(status)
        )
    hint = 'Start the server if it does not run.'
    if isinstance(e, ServerUnreachable) and e.was_sent:
        hint = 'The service may have run nevertheless: look before you submit this again.'
    return Shown(has_failed=True, error=str(e), hint=hint)


def indented(text: str) -> str:
    """JSON with a line for each value, each written as it came.

    '' if it is none, has its lines already, or is nested so deep that it would be blanks for the most part.
    """
    if not text.lstrip().startswith(('{', '[')):
        return ''
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return ''
    pieces, size = [], 0
    for piece in _pieces(_TOKEN.findall(text)):
        pieces.append(piece)
        size += len(piece)
        if size > _INDENTED:
            return ''
    pretty = ''.join(pieces)
    return '' if pretty == text.strip() else pretty


def _pieces(tokens: list[str]) -> Iterator[str]:
    depth, before = 0, ''
    for token in tokens:
        if token in ('}', ']'):
            depth -= 1
        if (before in ('{', '[', ',') or token in ('}', ']')) and before + token not in ('{}', '[]'):
            yield '\n' + '  ' * depth if before else ''
        yield ': ' if token == ':' else token
        if token in ('{', '['):
            depth += 1
        before = token


def _phrase(status: int) -> str:
    """What HTTP calls it, '' of what it has no name for."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ''


def _hint(status: int) -> str:
    """For answers that the server gives in the service's place."""
    if status == 504:
        return 'The service was ended, wherever it was. Submit it again with a longer timeout.'
    if status == 404:
        return 'Is it active, and deployed on this server?'
    return ''
