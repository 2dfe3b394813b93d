"""How often logging in has failed, and how long to wait: what makes guessing passwords slow.

Of a user name, failures in a row count, whether there is such a user or not; of an address, all attempts of a minute.
They are in the database: they outlive restarts, and every process and thread counts with all others. An attempt counts as
failed before its password is looked at, so that many at once do not get in more guesses than a few one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Network

from django.db import transaction
from django.utils import timezone

from zato.admin.accounts.models import LogInFailures, User, name_key
from zato.common.config.network import parse_address
from zato.common.config.web_admin_conf import LONGEST_LOCKOUT, Security

MOST_KEPT = 10_000  #: names and addresses
_FORGOTTEN_AFTER = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_NETWORK_BITS = 64  #: of an IPv6 address; one host can have all the others


@dataclass(frozen=True, slots=True)
class Attempt:
    """wait: seconds until there may be one, 0.0 if now. next_wait: what follows if this one fails.

    is_told: has another one had to wait already, within this minute?
    """

    wait: float = 0.0
    next_wait: float = 0.0
    is_told: bool = False


class Attempts:
    """Counts for one request; `now` is for tests."""

    def __init__(self, security: Security, now: Callable[[], datetime] = timezone.now) -> None:
        self._security = security
        self._now = now

    @transaction.atomic
    def of_address(self, address: str) -> Attempt:
        """One more from there."""
        now = self._now()
        row = _row(_address_key(address), now)
        if row.until <= now:
            row.count, row.until = 0, now + _MINUTE
        excess = row.count - self._security.log_ins_per_minute
        if excess <= 0:
            row.count += 1
            row.save()
        wait = (row.until - now).total_seconds() if excess >= 0 else 0.0
        return Attempt(wait=wait, is_told=excess > 0)

    @transaction.atomic
    def of_name(self, username: str) -> Attempt:
        """One more, which has failed unless `forget` is called."""
        now = self._now()
        row = _row(_name_key(username), now)
        if row.until > now:
            return Attempt(wait=(row.until - now).total_seconds())
        if row.until < now - _FORGOTTEN_AFTER:
            row.count = 0
        row.count += 1
        pause = self._pause(row.count)
        row.until = now + timedelta(seconds=pause)
        row.save()
        return Attempt(next_wait=pause)

    def _pause(self, count: int) -> float:
        excess = count - self._security.lockout_after
        return min(self._security.lockout_time * 2.0 ** min(excess, 32), LONGEST_LOCKOUT) if excess >= 0 else 0.0


def forget(username: str) -> bool:
    """Failures with this name count no more. Was there a wait?"""
    found = LogInFailures.objects.filter(key=_name_key(username))
    was_locked = found.filter(until__gt=timezone.now()).exists()
    found.delete()
    return was_locked


def locked_until(users: Iterable[User]) -> dict[str, datetime]:
    """By user name, of those who have to wait."""
    keys = {_name_key(user.username): user.username for user in users}
    locked = LogInFailures.objects.filter(key__startswith='name:', until__gt=timezone.now())
    return {keys[row.key]: row.until for row in locked if row.key in keys}


def _row(key: str, now: datetime) -> LogInFailures:
    row = LogInFailures.objects.filter(key=key).first()
    if row is None:
        _make_room(now)
        row = LogInFailures(key=key, until=now)
    if row.until > now + timedelta(seconds=LONGEST_LOCKOUT):  # the clock was ahead then
        row.count, row.until = 0, now
    return row


def _make_room(now: datetime) -> None:
    """What is over goes; past the limit, that of the fewest failures, whose loss helps nobody to guess."""
    LogInFailures.objects.filter(until__lt=now - _FORGOTTEN_AFTER).delete()
    if LogInFailures.objects.count() < MOST_KEPT:
        return
    LogInFailures.objects.filter(key__startswith='address:', until__lte=now).delete()
    excess = LogInFailures.objects.count() - MOST_KEPT + 1
    if excess > 0:
        fewest = LogInFailures.objects.order_by('count', 'until').values_list('key', flat=True)[:excess]
        LogInFailures.objects.filter(key__in=list(fewest)).delete()


def _name_key(username: str) -> str:
    """Hashed: it is as long for each, and what somebody typed, perhaps a password by mistake, is not kept."""
    return f'name:{sha256(name_key(username).encode("utf-8", "replace")).hexdigest()}'


def _address_key(address: str) -> str:
    parsed = parse_address(address)
    if parsed is not None and parsed.version == 6:
        return f'address:{IPv6Network((int(parsed), _NETWORK_BITS), strict=False)}'
    return f'address:{parsed}'
