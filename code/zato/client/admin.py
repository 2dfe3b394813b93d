"""Calls services of a server over HTTP, as `admin.invoke`."""

from __future__ import annotations

import http.client
import json
import ssl
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any

from zato.common.exception import ZatoException


class ServerError(ZatoException):
    """The server answered with an error"""

    def __init__(self, cid: str, http_status: int, details: str) -> None:
        super().__init__(cid, f'{http_status}: {details}')
        self.http_status = http_status
        self.details = details


class ServerUnreachable(ZatoException):
    """The server did not answer"""

    retryable = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminClient:
    """timeout: seconds, of connecting and of each wait for data. tls: None for plain HTTP."""

    host: str
    port: int
    password: str = field(repr=False, default='')
    username: str = 'admin.invoke'
    path: str = '/zato/admin/invoke'
    timeout: float = 60.0
    tls: ssl.SSLContext | None = None

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET without credentials. Raises ServerUnreachable."""
        return self._request('GET', path, None, {})

    def invoke(self, service: str, payload: Any = None, *, is_async: bool = False) -> Any:
        """The service's response, parsed if it is JSON; of an asynchronous call, its cid.

        Raises ServerError with what the server said, ServerUnreachable.
        """
        raw = b'' if payload is None else json.dumps(payload).encode()
        body = {'name': service, 'payload': b64encode(raw).decode(), 'is_async': is_async}
        credentials = b64encode(f'{self.username}:{self.password}'.encode()).decode()
        status, answer = self._request(
            'POST', self.path, json.dumps(body).encode(), {'Authorization': f'Basic {credentials}'}
        )
        cid = ''
        try:
            document = json.loads(answer)
            if status == http.client.OK:
                return _parsed(b64decode(document['response']))
            cid, details = document.get('cid', ''), document['details']
        except (ValueError, KeyError, TypeError, AttributeError):
            details = answer[:200].decode(errors='replace')
        raise ServerError(cid, status, details)

    def _request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        if self.tls is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        else:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=self.tls)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as e:
            raise ServerUnreachable(msg=f'No answer from {self.host}:{self.port}: {e or type(e).__name__}') from e
        finally:
            connection.close()


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors='replace')
