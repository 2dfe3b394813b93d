"""Reads .conf files (ConfigObj): environment overrides, `$NAME`, `zato+secret://`, and errors with file, line and key.

A value is resolved in this order (source: classic Zato 3.2): an environment variable
`Zato_Config_<Component>_<file>_<stanza>_<key>`, with '.' and '-' of the file's name as '__', replaces or adds a key; a value
`$NAME` becomes that variable's (a missing one leaves the text as it is, with a warning; `$$…` is left alone); a value
`zato+secret://stanza.key` is decrypted from secrets.conf.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from configobj import ConfigObj, ConfigObjError

from zato.common.config.option import convert, declared, nearest
from zato.common.config.server_conf import CLASSIC, OPEN_STANZAS, STANZAS, ServerConf
from zato.common.exception import ConfigError

logger = logging.getLogger(__name__)

SECRET_PREFIX = 'zato+secret://'

#: stanza.key of secrets.conf → the decrypted text. Raises CryptoError.
GetSecret = Callable[[str], str]


def read_conf(path: Path) -> ConfigObj:
    """The file as it stands, nothing resolved. Raises ConfigError."""
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except FileNotFoundError:
        raise ConfigError('the file is missing', path=str(path)) from None
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f'the file cannot be read: {e}', path=str(path)) from None
    try:
        return ConfigObj(lines, encoding='utf-8', interpolation=False)
    except ConfigObjError as e:
        first = e.errors[0] if getattr(e, 'errors', None) else e
        reason = re.sub(r' at line \d+\.?$', '', str(first)).rstrip('.')
        text = (first.line or '').strip()
        raise ConfigError(f'{reason}: `{text}`', path=str(path), line=first.line_number or 0) from None


def resolve(raw: Any, environ: Mapping[str, str], get_secret: GetSecret | None, where: str) -> Any:
    """One value, or a list of them, after `$NAME` and `zato+secret://`."""
    if isinstance(raw, list):
        return [resolve(item, environ, get_secret, where) for item in raw]
    if isinstance(raw, str) and raw.startswith('$') and not raw.startswith('$$') and len(raw) > 1:
        found = environ.get(raw[1:])
        if found is None:
            logger.warning('%s: environment variable %s is not set', where, raw[1:], extra={'action': 'config.env'})
            return raw
        raw = found
    if isinstance(raw, str) and raw.startswith(SECRET_PREFIX) and get_secret is not None:
        return get_secret(raw.removeprefix(SECRET_PREFIX))
    return raw


def override(conf: ConfigObj, file_name: str, component: str, environ: Mapping[str, str]) -> None:
    """Apply `Zato_Config_<Component>_<file>_…` to what was read from that file."""
    prefix = f'Zato_Config_{component}_{file_name.replace(".", "__").replace("-", "__")}_'
    for name, value in environ.items():
        if not name.startswith(prefix):
            continue
        rest = name.removeprefix(prefix)
        stanzas = [stanza for stanza in {*conf.sections, *STANZAS, *OPEN_STANZAS} if rest.startswith(f'{stanza}_')]
        if stanzas:
            stanza = max(stanzas, key=len)
            conf.setdefault(stanza, {})[rest.removeprefix(f'{stanza}_')] = value
        else:
            logger.warning('Environment variable %s names no stanza of %s', name, file_name)


def read_server_conf(path: Path, environ: Mapping[str, str], get_secret: GetSecret | None = None) -> ServerConf:
    """Raises ConfigError that lists everything wrong with the file, a line each."""
    conf = read_conf(path)
    override(conf, path.name, 'Server', environ)
    _apply_short_overrides(conf, environ)
    problems: list[ConfigError] = []
    ignored: list[str] = []

    def problem(msg: str, stanza: str, key: str = '') -> None:
        problems.append(ConfigError(msg, path=str(path), line=find_line(path, stanza, key)))

    for key in conf.scalars:
        problem(f'key `{key}` stands before the first stanza', '', key)
    for stanza in conf.sections:
        if '*' in CLASSIC.get(stanza, ()):
            ignored.append(f'[{stanza}]')
        elif stanza not in STANZAS and stanza not in OPEN_STANZAS:
            problem(f'unknown stanza [{stanza}]{nearest(stanza, [*STANZAS, *OPEN_STANZAS])}', stanza)
    values: dict[str, Any] = {}
    for stanza, cls in STANZAS.items():
        values[stanza] = _read_stanza(conf.get(stanza, {}), stanza, cls, (environ, get_secret), problem, ignored)
    for stanza in OPEN_STANZAS:
        values[stanza] = {
            key: str(resolve(value, environ, get_secret, f'{path}, [{stanza}] {key}'))
            for key, value in conf.get(stanza, {}).items()
        }
    if problems:
        raise ConfigError('\n'.join(str(item) for item in problems))
    if ignored:
        logger.warning('%s: not used by this version: %s', path, ', '.join(ignored), extra={'action': 'config.unused'})
    return ServerConf(**values)


def read_server_stanza(path: Path, environ: Mapping[str, str], stanza: str) -> Any:
    """One stanza alone, whatever is wrong with the others; commands about a running server need no more.

    Raises ConfigError.
    """
    conf = read_conf(path)
    override(conf, path.name, 'Server', environ)
    problems: list[str] = []
    source = (environ, None)
    value = _read_stanza(conf.get(stanza, {}), stanza, STANZAS[stanza], source, lambda msg, *_: problems.append(msg), [])
    if problems:
        raise ConfigError('\n'.join(problems), path=str(path))
    return value


def _read_stanza(
    raw: Mapping[str, Any],
    stanza: str,
    cls: type[Any],
    source: tuple[Mapping[str, str], GetSecret | None],
    problem: Callable[[str, str, str], None],
    ignored: list[str],
) -> Any:
    known = declared(cls)
    values = {}
    for key, text in raw.items():
        if key not in known:
            if key in CLASSIC.get(stanza, ()):
                ignored.append(f'[{stanza}] {key}')
            else:
                problem(f'unknown key `{key}` in [{stanza}]{nearest(key, list(known))}', stanza, key)
            continue
        type_, declaration, _ = known[key]
        text = resolve(text, *source, f'[{stanza}] {key}')
        try:
            values[key] = convert(text, type_, declaration)
        except ValueError as e:
            problem(f'[{stanza}] {key} {e}, not `{text}`', stanza, key)
    return cls(**values)


def _apply_short_overrides(conf: ConfigObj, environ: Mapping[str, str]) -> None:
    main = conf.setdefault('main', {})
    if workers := environ.get('Zato_Config_Num_Threads'):
        main['gunicorn_workers'] = workers
    host, port = environ.get('Zato_Config_Bind_Host'), environ.get('Zato_Config_Bind_Port')
    if host or port:
        old_host, _, old_port = str(main.get('gunicorn_bind', '0.0.0.0:17010')).rpartition(':')
        main['gunicorn_bind'] = f'{host or old_host}:{port or old_port}'


def find_line(path: Path, stanza: str, key: str = '') -> int:
    """The line of a key, or of a stanza's header, 1 for the first; 0 if it is not in the file."""
    current = ''
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        text = line.strip()
        if text.startswith('['):
            current = text.strip('[] ')
            if current == stanza and not key:
                return number
        elif current == stanza and key and re.match(rf'{re.escape(key)}\s*=', text):
            return number
    return 0
