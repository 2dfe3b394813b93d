"""Filters that all templates may use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.template import Library

register = Library()

_UNITS = ('bytes', 'kB', 'MB', 'GB', 'TB')


@register.filter
def size(value: Any) -> str:
    """Bytes as people read them: 1536 → 1.5 kB."""
    amount = float(value or 0)
    for unit in _UNITS[:-1]:
        if amount < 1_000:
            return f'{amount:.0f} {unit}' if unit == 'bytes' or amount >= 100 else f'{amount:.1f} {unit}'
        amount /= 1_000
    return f'{amount:.1f} {_UNITS[-1]}'


@register.filter
def at(value: Any, time_zone: str = 'UTC') -> str:
    """A time, ISO text or a datetime, in the user's time zone; '' for none."""
    if not value:
        return ''
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment.astimezone(ZoneInfo(time_zone or 'UTC')).strftime('%Y-%m-%d %H:%M:%S')


@register.filter
def ago(value: Any) -> str:
    """Seconds as people say them: 90 → 1 min 30 s."""
    seconds = int(float(value or 0))
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    parts = [(days, 'd'), (hours, 'h'), (minutes, 'min'), (seconds, 's')]
    shown = [f'{amount} {unit}' for amount, unit in parts if amount]
    return ' '.join(shown[:2]) or '0 s'
