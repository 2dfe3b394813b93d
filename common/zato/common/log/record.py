"""Log files taken apart again: where records begin, and what each says.

A record of a file with our heads (files.py, LINE_FORMAT) is a line that has one and the lines after it that have none, such
as a traceback. In a file without heads, each line is a record; those of http_access.log have a time and a cid too.
What is said in a record may be anything: it is made fit to be shown here, and only cut, never refused.
Units: bytes; times are UTC, ISO 8601.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MOST_TEXT: Final = 32_768  #: bytes of one record that are shown, and looked at by filters
LONGEST_HEAD: Final = 1_024

_TIME: Final = rb'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}'
_HEAD: Final = (
    rb'(' + _TIME + rb') - ([^\s-][^\n-]{0,30}) - (\d{1,10}):((?:(?! - )[^\n]){0,200}) - '
    rb'((?:(?! - )[^\n]){0,300}):(\d{1,9}) - '
)
_ACCESS: Final = re.compile(rb'[^ \n]+ ([^ /\n]+)/[0-9.]+ "[^"\n]*" \[([^]\n]{1,40})\] "')

match_head: Final = re.compile(_HEAD).match
find_head: Final = re.compile(rb'\n(?=' + _HEAD + rb')').search
find_line: Final = re.compile(rb'\n(?=.)', re.DOTALL).search

_ACCESS_TIME: Final = '%d/%b/%Y:%H:%M:%S %z'
_CID: Final = re.compile(r'[0-9a-f]{24}').fullmatch
_ESCAPE: Final = re.compile('\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b\n]*(?:\x07|\x1b\\\\)|[ -/]*[0-~])')
#: Control characters but for tabs and new lines, and those that turn the direction of text.
_ODD: Final = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]')
_ODD_LEVEL: Final = 'Level '  #: what logging calls a level that has no name


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record. Without a head: '' and 0 but for `text`. thread: where it was logged; a call's cid, or a thread's name.

    stamp: the time, as it is in the file. text: what is said, as it is there, cut to MOST_TEXT bytes.
    begin, end: offsets in the file.
    """

    begin: int
    end: int
    text: str
    stamp: str = ''
    level: str = ''
    process: int = 0
    thread: str = ''
    logger: str = ''
    line: int = 0

    @property
    def at(self) -> str:
        """UTC, ISO 8601, '' if it is not known. Lines have the local time of the host, and are read there."""
        try:
            if self.stamp[:4].isdecimal():
                return datetime.fromisoformat(self.stamp).astimezone(UTC).isoformat()
            return datetime.strptime(self.stamp, _ACCESS_TIME).astimezone(UTC).isoformat() if self.stamp else ''
        except (ValueError, OverflowError):
            return ''

    @property
    def cid(self) -> str:
        return self.thread if _CID(self.thread) else ''

    @property
    def shown_text(self) -> str:
        """Without what would speak to a terminal; it says if something was cut off."""
        text = _ODD.sub('\ufffd', _ESCAPE.sub('', self.text.replace('\r\n', '\n'))).rstrip('\n')
        size = self.end - self.begin
        return f'{text}\n[cut off here: the record has {size:,} bytes]' if size > MOST_TEXT else text


def parse(data: bytes, begin: int, end: int) -> Record:
    """data: the record from its begin on, at least MOST_TEXT bytes of it if it has as many."""
    data = data[:MOST_TEXT]
    head = match_head(data)
    if head is not None:
        stamp, level, process, thread, logger, line = (part.decode('utf-8', 'replace') for part in head.groups())
        text = data[head.end() :].decode('utf-8', 'replace')
        return Record(
            begin=begin,
            end=end,
            text=text,
            stamp=stamp,
            level=level,
            process=int(process),
            thread=thread,
            logger=logger,
            line=int(line),
        )
    text = data.decode('utf-8', 'replace')
    access = _ACCESS.match(data)
    if access is None:
        return Record(begin=begin, end=end, text=text)
    thread, stamp = (part.decode('utf-8', 'replace') for part in access.groups())
    return Record(begin=begin, end=end, text=text, stamp=stamp, thread=thread)


def level_number(name: str) -> int:
    """0 for a name that this process does not know."""
    if name.startswith(_ODD_LEVEL) and name.removeprefix(_ODD_LEVEL).isdecimal():
        return int(name.removeprefix(_ODD_LEVEL))
    return logging.getLevelNamesMapping().get(name, 0)
