"""simple-io.conf: which types elements have that services declare by name alone, and what wraps their output.

[int]
exact=id
suffix=_count, _id
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from zato.common.config.option import nearest
from zato.common.config.reader import find_line, read_conf
from zato.common.exception import ConfigError

TYPES = ('bool', 'int', 'secret')
WAYS = ('exact', 'prefix', 'suffix')
_DEFAULT = 'default'
_DEFAULT_KEYS = ('response_elem',)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleIOConf:
    """names: type → way → names, beginnings or ends; what is not there is as it always is. response_elem: None for that."""

    names: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=lambda: MappingProxyType({}))
    response_elem: str | None = None


def read_simple_io_conf(path: Path) -> SimpleIOConf:
    """A missing file is an empty one. Raises ConfigError."""
    if not path.exists():
        return SimpleIOConf()
    conf = read_conf(path)
    names: dict[str, dict[str, tuple[str, ...]]] = {}
    response_elem = None
    stanzas = [_DEFAULT, *TYPES]
    for key in conf.scalars:
        line = find_line(path, '', key)
        raise ConfigError(f'key `{key}` stands before the first stanza', path=str(path), line=line)
    for stanza in conf.sections:
        if stanza not in stanzas:
            line = find_line(path, stanza)
            raise ConfigError(f'unknown stanza [{stanza}]{nearest(stanza, stanzas)}', path=str(path), line=line)
        known = _DEFAULT_KEYS if stanza == _DEFAULT else WAYS
        for key, value in conf[stanza].items():
            line = find_line(path, stanza, key)
            if key not in known:
                raise ConfigError(f'unknown key `{key}`{nearest(key, list(known))}', path=str(path), line=line)
            if isinstance(value, dict):
                raise ConfigError(f'`{key}` must be a value, not a stanza', path=str(path), line=line)
            if stanza == _DEFAULT:
                response_elem = str(value)
            else:
                items = value if isinstance(value, list) else [value]
                names.setdefault(stanza, {})[key] = tuple(item.strip() for item in items if item.strip())
    return SimpleIOConf(names=names, response_elem=response_elem)
