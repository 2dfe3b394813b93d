"""Whether the server of a worker that has died went on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from zato.common.lock import process_identity
from zato.server.propagate.presence import Peer, Progress, died_alone


def peer(lock: Path) -> Peer:
    progress = Progress(applied=0, loaded=0, failed={})
    return Peer(id='w', server='server1', pid=1, is_here=True, socket='', lock=str(lock), progress=progress)


def test_it_did_if_its_parent_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / 'worker.lock'
    path.write_text(process_identity(os.getpid()))
    assert died_alone(peer(path))


def test_it_did_not_if_its_parent_has_ended(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
    path = tmp_path / 'worker.lock'
    path.write_text(process_identity(process.pid))
    assert died_alone(peer(path))
    process.kill()
    while process_identity(process.pid):  # until the kernel has ended it
        os.sched_yield()
    assert not died_alone(peer(path)), 'it is there only for us to look at it'
    process.communicate()
    assert not died_alone(peer(path))


def test_it_did_not_if_another_process_has_the_number_of_its_parent_now(tmp_path: Path) -> None:
    path = tmp_path / 'worker.lock'
    path.write_text(f'{os.getpid()} 1')
    assert not died_alone(peer(path))


def test_it_is_not_known_without_a_lock_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / 'worker.lock'
    assert not died_alone(peer(path))
    path.write_text('')
    assert not died_alone(peer(path))
