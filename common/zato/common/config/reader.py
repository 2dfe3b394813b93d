"""Reads .conf files (ConfigObj): environment overrides, `$NAME`, `zato+secret://`, and errors with file, line and key.

A value is resolved in this order (source: classic Zato 3.2): an environment variable
`Zato_Config_<Component>_<file>_<stanza>_<key>`, with '.' and '-' of the file's name as '__', replaces or adds a key; a value
`$NAME` becomes that variable's (a missing one leaves the text as it is, with a warning; `$$…` is left alone); a value
`zato+secret://stanza.key` is decrypted from secrets.conf.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from configobj import ConfigObj, ConfigObjError

from zato.common.config.conf_file import ConfFile
from zato.common.config.option import convert, declared, nearest
from zato.common.config.server_conf import SERVER_CONF, ServerConf
from zato.common.exception import ConfigError

logger = logging.getLogger(__name__)

SECRET_PREFIX = 'zato+secret://'

#: stanza.key of secrets.conf → the decrypted text. Raises ConfigError.
GetSecret = Callable[[str], str]

#: (stanza, key) → the environment variable that its value is from.
Overrides = dict[tuple[str, str], str]


class _ConfigObj(ConfigObj):  # type: ignore[misc]  # it has no types
    """A comment after a value has a space before it: passwords and addresses may have a hash, which would cut them off."""

    _nolistvalue = re.compile(r"""^("[^"]*"|'[^']*'|[^'"#].*?|)(?:(?:^|\s+)(#.*))?\s*$""")


def read_conf(path: Path, *, has_lists: bool = True) -> ConfigObj:
    """The file as it stands, nothing resolved. has_lists: does a comma make a list of a value? Raises ConfigError."""
    try:
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except FileNotFoundError:
        raise ConfigError('the file is missing', path=str(path)) from None
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f'the file cannot be read: {e}', path=str(path)) from None
    try:
        conf = _ConfigObj(lines, encoding='utf-8', interpolation=False, list_values=has_lists)
    except ConfigObjError as e:
        first = e.errors[0] if getattr(e, 'errors', None) else e
        reason = re.sub(r' at line \d+\.?$', '', str(first)).rstrip('.')
        text = (first.line or '').strip()
        raise ConfigError(f'{reason}: `{text}`', path=str(path), line=first.line_number or 0) from None
    if not has_lists:
        conf.walk(_unquote)  # which ConfigObj does only where it looks for lists
    return conf


def _unquote(section: Any, key: str) -> None:
    value = section[key]
    if len(value) > 1 and value[0] == value[-1] and value[0] in '\'"':
        section[key] = value[1:-1]


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


def override(
    conf: ConfigObj, file_name: str, component: str, environ: Mapping[str, str], stanzas: Iterable[str] = ()
) -> Overrides:
    """Apply `Zato_Config_<Component>_<file>_…` to what was read from that file. Returns what was overridden by what.

    stanzas: those that the file may have besides those that it has.
    """
    done: Overrides = {}
    prefix = f'Zato_Config_{component}_{file_name.replace(".", "__").replace("-", "__")}_'
    for name, value in environ.items():
        if not name.startswith(prefix):
            continue
        rest = name.removeprefix(prefix)
        found = [stanza for stanza in {*conf.sections, *stanzas} if rest.startswith(f'{stanza}_')]
        if found:
            stanza = max(found, key=len)
            key = rest.removeprefix(f'{stanza}_')
            conf.setdefault(stanza, {})[key] = value
            done[stanza, key] = name
        else:
            logger.warning('Environment variable %s names no stanza of %s', name, file_name)
    return done


def read_declared(
    path: Path,
    declaration: ConfFile,
    environ: Mapping[str, str],
    get_secret: GetSecret | None,
    *,
    shorter: Callable[[ConfigObj, Mapping[str, str]], Overrides] = lambda conf, environ: {},
) -> dict[str, Any]:
    """Stanza → what it says: an object of its class, or a mapping if it is open.

    shorter: applies further environment variables. Raises ConfigError that lists everything wrong, a line each.
    """
    return _Reading(path, declaration, environ, get_secret).all(shorter)


def read_stanza(path: Path, declaration: ConfFile, environ: Mapping[str, str], stanza: str) -> Any:
    """One stanza alone, whatever is wrong with the others; commands about a running component need no more.

    Raises ConfigError.
    """
    return _Reading(path, declaration, environ, None).one(stanza)


def read_server_conf(path: Path, environ: Mapping[str, str], get_secret: GetSecret | None = None) -> ServerConf:
    """Raises ConfigError that lists everything wrong with the file, a line each."""
    return ServerConf(**read_declared(path, SERVER_CONF, environ, get_secret, shorter=_apply_short_overrides))


def read_server_stanza(path: Path, environ: Mapping[str, str], stanza: str) -> Any:
    """One stanza alone of a server.conf. Raises ConfigError."""
    return read_stanza(path, SERVER_CONF, environ, stanza)


class _Reading:
    """One file that is being read as its declaration says. What is wrong with it is collected, to be told at once."""

    def __init__(self, path: Path, declaration: ConfFile, environ: Mapping[str, str], get_secret: GetSecret | None) -> None:
        self._path = path
        self._declaration = declaration
        self._source = (environ, get_secret)
        self._problems: list[str] = []
        self._ignored: list[str] = []
        self._overrides: Overrides = {}

    def all(self, shorter: Callable[[ConfigObj, Mapping[str, str]], Overrides]) -> dict[str, Any]:
        declaration = self._declaration
        conf = read_conf(self._path)
        for key in list(conf.scalars):
            self._problem(f'key `{key}` stands before the first stanza', '', key)
            del conf[key]
        self._overrides.update(self._override(conf))
        self._overrides.update(shorter(conf, self._source[0]))
        for stanza in conf.sections:
            if '*' in declaration.unused.get(stanza, ()):
                self._ignored.append(f'[{stanza}]')
            elif stanza not in declaration.names:
                self._problem(f'unknown stanza [{stanza}]{nearest(stanza, list(declaration.names))}', stanza)
        values = {stanza: self._fixed(conf.get(stanza, {}), stanza) for stanza in declaration.stanzas}
        plain = read_conf(self._path, has_lists=False)  # a comma in these is just a comma
        for stanza in declaration.open_stanzas:
            as_written = plain[stanza] if stanza in plain.sections else {}
            texts = {
                key: conf[stanza][key] if (stanza, key) in self._overrides else as_written[key]
                for key in conf.get(stanza, {})
            }
            values[stanza] = self._open(texts, stanza)
        if self._problems:
            raise ConfigError('\n'.join(self._problems))
        if self._ignored:
            unused = ', '.join(self._ignored)
            logger.warning('%s: not used by this version: %s', self._path, unused, extra={'action': 'config.unused'})
        return values

    def one(self, stanza: str) -> Any:
        conf = read_conf(self._path)
        for key in list(conf.scalars):
            del conf[key]
        self._overrides.update(self._override(conf))
        value = self._fixed(conf.get(stanza, {}), stanza)
        if self._problems:
            raise ConfigError('\n'.join(self._problems))
        return value

    def _override(self, conf: ConfigObj) -> Overrides:
        declaration = self._declaration
        return override(conf, self._path.name, declaration.component, self._source[0], declaration.names)

    def _fixed(self, raw: Mapping[str, Any], stanza: str) -> Any:
        known = declared(self._declaration.stanzas[stanza])
        values = {}
        for key, text in raw.items():
            if key not in known:
                if key in self._declaration.unused.get(stanza, ()):
                    self._ignored.append(f'[{stanza}] {key}')
                else:
                    self._problem(f'unknown key `{key}` in [{stanza}]{nearest(key, list(known))}', stanza, key)
                continue
            type_, declaration, _ = known[key]
            try:
                text = self._resolve(text, f'[{stanza}] {key}')
                values[key] = convert(text, type_, declaration)
            except ConfigError as e:
                self._problem(f'[{stanza}] {key}: {e}', stanza, key)
            except ValueError as e:
                got = '' if str(e).endswith('`') else f', not `{text}`'  # of a list, the rule names the item
                self._problem(f'[{stanza}] {key} {e}{got}', stanza, key)
        return self._declaration.stanzas[stanza](**values)

    def _open(self, raw: Mapping[str, Any], stanza: str) -> dict[str, str]:
        declaration = self._declaration.open_stanzas[stanza]
        values: dict[str, str] = {}
        for key, text in raw.items():
            try:
                values[key] = str(self._resolve(text, f'[{stanza}] {key}'))
                if declaration.check is not None:
                    declaration.check(values[key])
            except ConfigError as e:
                self._problem(f'[{stanza}] {key}: {e}', stanza, key)
            except ValueError as e:
                self._problem(f'[{stanza}] {key} {e}, not `{values[key]}`', stanza, key)
        if declaration.example and not raw:
            self._problem(f'[{stanza}] must have one at least, such as {declaration.example}', stanza)
        return values

    def _resolve(self, raw: Any, where: str) -> Any:
        if isinstance(raw, dict):
            raise ConfigError('must be a value, not a stanza')
        return resolve(raw, *self._source, where)

    def _problem(self, msg: str, stanza: str, key: str = '') -> None:
        if (stanza, key) in self._overrides:
            self._problems.append(f'environment variable {self._overrides[stanza, key]}: {msg}')
        else:
            line = find_line(self._path, stanza, key)
            self._problems.append(str(ConfigError(msg, path=str(self._path), line=line)))


def _apply_short_overrides(conf: ConfigObj, environ: Mapping[str, str]) -> Overrides:
    main = conf.setdefault('main', {})
    done: Overrides = {}
    if workers := environ.get('Zato_Config_Num_Threads'):
        main['gunicorn_workers'] = workers
        done['main', 'gunicorn_workers'] = 'Zato_Config_Num_Threads'
    host, port = environ.get('Zato_Config_Bind_Host'), environ.get('Zato_Config_Bind_Port')
    if host or port:
        old = str(
            resolve(
                main.get('gunicorn_bind', declared(SERVER_CONF.stanzas['main'])['gunicorn_bind'][2]), environ, None, 'bind'
            )
        )
        old_host, _, old_port = old.rpartition(':')
        main['gunicorn_bind'] = f'{host or old_host}:{port or old_port}'
        done['main', 'gunicorn_bind'] = 'Zato_Config_Bind_Host' if host else 'Zato_Config_Bind_Port'
    return done


def find_line(path: Path, stanza: str, key: str = '') -> int:
    """The line of a key, or of a stanza's header, 1 for the first; 0 if it is not in the file."""
    current = ''
    for number, line in enumerate(path.read_text(encoding='utf-8-sig').splitlines(), 1):
        text = line.strip()
        if header := re.match(r'\[+\s*(.*?)\s*\]', text):
            current = header[1].strip('\'"')
            if current == stanza and not key:
                return number
        elif current == stanza and key and re.match(rf'["\']?{re.escape(key)}["\']?\s*=', text):
            return number
    return 0
