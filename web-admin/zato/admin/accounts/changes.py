"""Changes of users, by admins, by the command line and by users themselves. What changes who one is ends one's sessions.

Each is one transaction, which SQLite lets in one by one, so that there is an active admin always.
"""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from zato.admin.accounts.models import LONGEST_NAME, User, name_key
from zato.common.config.kind import ROLES
from zato.common.exception import ZatoException

_LONGEST_PASSWORD = 1_000
_FAILED = 16  #: exit code of commands, as of the command line


class NotAccepted(ZatoException):
    """A user cannot be changed like this"""

    status = 409
    exit_code: ClassVar[int] = _FAILED

    def __init__(self, msg: str, field: str = '') -> None:
        """field: the name of what is wrong, '' if it is no single one."""
        super().__init__(msg=msg)
        self.field = field


class NoSuchUser(ZatoException):
    """There is no such user"""

    status = 404
    exit_code: ClassVar[int] = _FAILED


def create(*, username: str, email: str, role: str, password: str) -> User:
    """Raises NotAccepted."""
    user = User(username=_checked_name(username), email=_checked_email(email), role=_checked_role(role))
    user.password = hashed(password, user)
    with transaction.atomic():
        if User.objects.filter(name_key=name_key(user.username)).exists():
            raise NotAccepted(f'There is a user {user.username} already', 'username')
        user.save()
    return user


def change(user: User, *, is_stale_fine: bool = False, **values: Any) -> User:
    """The user with other values, whose sessions have ended. user: as it was when somebody decided on this.

    is_stale_fine: may the user have been changed meanwhile? Raises NotAccepted, NoSuchUser.
    """
    with transaction.atomic():
        current = _current(user, is_stale_fine)
        was_admin = _is_active_admin(current)
        for name, value in values.items():
            setattr(current, name, value)
        if was_admin and not _is_active_admin(current):
            _check_another_admin(current)
        current.version += 1
        current.save()
    return current


def delete(user: User) -> None:
    """As `change`."""
    with transaction.atomic():
        current = _current(user, is_stale_fine=False)
        if _is_active_admin(current):
            _check_another_admin(current)
        current.delete()


def hashed(password: str, user: User) -> str:
    """For the user's `password`. Raises NotAccepted."""
    if len(password) > _LONGEST_PASSWORD:
        raise NotAccepted(f'A password has at most {_LONGEST_PASSWORD} characters', 'password')
    try:
        validate_password(password, user)
    except ValidationError as e:
        raise NotAccepted(' '.join(e.messages), 'password') from None
    return make_password(password)


def find(username: str) -> User:
    """Raises NoSuchUser."""
    try:
        return User.objects.get_by_natural_key(username)
    except User.DoesNotExist:
        raise NoSuchUser(msg=f'There is no user {username!r}') from None


def _current(user: User, is_stale_fine: bool) -> User:
    try:
        current = User.objects.get(pk=user.pk)
    except User.DoesNotExist:
        raise NoSuchUser(msg=f'There is no user {user.username} any more') from None
    if current.version != user.version and not is_stale_fine:
        raise NotAccepted(f'User {user.username} has been changed meanwhile. Look at what it is now, and try again')
    return current


def _is_active_admin(user: User) -> bool:
    return user.is_active and user.role == 'admin'


def _check_another_admin(user: User) -> None:
    if not User.objects.filter(is_active=True, role='admin').exclude(pk=user.pk).exists():
        raise NotAccepted(f'User {user.username} is the last active admin. Make somebody else one first')


def _checked_name(text: str) -> str:
    name = unicodedata.normalize('NFKC', text)
    is_short = len(name) <= LONGEST_NAME and len(name_key(name)) <= LONGEST_NAME
    if not (name and name.isprintable() and name == name.strip() and is_short):
        rule = f'A user name has 1 to {LONGEST_NAME} printable characters, with no space at either end'
        raise NotAccepted(rule, 'username')
    return name


def _checked_email(text: str) -> str:
    try:
        if text:
            validate_email(text)
    except ValidationError:
        raise NotAccepted(f'An e-mail address is like jane@example.com, not {text!r}', 'email') from None
    return text


def _checked_role(text: str) -> str:
    if text not in ROLES:
        raise NotAccepted(f'A role is one of: {", ".join(ROLES)}; not {text!r}', 'role')
    return text
