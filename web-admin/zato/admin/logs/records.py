"""What servers answered of their logs, put together by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from zato.admin.cluster import Failure
from zato.admin.logs.filters import Positions
from zato.client.admin import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """at: UTC, ISO 8601. at, level, logger: '' where the line does not say. moment: the same as `at`, None for ''."""

    server: str
    position: str
    at: str
    moment: datetime | None
    level: str
    process: int
    cid: str
    logger: str
    line: int
    text: str

    def shown_at(self, time_zone: str) -> str:
        """To the millisecond, as what belongs together is often as close as that; '' where the line does not say."""
        if self.moment is None:
            return ''
        local = self.moment.astimezone(ZoneInfo(time_zone or 'UTC'))
        return local.strftime('%Y-%m-%d %H:%M:%S.') + f'{local.microsecond // 1000:03d}'

    def as_line(self) -> str:
        """For files, in UTC."""
        head = f'{self.shown_at("UTC")} - {self.level} - {self.process}:{self.cid} - {self.logger}:{self.line} - '
        return f'{self.server} - {head if self.level else ""}{self.text}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """before: of the servers that have older ones, where to go on from. after: of all servers, where later ones will be.

    is_searched: had servers to stop before they found as many as a page has? problems: server → why it has not answered.
    reset: servers whose log is another one now. full: those that had more than they may answer with at once.
    """

    records: Sequence[Record]
    before: Positions
    after: Positions
    is_searched: bool
    problems: Mapping[str, str]
    reset: Sequence[str]
    full: Sequence[str] = ()


def latest(answers: Mapping[str, Answer | Failure], limit: int, asked: Positions | None = None) -> Page:
    """The last records of all servers together. asked: the positions that these were asked to end before.

    Of a server that has more than fit, the rest is left for the page before this one.
    """
    parts, problems = _read(answers)
    shown = _by_time(parts)[-limit:]
    before: dict[str, str] = {server: position for server, position in (asked or {}).items() if server in problems}
    for server, part in parts.items():
        own = [record for record in shown if record.server == server]
        if not own and part.records:
            before[server] = part.last
        elif len(own) < len(part.records):
            before[server] = own[0].position
        elif not part.is_complete:
            before[server] = part.first
    return Page(
        records=shown,
        before=before,
        after={server: part.last for server, part in parts.items()} | dict.fromkeys(problems, ''),
        is_searched=any(not part.is_complete for part in parts.values()) and len(shown) < limit,
        problems=problems,
        reset=[server for server, part in parts.items() if part.was_reset],
    )


def later(answers: Mapping[str, Answer | Failure], asked: Positions, limit: int) -> Page:
    """What was written after the positions that were asked for; servers that did not answer are asked for the same again.

    limit: as many as each server may have answered with.
    """
    parts, problems = _read(answers)
    return Page(
        records=_by_time(parts),
        before={},
        after={server: parts[server].last if server in parts else position for server, position in asked.items()},
        is_searched=False,
        problems=problems,
        reset=[server for server, part in parts.items() if part.was_reset],
        full=[server for server, part in parts.items() if len(part.records) >= limit and not part.is_complete],
    )


def skipped(page: Page, ends: Page) -> Page:
    """The page, to be followed from where the logs of servers that had too much end now. ends: the latest of these."""
    records = [*page.records, *(record for record in ends.records if record.server in page.full)]
    return replace(page, records=records, after={**page.after, **{key: end for key, end in ends.after.items() if end}})


@dataclass(frozen=True, slots=True)
class _Part:
    """What one server answered."""

    records: Sequence[Record]
    first: str
    last: str
    is_complete: bool
    was_reset: bool


def _read(answers: Mapping[str, Answer | Failure]) -> tuple[dict[str, _Part], dict[str, str]]:
    """By server; and why there is none."""
    parts, problems = {}, {}
    for server, answer in answers.items():
        if isinstance(answer, Failure):
            problems[server] = answer.text
            continue
        try:
            parts[server] = _part(server, answer.payload)
        except (KeyError, TypeError, ValueError):
            problems[server] = 'It answers with something else than records of a log'
    return parts, problems


def _part(server: str, raw: Mapping[str, Any]) -> _Part:
    """Raises KeyError, TypeError, ValueError."""
    records = [_record(server, record) for record in raw['records']]
    return _Part(records, str(raw['first']), str(raw['last']), bool(raw['is_complete']), bool(raw['was_reset']))


def _by_time(parts: Mapping[str, _Part]) -> list[Record]:
    """Records of one server stay in their order; those without a time follow the one before them."""
    found: list[tuple[str, Record]] = []
    for part in parts.values():
        at = ''
        for record in part.records:
            at = max(at, record.at)
            found.append((at, record))
    return [record for _, record in sorted(found, key=lambda item: item[0])]


def _record(server: str, raw: Mapping[str, Any]) -> Record:
    """Raises KeyError, TypeError, ValueError."""
    at = str(raw['at'])
    return Record(
        server=server,
        position=str(raw['position']),
        at=at,
        moment=datetime.fromisoformat(at) if at else None,
        level=str(raw['level']),
        process=int(raw['process']),
        cid=str(raw['cid']),
        logger=str(raw['logger']),
        line=int(raw['line']),
        text=str(raw['text']),
    )
