"""The server as a gunicorn application: what gunicorn is configured with, and how a start is reported."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from zato.common.log.config import LoggingConfigError, configure
from zato.common.log.files import AppendFile
from zato.common.start_report import StartReport
from zato.server.process.arbiter import ServerArbiter
from zato.server.process.gunicorn_worker import ZatoWorker
from zato.server.process.settings import Settings

logger = logging.getLogger(__name__)

ACCESS_LOGGER = 'zato_access_log'
_ARBITER_GRACE = 5.0  #: seconds that workers have to log and exit after their own graceful timeout


class ServerLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's own messages go where all others go."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self.error_log = logging.getLogger('gunicorn.main')
        self.access_log = logging.getLogger(ACCESS_LOGGER)
        self._access_log_enabled = False


class ServerApplication(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """failure: why a worker could not start, for the report."""

    def __init__(self, settings: Settings, report: StartReport, *, to_stdout: bool) -> None:
        self.settings = settings
        self.report = report
        self.failure = ''
        self._to_stdout = to_stdout
        super().__init__()

    def load_config(self) -> None:
        main = self.settings.conf.main
        for key, value in {
            'workers': main.gunicorn_workers,
            'timeout': main.gunicorn_timeout,
            'graceful_timeout': int(main.gunicorn_graceful_timeout + _ARBITER_GRACE),
            'bind': main.gunicorn_bind,
            'pidfile': str(self.settings.directory.pidfile),
            'proc_name': f'zato {self.settings.directory.name}',
            'worker_class': ZatoWorker,
            'logger_class': ServerLogger,
            'control_socket_disable': True,
            'pre_fork': _before_fork,
        }.items():
            self.cfg.set(key, value)

    def load(self) -> None:
        """There is no WSGI application."""

    def reload(self) -> None:
        """For HUP: logging.conf alone. A broken one is reported, and logging stays as it was."""
        try:
            configure(self.settings.directory.logging_conf, self.settings.directory.path, to_stdout=self._to_stdout)
        except LoggingConfigError as e:
            logger.error('%s', e, extra={'action': 'logging.failed'})

    def run(self) -> None:
        ServerArbiter(self).run()

    def started(self) -> None:
        directory = self.settings.directory
        address = directory.address.read_text(encoding='utf-8').strip()
        logger.info('Started %s, listening on %s', directory.name, address, extra={'action': 'server.started'})
        self.report.ready()


def _before_fork(arbiter: ServerArbiter, worker: ZatoWorker) -> None:
    worker.arbiter = arbiter
    worker.is_first_start = not arbiter.has_started
    worker.slot = arbiter.free_slot()


def access_log_file() -> AppendFile | None:
    """Where logging.conf sends the access log; None if it does not."""
    for handler in logging.getLogger(ACCESS_LOGGER).handlers:
        file = getattr(handler, 'file', None)
        if isinstance(file, AppendFile):
            return file
    return None
