"""Who somebody is: user name, password and TOTP code, checked as a whole, and no faster than guessing must be.

Whatever is wrong, the answer is the same, and takes the same work: nobody learns that a user exists, or that only the code
was wrong.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import ceil

from django.contrib.auth import authenticate
from django.http import HttpRequest

from zato.admin.accounts import attempts, totp
from zato.admin.accounts.attempts import Attempt, Attempts
from zato.admin.accounts.models import LONGEST_NAME, User, name_key
from zato.admin.runtime import runtime
from zato.admin.template_tags import ago
from zato.common.exception import CryptoError

logger = logging.getLogger(__name__)

_WRONG = 'The user name, the password or the code is not right.'


@dataclass(frozen=True, slots=True)
class Refusal:
    """text: for whoever tries. wait: whole seconds until they may try again, 0 if at once. status: HTTP's."""

    text: str
    wait: int = 0
    status: int = 403


def check(request: HttpRequest, username: str, password: str, code: str) -> User | Refusal:
    """The user, about whom everything has been checked, or why not."""
    address = request.META['REMOTE_ADDR']
    counts = Attempts(runtime().conf.security)
    from_there = counts.of_address(address)
    if from_there.wait:
        if not from_there.is_told:
            logger.warning('Too many log-ins from %s', address, extra={'action': 'log_in.limited'})
        return _to_wait('There were too many log-ins from your address.', from_there.wait)
    username = username[: LONGEST_NAME + 1]  # which is nobody's
    who = _named(username)
    attempt = counts.of_name(username)
    if attempt.wait:
        text = 'Log-in from %s refused: %s is locked for another %s'
        logger.warning(text, address, who, ago(ceil(attempt.wait)), extra={'action': 'log_in.locked'})
        return _to_wait('There were too many failed log-ins with this user name.', attempt.wait)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User) or (user.has_totp and not _is_code_right(user, code)):
        _log_failure(who, address, attempt)
        text = f'{_WRONG} Wait {ago(attempt.next_wait)} before you try again.' if attempt.next_wait else _WRONG
        return Refusal(text, ceil(attempt.next_wait))
    attempts.forget(username)
    return user


def check_own_password(request: HttpRequest, user: User, password: str) -> str:
    """What is wrong with it, '' if it is the user's. Failures count as those of log-ins do: a session is no way to guess."""
    counts = Attempts(runtime().conf.security)
    attempt = counts.of_name(user.username)
    if attempt.wait:
        return _to_wait('A wrong password was given too often.', attempt.wait).text
    if not user.check_password(password):
        _log_failure(_named(user.username), request.META['REMOTE_ADDR'], attempt)
        return (
            f'This is not your password. Wait {ago(attempt.next_wait)}.'
            if attempt.next_wait
            else 'This is not your password.'
        )
    attempts.forget(user.username)
    return ''


def _is_code_right(user: User, code: str) -> bool:
    try:
        return totp.use(user, code)
    except CryptoError as e:
        text = 'The TOTP key of user %s cannot be used: %s. Has secrets.conf another key now? See zato reset-totp-key'
        logger.error(text, user.username, e, extra={'action': 'log_in.key.failed'})
        return False


def _to_wait(reason: str, seconds: float) -> Refusal:
    wait = ceil(seconds)
    return Refusal(f'{reason} Wait {ago(wait)} before you try again.', wait, 429)


def _named(username: str) -> str:
    """For the log. What is nobody's name may be a password, typed into the wrong box."""
    is_known = User.objects.filter(name_key=name_key(username)).exists()
    return f'user {username!a}' if is_known else 'an unknown user'


def _log_failure(who: str, address: str, attempt: Attempt) -> None:
    logger.warning('Log-in of %s from %s failed', who, address, extra={'action': 'log_in.failed'})
    if attempt.next_wait:
        text = 'Now %s is locked for %s; zato update password, or Unlock on the Users page, ends that'
        logger.warning(text, who, ago(attempt.next_wait), extra={'action': 'log_in.locked'})
