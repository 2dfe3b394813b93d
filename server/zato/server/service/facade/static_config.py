"""`self.static_config`: text files of config/repo/static, by name, or as attributes with `_` for all but word characters.

A file is read when it is asked for, and again once its modification time, size or inode differ. Files in directories below
are not there, nor are links that lead out of the directory.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from zato.common.exception import ConfigError

_OTHER = re.compile(r'\W')

#: Modification time in nanoseconds, size, inode.
_Stamp = tuple[int, int, int]


class StaticConfig:
    """Iterates over the names of its files. Raises ConfigError for a file that cannot be read or is not UTF-8 text."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._texts: dict[str, tuple[_Stamp, str]] = {}

    def __getitem__(self, name: str) -> str:
        """The file's text. Raises KeyError if there is no such file."""
        path = self._find(name)
        if path is None:
            self._texts.pop(name, None)
            raise KeyError(f'There is no file `{name}` in {self._directory}')
        try:
            return self._read(name, path)
        except UnicodeDecodeError as e:
            raise ConfigError(f'the file is not text in UTF-8: {e.reason} at byte {e.start}', path=str(path)) from None
        except OSError as e:
            raise ConfigError(f'the file cannot be read: {e.strerror}', path=str(path)) from e

    def __getattr__(self, attribute: str) -> str:
        """The text of the file whose name becomes this attribute's. Raises AttributeError if there is none, or several."""
        if attribute.startswith('__'):
            raise AttributeError(attribute)
        names = [name for name in self._names() if _OTHER.sub('_', name) == attribute and self._find(name) is not None]
        if len(names) > 1:
            raise AttributeError(f'`{attribute}` may be each of {", ".join(names)} in {self._directory}; use [name]')
        try:
            return self[names[0]]
        except (IndexError, KeyError):
            raise AttributeError(f'There is no file for `{attribute}` in {self._directory}') from None

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._names() if self._find(name) is not None)

    def _names(self) -> list[str]:
        """Of all that is in the directory."""
        try:
            return sorted(os.listdir(self._directory))
        except OSError:
            return []

    def _find(self, name: str) -> Path | None:
        """Where the file is, if it is one of ours."""
        if name in ('', '.', '..') or '/' in name or '\0' in name:
            return None
        try:
            path = (self._directory / name).resolve(strict=True)
            is_own = path.is_relative_to(self._directory.resolve()) and stat.S_ISREG(path.stat().st_mode)
        except (OSError, RuntimeError):  # a loop of links is the latter
            return None
        return path if is_own else None

    def _read(self, name: str, path: Path) -> str:
        known = self._texts.get(name)
        if known is not None and known[0] == _stamp(path.stat()):
            return known[1]
        with open(path, 'rb') as file:
            stamp = _stamp(os.fstat(file.fileno()))
            text = file.read().decode('utf-8-sig')
        self._texts[name] = (stamp, text)
        return text


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino
