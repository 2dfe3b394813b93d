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
    for key in conf.scalars:
        line = find_line(path, '', key)
        raise ConfigError(f'key `{key}` stands before the first stanza', path=str(path), line=line)
    for stanza in conf.sections:
        line = find_line(path, stanza)
        if not stanza.startswith(_PREFIX):
            raise ConfigError(f'unknown stanza [{stanza}]; they begin with {_PREFIX}', path=str(path), line=line)
        for key in conf[stanza]:
            if key not in _KEYS:
                line = find_line(path, stanza, key)
                raise ConfigError(f'unknown key `{key}`{nearest(key, _KEYS)}', path=str(path), line=line)
        value = conf[stanza].get('pickup_from')
        if not value or isinstance(value, dict):
            raise ConfigError(f'[{stanza}] has no pickup_from', path=str(path), line=line)
        for item in value if isinstance(value, list) else [value]:
            try:
                found.append((path.parent / Path(item).expanduser()).resolve())
            except RuntimeError as e:
                raise ConfigError(f'{item}: {e}', path=str(path), line=find_line(path, stanza, 'pickup_from')) from None
    return found
