"""`self.time`: now, and days around it, as text in the format of Arrow's tokens, or as Arrow objects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from zato.common.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from arrow import Arrow

_SECOND: Final = 'YYYY-MM-DDTHH:mm:ss'
_DAY: Final = 'YYYY-MM-DD'


class Time:
    """tz: 'local', 'UTC', a name such as 'Europe/Berlin', or an offset such as '+02:00'.

    Raises ValueError for a time zone that is not known.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock

    @overload
    def now(self, format: str = ..., tz: str = ..., needs_format: Literal[True] = ...) -> str: ...
    @overload
    def now(self, format: str = ..., tz: str = ..., *, needs_format: Literal[False]) -> Arrow: ...
    @overload
    def now(self, format: str, tz: str, needs_format: Literal[False]) -> Arrow: ...
    def now(self, format: str = _SECOND, tz: str = 'local', needs_format: bool = True) -> str | Arrow:
        if needs_format and format == _SECOND:
            quick = self._in_zone(tz)
            if quick is not None:
                return quick.strftime('%Y-%m-%dT%H:%M:%S')
        now = self._arrow(tz)
        return now.format(format) if needs_format else now

    @overload
    def utcnow(self, format: str = ..., needs_format: Literal[True] = ...) -> str: ...
    @overload
    def utcnow(self, format: str = ..., *, needs_format: Literal[False]) -> Arrow: ...
    @overload
    def utcnow(self, format: str, needs_format: Literal[False]) -> Arrow: ...
    def utcnow(self, format: str = _SECOND, needs_format: bool = True) -> str | Arrow:
        return self.now(format, 'UTC') if needs_format else self.now(tz='UTC', needs_format=False)

    @overload
    def today(self, format: str = ..., tz: str = ..., needs_format: Literal[True] = ...) -> str: ...
    @overload
    def today(self, format: str = ..., tz: str = ..., *, needs_format: Literal[False]) -> Arrow: ...
    @overload
    def today(self, format: str, tz: str, needs_format: Literal[False]) -> Arrow: ...
    def today(self, format: str = _DAY, tz: str = 'local', needs_format: bool = True) -> str | Arrow:
        """As an object, it is the beginning of the day in that zone."""
        return self._day(0, format, tz, needs_format)

    @overload
    def yesterday(self, format: str = ..., tz: str = ..., needs_format: Literal[True] = ...) -> str: ...
    @overload
    def yesterday(self, format: str = ..., tz: str = ..., *, needs_format: Literal[False]) -> Arrow: ...
    @overload
    def yesterday(self, format: str, tz: str, needs_format: Literal[False]) -> Arrow: ...
    def yesterday(self, format: str = _DAY, tz: str = 'local', needs_format: bool = True) -> str | Arrow:
        return self._day(-1, format, tz, needs_format)

    @overload
    def tomorrow(self, format: str = ..., tz: str = ..., needs_format: Literal[True] = ...) -> str: ...
    @overload
    def tomorrow(self, format: str = ..., tz: str = ..., *, needs_format: Literal[False]) -> Arrow: ...
    @overload
    def tomorrow(self, format: str, tz: str, needs_format: Literal[False]) -> Arrow: ...
    def tomorrow(self, format: str = _DAY, tz: str = 'local', needs_format: bool = True) -> str | Arrow:
        return self._day(1, format, tz, needs_format)

    def reformat(self, value: str, from_: str, to: str) -> str:
        """The same time in another format. Raises ValueError if the value is not in the format `from_`."""
        import arrow

        return arrow.get(value, from_).format(to)

    def _day(self, days: int, format: str, tz: str, needs_format: bool) -> str | Arrow:
        if needs_format and format == _DAY:
            quick = self._in_zone(tz)
            if quick is not None:
                return (quick.date() + timedelta(days=days)).isoformat()
        day = self._arrow(tz).floor('day').shift(days=days)
        return day.format(format) if needs_format else day

    def _in_zone(self, tz: str) -> datetime | None:
        """None where only Arrow can tell what the zone is. Arrow takes 28 ms to import, so it is not asked without need."""
        now = self._clock.utcnow()
        if tz == 'local':
            return now.astimezone()
        if tz in ('UTC', 'utc'):
            return now.astimezone(UTC)
        try:
            return now.astimezone(ZoneInfo(tz))
        except (ZoneInfoNotFoundError, ValueError, OSError):  # the last one for a directory of zones
            return None

    def _arrow(self, tz: str) -> Arrow:
        import arrow
        from dateutil.tz import tzlocal

        now = arrow.get(self._clock.utcnow())
        try:
            return now.to(tzlocal() if tz == 'local' else tz)  # Arrow's own `local` does not know of daylight saving time
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f'There is no time zone `{tz}`') from None
