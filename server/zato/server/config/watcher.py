"""Sees files change: inotify in gevent's own loop on Linux, snapshots of the directories elsewhere.

A file counts once it was closed after writing or renamed into place, so a half-written one is never reported. What happens
while a directory is missing or the kernel's queue overflows is reported as "look at all of it".
"""

from __future__ import annotations

import ctypes
import logging
import os
import stat
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import gevent
from gevent import get_hub

from zato.common.alarm import Alarms

logger = logging.getLogger(__name__)

#: Called with a file that changed, or with a directory that is to be looked at as a whole.
OnChange = Callable[[Path], None]

_CLOSE_WRITE, _MOVED_TO, _CREATE = 0x8, 0x80, 0x100
_DELETE_SELF, _MOVE_SELF, _OVERFLOW, _IGNORED = 0x400, 0x800, 0x4000, 0x8000
_ONLYDIR = 0x1000000
_EVENT = struct.Struct('iIII')
_READ = 1
_WHAT_TO_DO = 'create it, or take it out of the configuration'
_RETRY = 1.0  #: seconds between looks for a directory that is missing
_SNAPSHOT_INTERVAL = 1.0


class InotifyWatcher:
    """Call `start` once, `stop` any number of times. `on_change` runs in the watcher's greenlet.

    There is an alarm for each directory that cannot be watched, until it can.
    """

    def __init__(self, directories: Iterable[Path], on_change: OnChange, alarms: Alarms) -> None:
        self._wanted = set(directories)
        self._on_change = on_change
        self._alarms = alarms
        self._watched: dict[int, Path] = {}
        self._fd = -1
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._greenlets: list[gevent.Greenlet[..., None]] = []

    def start(self) -> None:
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), 'inotify_init1')
        self._watch_missing()
        self._greenlets = [gevent.spawn(self._read_forever), gevent.spawn(self._retry_forever)]

    def stop(self) -> None:
        gevent.killall(self._greenlets)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _watch_missing(self) -> list[Path]:
        """Watch what is not watched yet and exists. Returns what is watched anew."""
        found = []
        mask = _CLOSE_WRITE | _MOVED_TO | _CREATE | _DELETE_SELF | _MOVE_SELF | _ONLYDIR
        for path in self._wanted - set(self._watched.values()):
            descriptor = self._libc.inotify_add_watch(self._fd, os.fsencode(path), mask)
            if descriptor >= 0:
                self._watched[descriptor] = path
                self._alarms.end(f'watch:{path}')
                found.append(path)
            else:
                reason = os.strerror(ctypes.get_errno())
                self._alarms.begin(f'watch:{path}', f'it is not watched: {reason}', _WHAT_TO_DO, action='watch.failed')
        return found

    def _retry_forever(self) -> None:
        while True:
            gevent.sleep(_RETRY)
            for path in self._watch_missing():
                _report(self._on_change, path)

    def _read_forever(self) -> None:
        hub = get_hub()
        watcher = hub.loop.io(self._fd, _READ)
        try:
            while True:
                hub.wait(watcher)
                try:
                    data = os.read(self._fd, 65_536)
                except BlockingIOError:
                    continue
                for path in dict.fromkeys(self._parse(data)):
                    _report(self._on_change, path)
        finally:
            watcher.close()

    def _parse(self, data: bytes) -> list[Path]:
        found: list[Path] = []
        position = 0
        while position < len(data):
            descriptor, mask, _, length = _EVENT.unpack_from(data, position)
            name = data[position + _EVENT.size : position + _EVENT.size + length].rstrip(b'\0')
            position += _EVENT.size + length
            directory = self._watched.get(descriptor)
            if mask & _OVERFLOW:
                found.extend(self._watched.values())
            elif directory is None:
                continue
            elif mask & _MOVE_SELF:
                self._libc.inotify_rm_watch(self._fd, descriptor)
            elif mask & _IGNORED:
                logger.warning('%s is gone; it will be watched again once it is back', directory)
                del self._watched[descriptor]
            elif name:
                path = directory / os.fsdecode(name)
                if not mask & _CREATE or _is_whole(path):
                    found.append(path)
        return found


def _is_whole(path: Path) -> bool:
    """Was a link made, rather than a file opened that is still to be written?"""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISLNK(status.st_mode) or status.st_nlink > 1


class SnapshotWatcher:
    """The same by looking at sizes and times every second."""

    def __init__(self, directories: Iterable[Path], on_change: OnChange, alarms: Alarms) -> None:
        self._directories = list(directories)
        self._alarms = alarms
        self._on_change = on_change
        self._known: dict[Path, tuple[int, int]] = {}
        self._greenlet: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        self._known = self._look()
        self._greenlet = gevent.spawn(self._look_forever)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill()

    def _look_forever(self) -> None:
        while True:
            gevent.sleep(_SNAPSHOT_INTERVAL)
            now = self._look()
            changed = [path for path, stamp in now.items() if self._known.get(path) != stamp]
            self._known = now
            for path in changed:
                _report(self._on_change, path)

    def _look(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for directory in self._directories:
            try:
                paths = list(directory.iterdir())
            except OSError as e:
                self._alarms.begin(f'watch:{directory}', f'it is not watched: {e}', _WHAT_TO_DO, action='watch.failed')
                continue
            self._alarms.end(f'watch:{directory}')
            for path in paths:
                try:
                    status = path.stat()
                except OSError:
                    continue
                found[path] = (status.st_mtime_ns, status.st_size)
        return found


def _report(on_change: OnChange, path: Path) -> None:
    try:
        on_change(path)
    except Exception:
        logger.exception('A change of %s was not dealt with', path, extra={'action': 'watch.failed'})


Watcher = InotifyWatcher if sys.platform == 'linux' else SnapshotWatcher
