"""Who really asks, and how, where a load balancer passes requests on: its headers count only if it is trusted."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from django.http import HttpRequest, HttpResponseBase

from zato.admin.runtime import runtime
from zato.common.client_address import TrustedProxies, plain_address

_PROTO, _FOR = 'HTTP_X_FORWARDED_PROTO', 'HTTP_X_FORWARDED_FOR'


class Proxies:
    """Sets REMOTE_ADDR, removes headers that anybody may have written, and keeps cookies of HTTPS away from HTTP."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        _tell_who_asks(request)
        response = self._get_response(request)
        if request.is_secure():
            for cookie in response.cookies.values():
                cookie['secure'] = True
        return response


def _tell_who_asks(request: HttpRequest) -> None:
    address = plain_address(request.META.get('REMOTE_ADDR', ''))
    proto, forwarded = request.META.pop(_PROTO, ''), request.META.pop(_FOR, '')
    proxies = _trusted(runtime().conf.security.trusted_proxies)
    if proxies.trusts(address):
        address = proxies.client_of({b'x-forwarded-for': forwarded.encode('latin-1', 'replace')}, address)
        if proto:  # in which what is left of a comma may be the client's own
            request.META[_PROTO] = proto.rpartition(',')[2].strip()
    request.META['REMOTE_ADDR'] = address


@lru_cache(maxsize=1)
def _trusted(networks: tuple[str, ...]) -> TrustedProxies:
    return TrustedProxies(networks)
