"""Calls services of a server over HTTP, as `admin.invoke`."""

from __future__ import annotations

import http.client
import json
import ssl
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Any

from zato.client.timed_socket import TimedSocket
from zato.common.exception import ZatoException


class ServerError(ZatoException):
    """The server answered with an error"""

    def __init__(self, cid: str, http_status: int, details: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        """errors: of changes, what is wrong with which setting: `change`, `key`, `text`."""
        super().__init__(cid, f'{http_status}: {details}')
        self.http_status = http_status
        self.details = details
        self.errors = errors


class ServerUnreachable(ZatoException):
    """The server did not answer"""

    retryable = True

    def __init__(self, msg: str, *, was_sent: bool) -> None:
        """was_sent: may the server have got the request, and done what it says?"""
        super().__init__(msg=msg)
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """payload: the service's response, parsed if it is JSON. text: the same as it came. seconds: that the service took."""

    payload: Any
    text: str
    cid: str
    seconds: float
    headers: Mapping[str, str]
    environment: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminClient:
    """timeout: seconds from sending to the end of the answer; connect_timeout: of connecting. tls: None for plain HTTP.

    max_size: bytes of an answer. user, role: on whose behalf calls are made, '' for the client's own.
    """

    host: str
    port: int
    password: str = field(repr=False, default='')
    username: str = 'admin.invoke'
    path: str = '/zato/admin/invoke'
    timeout: float = 60.0
    connect_timeout: float = 60.0
    max_size: int = 1_000_000_000
    tls: ssl.SSLContext | None = None
    user: str = ''
    role: str = ''

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET without credentials. Raises ServerUnreachable."""
        status, _, body = self._request('GET', path, None, {})
        return status, body

    def invoke(self, service: str, payload: Any = None, *, is_async: bool = False) -> Any:
        """The service's response, parsed if it is JSON; of an asynchronous call, its cid.

        Raises ServerError with what the server said, ServerUnreachable.
        """
        return self.call(service, payload, is_async=is_async).payload

    def call(self, service: str, payload: Any = None, **options: Any) -> Answer:
        """options: further keys of `zato.service.invoke`. Raises as `invoke` does."""
        raw = b'' if payload is None else json.dumps(payload).encode()
        request = {'name': service, 'payload': b64encode(raw).decode(), **options}
        credentials = b64encode(f'{self.username}:{self.password}'.encode()).decode()
        sent = {'Authorization': f'Basic {credentials}'}
        if self.user or self.role:
            sent.update({'X-Zato-Admin-User': self.user.encode().decode('latin-1'), 'X-Zato-Admin-Role': self.role})
        status, headers, body = self._request('POST', self.path, json.dumps(request).encode(), sent)
        return _answer(status, headers, body)

    def _request(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, HTTPMessage, bytes]:
        if self.tls is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=self.connect_timeout)
        else:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.connect_timeout, context=self.tls)
        was_sent = False
        try:
            connection.connect()
            connection.sock = TimedSocket(connection.sock, self.timeout)
            was_sent = True
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            read = response.read(self.max_size + 1)
            if response.length and len(read) <= self.max_size:  # which only a read of everything tells by itself
                raise http.client.IncompleteRead(read, response.length)
        except (OSError, http.client.HTTPException) as e:
            text = f'No answer from {self.host}:{self.port}: {_printable(str(e)) or type(e).__name__}'
            raise ServerUnreachable(text, was_sent=was_sent) from e
        finally:
            connection.close()
        if len(read) > self.max_size:
            raise ServerError('', http.client.BAD_GATEWAY, f'The answer has more than {self.max_size:,} bytes')
        return response.status, response.headers, read


def _printable(text: str) -> str:
    """On one line: what is no HTTP is quoted in such errors, whatever it is."""
    return ''.join(character if character.isprintable() else repr(character)[1:-1] for character in text[:200])


def _answer(status: int, headers: HTTPMessage, body: bytes) -> Answer:
    """Raises ServerError."""
    cid, errors = '', list[dict[str, Any]]()
    try:
        document = json.loads(body)
        if status == http.client.OK:
            text = b64decode(document['response']).decode(errors='replace')
            return Answer(
                payload=_parsed(text),
                text=text,
                cid=headers.get('X-Zato-CID', ''),
                seconds=float(headers.get('X-Zato-Response-Time') or 0),
                headers={name.lower(): value for name, value in headers.items()},
                environment=dict(document.get('zato_env') or {}),
            )
        cid, details, errors = (
            document.get('cid', ''),
            document['details'],
            [dict(error) for error in document.get('errors', ())],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        details = body[:200].decode(errors='replace')
    raise ServerError(cid, status, str(details), errors)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
