"""`python -m zato.server DIRECTORY`: checks what a start needs, then becomes the arbiter."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import resource
from pathlib import Path

from zato.common.component import AlreadyRunning, ServerDirectory, read_info
from zato.common.config.env_file import read_env_file
from zato.common.exception import ConfigError, ZatoException
from zato.common.log.config import LoggingConfigError, configure
from zato.common.start_report import StartReport
from zato.common.version import version
from zato.server.admin_api.objects import object_services
from zato.server.config.runtime import runtimes
from zato.server.process.application import ServerApplication
from zato.server.process.development import for_development
from zato.server.process.settings import Settings, load_settings

logger = logging.getLogger(__name__)

_ALREADY_RUNNING = 9  #: exit code (source: classic Zato)
_FAILED = 18
_GARBAGE = 10_000  #: objects more than before after which a worker looks for some: many clients at once need as many
_WAIT_FOR_LAST = 45.0  #: seconds that processes of a run whose arbiter is gone may take to end


def main() -> int:
    """Returns the exit code."""
    arguments = _parse()
    report = StartReport(arguments.ready_fd)
    try:
        _run(arguments, report)
    except (ZatoException, LoggingConfigError, OSError) as e:
        text = str(e)
        logger.error('Not started: %s', text, extra={'action': 'server.start.failed'})
        report.failed(text)
        return _ALREADY_RUNNING if isinstance(e, AlreadyRunning) else _FAILED
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m zato.server', description='Runs a server in the foreground.')
    parser.add_argument('directory', type=Path)
    parser.add_argument('--fg', action='store_true', help='log to the terminal too')
    parser.add_argument('--env-file', type=Path)
    parser.add_argument('--secret-key', default='')
    parser.add_argument('--dev', action='store_true', help='for development: one worker, no timeouts, tracebacks in answers')
    parser.add_argument('--host', default='127.0.0.1', help='of --dev')
    parser.add_argument('--debug-port', type=int, default=0)
    parser.add_argument('--wait-for-debugger', action='store_true')
    parser.add_argument('--ready-fd', type=int, default=-1)
    return parser.parse_args()


def _run(arguments: argparse.Namespace, report: StartReport) -> None:
    directory = ServerDirectory(arguments.directory)
    if read_info(directory.path)['component'] != 'SERVER':
        raise ConfigError(f'{directory.path} is not the directory of a server')
    if arguments.env_file:
        os.environ.update(read_env_file(arguments.env_file))
    configure(directory.logging_conf, directory.path, to_stdout=arguments.fg)
    # Until this process has ended, and each one that it forks: workers leave by this function too
    directory.lock_alone(_WAIT_FOR_LAST)
    _allow_many_files()
    logger.info('Starting %s with Zato %s', directory.path, version, extra={'action': 'server.starting'})
    settings = load_settings(directory, arguments.secret_key or os.environ.pop('ZATO_SECRET_KEY', ''))
    os.chdir(directory.path)
    if arguments.dev:
        settings = for_development(settings, arguments.host, arguments.debug_port, is_waiting=arguments.wait_for_debugger)
    _preload(settings)
    application = ServerApplication(settings, report, to_stdout=arguments.fg)
    gc.collect()
    gc.freeze()  # so that collecting garbage in workers does not write to memory that they share with the arbiter
    gc.set_threshold(_GARBAGE)
    gc.enable()
    application.run()


def _preload(settings: Settings) -> None:
    """What every process that is forked later needs, they share."""
    settings.odb.preload()
    object_services()
    runtimes()


def _allow_many_files() -> None:
    """As many as the system lets this process have: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
