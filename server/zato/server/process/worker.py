"""One worker: builds its parts, hands each what it needs, starts them in this order and stops them in reverse.

built-in services → user config → deployed services → control socket → loops → roles → HTTP
"""

from __future__ import annotations

import logging
import os
import resource
from contextlib import ExitStack
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent

from zato.common import ipc
from zato.common.alarm import Alarms
from zato.common.exception import IPCError
from zato.common.log.writers import BufferedLines
from zato.common.version import version
from zato.server.admin_api import builtin_services
from zato.server.channel.builtin import builtin_channels
from zato.server.channel.channel import Routes
from zato.server.channel.pipeline import Pipeline
from zato.server.config.user_config import UserConfig
from zato.server.config.watcher import Watcher
from zato.server.deploy.applier import Applier
from zato.server.deploy.checker import check
from zato.server.deploy.deployer import Deployer
from zato.server.deploy.loader import ModuleLoader
from zato.server.deploy.role import DeploymentRole
from zato.server.deploy.versions import DirectoryStore
from zato.server.http.access_log import AccessLog
from zato.server.http.server import HTTPServer
from zato.server.process.control import ControlServer
from zato.server.process.loop import Loop
from zato.server.process.role import Role
from zato.server.service.invoker import Invoker
from zato.server.service.store import ServiceStore

if TYPE_CHECKING:
    from socket import socket

    from zato.common.log.files import AppendFile
    from zato.server.http.balance import Share
    from zato.server.process.settings import Settings

logger = logging.getLogger(__name__)

_POLL = 1.0  #: seconds between looks for deployments, should a wake-up get lost


class Worker:
    """`start` once; if it fails, everything is as before. `stop` once."""

    def __init__(self, settings: Settings, access_log: AppendFile | None, share: Share | None, alarms: Alarms) -> None:
        self._settings = settings
        conf = settings.conf
        self.alarms = alarms
        internal = builtin_services()
        self._services = ServiceStore(internal)
        self._user_config = UserConfig(
            settings.user_config, [settings.directory.user_conf_dir], self.alarms, settings.get_secret
        )
        self.invoker = Invoker(self._services, lambda: self._user_config.values)
        self._modules = DirectoryStore(settings.directory.hot_deploy, conf.hot_deploy.backup_history)
        self._loader = ModuleLoader()
        self._applier = Applier(self._modules, self._services, self._loader, self.alarms, conf.hot_deploy.check_timeout)
        self._user_config_watcher = Watcher(self._user_config.watched, self._user_config.changed, alarms)
        self._deployment = self._make_deployment(frozenset(internal))
        self._role = Role(
            'hot-deploy',
            settings.directory.work / 'role.hot-deploy',
            take_up=lambda: self._deployment.start(),
            give_up=lambda: self._deployment.stop(),
        )
        self._control = ControlServer(
            settings.sockets,
            {'info': self.info, 'apply': self._apply_soon, 'deployment': self._applier.state_of},
        )
        self._poll = Loop('deployments', self._applier.apply, _POLL)
        self._http = self._make_http(access_log, share)
        self._since = datetime.now(UTC)
        self._started = False

    def start(self, listeners: list[socket]) -> None:
        """Returns once this worker accepts requests."""
        with ExitStack() as undo:
            self._user_config.load()
            self._loader.install()
            undo.callback(self._loader.uninstall)
            self._applier.apply()
            undo.callback(self._control.stop)
            self._control.start()
            undo.callback(self._user_config_watcher.stop)
            self._user_config_watcher.start()
            undo.callback(self._poll.stop)
            self._poll.start()
            undo.callback(self._role.stop)
            self._role.start()
            self._http.start(listeners)
            self._started = True
            undo.pop_all()

    def stop(self, timeout: float) -> None:
        """Let work in no more, let running work finish for `timeout` seconds, then close what it used."""
        end = monotonic() + timeout
        self._role.stop()
        still_open = self._http.drain(timeout)
        for call in self.invoker.finish(max(0.0, end - monotonic())):
            logger.error(
                'Service %s was cut off by the stop after %.1f s (cid: %s)',
                call.service.name,
                monotonic() - call.started,
                call.cid,
                extra={'action': 'service.cut_off', 'cid': call.cid},
            )
        if still_open:
            logger.warning('%d connection(s) were still open after %g s', still_open, timeout)
        self._http.close()
        self.invoker.kill()
        self._poll.stop()
        self._user_config_watcher.stop()
        self._control.stop()

    def info(self) -> dict[str, Any]:
        """What `zato info` shows of this worker. Times in seconds, memory in bytes."""
        now = monotonic()
        return {
            'pid': os.getpid(),
            'version': version,
            'started': self._since.isoformat(),
            'is_ready': self._started,
            'roles': [self._role.name] if self._role.is_held else [],
            'connections': self._http.connections,
            'invoked': self.invoker.invoked,
            'running': [
                {'service': call.service.name, 'cid': call.cid, 'seconds': round(now - call.started, 3)}
                for call in list(self.invoker.running)
            ],
            'max_memory': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            'ibm_mq': self._settings.conf.component_enabled.ibm_mq,
            'modules': self._applier.as_list(),
            'alarms': self.alarms.as_list(),
        }

    def _make_deployment(self, internal: frozenset[str]) -> DeploymentRole:
        settings = self._settings
        limit = settings.conf.hot_deploy.check_timeout
        deployer = Deployer(
            self._modules,
            lambda changed, others: check(settings.sockets, changed, others, limit),
            self.alarms,
            internal,
            lambda _: self._tell_all(),
            settings.directory.hot_deploy,
            settings.conf.hot_deploy.max_size,
        )
        return DeploymentRole(deployer, settings.deploy_directories, self.alarms)

    def _make_http(self, access_log: AppendFile | None, share: Share | None) -> HTTPServer:
        settings = self._settings
        misc = settings.conf.misc
        channels = builtin_channels(
            self._services, settings.pubapi, settings.admin, frozenset(misc.service_invoker_allow_internal)
        )
        pipeline = Pipeline(Routes(channels), self.invoker, misc.default_error_message, misc.return_tracebacks)
        return HTTPServer(
            pipeline.respond,
            pipeline.reject,
            AccessLog(BufferedLines(access_log) if access_log is not None else None),
            settings.limits,
            refuse=pipeline.refuse,
            server_header=misc.http_server_header,
            tls=settings.tls,
            share=share,
        )

    def _apply_soon(self) -> None:
        gevent.spawn(self._applier.apply)

    def _tell_all(self) -> None:
        """Wake every worker of this server; who is not reached finds out by polling."""
        own = ipc.worker_socket(self._settings.sockets, os.getpid())
        others = [path for path in self._settings.sockets.glob('worker-*.sock') if path != own]
        waking = [gevent.spawn(_wake, path) for path in others]
        gevent.sleep(0)  # let them send before this worker is busy importing
        self._applier.apply()
        gevent.joinall(waking, timeout=1.0)


def _wake(path: Any) -> None:
    try:
        ipc.call(path, 'apply', timeout=1.0)
    except IPCError as e:
        if not ipc.discard_if_stale(path):
            logger.info('%s was not woken: %s', path.name, e)
