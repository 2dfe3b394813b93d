"""Log files shared by several processes, and logging.conf."""

from __future__ import annotations

import fcntl
import importlib.util
import logging
import os
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.clock import HandClock
from zato.common.log import config
from zato.common.log.config import TRACE1, LoggingConfigError, configure
from zato.common.log.files import AppendFile
from zato.common.log.writers import BufferedLines, RotatingFileHandler

PROCESSES = 4
LINES = 3_000
MAX_BYTES = 20_000

PATCH = 'from gevent import monkey; monkey.patch_all()\n'
HAS_GEVENT = importlib.util.find_spec('gevent') is not None

# Each time the clock is read a second has passed, so every write looks at the file and may rotate it.
WRITER = """
import itertools, sys
from zato.common.log.files import AppendFile

path, process, lines = sys.argv[1], sys.argv[2], int(sys.argv[3])
file = AppendFile(path, max_bytes=int(sys.argv[4]), backup_count=1_000, clock=itertools.count(1.0).__next__)
sys.stdin.readline()
for number in range(lines):
    file.write(f'{process} {number} {"x" * (number % 97)} end\\n'.encode())
file.close()
"""

FORKER = """
import os, sys
from zato.common.log.files import AppendFile
from zato.common.log.writers import BufferedLines

path = sys.argv[1]
full, file = AppendFile('/dev/full'), AppendFile(path)
full.write(b'lost by the parent\\n')
lines = BufferedLines(file)
lines.add('added by the parent')
file.write(b'before\\n')
child = os.fork()
if not child:
    full.path = path
    full.reopen()
    full.write(b'child\\n')
    lines.add('added by the child')
    lines.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
file.write(b'parent\\n')
lines.close()
"""


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'server.log'


def start(script: str, *args: object) -> subprocess.Popen[bytes]:
    """A process that runs `script`; what it waits for on standard input is its sign to go on."""
    command = [sys.executable, '-c', script, *map(str, args)]
    environ = os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environ)


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=120)
    assert errors.decode() == ''
    assert process.returncode == 0


def backup(path: Path, number: int) -> Path:
    return Path(f'{path}.{number}')


@pytest.mark.parametrize('prefix', ['', *([PATCH] if HAS_GEVENT else [])], ids=['plain', 'gevent'][: 1 + HAS_GEVENT])
def test_each_line_of_four_processes_is_found_once_and_whole_after_many_rotations(path: Path, prefix: str) -> None:
    processes = [start(prefix + WRITER, path, name, LINES, MAX_BYTES) for name in range(PROCESSES)]
    for process in processes:
        assert process.stdin
        process.stdin.write(b'go\n')
        process.stdin.flush()
    for process in processes:
        finish(process)

    backups = [*path.parent.glob('server.log.[0-9]*')]
    found = Counter(line for file in [path, *backups] for line in file.read_text().splitlines())
    expected = Counter(f'{name} {n} {"x" * (n % 97)} end' for name in range(PROCESSES) for n in range(LINES))
    assert found == expected
    assert len(backups) > 20, 'too few rotations to prove anything'
    assert min(file.stat().st_size for file in backups) > MAX_BYTES, 'a file was rotated twice'
    assert {*backups} == {backup(path, number) for number in range(1, len(backups) + 1)}


def test_after_a_rename_by_others_a_write_goes_to_a_new_file_within_a_second(path: Path, clock: HandClock) -> None:
    file = AppendFile(path, clock=clock.monotonic)
    file.write(b'one\n')
    path.rename(f'{path}-2024')
    file.write(b'two\n')
    clock.now += 1
    file.write(b'three\n')
    assert Path(f'{path}-2024').read_text() == 'one\ntwo\n'
    assert path.read_text() == 'three\n'


def test_lines_written_to_a_file_deleted_meanwhile_are_written_again(path: Path, clock: HandClock) -> None:
    file = AppendFile(path, clock=clock.monotonic)
    file.write(b'one\n')
    clock.now += 1
    file.write(b'two\n')
    path.unlink()
    file.write(b'three\n')
    clock.now += 1
    file.write(b'four\n')
    assert path.read_text() == 'two\nthree\nfour\n'


def test_a_large_write_is_kept_in_memory_only_until_the_next_one(path: Path, clock: HandClock) -> None:
    file = AppendFile(path, clock=clock.monotonic)
    file.write(b'x' * 20_000 + b'\n')
    file.write(b'two\n')
    path.unlink()
    clock.now += 1
    file.write(b'three\n')
    assert path.read_text() == 'two\nthree\n'


@pytest.mark.parametrize('end', [AppendFile.close, AppendFile.reopen])
def test_lines_written_to_a_file_deleted_meanwhile_are_not_forgotten_at_the_end(
    path: Path, clock: HandClock, end: Callable[[AppendFile], None]
) -> None:
    file = AppendFile(path, clock=clock.monotonic)
    file.write(b'one\n')
    path.unlink()
    end(file)
    file.close()
    assert path.read_text() == 'one\n'


def test_lines_are_not_lost_if_others_rotated_their_file_out_of_existence(path: Path, clock: HandClock) -> None:
    slow = AppendFile(path, clock=clock.monotonic)
    slow.write(b'slow\n')
    busy_clock = HandClock()
    busy = AppendFile(path, max_bytes=3, backup_count=1, clock=busy_clock.monotonic)
    for _ in range(3):
        busy.write(b'busy\n')
        busy_clock.now += 1
    assert path.read_text() + backup(path, 1).read_text() == 'busy\nbusy\n'
    slow.write(b'still here\n')
    clock.now += 1
    slow.write(b'and here\n')
    assert path.read_text() == 'busy\nslow\nstill here\nand here\n'


def test_lines_whose_file_and_folder_are_deleted_are_counted_as_lost(path: Path, clock: HandClock) -> None:
    folder = path.parent / 'logs'
    folder.mkdir()
    file = AppendFile(folder / 'a.log', clock=clock.monotonic)
    file.write(b'one\n')
    (folder / 'a.log').unlink()
    folder.rmdir()
    clock.now += 1
    file.write(b'two\n')
    folder.mkdir()
    file.write(b'three\n')
    notice, three = (folder / 'a.log').read_text().splitlines()
    assert three == 'three'
    assert ' 2 lines (8 bytes) lost here: [Errno 2]' in notice


def test_a_file_past_its_size_is_rotated_and_the_newest_backups_are_kept(path: Path, clock: HandClock) -> None:
    file = AppendFile(path, max_bytes=3, backup_count=2, clock=clock.monotonic)
    for number in range(5):
        file.write(b'%d..\n' % number)
        clock.now += 1
    assert [item.read_text() for item in (path, backup(path, 1), backup(path, 2))] == ['4..\n', '3..\n', '2..\n']
    assert not backup(path, 3).exists()


def test_the_size_is_looked_at_once_a_second(path: Path, clock: HandClock) -> None:
    file = AppendFile(path, max_bytes=3, backup_count=2, clock=clock.monotonic)
    for _ in range(5):
        file.write(b'....\n')
    assert not backup(path, 1).exists()


@pytest.mark.parametrize(('max_bytes', 'backup_count'), [(0, 2), (3, 0)])
def test_a_limit_of_0_disables_rotation(path: Path, clock: HandClock, max_bytes: int, backup_count: int) -> None:
    file = AppendFile(path, max_bytes, backup_count, clock=clock.monotonic)
    for _ in range(5):
        file.write(b'....\n')
        clock.now += 1
    assert path.read_bytes() == b'....\n' * 5


def test_a_gap_left_by_a_killed_rotation_is_filled_before_a_backup_is_dropped(path: Path, clock: HandClock) -> None:
    backup(path, 2).write_text('oldest\n')
    file = AppendFile(path, max_bytes=3, backup_count=2, clock=clock.monotonic)
    file.write(b'older\n')
    clock.now += 1
    file.write(b'new\n')
    assert [item.read_text() for item in (path, backup(path, 1), backup(path, 2))] == ['new\n', 'older\n', 'oldest\n']


def test_writing_goes_on_while_another_process_holds_the_lock(path: Path, clock: HandClock) -> None:
    file = AppendFile(path, max_bytes=3, backup_count=2, clock=clock.monotonic)
    file.write(b'one..\n')
    clock.now += 1
    with Path(f'{path}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file.write(b'two..\n')
    assert path.read_text() == 'one..\ntwo..\n'
    clock.now += 1
    file.write(b'three\n')
    assert path.read_text() == 'three\n'


def test_a_rotation_that_fails_is_told_once_and_no_line_is_lost(
    path: Path, clock: HandClock, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(f'{path}.lock').mkdir()
    file = AppendFile(path, max_bytes=3, backup_count=2, clock=clock.monotonic)
    for number in range(4):
        file.write(b'%d..\n' % number)
        clock.now += 1
    zero, trouble, *rest = path.read_text().splitlines()
    assert [zero, *rest] == ['0..', '1..', '2..', '3..']
    assert 'cannot be reopened or rotated: [Errno 21]' in trouble
    assert capsys.readouterr().err.count('cannot be reopened or rotated') == 1


def test_lines_that_a_full_disk_lost_are_counted_and_told(
    path: Path, clock: HandClock, capsys: pytest.CaptureFixture[str]
) -> None:
    path.symlink_to('/dev/full')
    file = AppendFile(path, clock=clock.monotonic)
    file.write(b'one\n')
    file.write(b'two\nthree\n')
    path.unlink()
    clock.now += 1
    file.write(b'four\n')
    file.write(b'five\n')

    notice, *lines = path.read_text().splitlines()
    assert lines == ['four', 'five']
    assert ' - ERROR - ' in notice
    assert notice.endswith('3 lines (14 bytes) lost here: [Errno 28] No space left on device')
    assert capsys.readouterr().err == f'{path}: log lines are being lost: [Errno 28] No space left on device\n'


def test_a_line_that_a_full_disk_tore_is_counted_and_the_next_one_starts_afresh(path: Path, clock: HandClock) -> None:
    file = AppendFile(path, clock=clock.monotonic)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (14, limits[1]))
    try:
        file.write(b'one......\n')
        file.write(b'two......\n')
        file.write(b'three....\n')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    file.write(b'four\n')
    one, torn, notice, four = path.read_text().splitlines()
    assert [one, torn, four] == ['one......', 'two.', 'four']
    assert notice.endswith('2 lines (16 bytes) lost here: [Errno 27] File too large')


def test_a_close_tells_of_lost_lines_if_it_can(path: Path, clock: HandClock) -> None:
    file = AppendFile(path / 'not-there-yet.log', clock=clock.monotonic)
    file.write(b'one\n')
    path.mkdir()
    file.close()
    assert '1 lines (4 bytes) lost here: [Errno 2]' in (path / 'not-there-yet.log').read_text()


def test_a_write_after_close_opens_the_file_again(path: Path) -> None:
    file = AppendFile(path)
    file.write(b'one\n')
    file.close()
    file.close()
    file.write(b'two\n')
    assert path.read_text() == 'one\ntwo\n'


def test_reopen_raises_and_keeps_the_open_file_if_there_is_no_other(path: Path) -> None:
    path.parent.joinpath('logs').mkdir()
    file = AppendFile(path.parent / 'logs' / 'a.log')
    file.write(b'one\n')
    path.parent.joinpath('logs').rename(path.parent / 'moved')
    with pytest.raises(FileNotFoundError):
        file.reopen()
    file.write(b'two\n')
    assert (path.parent / 'moved' / 'a.log').read_text() == 'one\ntwo\n'


def test_a_file_that_has_no_name_but_its_link_is_written_to_once(path: Path) -> None:
    with (path.parent / 'output').open('w+') as output:
        path.symlink_to(f'/proc/self/fd/{output.fileno()}')
        (path.parent / 'output').unlink()
        file = AppendFile(path)
        file.write(b'one\n')
        file.close()
        assert output.read() == 'one\n'


def test_a_new_file_is_not_for_everyone_to_read(path: Path) -> None:
    AppendFile(path).write(b'one\n')
    assert path.stat().st_mode & 0o137 == 0


@pytest.mark.parametrize('value', [-1, '1 GB'])
def test_a_size_that_is_no_size_is_refused(path: Path, value: int) -> None:
    with pytest.raises(ValueError, match='max_bytes must be 0'):
        AppendFile(path, max_bytes=value)


def test_a_forked_child_repeats_nothing_of_its_parent(path: Path) -> None:
    process = start(FORKER, path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert path.read_text().splitlines() == ['before', 'child', 'added by the child', 'parent', 'added by the parent']


class RecordingFile(AppendFile):
    """Calls `during` before each write."""

    def __init__(self, path: Path, during: Callable[[], None] = lambda: None) -> None:
        super().__init__(path)
        self.during = during
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.during()
        self.writes.append(data)
        super().write(data)


def test_buffered_lines_are_written_in_one_piece_when_flushed(path: Path) -> None:
    file = RecordingFile(path)
    lines = BufferedLines(file)
    for text in ('one', 'two \udc80', 'three'):
        lines.add(text)
    assert not path.exists()
    lines.flush()
    lines.flush()
    assert file.writes == [b'one\ntwo \\udc80\nthree\n']
    assert path.read_bytes() == file.writes[0]


def test_lines_added_during_a_flush_are_written_by_the_next_one(path: Path) -> None:
    file = RecordingFile(path)
    lines = BufferedLines(file)
    add = lines.add
    file.during = lambda: add('during')
    add('before')
    lines.flush()
    file.during = lambda: None
    lines.close()
    assert path.read_text() == 'before\nduring\n'


def make_logger(handler: logging.Handler) -> logging.Logger:
    logger = logging.Logger('api.my-service')  # noqa: LOG001 it must not outlive the test
    logger.addHandler(handler)
    return logger


def test_a_record_is_written_in_one_piece_with_its_traceback(path: Path) -> None:
    handler = RotatingFileHandler(path)
    handler.file = file = RecordingFile(path)
    try:
        raise RuntimeError('boom')
    except RuntimeError:
        make_logger(handler).exception('Failed: %s \udc80', 'ż')
    text = path.read_text()
    assert len(file.writes) == 1
    assert text.startswith('Failed: ż \\udc80\nTraceback')
    assert text.endswith('RuntimeError: boom\n')


def test_a_record_that_cannot_be_formatted_is_told_in_the_log_with_its_place(path: Path) -> None:
    make_logger(RotatingFileHandler(path)).info('%d lines', 'no')
    text = path.read_text()
    assert f'A record logged at {__file__}:' in text
    assert "'%d lines'" in text


def test_the_handler_accepts_the_standard_librarys_spelling(path: Path) -> None:
    handler = RotatingFileHandler(path, maxBytes=0, backupCount=7)
    assert (handler.file.max_bytes, handler.file.backup_count) == (0, 7)


# logging.conf

CONF = """
version: 1
formatters:
  default:
    format: '%(levelname)s - %(name)s - %(message)s'
  colour:
    (): zato.common.util.api.ColorFormatter
    format: '%(levelname)s - %(name)s - %(message)s'
handlers:
  stdout:
    class: logging.StreamHandler
    formatter: colour
    stream: ext://sys.stdout
  default:
    class: logging.handlers.ConcurrentRotatingFileHandler
    formatter: default
    filename: './logs/server.log'
    mode: 'a'
    maxBytes: 1000
    backupCount: 3
    encoding: 'utf8'
loggers:
  '':
    level: INFO
    handlers: [stdout, default]
  zato_test_log:
    level: TRACE1
    handlers: [stdout, default]
    propagate: false
"""


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The logger that CONF sets up. Afterwards the root logger is what it was."""
    root, logger = logging.getLogger(), logging.getLogger('zato_test_log')
    handlers, level = root.handlers[:], root.level
    yield logger
    for handler in {*root.handlers, *logger.handlers} - {*handlers}:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logger.handlers.clear()


@pytest.fixture
def base_dir(tmp_path: Path) -> Path:
    (tmp_path / 'logs').mkdir()
    return tmp_path


def write_conf(base_dir: Path, text: str) -> Path:
    path = base_dir / 'logging.conf'
    path.write_text(text)
    return path


def test_a_classic_file_works_and_its_log_files_are_in_the_servers_directory(
    logger: logging.Logger, base_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir('/')
    configure(write_conf(base_dir, CONF), base_dir, to_stdout=True)
    logger.log(TRACE1, 'one')
    expected = 'TRACE1 - zato_test_log - one\n'
    assert (base_dir / 'logs' / 'server.log').read_text() == expected
    assert capsys.readouterr().out == expected, 'no colours: it is not a terminal'
    file_handler = next(handler for handler in logger.handlers if isinstance(handler, RotatingFileHandler))
    assert (file_handler.file.max_bytes, file_handler.file.backup_count) == (1000, 3)


def test_in_the_background_nothing_goes_to_standard_output(
    logger: logging.Logger, base_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(write_conf(base_dir, CONF), base_dir, to_stdout=False)
    logger.info('one')
    logging.getLogger('another').info('two')
    assert capsys.readouterr().out == ''
    lines = (base_dir / 'logs' / 'server.log').read_text().splitlines()
    assert lines == ['INFO - zato_test_log - one', 'INFO - another - two']


def test_a_terminal_gets_the_level_in_colour_and_the_file_does_not(
    logger: logging.Logger, base_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, 'isatty', lambda: True)
    configure(write_conf(base_dir, CONF), base_dir, to_stdout=True)
    logger.error('one')
    assert capsys.readouterr().out == '\x1b[31mERROR\x1b[0m - zato_test_log - one\n'
    assert (base_dir / 'logs' / 'server.log').read_text() == 'ERROR - zato_test_log - one\n'


def test_loggers_that_the_file_does_not_name_go_on_logging(logger: logging.Logger, base_dir: Path) -> None:
    other = logging.getLogger('zato_test_log_other')
    configure(write_conf(base_dir, CONF), base_dir, to_stdout=False)
    other.info('one')
    assert 'zato_test_log_other - one' in (base_dir / 'logs' / 'server.log').read_text()


def test_a_second_configuration_replaces_the_first(logger: logging.Logger, base_dir: Path) -> None:
    path = write_conf(base_dir, CONF)
    configure(path, base_dir, to_stdout=False)
    logger.info('one')
    configure(write_conf(base_dir, CONF.replace('server.log', 'other.log')), base_dir, to_stdout=False)
    logger.info('two')
    assert (base_dir / 'logs' / 'server.log').read_text() == 'INFO - zato_test_log - one\n'
    assert (base_dir / 'logs' / 'other.log').read_text() == 'INFO - zato_test_log - two\n'


BROKEN = [
    pytest.param('version: 1\nhandlers:\n  - {\n', r'logging\.conf:4: not valid YAML: ', id='yaml'),
    pytest.param('version: 1\nroot:\n\tlevel: INFO\n', r'logging\.conf:3: not valid YAML: ', id='tab'),
    pytest.param('', 'must be a mapping', id='empty'),
    pytest.param('version: 1\nhandlers: [default]\n', 'handlers must be a mapping', id='list'),
    pytest.param('root: {}\n', "doesn't specify a version", id='version'),
    pytest.param(CONF.replace('default]\n    p', 'nobody]\n    p'), "logger 'zato_test_log'.*'nobody'", id='handler'),
    pytest.param(CONF.replace('TRACE1', 'LOUD'), "logger 'zato_test_log': Unknown level: 'LOUD'", id='level'),
    pytest.param(CONF.replace("'utf8'", 'latin-1'), "'default': encoding must be 'utf8', or left out", id='encoding'),
    pytest.param(CONF.replace('1000', '1 GB'), "'default': max_bytes must be 0 .*, got '1 GB'", id='size'),
    pytest.param(CONF.replace('./logs', './lost'), "'default': cannot open .*/lost/server.log: No such", id='folder'),
    pytest.param(CONF.replace('logging.StreamH', 'no.such.H'), "'stdout': .*No module named 'no'", id='class'),
]


@pytest.mark.parametrize(('text', 'message'), BROKEN)
def test_a_broken_file_is_refused_and_logging_stays_as_it_was(
    logger: logging.Logger, base_dir: Path, text: str, message: str
) -> None:
    path = write_conf(base_dir, CONF)
    configure(path, base_dir, to_stdout=False)
    before = [*logging.getLogger().handlers], [*logger.handlers], logger.level, logger.propagate
    path.write_text(text)
    with pytest.raises(LoggingConfigError, match=f'^{path.parent}/.*{message}.*Correct the file') as caught:
        configure(path, base_dir, to_stdout=True)
    assert caught.value.path == path
    assert before == ([*logging.getLogger().handlers], [*logger.handlers], logger.level, logger.propagate)
    logger.info('still here')
    assert 'still here' in (base_dir / 'logs' / 'server.log').read_text()


def test_a_missing_file_is_named(base_dir: Path) -> None:
    with pytest.raises(LoggingConfigError, match=r'logging\.conf: it cannot be read: No such file'):
        configure(base_dir / 'logging.conf', base_dir, to_stdout=True)


def test_every_level_that_has_a_colour_exists() -> None:
    logging.addLevelName(TRACE1, 'TRACE1')
    assert config.COLOURS.keys() <= logging.getLevelNamesMapping().keys()
