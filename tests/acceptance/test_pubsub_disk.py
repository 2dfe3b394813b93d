"""Publish/subscribe on a disk that is full."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest

from tests.chaos.pubsub_cluster import Cluster, cluster
from tests.support.environment import eventually

TARGET = 'chaos.target'
_SIZE = '96m'
_MANY = 2_000  #: more large messages than the disk has room for
_LARGE = 'x' * 200_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.fail('A small file system is mounted here, which needs root; run the tests as root')
    directory = tmp_path / 'disk'
    directory.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={_SIZE}', 'none', directory], check=True)
    yield directory
    subprocess.run(['umount', '--lazy', directory], check=True)


@pytest.mark.parametrize('by', ['others', 'messages'])
def test_a_full_disk_refuses_messages_and_those_that_are_there_are_delivered(
    by: str, small_disk: Path, tmp_path: Path
) -> None:
    with cluster(tmp_path, workers=2, disk=small_disk) as made:
        made.say('hold')
        ids = made.publish_many(TARGET, 300)
        with _filled(small_disk) if by == 'others' else nullcontext():
            ids += _publish_until_refused(made)
            made.take_back('hold')
            made.wait_until_empty()
            assert [line.msg_id for line in made.lines()] == ids
        last: list[str] = []

        def is_published() -> bool:
            answer = made.try_to_publish(TARGET)
            if answer.status == 200:
                last.append(answer.json['id'])
            return answer.status == 200

        eventually(is_published, 'publishing to go on')
        made.wait_until_empty()
        assert [line.msg_id for line in made.lines()] == [*ids, *last]
        assert made.environment.log_has('free some disk space; nothing was written')
        made.check()


def _publish_until_refused(made: Cluster) -> list[str]:
    """IDs of what was accepted before. Nothing but 503 is a refusal."""
    ids: list[str] = []
    for _ in range(_MANY):
        answer = made.try_to_publish(TARGET, text=_LARGE)
        if answer.status != 200:
            assert answer.status == 503, answer
            print(f'{len(ids)} large messages were accepted')
            return ids
        ids.append(answer.json['id'])
    raise AssertionError(f'{_MANY} messages of {len(_LARGE):,} bytes were accepted')


@contextmanager
def _filled(directory: Path) -> Iterator[None]:
    """Something else has taken all space that there was."""
    filler = directory / 'filler'
    with filler.open('wb', buffering=0) as f, suppress(OSError):
        while True:
            f.write(bytes(65_536))
    assert shutil.disk_usage(directory).free == 0
    try:
        yield
    finally:
        filler.unlink()
