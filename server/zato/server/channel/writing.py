"""What a client is answered: a service's response in the channel's data format, or an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final

from zato.common.exception import Fault, HTTPException, SerialisationError, ZatoException
from zato.server.channel.channel import Channel
from zato.server.channel.compression import accepts_gzip, compress
from zato.server.channel.cors import CORS
from zato.server.http.json import encode
from zato.server.http.message import PHRASES, Request, Response
from zato.server.service import data
from zato.server.service.compiled import CompiledService

JSON: Final = b'application/json'

_WHOLE: Final = (str, bytes, dict, list)
_BLOCK: Final = 65_536
_NO_OPTIONS: Final[dict[str, Any]] = {}
_GZIP_HEADERS: Final = ((b'Content-Encoding', b'gzip'), (b'Vary', b'Accept-Encoding'))
_GZIP: Final = 'gzip'
_VARY: Final = ((b'Vary', b'Accept-Encoding'),)

Header = tuple[bytes, bytes]


def write_response(
    channel: Channel,
    response: data.Response,
    service: CompiledService,
    request: Request,
    cid: str,
) -> Response:
    """Raises ZatoException for what cannot be sent."""
    io = service.io
    options = io.format_options if io is not None else _NO_OPTIONS
    payload = response.payload if channel.envelope is None else channel.envelope(response, cid)
    pieces = _pieces(payload)
    if pieces is None:
        body, content_type = channel.format.write(payload, options)
    else:
        body, content_type = b'', channel.format.write('', options)[1]
    headers = response.take_header_lines()
    if response.content_type:
        content_type = response.content_type.encode('latin-1')
    elif channel.content_type:
        content_type = channel.content_type
    if pieces is None and body and (channel.is_gzip or response.content_encoding == _GZIP):
        if accepts_gzip(request.headers.get(b'accept-encoding', b'')):
            body, headers = compress(body), (*headers, *_GZIP_HEADERS)
        else:
            headers = (*headers, *_VARY)
    if channel.cors is not None:
        headers = with_cors(headers, channel.cors, request)
    answer = Response(_status(response, cid), body, cid, content_type, headers, channel.name)
    if pieces is not None:
        answer.body = pieces
    if response.status_message:
        answer.reason = response.status_message
    return answer


def render_error(status: int, details: Any, cid: str, headers: tuple[Header, ...] = (), channel: str = '-') -> Response:
    """`{"result":"Error","cid":…,"details":…}` (source: classic Zato 3.2). details: defaults to the status's name."""
    return Response(status, encode(_document(status, details, cid)), cid, JSON, headers, channel)


def render_refusal(
    error: HTTPException, details: Any, cid: str, headers: tuple[Header, ...] = (), channel: str = '-'
) -> Response:
    """As `render_error`, with `errors` where more is said of them: `change`, `key` and `text` of each."""
    document = _document(error.status, details, cid)
    told = error.errors if isinstance(error.errors, tuple) else ()  # users' classes may have other things of this name
    faults = [asdict(fault) for fault in told if isinstance(fault, Fault)]
    if faults:
        document['errors'] = faults
    return Response(error.status, encode(document), cid, JSON, headers, channel)


def _document(status: int, details: Any, cid: str) -> dict[str, Any]:
    return {'result': 'Error', 'cid': cid, 'details': details or PHRASES.get(status, 'Error')}


def with_cors(headers: tuple[Header, ...], cors: CORS, request: Request) -> tuple[Header, ...]:
    """The channel's go over those of the service, or there would be two of each."""
    ours = cors.headers_for(request.headers.get(b'origin'))
    names = {name.lower() for name, _ in ours} - {b'vary'}
    return (*(header for header in headers if header[0].lower() not in names), *ours)


def headers_of_failed(response: data.Response | None) -> tuple[Header, ...]:
    """Those that the service set before it failed, but for a content type: the error has its own."""
    try:
        return response.take_header_lines() if response is not None else ()
    except SerialisationError:
        return ()


def _status(response: data.Response, cid: str) -> int:
    status = response.status_code
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ZatoException(cid, f'The status code of the response must be a number from 200 to 599, not {status!r}')
    return int(status)


def _pieces(payload: Any) -> Pieces | None:
    """What is sent piece by piece: iterators of bytes or text, and open files. None for everything else."""
    if payload is None or isinstance(payload, _WHOLE):
        return None
    read = getattr(payload, 'read', None)
    if callable(read):
        return Pieces(_blocks(read), payload)
    return Pieces(payload, payload) if hasattr(type(payload), '__next__') else None


class Pieces:
    """What `source` gives piece by piece, as bytes. It is closed with them, even where none was taken."""

    def __init__(self, pieces: Iterator[Any], source: Any) -> None:
        self._pieces = pieces
        self._source = source

    def __iter__(self) -> Pieces:
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        if isinstance(piece, str):
            return piece.encode()
        if isinstance(piece, bytes | bytearray | memoryview):
            return bytes(piece)
        raise SerialisationError(msg=f'A response is streamed as bytes or text, not {type(piece).__name__}')

    def close(self) -> None:
        close = getattr(self._source, 'close', None)
        if close is not None:
            close()


def _blocks(read: Callable[[int], Any]) -> Iterator[Any]:
    while piece := read(_BLOCK):
        yield piece
