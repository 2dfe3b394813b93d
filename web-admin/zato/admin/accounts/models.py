"""What the dashboard keeps of its own: users with their preferences, and how often logging in has failed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.crypto import salted_hmac

from zato.common.config.kind import ROLES

LONGEST_NAME = 150
THEMES = ('system', 'light', 'dark')


def name_key(username: str) -> str:
    """The same for all ways to write one user's name: whatever the case, and whatever characters only look different."""
    return unicodedata.normalize('NFKC', unicodedata.normalize('NFKC', username).casefold()).strip()


class Users(BaseUserManager['User']):
    """Users are found by their name, however it is written."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(name_key=name_key(username or ''))


class User(AbstractBaseUser):
    """role: one of ROLES. totp_key: encrypted; '' where TOTP is off. totp_step: the last time step that a code was used of.

    version: goes up with what ends the user's sessions: each change of password, role, TOTP key, or whether they are active.
    """

    username: models.CharField[str, str] = models.CharField(max_length=LONGEST_NAME)
    name_key: models.CharField[str, str] = models.CharField(max_length=LONGEST_NAME, unique=True)
    email: models.EmailField[str, str] = models.EmailField(blank=True)
    role: models.CharField[str, str] = models.CharField(max_length=20, choices=[(role, role) for role in ROLES])
    is_active: models.BooleanField[bool, bool] = models.BooleanField(default=True)
    totp_key: models.CharField[str, str] = models.CharField(max_length=300, blank=True)
    totp_step: models.BigIntegerField[int, int] = models.BigIntegerField(default=0)
    version: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(default=0)
    created: models.DateTimeField[datetime, datetime] = models.DateTimeField(auto_now_add=True)
    theme: models.CharField[str, str] = models.CharField(
        max_length=10, default='system', choices=[(name, name) for name in THEMES]
    )
    time_zone: models.CharField[str, str] = models.CharField(max_length=60, default='UTC')
    page_size: models.PositiveSmallIntegerField[int, int] = models.PositiveSmallIntegerField(default=50)

    objects: ClassVar[Users] = Users()

    USERNAME_FIELD = 'username'
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    @property
    def has_totp(self) -> bool:
        return bool(self.totp_key)

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        self.name_key = name_key(self.username)
        super().save(*args, update_fields=update_fields, **kwargs)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session must have been begun with to be this user's still."""
        return salted_hmac('zato.session', f'{self.version}:{self.password}', secret=secret, algorithm='sha256').hexdigest()


class LogInFailures(models.Model):
    """Of one user name, failures in a row; of one address, all attempts of a minute. key: 'name:…', hashed, or 'address:…'.

    until: when the wait, or the minute, is over.
    """

    key: models.CharField[str, str] = models.CharField(max_length=100, primary_key=True)
    count: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(default=0)
    until: models.DateTimeField[datetime, datetime] = models.DateTimeField()
