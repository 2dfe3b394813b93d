"""Lets requests through to pages that their users may see, with the servers to ask on a user's behalf; logs them all."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic, strftime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from zato.admin.accounts import sessions
from zato.admin.accounts.models import User
from zato.admin.cluster import Calls
from zato.admin.middleware.problems import is_fragment, show_problem
from zato.admin.page import PUBLIC, may, page_of
from zato.admin.runtime import runtime

logger = logging.getLogger('zato_access_log')

_MOST, _MOST_WITHOUT_SESSION = 50_000_000, 16_384  #: bytes of a request's body


class Request(HttpRequest):
    """Of a page with a user, which all but public ones are."""

    user: User
    zato: Calls


class Access:
    """Comes after sessions and authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        start = monotonic()
        sessions.end_if_over(request)
        most = _MOST if request.user.is_authenticated else _MOST_WITHOUT_SESSION
        if _size(request) <= most:
            response = self._get_response(request)
        else:
            response = HttpResponse(f'The request has more than {most:,} bytes', 'text/plain', 413)
        _log(request, response, monotonic() - start)
        return response

    def process_view(
        self, request: Any, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """An answer in place of the page's, None to show the page."""
        declared = page_of(view)
        if declared is None:
            return _forbidden(request, 'This page does not say who may see it, so nobody may')
        user = request.user
        if user.is_authenticated:
            request.zato = runtime().cluster.on_behalf_of(user.username, user.role)
            if not declared.is_polled:
                sessions.see(request)
        if declared.role == PUBLIC:
            return None
        if not user.is_authenticated:
            return _to_log_in(request)
        if runtime().conf.security.is_totp_required and not (user.has_totp or declared.is_before_totp):
            return _to(request, reverse('totp'))
        if not may(user.role, declared.role):
            return _forbidden(request, f'This takes the role {declared.role}, and you have the role {user.role}')
        if not declared.takes_posts and request.method not in ('GET', 'HEAD'):
            return HttpResponseNotAllowed(['GET', 'HEAD'])
        return None


def _size(request: HttpRequest) -> int:
    length = request.META.get('CONTENT_LENGTH') or '0'
    return int(length[:20]) if length.isdecimal() else 0  # of which Django reads nothing


def _to_log_in(request: HttpRequest) -> HttpResponseBase:
    """From there back to the page. Whoever asks for more than a page, or sends a session's ID, has had a session."""
    is_page = request.method == 'GET' and not is_fragment(request)
    wanted = request.get_full_path() if is_page else _seen_before(request)
    query = {'next': wanted} if wanted not in ('', '/', '/zato/') else {}
    if not is_page or settings.SESSION_COOKIE_NAME in request.COOKIES:
        query['ended'] = 'yes'
    address = reverse('log-in')
    return _to(request, f'{address}?{urlencode(query)}' if query else address)


def _seen_before(request: HttpRequest) -> str:
    """Path and query string of the page that the request comes from, '' if nobody says."""
    try:
        parts = urlsplit(request.headers.get('HX-Current-URL') or request.headers.get('Referer', ''))
    except ValueError:
        return ''
    return urlunsplit(('', '', parts.path, parts.query, ''))


def _to(request: HttpRequest, address: str) -> HttpResponseBase:
    """The whole page goes there, even if a part of it was asked for."""
    return HttpResponse(headers={'HX-Redirect': address}) if is_fragment(request) else HttpResponseRedirect(address)


def _forbidden(request: HttpRequest, text: str) -> HttpResponseBase:
    return show_problem(request, 'Not allowed', text, 403)


def _log(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """As web servers write it, with the seconds at the end; without the query string, which has what users looked for."""
    user = quote(getattr(request.user, 'username', '')) or '-'
    address = request.META.get('REMOTE_ADDR', '-')
    asked = f'{request.method} {quote(request.path)}'
    now = strftime('%d/%b/%Y:%H:%M:%S %z')
    logger.info('%s - %s [%s] "%s" %d %.4f', address, user, now, asked, response.status_code, seconds)
