"""Calls over Unix sockets, made to sockets that really answer, cut off, or say nothing."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zato.common import ipc
from zato.common.exception import IPCError

Answer = Callable[[socket.socket], None]


@pytest.fixture
def directory() -> Iterator[Path]:
    """Short enough for sockets."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix='zato-ipc-', dir='/tmp') as name:
        yield Path(name)


@pytest.fixture
def serve(directory: Path) -> Iterator[Callable[..., Path]]:
    """Starts a thread that answers one connection to a socket of that name."""
    threads: list[threading.Thread] = []
    listeners: list[socket.socket] = []

    def serve(answer: Answer, name: str = 'x.sock') -> Path:
        path = directory / name
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        listeners.append(listener)

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                answer(connection)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return path

    yield serve
    for listener in listeners:
        listener.close()
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()


def echo(connection: socket.socket) -> None:
    ipc.send_message(connection, {'result': ipc.receive_message(connection)})


def answers(data: bytes) -> Answer:
    def answer(connection: socket.socket) -> None:
        ipc.receive_message(connection)
        connection.sendall(data)

    return answer


def framed(message: Any) -> bytes:
    data = json.dumps(message).encode()
    return struct.pack('!I', len(data)) + data


# Calls


def test_a_call_takes_its_arguments_there_and_the_result_back(serve: Callable[..., Path]) -> None:
    assert ipc.call(serve(echo), 'do', a=1, b=[None, 'ü', os.fsdecode(b'\xff')]) == {
        'operation': 'do',
        'a': 1,
        'b': [None, 'ü', os.fsdecode(b'\xff')],
    }


def test_a_message_of_many_packets_arrives_whole(serve: Callable[..., Path]) -> None:
    text = 'x' * 3_000_000
    assert ipc.call(serve(echo), 'do', text=text)['text'] == text


@pytest.mark.parametrize(
    ('data', 'reason'),
    [
        (b'', 'x.sock: it closed the connection'),
        (b'\0\0', 'closed the connection in the middle of a message'),
        (b'\0\0\0\x09', 'closed the connection in the middle of a message'),
        (b'\0\0\0\x09{"resu', 'closed the connection in the middle of a message'),
        (b'\0\0\0\0', 'A message is not JSON'),
        (b'\0\0\0\x02{]', 'A message is not JSON'),
        (b'\0\0\0\x02\xff\xff', 'A message is not JSON'),
        (b'\xff\xff\xff\xff', 'A message of 4294967295 bytes is longer than 16777216'),
        (framed({'error': 'KeyError: x'}), 'KeyError: x'),
    ],
    ids=['nothing', 'half-length', 'no-body', 'half-body', 'empty', 'no-json', 'no-utf8', 'oversize', 'error'],
)
def test_an_answer_that_is_none_is_an_error_that_says_why(serve: Callable[..., Path], data: bytes, reason: str) -> None:
    with pytest.raises(IPCError, match=reason):
        ipc.call(serve(answers(data)), 'do')


def test_a_peer_that_says_nothing_is_given_up(serve: Callable[..., Path]) -> None:
    done = threading.Event()
    path = serve(lambda connection: done.wait(30) and None)
    try:
        with pytest.raises(IPCError, match=r'No answer from x\.sock: timed out'):
            ipc.call(path, 'do', timeout=0.05)
    finally:
        done.set()


def test_a_peer_that_takes_nothing_is_given_up(serve: Callable[..., Path]) -> None:
    done = threading.Event()
    path = serve(lambda connection: done.wait(30) and None)
    try:
        with pytest.raises(IPCError, match='timed out'):
            ipc.call(path, 'do', timeout=0.05, text='x' * 5_000_000)
    finally:
        done.set()


def test_a_message_that_nobody_would_take_is_not_sent(serve: Callable[..., Path]) -> None:
    with pytest.raises(IPCError, match='is longer than'):
        ipc.call(serve(lambda connection: None), 'do', text='x' * 17_000_000)


def test_a_socket_that_nobody_listens_on_is_an_error_that_may_pass(directory: Path) -> None:
    with pytest.raises(IPCError, match=r'No answer from nobody\.sock') as info:
        ipc.call(directory / 'nobody.sock', 'do')
    assert info.value.retryable
    assert isinstance(info.value.__cause__, FileNotFoundError)


# All workers of a server


def leave_socket(path: Path) -> None:
    """One that nobody listens on any more."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def dead_pid() -> int:
    """Of a process that has ended."""
    with subprocess.Popen([sys.executable, '-c', '']) as process:
        process.wait()
    return process.pid


def test_each_worker_answers_for_itself_and_sockets_of_dead_ones_are_cleared_away(
    serve: Callable[..., Path], directory: Path
) -> None:
    serve(echo, 'worker-1.sock')
    serve(answers(framed({'error': 'no'})), 'worker-2.sock')
    dead = dead_pid()
    leave_socket(directory / f'worker-{dead}.sock')
    found = ipc.call_workers(directory, 'info', x=1)
    assert found.pop(1) == {'operation': 'info', 'x': 1}
    assert str(found.pop(2)) == 'no'
    assert found == {}
    assert not ipc.worker_socket(directory, dead).exists()


def test_the_socket_of_a_worker_that_is_about_to_listen_stays(directory: Path) -> None:
    path = ipc.worker_socket(directory, os.getpid())
    leave_socket(path)
    assert ipc.call_workers(directory, 'info') == {}
    assert path.exists()


# Where the sockets are


def test_the_directory_is_the_servers_own_and_nobody_elses_can_enter_it(directory: Path) -> None:
    found = ipc.socket_directory(directory)
    assert found == directory / 'ipc'
    assert found.stat().st_mode & 0o777 == 0o700
    assert ipc.socket_directory(directory) == found


def long_work(directory: Path, name: str = 'x') -> Path:
    work = directory / (name * 100) / 'work'
    work.mkdir(parents=True)
    return work


@pytest.fixture
def runtime(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = directory / 'run'
    path.mkdir()
    monkeypatch.setenv('XDG_RUNTIME_DIR', str(path))
    return path


def test_a_path_too_long_for_sockets_falls_back_to_the_runtime_directory(directory: Path, runtime: Path) -> None:
    found = ipc.socket_directory(long_work(directory))
    assert found.parent == runtime
    assert found.stat().st_mode & 0o777 == 0o700
    leave_socket(found / 'worker-4194304.sock')
    assert ipc.socket_directory(long_work(directory, 'y')) != found


def test_who_has_another_environment_finds_the_same_directory(
    directory: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = long_work(directory)
    found = ipc.socket_directory(work)
    monkeypatch.delenv('XDG_RUNTIME_DIR')
    assert ipc.socket_directory(work) == found
    monkeypatch.setenv('XDG_RUNTIME_DIR', '/somewhere/else')
    assert ipc.socket_directory(work) == found


def test_a_runtime_directory_that_is_missing_or_too_long_is_passed_over(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = directory / ('z' * 90)
    long.mkdir()
    for number, value in enumerate(['/no/such/directory', str(long), '']):
        monkeypatch.setenv('XDG_RUNTIME_DIR', value)
        monkeypatch.setattr('tempfile.tempdir', str(long))
        found = ipc.socket_directory(long_work(directory, 'abc'[number]))
        assert found.parent == Path('/tmp')
        found.rmdir()


def test_a_copied_server_does_not_share_the_directory_of_the_one_it_was_copied_from(directory: Path, runtime: Path) -> None:
    first, second = long_work(directory), long_work(directory, 'y')
    found = ipc.socket_directory(first)
    (second / 'ipc.at').symlink_to(found)
    assert ipc.socket_directory(second) != found


def test_a_directory_that_is_gone_after_a_reboot_is_made_again(directory: Path, runtime: Path) -> None:
    work = long_work(directory)
    ipc.socket_directory(work).rmdir()
    assert ipc.socket_directory(work).is_dir()


@pytest.mark.parametrize('mode', [0o750, 0o701, 0o777])
def test_a_directory_that_others_can_enter_is_refused(directory: Path, mode: int) -> None:
    (directory / 'ipc').mkdir()
    (directory / 'ipc').chmod(mode)
    with pytest.raises(IPCError, match='ipc must be a directory of this user with mode 0700'):
        ipc.socket_directory(directory)


def test_a_directory_of_somebody_else_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / 'ipc').mkdir(mode=0o700)
    monkeypatch.setattr(os, 'getuid', lambda: 54_321)
    with pytest.raises(IPCError, match='must be a directory of this user'):
        ipc.socket_directory(directory)


def test_a_link_or_a_file_in_its_place_is_refused(directory: Path) -> None:
    (directory / 'target').mkdir(mode=0o700)
    for make in (lambda path: path.symlink_to(directory / 'target'), lambda path: path.symlink_to('nowhere'), Path.touch):
        make(directory / 'ipc')
        with pytest.raises(IPCError, match='must be a directory of this user'):
            ipc.socket_directory(directory)
        (directory / 'ipc').unlink()
