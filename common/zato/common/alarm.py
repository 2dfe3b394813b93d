"""Alarms: conditions that somebody must end, each one ERROR line when it begins and an entry until it does."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Any

from zato.common.clock import SYSTEM_CLOCK, Clock

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Alarm:
    """subject: the object or process concerned. since: UTC, ISO 8601."""

    subject: str
    what: str
    what_to_do: str
    since: str


class Alarms:
    """Those of one process, in its memory."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._alarms: dict[str, Alarm] = {}

    def begin(self, subject: str, what: str, what_to_do: str, *, action: str, log: bool = True) -> None:
        """Idempotent while the text stays the same. action: stable name of the condition. log=False: logged already."""
        old = self._alarms.get(subject)
        if old is not None and old.what == what:
            return
        self._alarms[subject] = Alarm(subject, what, what_to_do, self._clock.utcnow().isoformat())
        if log:
            logger.error('%s; %s', in_one_line(subject, what), what_to_do, extra={'action': action})

    def end(self, subject: str) -> None:
        """Nothing if there is no such alarm."""
        if self._alarms.pop(subject, None) is not None:
            logger.info('%s: alarm ended', subject, extra={'action': 'alarm.ended'})

    def as_list(self) -> list[dict[str, Any]]:
        return [asdict(alarm) for alarm in self._alarms.values()]


def in_one_line(subject: str, what: str) -> str:
    """What is said of a subject, which lines of it may begin with."""
    return f'{subject}: {"; ".join(line.removeprefix(f"{subject}: ") for line in what.splitlines())}'
