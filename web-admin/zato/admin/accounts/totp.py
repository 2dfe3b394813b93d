"""Time-based one-time passwords (RFC 6238): six digits, a new code every 30 seconds, each good once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hmac import compare_digest
from time import time

import pyotp
import segno

from zato.admin.accounts.models import User
from zato.admin.runtime import runtime

_SECONDS = 30
_CLOCKS_MAY_DIFFER = 1  #: steps, either way
_ISSUER = 'Zato'


@dataclass(frozen=True, slots=True)
class NewKey:
    """As an app takes it over. key: Base32. uri: otpauth://… . qr_code: of the latter, an image as a data: address."""

    key: str
    username: str

    @property
    def uri(self) -> str:
        return pyotp.TOTP(self.key).provisioning_uri(name=self.username, issuer_name=_ISSUER)

    @property
    def qr_code(self) -> str:
        return segno.make(self.uri, error='m', micro=False).svg_data_uri(scale=5, border=4, dark='#000', light='#fff')

    @property
    def in_groups(self) -> str:
        """The key as people read it."""
        return ' '.join(re.findall('.{1,4}', self.key))


def new_key() -> str:
    """160 random bits, in Base32."""
    return pyotp.random_base32()


def step_of(key: str, code: str, now: float) -> int | None:
    """The time step that the code is of, if it is a step near `now`, in seconds since 1970."""
    digits = code.replace(' ', '')
    current = int(now) // _SECONDS
    if not (digits.isascii() and digits.isdigit()):
        return None
    totp = pyotp.TOTP(key, interval=_SECONDS)
    for step in range(current - _CLOCKS_MAY_DIFFER, current + _CLOCKS_MAY_DIFFER + 1):
        if compare_digest(digits, totp.generate_otp(step)):
            return step
    return None


def current_step_of(key: str, code: str) -> int | None:
    """As `step_of`, now."""
    return step_of(key, code, time())


def use(user: User, code: str) -> bool:
    """Is it right, and has neither it nor a later one been used? It is used from here on. Raises CryptoError."""
    step = current_step_of(runtime().cipher.decrypt(user.totp_key), code)
    if step is None:
        return False
    unused = User.objects.filter(pk=user.pk, totp_key=user.totp_key, totp_step__lt=step)
    return bool(unused.update(totp_step=step))
