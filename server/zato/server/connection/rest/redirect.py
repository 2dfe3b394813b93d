"""What is sent after an answer that says: look there (source: RFC 9110, 15.4)."""

from __future__ import annotations

import string
from dataclasses import replace
from typing import Final
from urllib.parse import quote, urljoin

from zato.common.exception import RedirectRefused
from zato.server.connection.rest.failure import Broken
from zato.server.connection.rest.message import Inbound, Outbound
from zato.server.connection.rest.origin import split

_STATUSES: Final = {301, 302, 303, 307, 308}

#: Headers that no other origin gets.
_PRIVATE: Final = frozenset({'authorization', 'cookie', 'proxy-authorization', 'host'})


class Redirects:
    """Those of one call. most: how many are followed."""

    def __init__(self, first: Outbound, *, most: int) -> None:
        self._most = most if first.follows_redirects else 0
        self._private = first.private_headers | _PRIVATE
        self._seen = [(first.method, first.url)]

    def follow(self, request: Outbound, answer: Inbound) -> Outbound | None:
        """The request that comes next; None if the answer is not one that says where to look. Raises Broken."""
        location = answer.headers.get('location') if answer.status in _STATUSES else None
        if location is None or not self._most:
            return None
        after = _to(_absolute(request.url, location), request, answer.status, self._private)
        place = (after.method, after.url)
        if place in self._seen:
            raise Broken(RedirectRefused, f'it redirects in a circle, after {len(self._seen) - 1} redirects')
        if len(self._seen) > self._most:
            raise Broken(RedirectRefused, f'it redirects more than {self._most} times, the max_redirects of this connection')
        self._seen.append(place)
        return after


def _absolute(base: str, location: str) -> str:
    """Percent-encoded, without a user name and a fragment. Raises Broken."""
    try:
        url = urljoin(base, quote(location.encode('latin-1'), safe=string.punctuation)).partition('#')[0]
        origin, target = split(url)
    except ValueError:
        raise Broken(
            RedirectRefused, 'it redirects to what is not an address that begins with http:// or https://'
        ) from None
    return f'{origin.scheme}://{origin.authority}{target}'


def _to(url: str, request: Outbound, status: int, private: frozenset[str]) -> Outbound:
    """The same request, as far as its status and the new address allow. Raises Broken."""
    old, new = split(request.url)[0], split(url)[0]
    if old.scheme == 'https' and new.scheme == 'http':
        raise Broken(RedirectRefused, f'it redirects to {new}, which has no TLS')
    headers = dict(request.headers)
    if old != new:
        headers = {name: value for name, value in headers.items() if name.lower() not in private}
    becomes_get = (status == 303 and request.method != 'HEAD') or (status in (301, 302) and request.method == 'POST')
    if not becomes_get:
        return replace(request, url=url, headers=headers)
    headers = {name: value for name, value in headers.items() if not _describes_body(name.lower())}
    return replace(request, url=url, headers=headers, method='GET', body=b'')


def _describes_body(name: str) -> bool:
    return name.startswith('content-') or name == 'transfer-encoding'
