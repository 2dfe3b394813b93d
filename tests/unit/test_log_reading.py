"""Reading log files back from their end and on from a place, compared with what reading all of them at once would find."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.common.exception import NotFound
from zato.common.log.choice import Choice
from zato.common.log.parts import Scanner
from zato.common.log.places import Place, open_logs
from zato.common.log.reading import MOST_ANSWERED, MOST_READ, LogReader, Page
from zato.common.log.record import MOST_TEXT, Record

LATER = 10**12  #: seconds since 1970, when no file is being written any more
SMALL_BLOCK = 1
WHOLE = 20_000  #: bytes that a call must look at for the longest record below to be whole
CIDS = ('a' * 24, 'b' * 24)


def line(text: str = 'text', *, level: str = 'INFO', thread: str = 'MainThread', logger: str = 'my.service') -> str:
    return f'2026-11-22 11:15:53,141 - {level} - 2043:{thread} - {logger}:14 - {text}\n'


class Log:
    """server.log in a directory, as its writers and whoever rotates it see it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / 'server.log'

    def append(self, data: str | bytes) -> None:
        with self.path.open('ab') as file:
            file.write(data if isinstance(data, bytes) else data.encode())

    def rotate(self) -> None:
        names = [self.path, *(self.directory / f'server.log.{number}' for number in range(1, 100))]
        there = [name for name in names if name.exists()]
        for index in range(len(there), 0, -1):
            names[index - 1].replace(names[index])

    def read(
        self,
        how: Callable[[LogReader], Page],
        choice: Choice | None = None,
        *,
        limit: int = 1_000,
        now: float = LATER,
        most: int = MOST_READ,
        block: int = SMALL_BLOCK,
    ) -> tuple[Page, list[bytes]]:
        """The page, and its records as they are in the files."""
        with open_logs(self.directory, 'server.log') as logs:
            page = how(LogReader(logs, choice or Choice(), limit, now=now, scanner=Scanner(most, block)))
            return page, [found.log.read(found.record.begin, found.record.end) for found in page.records]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def texts(page: Page) -> list[str]:
    return [found.record.shown_text for found in page.records]


LEVELS = ('DEBUG', 'INFO', 'WARNING', 'ERROR')
words = st.sampled_from(
    ['', 'my.service', 'my.service.other', 'Über', 'über', 'x' * 40, CIDS[0], f'(cid: {CIDS[1]})', ' - ERROR - ']
)
records = st.builds(
    lambda text, more, level, thread, logger: line(text, level=level, thread=thread, logger=logger) + more,
    st.lists(words, max_size=3).map(' '.join),
    st.sampled_from(['', 'Traceback\n  File "x"\nValueError: no\n', '\n\n', 'y' * 5_000 + '\n', ('z' * 90 + '\n') * 30]),
    st.sampled_from(LEVELS),
    st.sampled_from(['MainThread', *CIDS]),
    st.sampled_from(['my.service', 'my_mod', 'zato.server.channel']),
)


@given(
    st.lists(records, max_size=30),
    st.booleans(),
    st.integers(1, 40),
    st.integers(1, 40_000),
    st.randoms(use_true_random=False),
)
def test_whatever_is_appended_and_rotated_a_tail_gets_each_byte_once_and_in_order(
    written: list[str], is_whole: bool, limit: int, most: int, random: object
) -> None:
    choose = random.choice  # type: ignore[attr-defined]
    if is_whole:
        pieces = [item.encode() for item in written]
    else:
        everything = ''.join(written).encode()
        size = choose([1, 7, 100, 3_000])
        pieces = [everything[at : at + size] for at in range(0, len(everything), size)][:300]
    with TemporaryDirectory() as directory:
        log = Log(Path(directory))
        log.append(b'')
        place = log.read(LogReader.latest)[0].last
        seen: list[bytes] = []
        for step in [*pieces, None]:
            if step is not None:
                log.append(step)
                if step.endswith(b'\n') and choose([True, False, False]):
                    log.rotate()
                if not log.path.exists() and choose([True, False]):
                    log.append(b'')
            while step is None or choose([True, False, False]):
                page, found = log.read(lambda reader: reader.after(place), limit=limit, most=most)  # noqa: B023 called at once
                assert not page.was_reset
                seen += found
                place = Place.parse(str(page.last))
                if page.is_complete:
                    break
        complete = b''.join(pieces)
        assert b''.join(seen) == complete[: complete.rfind(b'\n') + 1]
        if is_whole and most > WHOLE:
            assert seen == pieces


def naive(text: str) -> list[str]:
    """All records, split by hand."""
    found: list[str] = []
    for each in text.splitlines(keepends=True):
        if each.startswith('2026-') or not found:
            found.append(each)
        else:
            found[-1] += each
    return found


def is_wanted(record: str, *, cid: str, level: str, service: str, query: str) -> bool:
    head, _, text = record.partition(':14 - ')
    _, its_level, its_thread, logger = head.split(' - ')
    if level and LEVELS.index(its_level) < LEVELS.index(level):
        return False
    if cid and its_thread.partition(':')[2] != cid and cid not in re.split(r'[^0-9a-z]', text):
        return False
    if query and query.lower() not in text.lower() and query.lower() not in logger:
        return False
    return not service or logger in (service, 'my_mod') or service in text.split()


@given(
    st.lists(records, max_size=30),
    st.lists(st.integers(0, 30), max_size=2),
    st.fixed_dictionaries(
        {
            'cid': st.sampled_from(['', *CIDS]),
            'level': st.sampled_from(['', *LEVELS]),
            'service': st.sampled_from(['', 'my.service']),
            'query': st.sampled_from(['', 'MY.SERV', 'error', 'ÜBER', 'ValueError']),
        }
    ),
    st.integers(1, 12),
    st.integers(1, 40_000),
)
def test_paging_back_finds_what_looking_at_every_record_would(
    written: list[str], rotations: list[int], wanted: dict[str, str], limit: int, most: int
) -> None:
    choice = Choice(**wanted, loggers=['my_mod'])  # type: ignore[arg-type]  # mypy takes all keywords for those in the dict
    with TemporaryDirectory() as directory:
        log = Log(Path(directory))
        log.append(b'')
        for index, item in enumerate(written):
            log.append(item)
            if index in rotations:
                log.rotate()
                log.append(b'')
        seen: list[bytes] = []
        page, found = log.read(LogReader.latest, choice, limit=limit, most=most)
        seen = found
        while not page.is_complete:
            assert len(found) <= limit
            place = Place.parse(str(page.first))
            page, found = log.read(lambda reader: reader.before(place), choice, limit=limit, most=most)  # noqa: B023
            seen = found + seen
        expected = [item for item in naive(''.join(written)) if is_wanted(item, **wanted)]
        if most > WHOLE:  # else records come in pieces
            assert [item.decode() for item in seen] == expected


@given(st.lists(st.sampled_from(['', 'one', 'two three', 'ü' * 900]), max_size=40), st.integers(1, 9), st.integers(1, 9_000))
def test_a_file_without_heads_has_a_record_a_line(written: list[str], limit: int, most: int) -> None:
    with TemporaryDirectory() as directory:
        log = Log(Path(directory))
        log.append(''.join(f'{text}\n' for text in written))
        page, seen = log.read(LogReader.latest, limit=limit, most=most)
        while not page.is_complete:
            place = page.first
            page, found = log.read(lambda reader: reader.before(place), limit=limit, most=most)  # noqa: B023
            seen = found + seen
        if most > 2_000:
            assert [item.decode() for item in seen] == [f'{text}\n' for text in written]


def test_the_last_records_are_found_without_reading_the_file(log: Log) -> None:
    with log.path.open('wb') as file:
        file.write(line('the first').encode())
        file.truncate(3_000_000_000)  # nothing but a hole, which takes no room
        file.seek(0, os.SEEK_END)
        file.write(b'\n' + ''.join(line(f'number {i}') for i in range(10)).encode())
    page, _ = log.read(LogReader.latest, limit=3, block=262_144)
    assert texts(page) == ['number 7', 'number 8', 'number 9']
    assert page.searched < 1_000_000
    assert not page.is_complete


def test_a_call_looks_at_so_many_bytes_and_says_where_to_go_on(log: Log) -> None:
    log.append(line('found') + ''.join(line('x' * 900) for _ in range(100)))
    page, _ = log.read(LogReader.latest, Choice(query='found'), most=30_000)
    calls = 1
    while not page.is_complete and not page.records:
        assert page.searched < 40_000
        place = page.first
        page, _ = log.read(lambda reader: reader.before(place), Choice(query='found'), most=30_000)  # noqa: B023
        calls += 1
    assert (texts(page), calls) == (['found'], 4)


def test_an_answer_with_long_records_ends_early(log: Log) -> None:
    log.append(''.join(line('x' * 30_000) for _ in range(100)))
    page, found = log.read(LogReader.latest, block=262_144)
    assert len(found) == MOST_ANSWERED // 30_000 + 1
    assert not page.is_complete


def test_a_long_record_is_cut_with_a_note(log: Log) -> None:
    log.append(line('before') + line('x' * 10_000_000) + line('after'))
    page, _ = log.read(LogReader.latest, block=262_144)
    before, long, after = texts(page)
    assert (before, after) == ('before', 'after')
    assert len(long) < MOST_TEXT + 100
    assert long.endswith(f'x\n[cut off here: the record has {10_000_000 + len(line("")):,} bytes]')


@pytest.mark.parametrize('block', [1, 262_144])
def test_a_record_longer_than_what_a_call_reads_is_got_over_in_several(log: Log, block: int) -> None:
    log.append(line('before') + line('x' * 3_000_000, thread=CIDS[0]) + line('after'))
    page, _ = log.read(LogReader.latest, most=600_000, block=block)
    seen = page.records
    while not page.is_complete:
        place = page.first
        page, _ = log.read(lambda reader: reader.before(place), most=600_000, block=block)  # noqa: B023
        seen = page.records + seen
    assert [found.record.thread for found in seen] == ['MainThread', CIDS[0], 'MainThread']


def test_a_line_that_is_being_written_is_left_for_the_next_time(log: Log) -> None:
    log.append(line('whole') + line('half')[:-3])
    page, _ = log.read(LogReader.latest)
    assert texts(page) == ['whole']
    log.append('lf\n')
    page, _ = log.read(lambda reader: reader.after(page.last))
    assert texts(page) == ['half']


def test_a_rotated_file_is_not_left_while_some_process_may_still_write_to_it(log: Log) -> None:
    log.append(line('one'))
    page, _ = log.read(LogReader.latest)
    log.rotate()
    log.append(line('three'))
    late = log.directory / 'server.log.1'
    with late.open('a') as file:
        file.write(line('two'))
    now = late.stat().st_mtime + 1
    page, _ = log.read(lambda reader: reader.after(page.last), now=now)
    assert (texts(page), page.is_complete) == (['two'], True)
    assert texts(log.read(LogReader.latest, now=now)[0]) == ['one', 'two']
    page, _ = log.read(lambda reader: reader.after(page.last), now=now + 2)
    assert (texts(page), page.is_complete) == (['three'], True)


def test_a_truncated_file_starts_anew_and_says_so(log: Log) -> None:
    log.append(line('one') + line('two'))
    last = log.read(LogReader.latest)[0].last
    log.path.write_text(line('three, which is longer than both were') * 3)
    page, _ = log.read(lambda reader: reader.after(last))
    assert page.was_reset
    assert len(page.records) == 3
    page, _ = log.read(lambda reader: reader.after(page.last))
    assert not page.was_reset
    page, _ = log.read(lambda reader: reader.before(last))
    assert (page.records, page.is_complete, page.was_reset) == ([], True, True)


def test_a_place_in_a_file_that_was_rotated_away_goes_on_with_what_is_newer(log: Log) -> None:
    log.append(line('one'))
    os.utime(log.path, (1_000, 1_000))
    last = log.read(LogReader.latest)[0].last
    log.path.unlink()
    for number in (2, 3):
        log.append(line(f'number {number}'))
        log.rotate()
    page, _ = log.read(lambda reader: reader.after(last))
    assert texts(page) == ['number 2', 'number 3']
    assert page.was_reset


def test_a_new_file_with_the_inode_of_one_that_was_rotated_away_comes_after_those_between(log: Log) -> None:
    log.append(line('one'))
    os.utime(log.path, (1_000, 1_000))
    last = log.read(LogReader.latest)[0].last
    log.path.unlink()
    log.append(line('number 2'))
    log.rotate()
    log.append(line('number 3'))
    inode = log.path.stat().st_ino
    page, _ = log.read(lambda reader: reader.after(Place(inode, last.offset, last.mark + 1, last.modified)))
    assert (texts(page), page.was_reset) == (['number 2', 'number 3'], True)


def test_a_deleted_file_begins_again_without_repeating_older_ones(log: Log) -> None:
    log.append(line('one'))
    log.rotate()
    os.utime(log.directory / 'server.log.1', (1_000, 1_000))
    log.append(line('two'))
    last = log.read(LogReader.latest)[0].last
    log.path.unlink()
    page, _ = log.read(lambda reader: reader.after(last))
    assert (page.records, page.last, page.was_reset) == ([], last, False)
    log.append(line('three'))
    os.utime(log.path, (LATER // 1_000, LATER // 1_000))
    page, _ = log.read(lambda reader: reader.after(last))
    assert (texts(page), page.was_reset) == (['three'], True)


def test_an_inode_that_is_used_again_is_not_taken_for_the_file_it_was(log: Log) -> None:
    log.append(line('one'))
    last = log.read(LogReader.latest)[0].last
    log.path.write_bytes(b'')
    log.append(line('two'))
    page, _ = log.read(lambda reader: reader.after(Place(log.path.stat().st_ino, *_rest(last))))
    assert (texts(page), page.was_reset) == (['two'], True)


def _rest(place: Place) -> tuple[int, int, int]:
    return place.offset, place.mark, place.modified


@pytest.mark.parametrize('text', ['', 'x', '1-2-3', '1-2-3-4-5', '-1-2-3-4', '1' * 40 + '-2-3-4', '１-2-3-4', '1-2-3-4\n'])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='must be a position from an earlier answer'):
        Place.parse(text)


def test_a_rotated_file_by_its_name_is_read_alone(log: Log) -> None:
    for number in range(3):
        log.append(line(str(number)))
        log.rotate()
    with open_logs(log.directory, 'server.log.2') as logs:
        assert [each.name for each in logs] == ['server.log.2']
    with open_logs(log.directory, 'server.log') as logs:
        assert [each.name for each in logs] == ['server.log.1', 'server.log.2', 'server.log.3']


@pytest.mark.parametrize(
    'name', ['../secret', '/etc/passwd', 'link', 'pipe', 'folder', '.hidden', '', '.', 'server.log/', 'x\0']
)
def test_only_plain_files_of_the_directory_can_be_opened(tmp_path: Path, name: str) -> None:
    logs = tmp_path / 'logs'
    logs.mkdir()
    (tmp_path / 'secret').write_text('x')
    (logs / 'link').symlink_to(tmp_path / 'secret')
    os.mkfifo(logs / 'pipe')
    (logs / 'folder').mkdir()
    (logs / '.hidden').write_text('x')
    (logs / 'server.log').write_text('x')
    with pytest.raises(NotFound, match='There is no log file'), open_logs(logs, name):
        pass


def test_a_level_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Exception, match=r'There is no level `LOUD`; there are .*INFO, .*ERROR'):
        Choice(level='LOUD')


def test_levels_of_a_number_alone_are_compared_by_it(log: Log) -> None:
    log.append(line('a', level=logging.getLevelName(25)) + line('b', level=logging.getLevelName(35)))
    assert texts(log.read(LogReader.latest, Choice(level='WARNING'))[0]) == ['b']


def test_what_a_record_says_cannot_speak_to_a_terminal() -> None:
    record = Record(begin=0, end=9, text='\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07 \x00nul\ttab \u202eright\r\nnext\n')
    assert record.shown_text == 'red bell\ufffd \ufffdnul\ttab \ufffdright\nnext'


def test_bytes_that_are_no_text_are_replaced(log: Log) -> None:
    log.append(line('before').encode() + b'\xff\xfe' + line().encode())
    assert texts(log.read(LogReader.latest)[0])[0].startswith('before\n\ufffd\ufffd2026')
