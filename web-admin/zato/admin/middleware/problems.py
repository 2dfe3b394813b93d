"""Pages for what goes wrong: servers that are away, or answer with errors or nonsense. The rest is logged, never shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import NoReverseMatch

from zato.client.admin import ServerError, ServerUnreachable
from zato.common.exception import ZatoException

logger = logging.getLogger(__name__)

#: What views raise where an answer is not what they take it for: another type, something missing, an empty name.
_OF_ODD_ANSWERS = (LookupError, TypeError, ValueError, AttributeError, NoReverseMatch)

#: HTTP status → title, where the text says all.
_TITLES = {400: 'That is not valid', 403: 'Not allowed', 404: 'Not found', 409: 'That cannot be done now'}


class Problems:
    """The view's exceptions that users can understand; all others are the 500 page's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, e: Exception) -> HttpResponseBase | None:
        """None for what this knows nothing of."""
        if isinstance(e, ZatoException):
            found = explain(e)
            logger.warning('%s: %a', quote(request.path), str(e), extra={'action': 'dashboard.problem'})
            return show_problem(request, found.title, found.text, found.status, hint=found.hint, cid=e.cid)
        answered = sorted(request.zato.answered) if hasattr(request, 'zato') else []
        if not (answered and isinstance(e, _OF_ODD_ANSWERS)):
            return None
        logger.error('%s cannot be shown', quote(request.path), exc_info=e, extra={'action': 'dashboard.odd-answer'})
        text = f'What {" or ".join(answered)} answered may be nothing that this dashboard understands.'
        hint = 'Are those really Zato servers, of the version that the dashboard has? web-admin.log has more.'
        return show_problem(request, 'This page cannot be shown', text, 502, hint=hint)


def show_problem(request: HttpRequest, title: str, text: str, status: int, **more: str) -> HttpResponseBase:
    """In place of the page, or of the part of it that was asked for. more: `hint`, what to do; `cid`."""
    name = 'zato/problem_fragment.html' if is_fragment(request) else 'zato/problem.html'
    return render(request, name, {'title': title, 'text': text, **more}, status=status)


def is_fragment(request: HttpRequest) -> bool:
    """Does htmx ask, for a part of a page? Where it goes back in history it asks for a whole one."""
    headers = request.headers
    return 'HX-Request' in headers and 'HX-Boosted' not in headers and 'HX-History-Restore-Request' not in headers


class Explanation(NamedTuple):
    """hint: what to do, '' where there is nothing to say of that. status: of HTTP."""

    title: str
    text: str
    hint: str
    status: int


def explain(e: ZatoException) -> Explanation:
    """What users are told of a problem."""
    if isinstance(e, ServerUnreachable):
        hint = 'Start the server if it does not run, and look into its server.log. This page works again once it answers.'
        if e.was_sent:
            hint = 'It may have done what it was asked: look before you do it again. ' + hint
        return Explanation('The server did not answer', str(e), hint, 503)
    if isinstance(e, ServerError):
        return _explain_answer(e)
    if e.status == 503:
        hint = 'Start the servers if they do not run. web-admin.conf has their addresses, under [servers].'
        return Explanation('No server answers', str(e), hint, 503)
    return Explanation(_TITLES.get(e.status, 'This did not work'), str(e), '', e.status)


def _explain_answer(e: ServerError) -> Explanation:
    if e.http_status in _TITLES:
        return Explanation(_TITLES[e.http_status], e.details, '', e.http_status)
    if e.http_status == 200:
        hint = 'Is the address in web-admin.conf, under [servers], that of a server, and not of something else?'
        return Explanation('The server answers with something else', e.details, hint, 502)
    if e.http_status == 401:
        hint = 'Is admin_invoke_password in secrets.conf of the dashboard that of the cluster?'
        return Explanation('The server refused the dashboard', e.details, hint, 502)
    title = f'The server answered with an error ({e.http_status})'
    return Explanation(title, e.details, 'server.log has more, under the cid', 502)
