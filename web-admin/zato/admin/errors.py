"""Pages for what Django itself refuses, and for what nobody has foreseen."""

from __future__ import annotations

import sys

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from zato.admin.middleware.problems import is_fragment, show_problem
from zato.admin.page import PUBLIC, page


@page(PUBLIC)
def csrf_failed(request: HttpRequest, reason: str = '') -> HttpResponseBase:
    """The form came from elsewhere, or the session has ended since it was shown."""
    text = 'The form was not sent from a page of this dashboard, or that page is too old. Open it anew and try again.'
    return show_problem(request, 'Not accepted', text, 403)


@page(PUBLIC)
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    return show_problem(request, 'Not found', 'There is no such page.', 404)


@page(PUBLIC)
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    text = 'The request cannot be understood. Is the address one of those that web-admin.conf allows, in allowed_hosts?'
    return show_problem(request, 'Not a valid request', text, 400)


@page(PUBLIC)
def failed(request: HttpRequest) -> HttpResponseBase:
    """What it was is in web-admin.log."""
    if isinstance(sys.exception(), DatabaseError):
        return _show_that_database_is_away(request)
    text = 'web-admin.log says why. Nothing on your servers has stopped.'
    return show_problem(request, 'The dashboard has failed', text, 500)


def _show_that_database_is_away(request: HttpRequest) -> HttpResponseBase:
    """Without anything that would be asked of the database, such as who the user is."""
    context = {
        'title': "The dashboard's database cannot be used",
        'text': 'Users and sessions are in it. Nothing on your servers has stopped.',
        'hint': 'web-admin.log says why. It is work/web-admin.db in the directory of the dashboard.',
    }
    return render(None, 'zato/problem_fragment.html' if is_fragment(request) else 'zato/problem.html', context, status=503)
