"""Users, for admins."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from zato.admin.accounts import attempts, changes
from zato.admin.accounts.forms import CreateUser, Form, SetPassword
from zato.admin.accounts.models import User
from zato.admin.middleware.access import Request
from zato.admin.page import page
from zato.common.config.kind import ROLES
from zato.common.crypto import new_password

logger = logging.getLogger(__name__)


@page('admin')
@require_safe
def show_list(request: Request) -> HttpResponseBase:
    users = list(User.objects.order_by('name_key'))
    locked = attempts.locked_until(users)
    rows = [{'it': user, 'locked_until': locked.get(user.username)} for user in users]
    return render(request, 'zato/accounts/users.html', {'rows': rows})


@page('admin')
@require_http_methods(['GET', 'HEAD', 'POST'])
def create(request: Request) -> HttpResponseBase:
    form = CreateUser(request.POST or None, initial={'role': 'viewer'})
    if form.is_valid():
        values = form.cleaned_data
        given = values.pop('new_password')
        password = given or new_password()
        try:
            user = changes.create(password=password, **values)
        except changes.NotAccepted as e:
            form.add_error('new_password' if e.field == 'password' else e.field or None, e.msg)
        else:
            _log(request, 'users.create', user, f'role {user.role}')
            return _done(request, user, '' if given else password, f'User {user.username} has been created.')
    return render(request, 'zato/accounts/user_create.html', {'form': form}, status=422 if form.errors else 200)


@page('admin')
@require_safe
def show(request: Request, pk: int) -> HttpResponseBase:
    return _show(request, get_object_or_404(User, pk=pk))


@page('admin')
@require_POST
def change(request: Request, pk: int, what: str) -> HttpResponseBase:
    """`version` of the form: which the user had when the page was shown."""
    if what not in _CHANGES:
        raise Http404
    user = get_object_or_404(User, pk=pk)
    version = request.POST.get('version', '')
    user.version = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else -1
    try:
        return _CHANGES[what](request, user)
    except (changes.NotAccepted, changes.NoSuchUser) as e:
        messages.error(request, f'{e.msg}.')
        return redirect('user', pk) if isinstance(e, changes.NotAccepted) else redirect('users')


def _set_role(request: Request, user: User) -> HttpResponseBase:
    role, before = request.POST.get('role', ''), user.role
    if role not in ROLES:
        raise changes.NotAccepted(f'A role is one of: {", ".join(ROLES)}', 'role')
    changed = changes.change(user, role=role)
    _log(request, 'users.role', changed, f'{before} to {role}')
    return _done(request, changed, '', f'{changed.username} has the role {role} now.')


def _set_active(request: Request, user: User) -> HttpResponseBase:
    is_active = request.POST.get('is_active') == 'yes'
    changed = changes.change(user, is_active=is_active)
    done = 'activated' if is_active else 'deactivated'
    _log(request, f'users.{done}', changed)
    return _done(request, changed, '', f'{changed.username} has been {done}.')


def _set_password(request: Request, user: User) -> HttpResponseBase:
    form = SetPassword(request.POST)
    if not form.is_valid():
        return _show(request, user, form)
    given = form.cleaned_data['new_password']
    password = given or new_password()
    try:
        hashed = changes.hashed(password, user)
    except changes.NotAccepted as e:
        form.add_error('new_password', e.msg)
        return _show(request, user, form)
    changed = changes.change(user, password=hashed)
    attempts.forget(user.username)
    _log(request, 'users.password', changed)
    return _done(request, changed, '' if given else password, f'{changed.username} has a new password.')


def _turn_totp_off(request: Request, user: User) -> HttpResponseBase:
    changed = changes.change(user, totp_key='')
    _log(request, 'users.totp.off', changed)
    return _done(request, changed, '', f'{changed.username} logs in without TOTP, until a new key is set up.')


def _unlock(request: Request, user: User) -> HttpResponseBase:
    was_locked = attempts.forget(user.username)
    _log(request, 'users.unlock', user)
    text = f'{user.username} may log in again.' if was_locked else f'{user.username} was not locked.'
    return _done(request, user, '', text)


def _delete(request: Request, user: User) -> HttpResponseBase:
    if user.pk == request.user.pk:
        raise changes.NotAccepted('You cannot delete yourself. Another admin can')
    changes.delete(user)
    _log(request, 'users.delete', user)
    messages.success(request, f'User {user.username} has been deleted.')
    return redirect('users')


_CHANGES: dict[str, Callable[[Request, User], HttpResponseBase]] = {
    'role': _set_role,
    'active': _set_active,
    'password': _set_password,
    'totp': _turn_totp_off,
    'unlock': _unlock,
    'delete': _delete,
}


def _show(request: Request, user: User, password: Form | None = None) -> HttpResponseBase:
    context: dict[str, Any] = {
        'it': user,
        'locked_until': attempts.locked_until([user]).get(user.username),
        'roles': ROLES,
        'form': password or SetPassword(),
        'is_self': user.pk == request.user.pk,
    }
    return render(request, 'zato/accounts/user.html', context, status=422 if password else 200)


def _done(request: Request, user: User, password: str, text: str) -> HttpResponseBase:
    """password: a random one, which is shown here and kept nowhere."""
    if password:
        return render(request, 'zato/accounts/password.html', {'it': user, 'password': password, 'text': text})
    messages.success(request, text)
    return redirect('user', user.pk)


def _log(request: Request, action: str, user: User, more: str = '') -> None:
    text = f'{action}, {more}' if more else action
    logger.warning('User %s has changed user %s: %s', request.user.username, user.username, text, extra={'action': action})
