"""`self.user_config`: users' own .conf and .ini files, read again whenever one changes. A broken one changes nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bunch import Bunch, bunchify

from zato.common.alarm import Alarms
from zato.common.config.reader import GetSecret, override, read_conf, resolve
from zato.common.exception import ConfigError

logger = logging.getLogger(__name__)

_SUFFIXES = ('.conf', '.ini')
_IGNORED = 'env.ini'


class UserConfig:
    """named: name → file, from server.conf. directories: all .conf and .ini files in them, by their names up to a dot."""

    def __init__(
        self,
        named: Mapping[str, Path],
        directories: list[Path],
        alarms: Alarms,
        get_secret: GetSecret | None = None,
    ) -> None:
        """get_secret: for values `zato+secret://stanza.key`; without it they stay as they are."""
        self._named = {path.resolve(): name for name, path in named.items()}
        self._directories = directories
        self._alarms = alarms
        self._get_secret = get_secret
        self._values = Bunch()

    @property
    def values(self) -> Bunch:
        """file → stanza → key, nested stanzas below."""
        return self._values

    @property
    def watched(self) -> list[Path]:
        """Directories in which a change matters."""
        return list(dict.fromkeys([*(path.parent for path in self._named), *self._directories]))

    def load(self) -> None:
        """Read everything."""
        for path in self._named:
            self._read(path)
        for directory in self._directories:
            if directory.is_dir():
                for path in sorted(directory.iterdir()):
                    self._read(path)

    def changed(self, path: Path) -> None:
        """A file, or something in a directory, has changed."""
        if path.is_dir():
            self.load()
        else:
            self._read(path)

    def _read(self, path: Path) -> None:
        name = self._named.get(path.resolve())
        if name is None:
            if path.suffix not in _SUFFIXES or path.name == _IGNORED or path.parent not in self._directories:
                return
            name = path.name.partition('.')[0]
        subject = f'user-config:{path}'
        try:
            conf = read_conf(path)
            override(conf, path.name, 'User_Config', os.environ)
            values = self._typed(conf.dict(), str(path))
        except ConfigError as e:
            self._alarms.begin(subject, str(e), 'mend the file; the values read before stay', action='user_config.failed')
            return
        self._values[name] = bunchify(values)
        self._alarms.end(subject)
        logger.info('Read user config `%s` from %s', name, path, extra={'action': 'user_config.read'})

    def _typed(self, value: Any, where: str) -> Any:
        """Variables and secrets put in; whole numbers, True and False as what they are; stanzas and lists item by item."""
        if isinstance(value, dict):
            return {key: self._typed(item, f'{where} {key}') for key, item in value.items()}
        if isinstance(value, list):
            return [self._typed(item, where) for item in value]
        value = resolve(value, os.environ, self._get_secret, where)
        if value in ('True', 'False'):
            return value == 'True'
        try:
            number = int(value)
        except ValueError:
            return value
        return number if str(number) == value else value  # 007 and +48 are no numbers but codes
