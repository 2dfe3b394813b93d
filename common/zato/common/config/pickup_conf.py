"""pickup.conf: further directories whose Python files are deployed from where they are.

[hot-deploy.user.my-project]
pickup_from=/home/me/my-project/services, /home/me/my-project/more
"""

from __future__ import annotations

from pathlib import Path

from zato.common.config.option import nearest
from zato.common.config.reader import find_line, read_conf
from zato.common.exception import ConfigError

_PREFIX = 'hot-deploy.user.'
_KEYS = ['pickup_from']


def read_pickup_conf(path: Path) -> list[Path]:
    """The directories, absolute. A missing file is an empty one. Raises ConfigError."""
    if not path.exists():
        return []
    conf = read_conf(path)
    found: list[Path] = []
    for stanza in conf.sections:
        line = find_line(path, stanza)
        if not stanza.startswith(_PREFIX):
            raise ConfigError(f'unknown stanza [{stanza}]; they begin with {_PREFIX}', path=str(path), line=line)
        for key in conf[stanza]:
            if key not in _KEYS:
                line = find_line(path, stanza, key)
                raise ConfigError(f'unknown key `{key}`{nearest(key, _KEYS)}', path=str(path), line=line)
        if 'pickup_from' not in conf[stanza]:
            raise ConfigError(f'[{stanza}] has no pickup_from', path=str(path), line=line)
        value = conf[stanza]['pickup_from']
        for item in value if isinstance(value, list) else [value]:
            found.append((path.parent / Path(item).expanduser()).resolve())
    return found
