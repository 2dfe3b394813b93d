"""One worker: builds its parts, hands each what it needs, starts them in this order and stops them in reverse.

user config → objects and services from the ODB → control socket → wake-ups → presence → tokens → audit log → loops → roles
→ HTTP
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

from zato.common.alarm import Alarms
from zato.common.exception import ZatoException
from zato.common.log.writers import BufferedLines
from zato.common.odb.database import Database, ODBUnavailable
from zato.common.version import version
from zato.server.admin_api import builtin_services
from zato.server.admin_api.context import AdminContext
from zato.server.audit_log.store import AuditStore
from zato.server.channel.builtin import builtin_channels
from zato.server.channel.pipeline import Describe, Pipeline
from zato.server.channel.routes import Routes
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import make_runtimes
from zato.server.config.user_config import UserConfig
from zato.server.config.watcher import Watcher
from zato.server.connection.registry import OutgoingConnections
from zato.server.deploy.applier import Applier
from zato.server.deploy.loader import ModuleLoader
from zato.server.deploy.role import DeploymentRole
from zato.server.http.access_log import AccessLog
from zato.server.http.client_address import TrustedProxies
from zato.server.http.server import HTTPServer
from zato.server.process.audit_log import make_recorder
from zato.server.process.control import ControlServer
from zato.server.process.development import listen_for_debugger, traceback_of
from zato.server.process.facades import add_server, make_facades
from zato.server.process.loop import Loop
from zato.server.process.odb_check import check_odb
from zato.server.process.outgoing import add_outgoing, make_surroundings
from zato.server.process.role import Role
from zato.server.process.scan import make_deployer, make_store
from zato.server.propagate.configuration import Configuration, Writer
from zato.server.propagate.follower import Follower
from zato.server.propagate.housekeeping import INTERVAL, Housekeeping
from zato.server.propagate.odb import ODB
from zato.server.propagate.presence import HEARTBEAT, Presence
from zato.server.propagate.wake import WakeSocket
from zato.server.security.definitions import SecurityDefinitions
from zato.server.security.groups import Groups
from zato.server.security.jwt import LogIns
from zato.server.security.rate_limit.exact import ExactCounter
from zato.server.security.rate_limit.limits import RateLimits
from zato.server.security.rate_limit.store import StoredCounts
from zato.server.security.token_codec import TokenCodec
from zato.server.security.token_store import TokenStore
from zato.server.security.tokens import Tokens
from zato.server.service.invoker import Invoker
from zato.server.service.store import ServiceStore
from zato.server.service.workers import WorkerCalls

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

    from zato.common.config.server_conf import Misc
    from zato.common.log.files import AppendFile
    from zato.common.odb.address import ODBAddress
    from zato.server.http.balance import Share
    from zato.server.process.settings import Settings
    from zato.server.propagate.notify import Listener

logger = logging.getLogger(__name__)

#: Seconds between looks whether this worker's row says how far it is. On one host, datagrams say it at once.
_ROW_EVERY_LOCAL, _ROW_EVERY = 1.0, 0.05


class Worker:
    """`start` once; if it fails, everything is as before. `stop` once."""

    def __init__(self, settings: Settings, access_log: AppendFile | None, share: Share | None, alarms: Alarms) -> None:
        self._settings = settings
        conf = settings.conf
        self.alarms = alarms
        self._services = ServiceStore()
        self._routes = Routes()
        self._user_config = UserConfig(
            settings.user_config, [settings.directory.user_conf_dir], self.alarms, settings.get_secret
        )
        self._odb = ODB(Database(settings.odb))
        self._writer = Writer(self._odb, settings.cipher)
        self._modules = make_store(settings, self._odb, self._writer)
        self._loader = ModuleLoader()
        self._applier = Applier(
            self._modules,
            self._services,
            self._loader,
            self.alarms,
            conf.hot_deploy.check_timeout,
            settings.compile_options,
        )
        self._objects = ConfigObjects(os.environ, settings.cipher.decrypt, self.alarms)
        codec = TokenCodec(settings.cipher.derive('tokens'))
        self._tokens = Tokens(TokenStore(self._odb, self._writer), codec)
        self._log_ins = LogIns(self._tokens)
        self._exact = ExactCounter(StoredCounts(self._odb), self.alarms)
        self._limits = RateLimits(self._exact)
        security = [SecurityDefinitions(), Groups(), self._log_ins, self._limits]
        self._messages = AuditStore(self._odb, settings.name)
        self._recorder = make_recorder(settings, self._messages, self._objects, self.alarms)
        self._connections = OutgoingConnections(self._objects)
        outgoing = [self._connections, make_surroundings(settings, self._recorder)]
        self._runtimes = make_runtimes([self._routes, self._services, *security, *outgoing, self._recorder, self._objects])
        self._objects.use(self._runtimes)
        self._follower = Follower(
            self._odb, self._objects, self._applier.apply, lambda: self._configuration.moved(), self.alarms
        )
        self._presence = Presence(self._odb, settings.name, settings.sockets, lambda: self._follower.progress)
        facades = make_facades(settings, self._odb, self._presence.id, lambda: self._user_config.values)
        self.invoker = Invoker(self._services, facades, self._name_of_service)
        self._calls = WorkerCalls(self.invoker, settings.sockets)
        add_server(facades, settings.name, self._calls)
        add_outgoing(facades, self._connections, self._objects, os.environ)
        self._configuration = Configuration(self._odb, self._writer, self._follower, self._presence)
        self._wake = WakeSocket(self._presence.socket, self._configuration.receive)
        self._listener = None if settings.odb.is_sqlite else _make_listener(settings.odb, self._follower.wake)
        self._deployer = make_deployer(settings, self._modules, self.alarms, self._deployed)
        self._deployment = DeploymentRole(self._deployer, settings.deploy_directories, self.alarms)
        self._housekeeping = Housekeeping(self._odb, self._presence.id)
        self._services.add_internal(builtin_services(self._make_context()))
        self._user_config_watcher = Watcher(self._user_config.watched, self._user_config.changed, alarms)
        self._role = Role(
            'hot-deploy',
            settings.directory.work / 'role.hot-deploy',
            take_up=self._deployment.start,
            give_up=self._deployment.stop,
        )
        self._control = ControlServer(
            settings.sockets,
            {
                'info': self.info,
                'deployment': self._applier.state_of,
                'objects': self._objects.as_dict,
                'invoke': self._calls.invoke_here,
                'cancel': self.invoker.cancel,
            },
        )
        row_every = _ROW_EVERY_LOCAL if settings.odb.is_sqlite else _ROW_EVERY
        self._loops = [
            Loop('heartbeat in the ODB', _unless_away(self._presence.beat), HEARTBEAT),
            Loop('progress in the ODB', _unless_away(self._presence.beat_if_new), row_every),
            Loop('housekeeping', _unless_away(self._housekeeping.prune), INTERVAL),
            Loop('audit log of deleted objects', _unless_away(self._messages.forget_deleted), INTERVAL),
        ]
        self._http = self._make_http(access_log, share)
        self._since = datetime.now(UTC)
        self._started = False

    def start(self, listeners: list[socket]) -> None:
        """Returns once this worker accepts requests."""
        with ExitStack() as undo:
            undo.callback(self._odb.close)
            if self._settings.development is not None:
                listen_for_debugger(self._settings.development)
            self._user_config.load()
            self._loader.install()
            undo.callback(self._loader.uninstall)
            check_odb(self._odb, self._settings)
            self._follower.load()
            for start, stop in (
                (self._control.start, self._control.stop),
                (self._wake.start, self._wake.stop),
                (self._appear, self._disappear),
                (self._tokens.start, self._tokens.stop),
                (self._recorder.start, self._recorder.stop),
                (self._follow, self._follower.stop),
                (self._start_loops, self._stop_loops),
                (self._user_config_watcher.start, self._user_config_watcher.stop),
                (self._role.start, self._role.stop),
            ):
                undo.callback(stop)
                start()
            self._http.start(listeners)
            self._started = True
            undo.pop_all()

    def stop(self, timeout: float) -> None:
        """Let work in no more, let running work finish for `timeout` seconds, then close what it used."""
        end = monotonic() + timeout
        self._role.stop()
        self.invoker.end_pauses()
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
        self._exact.stop()
        self.invoker.kill()
        self._user_config_watcher.stop()
        self._stop_loops()
        self._follower.stop()
        self._recorder.stop()
        self._tokens.stop()
        self._disappear()
        self._wake.stop()
        self._control.stop()
        self._connections.close()
        self._odb.close()

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
            'applied_event': self._follower.progress.applied,
            'objects': len(self._objects),
            'modules': self._applier.as_list(),
            'alarms': self.alarms.as_list(),
        }

    def _make_context(self) -> AdminContext:
        return AdminContext(
            configuration=self._configuration,
            objects=self._objects,
            odb=self._odb,
            services=self._services,
            modules=self._modules,
            deployer=self._deployer,
            calls=self._calls,
            runtime_of=self._runtimes.get,
            messages=self._messages,
            log_ins=self._log_ins,
            limits=self._limits,
        )

    def _name_of_service(self, id: int) -> str | None:
        found = self._objects.get(id)
        return found.name if found is not None and found.kind == 'service' else None

    def _make_http(self, access_log: AppendFile | None, share: Share | None) -> HTTPServer:
        settings = self._settings
        misc = settings.conf.misc
        for channel in builtin_channels(
            self._services, settings.pubapi, settings.admin, frozenset(misc.service_invoker_allow_internal)
        ):
            self._routes.add(channel)
        is_development = settings.development is not None
        describe = traceback_of if is_development else _describer(misc)
        pipeline = Pipeline(
            self._routes,
            self.invoker,
            describe,
            limits=self._limits,
            has_timeouts=not is_development,
            max_body=settings.limits.body,
        )
        return HTTPServer(
            pipeline.respond,
            pipeline.reject,
            AccessLog(BufferedLines(access_log) if access_log is not None else None),
            settings.limits,
            refuse=pipeline.refuse,
            proxies=TrustedProxies(settings.conf.http.trusted_proxies),
            server_header=misc.http_server_header,
            tls=settings.tls,
            share=share,
        )

    def _appear(self) -> None:
        """What is changed from here on waits for this worker; what was changed before is caught up with."""
        self._presence.appear()
        self._follower.apply_all()

    def _disappear(self) -> None:
        for leave in (self._presence.disappear, self._housekeeping.release):
            try:
                leave()
            except ODBUnavailable as e:
                logger.info('The ODB will find out by itself that this worker has ended: %s', e)

    def _follow(self) -> None:
        self._follower.start()
        if self._listener is not None:
            self._listener.start()

    def _start_loops(self) -> None:
        for loop in self._loops:
            loop.start()

    def _stop_loops(self) -> None:
        for loop in self._loops:
            loop.stop()
        if self._listener is not None:
            self._listener.stop()

    def _deployed(self, event: int) -> None:
        gevent.spawn(self._watch_deployment, event)

    def _watch_deployment(self, event: int) -> None:
        """Tell all workers, and log which of them do not serve what was deployed."""
        try:
            outcome = self._configuration.wait_for(event)
        except ZatoException as e:
            logger.warning('It is not known which workers have applied event %d: %s', event, e)
            return
        if outcome.pending:
            logger.warning('Not applied yet by: %s', ', '.join(outcome.pending), extra={'action': 'deploy.pending'})


def _describer(misc: Misc) -> Describe:
    """What clients are told of a service's failure."""
    if misc.return_tracebacks:
        return lambda e: f'{type(e).__name__}: {e}'
    return lambda e: misc.default_error_message


def _make_listener(address: ODBAddress, heard: Callable[[], None]) -> Listener:
    from zato.server.propagate.notify import Listener  # its driver takes longer to import than SQLAlchemy's core

    return Listener(address, heard)


def _unless_away(step: Callable[[], object]) -> Callable[[], None]:
    """A step that is left out while the ODB is away, of which the follower tells."""

    def run() -> None:
        try:
            step()
        except ODBUnavailable as e:
            logger.debug('%s', e)

    return run
