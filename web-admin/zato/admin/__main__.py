"""`python -m zato.admin COMMAND PATH`: serves a dashboard, or changes its users. Passwords come in by standard input."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from pathlib import Path

from zato.admin.cluster import Cluster, make_server
from zato.admin.runtime import Runtime, set_runtime
from zato.common.component import AlreadyRunning, WebAdminDirectory, read_info
from zato.common.config.bind import check_free
from zato.common.config.env_file import read_env_file
from zato.common.config.secrets import Secrets
from zato.common.config.web_admin_conf import WebAdminConf, read_web_admin_conf
from zato.common.exception import ConfigError, ZatoException
from zato.common.log.config import LoggingConfigError, configure
from zato.common.start_report import StartReport
from zato.common.tls import own_context
from zato.common.version import version

logger = logging.getLogger(__name__)

_ALREADY_RUNNING = 9  #: exit codes, as of the command line
_FAILED = 18
_WAIT_FOR_LAST = 15.0  #: seconds that processes of a run whose arbiter is gone may take to end


def main() -> int:
    """Returns the exit code."""
    arguments = _parse()
    if arguments.command == 'serve':
        return _serve(arguments)
    try:
        directory = _directory(arguments.path)
        set_up(directory)
        from zato.admin.accounts import commands

        commands.run(arguments)
    except (ZatoException, OSError) as e:
        print(f'Error: {e}', file=sys.stderr)
        return getattr(e, 'exit_code', _FAILED)
    return 0


def set_up(directory: WebAdminDirectory) -> WebAdminConf:
    """Django and all that views need, with the database's tables there. Raises ConfigError."""
    secrets = Secrets(directory.secrets_conf, os.environ, os.environ.pop('ZATO_SECRET_KEY', ''))
    conf = read_web_admin_conf(directory.web_admin_conf, os.environ, secrets.get)
    ca_certs = directory.repo / conf.crypto.ca_certs_location if conf.crypto.ca_certs_location else None
    servers = [make_server(name, address, directory.path, ca_certs) for name, address in conf.servers.items()]
    most_long = max(1, conf.main.gunicorn_threads // 2)
    cluster = Cluster(servers, secrets.get('zato.admin_invoke_password'), most_long=most_long)
    set_runtime(Runtime(conf, cluster, secrets.cipher))
    from zato.admin import django_settings

    django_settings.set_up(conf, directory.database, secrets.get('zato.django_secret_key'))
    from zato.admin.accounts import database

    database.prepare(directory.database)
    return conf


def _serve(arguments: argparse.Namespace) -> int:
    gc.disable()  # until all is imported: it would look for garbage among classes again and again
    report = StartReport(arguments.ready_fd)
    try:
        directory = _directory(arguments.path)
        if arguments.env_file:
            os.environ.update(read_env_file(arguments.env_file))
        configure(directory.logging_conf, directory.path, to_stdout=arguments.fg)
        directory.lock_alone(_WAIT_FOR_LAST)
        directory.pidfile.unlink(missing_ok=True)  # a stale one: we hold the lock
        logger.info('Starting %s with Zato %s', directory.path, version, extra={'action': 'dashboard.starting'})
        conf = set_up(directory)
        if conf.crypto.use_tls:  # gunicorn would tell of what is wrong with them only when a browser comes
            own_context(directory.repo / conf.crypto.cert_location, directory.repo / conf.crypto.priv_key_location)
        check_free(conf.main.gunicorn_bind, directory.web_admin_conf)  # gunicorn would not say what is wrong
        from zato.admin.serving import Dashboard

        Dashboard(conf, directory, report).run()
    except (ZatoException, LoggingConfigError, OSError) as e:
        logger.error('Not started: %s', e, extra={'action': 'dashboard.start.failed'})
        report.failed(str(e))
        return _ALREADY_RUNNING if isinstance(e, AlreadyRunning) else _FAILED
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m zato.admin', description='Serves a dashboard, or changes its users.')
    commands = parser.add_subparsers(dest='command', required=True)
    serve = commands.add_parser('serve')
    serve.add_argument('path', type=Path)
    serve.add_argument('--fg', action='store_true', help='log to the terminal too')
    serve.add_argument('--env-file', type=Path)
    serve.add_argument('--ready-fd', type=int, default=-1)
    create = commands.add_parser('create-user')
    create.add_argument('path', type=Path)
    create.add_argument('--username', required=True)
    create.add_argument('--email', default='')
    create.add_argument('--role', default='admin')
    update = commands.add_parser('update-password')
    update.add_argument('path', type=Path)
    update.add_argument('username')
    reset = commands.add_parser('reset-totp-key')
    reset.add_argument('path', type=Path)
    reset.add_argument('username')
    reset.add_argument('--off', action='store_true')
    return parser.parse_args()


def _directory(path: Path) -> WebAdminDirectory:
    directory = WebAdminDirectory(path)
    if read_info(directory.path)['component'] != 'WEB_ADMIN':
        raise ConfigError(f'{directory.path} is not the directory of a dashboard')
    return directory


if __name__ == '__main__':
    sys.exit(main())
