"""Logging in and out."""

from __future__ import annotations

import logging

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from zato.admin.accounts import sessions
from zato.admin.accounts.credentials import Refusal, check
from zato.admin.page import PUBLIC, page

logger = logging.getLogger(__name__)


@page(PUBLIC)
@require_http_methods(['GET', 'HEAD', 'POST'])
def log_in(request: HttpRequest) -> HttpResponseBase:
    """There is no session before the password, and the code of those who have TOTP, have been checked."""
    if request.method != 'POST':
        return redirect(_next(request)) if request.user.is_authenticated else _show(request, None)
    username, password, code = (request.POST.get(key, '') for key in ('username', 'password', 'totp_code'))
    found = check(request, username, password, code)
    if isinstance(found, Refusal):
        return _show(request, found)
    sessions.begin(request, found)
    text = 'User %s has logged in from %s'
    logger.info(text, found.username, request.META['REMOTE_ADDR'], extra={'action': 'log_in.done'})
    return redirect(_next(request))


@page(PUBLIC)
@require_POST
def log_out(request: HttpRequest) -> HttpResponseBase:
    if request.user.is_authenticated:
        logger.info('User %s has logged out', request.user.get_username(), extra={'action': 'log_out.done'})
    logout(request)
    return redirect('log-in')


def _show(request: HttpRequest, refusal: Refusal | None) -> HttpResponseBase:
    has_ended = 'ended' in request.GET and refusal is None
    context = {'refusal': refusal, 'has_ended': has_ended, 'username': request.POST.get('username', '')[:200]}
    response = render(request, 'zato/accounts/log_in.html', context, status=refusal.status if refusal else 200)
    if refusal and refusal.wait:
        response.headers['Retry-After'] = str(refusal.wait)
    return response


def _next(request: HttpRequest) -> str:
    """The page that led here; never one elsewhere."""
    wanted = request.GET.get('next', '')
    is_own = wanted.startswith('/') and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if is_own else resolve_url('home')
