"""logging.conf: a YAML file for `logging.config.dictConfig`, read by each process when it starts and on a reload.

Files of classic servers work as they are: their rotating file handlers become ours, which several processes can share,
and so do their coloured formatters. Loggers that exist but are not in the file go on logging, unless it says
`disable_existing_loggers: true`.
Not here: the loggers' names and the default logging.conf (the command that creates a server).
"""

from __future__ import annotations

import logging
import logging.config
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from zato.common.log.cid import name_calls
from zato.common.log.files import AppendFile

TRACE1 = 6  #: a level below DEBUG, which logging.conf may name

HANDLER = 'zato.common.log.writers.RotatingFileHandler'

#: Handlers that are not safe, or not there, for several processes
REPLACED_HANDLERS = (
    'logging.handlers.RotatingFileHandler',
    'logging.handlers.ConcurrentRotatingFileHandler',
    'cloghandler.ConcurrentRotatingFileHandler',
    'concurrent_log_handler.ConcurrentRotatingFileHandler',
)

#: The only values of what such handlers also accept; these options do nothing
FIXED_OPTIONS = {'mode': ('a',), 'encoding': ('utf8', 'utf-8', 'UTF-8'), 'delay': (True, False)}

STDOUT = ('ext://sys.stdout', 'ext://sys.__stdout__')

COLOURS = {'TRACE1': 34, 'DEBUG': 34, 'INFO': 32, 'WARNING': 33, 'ERROR': 31, 'CRITICAL': 35}


class LoggingConfigError(ValueError):
    """logging.conf cannot be used. Says which file, which line if it is known, what is wrong and what to do."""

    def __init__(self, path: Path, problem: str, *, line: int = 0) -> None:
        where = f'{path}:{line}' if line else str(path)
        super().__init__(f'{where}: {problem}. Correct the file; until then logging stays as it was')
        self.path = path
        self.line = line  #: 0 if it is not known


class ColourFormatter(logging.Formatter):
    """For terminals: colours the level, and nothing else."""

    def format(self, record: logging.LogRecord) -> str:
        name = record.levelname
        if name in COLOURS:
            record.levelname = f'\x1b[{COLOURS[name]}m{name}\x1b[0m'
        try:
            return super().format(record)
        finally:
            record.levelname = name  # other handlers get the same record


def configure(path: Path, base_dir: Path, *, to_stdout: bool) -> None:
    """Set up this process's logging as the file at `path` says.

    base_dir: the server's directory, which names of log files are relative to.
    to_stdout: False removes the handlers that write to standard output, for processes in the background.
    Raises LoggingConfigError; the logging set up before stays in place then.
    """
    logging.addLevelName(TRACE1, 'TRACE1')
    name_calls()
    settings = _read(path)
    try:
        _adapt(settings, base_dir.absolute(), to_stdout=to_stdout)
        _apply(settings)
    except Exception as error:  # dictConfig lets through whatever a handler's class raises
        raise LoggingConfigError(path, _explain(error)) from error


def check(path: Path, base_dir: Path) -> None:
    """Is the file fit for `configure`, as far as can be told without doing it? Raises LoggingConfigError."""
    settings = _read(path)
    try:
        _adapt(settings, base_dir.absolute(), to_stdout=False)
    except Exception as error:
        raise LoggingConfigError(path, _explain(error)) from error


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        settings = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise LoggingConfigError(path, f'it cannot be read: {error.strerror}') from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        problem = ', '.join(text for text in (error.context, error.problem) if text)
        raise LoggingConfigError(path, f'not valid YAML: {problem}', line=line) from error
    except yaml.YAMLError as error:
        raise LoggingConfigError(path, f'not valid YAML: {error}') from error
    if not isinstance(settings, dict):
        raise LoggingConfigError(path, 'it must be a mapping with version, formatters, handlers and loggers')
    return settings


def _adapt(settings: dict[str, Any], base_dir: Path, *, to_stdout: bool) -> None:
    """Turn what the file says into what this process needs. Raises ValueError, OSError and, if the file has something
    other than mappings where they belong, AttributeError or TypeError.
    """
    settings.setdefault('disable_existing_loggers', False)
    handlers = _mappings(settings, 'handlers')
    formatters = _mappings(settings, 'formatters')
    for name, handler in handlers.items():
        if isinstance(handler.get('filename'), str):
            _adapt_file(name, handler, base_dir)
    for formatter in formatters.values():
        factory = str(formatter.get('()', ''))
        if factory.startswith('zato.') and factory.endswith('.ColorFormatter'):
            del formatter['()']  # whether there are colours depends on the terminal, see below

    for name in [name for name, handler in handlers.items() if handler.get('stream') in STDOUT]:
        if not to_stdout:
            _remove(settings, name)
        elif sys.stdout is not None and sys.stdout.isatty():
            _colour(handlers[name], formatters)


def _mappings(settings: dict[str, Any], key: str) -> dict[str, dict[str, Any]]:
    """A section of the file that maps names to mappings."""
    section = settings.setdefault(key, {})
    if not isinstance(section, dict) or not all(isinstance(value, dict) for value in section.values()):
        raise ValueError(f'{key} must be a mapping of names to mappings')
    return section


def _adapt_file(name: str, handler: dict[str, Any], base_dir: Path) -> None:
    handler['filename'] = os.path.normpath(base_dir / handler['filename'])
    if handler.get('class') in REPLACED_HANDLERS:
        handler['class'] = HANDLER
    if handler.get('class') != HANDLER:
        return
    for option, values in FIXED_OPTIONS.items():
        if handler.pop(option, values[0]) not in values:
            raise ValueError(f'handler {name!r}: {option} must be {values[0]!r}, or left out')
    file = AppendFile(handler['filename'])
    try:
        file.reopen()  # so that a file which cannot be opened is found before anything changes
    except OSError as error:
        raise ValueError(f'handler {name!r}: cannot open {file.path}: {error.strerror}') from error
    finally:
        file.close()


def _remove(settings: dict[str, Any], name: str) -> None:
    """Remove a handler, and its name from the lists of the loggers and of the handlers that pass records on."""
    del settings['handlers'][name]
    users = [settings.get('root') or {}, *_mappings(settings, 'loggers').values(), *settings['handlers'].values()]
    for user in users:
        if isinstance(user.get('handlers'), list):
            user['handlers'] = [item for item in user['handlers'] if item != name]


def _colour(handler: dict[str, Any], formatters: dict[str, dict[str, Any]]) -> None:
    name = handler.get('formatter')
    formatter = formatters.get(str(name), {})
    if formatter and not formatter.keys() & {'()', 'class'}:  # a formatter of the users' own stays
        handler['formatter'] = f'{name} in colour'
        formatters[handler['formatter']] = {**formatter, 'class': 'zato.common.log.config.ColourFormatter'}


class _State(NamedTuple):
    """How a logger is set up. The defaults are a new logger's."""

    level: int = logging.NOTSET
    propagate: bool = True
    disabled: bool = False
    handlers: tuple[logging.Handler, ...] = ()


def _apply(settings: dict[str, Any]) -> None:
    """dictConfig, but with all loggers put back if it fails.

    It removes what is there before it builds what is new, and stops at the first error.
    """
    before = {
        logger: _State(logger.level, logger.propagate, logger.disabled, tuple(logger.handlers)) for logger in _loggers()
    }
    try:
        logging.config.dictConfig(settings)
    except Exception:
        for logger in _loggers():
            state = before.get(logger, _State())
            logger.setLevel(state.level)
            logger.propagate, logger.disabled = state.propagate, state.disabled
            logger.handlers[:] = state.handlers  # ours were closed; the next record opens them again
        raise


def _loggers() -> list[logging.Logger]:
    existing = list(logging.root.manager.loggerDict.values())
    return [logging.root, *(logger for logger in existing if isinstance(logger, logging.Logger))]


def _explain(error: BaseException) -> str:
    """The error and what it was raised from: dictConfig itself says only which part could not be built."""
    reasons = []
    cause: BaseException | None = error
    while cause is not None:
        text = str(cause) if isinstance(cause, ValueError | OSError) else f'{type(cause).__name__}: {cause}'
        if text not in reasons:
            reasons.append(text)
        cause = cause.__cause__
    return ': '.join(reasons)
