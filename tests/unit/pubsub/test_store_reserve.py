"""The disk space that is kept for acknowledgements."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from zato.server.pubsub.store.reserve import SIZE, Reserve


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'reserve'


def test_it_is_made_when_somebody_asks_for_it(path: Path, clock: Clock) -> None:
    assert Reserve(path, clock=clock).is_there()
    assert path.stat().st_size == SIZE
    assert path.stat().st_blocks * 512 >= SIZE, 'no space is kept'


def test_what_was_given_up_is_made_again_later(path: Path, clock: Clock) -> None:
    reserve = Reserve(path, clock=clock)
    assert reserve.is_there()
    assert reserve.give_up()
    assert not path.exists()
    assert not reserve.give_up()
    assert not reserve.is_there()
    clock.now += 1.0
    assert reserve.is_there()
    assert path.stat().st_size == SIZE


def test_what_another_process_gave_up_is_made_again_once_there_is_space(path: Path, clock: Clock) -> None:
    one, other = Reserve(path, clock=clock), Reserve(path, clock=clock)
    assert one.is_there()
    assert other.is_there()
    one.give_up()
    assert other.is_there()
    assert one.is_there()


def test_where_there_is_no_space_none_is_taken_and_it_is_tried_again_later(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = list[float]()

    def allocate(fd: int, offset: int, size: int) -> None:
        tried.append(clock.now)
        os.write(fd, b'some of it')
        raise OSError(errno.ENOSPC, 'No space left on device')

    reserve = Reserve(path, clock=clock)
    with monkeypatch.context() as patched:
        patched.setattr(os, 'posix_fallocate', allocate)
        for _ in range(20):
            assert not reserve.is_there()
            assert not path.exists()
            clock.now += 0.25
    assert tried == [100.0, 101.0, 102.0, 103.0, 104.0]
    assert reserve.is_there()


def test_half_of_it_is_not_it(path: Path, clock: Clock) -> None:
    path.write_bytes(b'x' * 100)
    assert Reserve(path, clock=clock).is_there()
    assert path.stat().st_size == SIZE


def test_a_directory_that_is_away_has_none(path: Path, clock: Clock) -> None:
    assert not Reserve(path / 'nothing' / 'here', clock=clock).is_there()
