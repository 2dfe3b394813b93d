"""Sessions: how one begins, and when it is over. Django keeps them in the database; a browser has nothing but their key."""

from __future__ import annotations

from time import time

from django.contrib.auth import login, logout
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

from zato.admin.accounts.models import User
from zato.admin.runtime import runtime

#: Keys of a session: when it began, and when its user last did something; seconds since 1970.
BEGAN, SEEN = 'zato_began', 'zato_seen'
_SEEN_EVERY = 30.0  #: seconds between updates of the latter, at most


def begin(request: HttpRequest, user: User) -> None:
    """For a user about whom everything has been checked. Nothing of an earlier session of the browser lives on."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    request.session.flush()
    login(request, user)
    request.session[BEGAN] = request.session[SEEN] = time()


def end_if_over(request: HttpRequest) -> None:
    """Its user did nothing for too long, or it has lasted too long."""
    if not request.user.is_authenticated:
        return
    security = runtime().conf.security
    now = time()
    began, seen = request.session.get(BEGAN, 0.0), request.session.get(SEEN, 0.0)
    if now - seen > security.session_timeout or now - began > security.session_max:
        logout(request)


def see(request: HttpRequest) -> None:
    """Its user does something."""
    now = time()
    if now - request.session.get(SEEN, 0.0) > min(_SEEN_EVERY, runtime().conf.security.session_timeout / 4):
        request.session[SEEN] = now
