"""Which records of a log somebody wants to see."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection

from zato.common.exception import ConfigError
from zato.common.log.record import Record, level_number


class Choice:
    """All that is given must hold; '' holds always.

    cid: of the call that logged it, or in its text, as a word. level: the least one.
    service: in its text, as a word, or it is of one of these `loggers`. query: in its text or its logger's name, in upper or
    lower case. without: must not be in its text.
    """

    def __init__(
        self,
        *,
        cid: str = '',
        level: str = '',
        service: str = '',
        loggers: Collection[str] = (),
        query: str = '',
        without: str = '',
    ) -> None:
        """Raises ConfigError for a level that there is not."""
        if level and not level_number(level):
            names = sorted((number, name) for name, number in logging.getLevelNamesMapping().items() if number)
            raise ConfigError(f'There is no level `{level}`; there are {", ".join(name for _, name in names)}')
        self._cid = cid
        self._least = level_number(level)
        self._loggers = frozenset((service, *loggers)) if service else frozenset()
        self._cid_word = _word(cid)
        self._service_word = _word(service)
        self._query = _in_any_case(query)
        self._without = without
        self._hints = [*_hints(cid), *_hints(*sorted(self._loggers)), *_level_hints(self._least)]
        if query and query.isascii():
            self._hints.append(re.compile(re.escape(query.encode()), re.IGNORECASE))

    def may_have(self, data: bytes) -> bool:
        """Can there be such a record in this part of a file? Most of a file is passed over by this alone: it is fast."""
        return all(hint.search(data) for hint in self._hints)

    def has(self, record: Record) -> bool:
        if self._least and level_number(record.level) < self._least:
            return False
        if self._cid_word is not None and record.thread != self._cid and not self._cid_word.search(record.text):
            return False
        if self._query is not None and not (self._query.search(record.text) or self._query.search(record.logger)):
            return False
        if self._without and self._without in record.text:
            return False
        if self._service_word is None or record.logger in self._loggers:
            return True
        return self._service_word.search(record.text) is not None


def _word(text: str) -> re.Pattern[str] | None:
    """It, and not as a part of a longer name: `my.service` is no part of `my.service.other`."""
    return re.compile(rf'(?<![\w.-]){re.escape(text)}(?![\w-]|\.\w)') if text else None


def _in_any_case(text: str) -> re.Pattern[str] | None:
    """Of ASCII only its own letters, as in bytes."""
    flags = re.IGNORECASE | re.ASCII if text.isascii() else re.IGNORECASE
    return re.compile(re.escape(text), flags) if text else None


def _hints(*names: str) -> list[re.Pattern[bytes]]:
    found = [re.escape(name.encode('utf-8', 'replace')) for name in names if name]
    return [re.compile(b'|'.join(found))] if found else []


def _level_hints(least: int) -> list[re.Pattern[bytes]]:
    if not least:
        return []
    names = sorted(name for name, number in logging.getLevelNamesMapping().items() if number >= least)
    found = b'|'.join(re.escape(name.encode()) for name in names)
    return [re.compile(rb' - (?:%b|Level \d+) - ' % found if found else rb' - Level \d+ - ')]
