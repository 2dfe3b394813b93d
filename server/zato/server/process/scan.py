"""Deploys what changed while the server was down, before its workers start, in a child process that ends with it."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable

from gevent import reinit

from zato.common.alarm import Alarms
from zato.server.admin_api import builtin_services
from zato.server.deploy.checker import check, die_with_parent
from zato.server.deploy.deployer import Deployer
from zato.server.deploy.versions import DirectoryStore
from zato.server.process.settings import Settings

logger = logging.getLogger(__name__)


def start_scan(settings: Settings, close_in_child: Callable[[], None]) -> int:
    """The child's process ID. For what it refuses, the role's holder raises alarms."""
    pid = os.fork()
    if pid == 0:
        try:
            die_with_parent(signal.SIGKILL)
            reinit()
            close_in_child()
            _scan(settings)
        except Exception:
            logger.exception('Looking for changed services failed', extra={'action': 'deploy.failed'})
        finally:
            os._exit(0)
    return pid


def _scan(settings: Settings) -> None:
    conf = settings.conf.hot_deploy
    deployer = Deployer(
        DirectoryStore(settings.directory.hot_deploy, conf.backup_history),
        lambda changed, others: check(settings.sockets, changed, others, conf.check_timeout),
        Alarms(),
        frozenset(builtin_services()),
        lambda _: None,
        settings.directory.hot_deploy,
        conf.max_size,
    )
    deployer.scan(settings.deploy_directories, retry=True)
