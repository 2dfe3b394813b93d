"""Pages for what goes wrong: servers that are away or answer with an error. What is not foreseen is logged, never shown."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from zato.client.admin import ServerError, ServerUnreachable
from zato.common.exception import ZatoException

logger = logging.getLogger(__name__)


class Problems:
    """The view's exceptions that users can understand; all others are the 500 page's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, e: Exception) -> HttpResponseBase | None:
        """None for what this knows nothing of."""
        if not isinstance(e, ZatoException):
            return None
        title, text, hint, status = explain(e)
        logger.warning('%s: %s', request.path, e, extra={'action': 'dashboard.problem'})
        context = {'title': title, 'text': text, 'hint': hint, 'cid': e.cid}
        name = 'zato/problem_fragment.html' if is_fragment(request) else 'zato/problem.html'
        return render(request, name, context, status=status)


def is_fragment(request: HttpRequest) -> bool:
    """Does htmx ask, for a part of a page? Where it goes back in history it asks for a whole one."""
    headers = request.headers
    return 'HX-Request' in headers and 'HX-Boosted' not in headers and 'HX-History-Restore-Request' not in headers


def explain(e: ZatoException) -> tuple[str, str, str, int]:
    """(title, text, what to do, HTTP status) of a problem."""
    if isinstance(e, ServerUnreachable):
        hint = 'Start the server if it does not run, and look into its server.log. This page works again once it answers.'
        if e.was_sent:
            hint = 'It may have done what it was asked: look before you do it again. ' + hint
        return 'The server did not answer', str(e), hint, 503
    if isinstance(e, ServerError):
        if e.http_status == 200:
            hint = 'Is the address in web-admin.conf, under [servers], that of a server, and not of something else?'
            return 'The server answers with something else', e.details, hint, 502
        if e.http_status in (401, 403):
            title = 'The server refused this'
            if e.http_status == 401:
                hint = 'Is admin_invoke_password in secrets.conf of the dashboard that of the cluster?'
                return title, e.details, hint, 502
            return title, e.details, '', 403
        if e.http_status in (400, 404, 409):
            return (
                {400: 'That is not valid', 404: 'Not found', 409: 'That cannot be done now'}[e.http_status],
                e.details,
                '',
                e.http_status,
            )
        return f'The server answered with an error ({e.http_status})', e.details, 'server.log has more, under the cid', 502
    if e.status == 503:
        hint = 'Start the servers if they do not run. web-admin.conf has their addresses, under [servers].'
        return 'No server answers', str(e), hint, 503
    return 'Not found' if e.status == 404 else 'This did not work', str(e), '', e.status
