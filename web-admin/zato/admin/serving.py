"""The dashboard as a gunicorn application: one process by default, with threads; loaded before it forks."""

from __future__ import annotations

import gc
import logging
import resource
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from zato.admin.slow_clients import PatientWorker

if TYPE_CHECKING:
    from zato.common.component import WebAdminDirectory
    from zato.common.config.web_admin_conf import WebAdminConf
    from zato.common.start_report import StartReport

logger = logging.getLogger(__name__)

_MOST_CONNECTIONS = 1_000  #: of one process


class DashboardLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's own messages go where all others go; requests are logged by the dashboard."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self.error_log = logging.getLogger('gunicorn.main')
        self.access_log = logging.getLogger('gunicorn.access')
        self._access_log_enabled = False


class Dashboard(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Django is set up already."""

    def __init__(self, conf: WebAdminConf, directory: WebAdminDirectory, report: StartReport) -> None:
        self._conf = conf
        self._directory = directory
        self._report = report
        super().__init__()

    def load_config(self) -> None:
        main, crypto, directory = self._conf.main, self._conf.crypto, self._directory
        options: dict[str, Any] = {
            'bind': main.gunicorn_bind,
            'workers': main.gunicorn_workers,
            'worker_class': PatientWorker,
            'threads': main.gunicorn_threads,
            'worker_connections': min(_MOST_CONNECTIONS, _open_files() // 2),
            'timeout': main.gunicorn_timeout,
            'graceful_timeout': main.gunicorn_graceful_timeout,
            'pidfile': str(directory.pidfile),
            'proc_name': f'zato {directory.name}',
            'preload_app': True,
            'logger_class': DashboardLogger,
            'control_socket_disable': True,
            'when_ready': self._when_ready,
            'post_worker_init': self._when_worker_is_ready,
            'on_exit': self._on_exit,
            # The dashboard decides by itself whose headers count
            'forwarded_allow_ips': '',
            'secure_scheme_headers': {},
        }
        if crypto.use_tls:
            options['certfile'] = str(directory.repo / crypto.cert_location)
            options['keyfile'] = str(directory.repo / crypto.priv_key_location)
        for key, value in options.items():
            self.cfg.set(key, value)

    def load(self) -> Any:
        from django.core.handlers.wsgi import WSGIHandler
        from django.template.loader import get_template
        from django.urls import get_resolver

        application = WSGIHandler()
        _ = get_resolver().url_patterns  # imports all views
        templates = Path(str(files('zato.admin'))) / 'templates'
        for file in sorted(templates.rglob('*.html')):
            get_template(str(file.relative_to(templates)))  # compiled once, for all workers
        gc.collect()
        gc.freeze()  # workers share these pages
        gc.enable()
        return application

    def _when_ready(self, arbiter: Any) -> None:
        host, port = arbiter.LISTENERS[0].sock.getsockname()[:2]
        address = f'[{host}]:{port}' if ':' in host else f'{host}:{port}'
        self._directory.address.write_text(f'{address}\n', encoding='utf-8')
        logger.info('Started %s, listening on %s', self._directory.name, address, extra={'action': 'dashboard.started'})

    def _when_worker_is_ready(self, worker: Any) -> None:
        from zato.admin.accounts.database import keep_open

        self._held = keep_open(self._directory.database)
        self._report.ready()

    def _on_exit(self, arbiter: Any) -> None:
        self._directory.address.unlink(missing_ok=True)


def _open_files() -> int:
    """How many there may be, from now on as many as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most if most != resource.RLIM_INFINITY else sys.maxsize
