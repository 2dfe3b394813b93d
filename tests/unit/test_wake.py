"""Sockets of workers that do not answer a wake-up."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from zato.common import ipc


def bound_only(path: Path) -> socket.socket:
    """What a worker's socket is for a moment while it boots: there, and refusing."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(os.fspath(path))
    return listener


def test_the_socket_of_a_worker_that_boots_is_left_alone(tmp_path: Path) -> None:
    path = ipc.worker_socket(tmp_path, os.getpid())
    with bound_only(path):
        assert not ipc.discard_if_stale(path)
        assert path.exists()


def test_the_socket_of_a_worker_that_is_gone_is_discarded(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, '-c', ''])
    process.wait()
    path = ipc.worker_socket(tmp_path, process.pid)
    with bound_only(path):
        assert ipc.discard_if_stale(path)
        assert not path.exists()
