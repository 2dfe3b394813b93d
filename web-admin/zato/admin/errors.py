"""Pages for what Django itself refuses, and for what nobody has foreseen."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from zato.admin.middleware.problems import is_fragment
from zato.admin.page import PUBLIC, page


@page(PUBLIC)
def csrf_failed(request: HttpRequest, reason: str = '') -> HttpResponseBase:
    """The form came from elsewhere, or the session has ended since it was shown."""
    text = 'The form was not sent from a page of this dashboard, or that page is too old. Open it anew and try again.'
    return _show(request, 'Not accepted', text, 403)


@page(PUBLIC)
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    return _show(request, 'Not found', 'There is no such page.', 404)


@page(PUBLIC)
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    text = 'The request cannot be understood. Is the address one of those that web-admin.conf allows, in allowed_hosts?'
    return _show(request, 'Not a valid request', text, 400)


@page(PUBLIC)
def failed(request: HttpRequest) -> HttpResponseBase:
    """What it was is in web-admin.log."""
    return _show(request, 'The dashboard has failed', 'web-admin.log says why. Nothing on your servers has stopped.', 500)


def _show(request: HttpRequest, title: str, text: str, status: int) -> HttpResponseBase:
    name = 'zato/problem_fragment.html' if is_fragment(request) else 'zato/problem.html'
    return render(request, name, {'title': title, 'text': text}, status=status)
