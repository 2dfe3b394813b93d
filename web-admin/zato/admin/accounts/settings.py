"""What users choose for themselves: how pages look, their password, and TOTP."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from zato.admin.accounts import changes, totp
from zato.admin.accounts.credentials import check_own_password
from zato.admin.accounts.forms import ChangePassword, ConfirmTOTP, Form, OwnPassword, Preferences
from zato.admin.accounts.models import User
from zato.admin.middleware.access import Request
from zato.admin.page import page
from zato.admin.runtime import runtime

logger = logging.getLogger(__name__)

_NEW_KEY = 'zato_totp_key'  #: of a session: encrypted, until a code of it has been given


@page('viewer', takes_posts=True)
@require_http_methods(['GET', 'HEAD', 'POST'])
def show(request: Request) -> HttpResponseBase:
    """And save preferences."""
    if request.method != 'POST':
        return _show(request)
    form = Preferences(request.POST)
    if not form.is_valid():
        return _show(request, preferences=form)
    User.objects.filter(pk=request.user.pk).update(**form.cleaned_data)
    messages.success(request, 'Saved.')
    return redirect('settings')


@page('viewer', takes_posts=True)
@require_POST
def change_password(request: Request) -> HttpResponseBase:
    form = ChangePassword(request.POST)
    if form.is_valid() and _is_own_password(request, form, 'old_password'):
        try:
            password = changes.hashed(form.cleaned_data['new_password'], request.user)
        except changes.NotAccepted as e:
            form.add_error('new_password', e.msg)
        else:
            _change(request, 'settings.password', password=password)
            messages.success(request, 'The password has been changed. Wherever else you were logged in, you no longer are.')
            return redirect('settings')
    return _show(request, password=form)


@page('viewer', is_before_totp=True, takes_posts=True)
@require_http_methods(['GET', 'HEAD', 'POST'])
def set_totp_up(request: Request) -> HttpResponseBase:
    """With a new key, which counts once a code of it has been given. Until then an old one does."""
    new = totp.NewKey(_new_key(request), request.user.username)
    form = ConfirmTOTP(request.POST or None)
    if form.is_valid() and _is_own_password(request, form, 'password'):
        step = totp.current_step_of(new.key, form.cleaned_data['totp_code'])
        if step is not None:
            _change(request, 'settings.totp.on', totp_key=runtime().cipher.encrypt(new.key), totp_step=step)
            request.session.pop(_NEW_KEY, None)
            messages.success(request, 'TOTP is on: from now on you need a code of your app to log in.')
            return redirect('settings')
        text = 'This is not the code of this key. Codes change every 30 seconds; are the clocks of both devices right?'
        form.add_error('totp_code', text)
    is_required = runtime().conf.security.is_totp_required and not request.user.has_totp
    context = {'form': form, 'new': new, 'is_required': is_required}
    return render(request, 'zato/accounts/totp.html', context, status=_status(form))


@page('viewer', takes_posts=True)
@require_POST
def turn_totp_off(request: Request) -> HttpResponseBase:
    form = OwnPassword(request.POST)
    if runtime().conf.security.is_totp_required:
        messages.error(request, 'Everybody needs TOTP here: web-admin.conf says is_totp_required.')
    elif form.is_valid() and _is_own_password(request, form, 'password'):
        _change(request, 'settings.totp.off', totp_key='')
        messages.success(request, 'TOTP is off: the password alone lets you in.')
    else:
        return _show(request, turn_off=form)
    return redirect('settings')


def _show(request: Request, **forms: Form) -> HttpResponseBase:
    user = request.user
    found: dict[str, Any] = {
        'preferences': Preferences(initial={name: getattr(user, name) for name in ('time_zone', 'theme', 'page_size')}),
        'password': ChangePassword(),
        'turn_off': OwnPassword(),
        **forms,
    }
    faulty = next((form for form in forms.values() if form.errors), None)
    context = {**found, 'faulty': faulty, 'is_totp_required': runtime().conf.security.is_totp_required}
    return render(request, 'zato/accounts/settings.html', context, status=_status(faulty))


def _status(form: Form | None) -> int:
    return 422 if form is not None and form.errors else 200


def _is_own_password(request: Request, form: Form, field: str) -> bool:
    wrong = check_own_password(request, request.user, form.cleaned_data[field])
    if wrong:
        form.add_error(field, wrong)
    return not wrong


def _change(request: Request, action: str, **values: Any) -> None:
    """This session goes on; the user's others end."""
    changed = changes.change(request.user, **values)
    update_session_auth_hash(request, changed)
    logger.info('User %s: %s', changed.username, action, extra={'action': action})


def _new_key(request: Request) -> str:
    """The one that the user has been shown, until it is confirmed."""
    encrypted = request.session.get(_NEW_KEY)
    if encrypted is None:
        encrypted = request.session[_NEW_KEY] = runtime().cipher.encrypt(totp.new_key())
    return runtime().cipher.decrypt(encrypted)
