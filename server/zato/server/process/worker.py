"""One worker: builds its parts, hands each what it needs, starts them in this order and stops them in reverse.

user config → objects and services from the ODB → control socket → wake-ups → presence → tokens → audit log → publish/
subscribe → loops → roles → HTTP
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

from zato.common.client_address import TrustedProxies
from zato.common.component import read_info
from zato.common.log.writers import BufferedLines
from zato.common.odb.database import Database
from zato.common.version import version
from zato.server.admin_api import builtin_services
from zato.server.admin_api.context import AdminContext, ServerFacts
from zato.server.admin_api.log_files import LogFiles
from zato.server.channel.builtin import builtin_channels
from zato.server.channel.pipeline import Describe, Pipeline
from zato.server.channel.pubsub_api import pubsub_channels
from zato.server.channel.routes import Routes
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import make_runtimes
from zato.server.config.user_config import UserConfig
from zato.server.config.watcher import Watcher
from zato.server.connection.registry import OutgoingConnections
from zato.server.http.access_log import AccessLog
from zato.server.http.server import HTTPServer
from zato.server.process.audit_log import make_audit_log
from zato.server.process.control import ControlServer
from zato.server.process.deployment import make_deployment
from zato.server.process.development import listen_for_debugger, traceback_of
from zato.server.process.facades import add_server, make_facades
from zato.server.process.odb_check import check_odb
from zato.server.process.outgoing import add_outgoing, make_surroundings
from zato.server.process.propagation import Propagation
from zato.server.process.pubsub import PubSubOfWorker
from zato.server.process.pubsub_objects import PubSubObjects
from zato.server.process.security import make_security
from zato.server.process.worker_info import resident_memory, summary
from zato.server.propagate.configuration import Writer
from zato.server.propagate.odb import ODB
from zato.server.pubsub.registry import Registry
from zato.server.service.invoker import Invoker
from zato.server.service.workers import WorkerCalls

if TYPE_CHECKING:
    from collections.abc import Mapping
    from socket import socket

    from zato.common.alarm import Alarms
    from zato.common.config.server_conf import Misc
    from zato.common.log.files import AppendFile
    from zato.server.config.runtime import Runtime
    from zato.server.http.balance import Share
    from zato.server.process.settings import Settings

logger = logging.getLogger(__name__)


class Worker:
    """`start` once; if it fails, everything is as before. `stop` once."""

    def __init__(self, settings: Settings, access_log: AppendFile | None, share: Share | None, alarms: Alarms) -> None:
        self._settings = settings
        self.alarms = alarms
        self._user_config = UserConfig(settings.user_config, [settings.directory.user_conf_dir], alarms, settings.get_secret)
        self._user_config_watcher = Watcher(self._user_config.watched, self._user_config.changed, alarms)
        self._odb = odb = ODB(Database(settings.odb))
        self._objects = objects = ConfigObjects(os.environ, settings.cipher.decrypt, alarms)
        writer = Writer(odb, settings.cipher)
        self._deployment = make_deployment(
            settings, odb, writer=writer, alarms=alarms, deployed=lambda event: self._propagation.deployed(event)
        )
        self._propagation = Propagation(
            settings, odb, writer=writer, objects=objects, applier=self._deployment.applier, alarms=alarms
        )
        self._security = make_security(settings, odb, writer=writer, alarms=alarms)
        self._audit_log = make_audit_log(settings, odb, objects=objects, alarms=alarms)
        self._connections = OutgoingConnections(objects)
        self._registry = Registry()
        known = PubSubObjects(self._registry, objects, self._connections)
        self._pubsub = PubSubOfWorker(settings, odb, objects=known, propagation=self._propagation, alarms=alarms)
        self._logs = LogFiles(settings.directory.logs)
        self._routes = Routes()
        self._runtimes = self._make_runtimes()
        objects.use(self._runtimes)
        facades = make_facades(settings, odb, self._propagation.presence.id, lambda: self._user_config.values)
        self.invoker = Invoker(self._deployment.services, facades, self._name_of_service)
        self._calls = WorkerCalls(self.invoker, settings.sockets)
        add_server(facades, settings.name, self._calls)
        add_outgoing(facades, self._connections, objects, os.environ)
        self._pubsub.use(self.invoker, facades)
        self._deployment.services.add_internal(builtin_services(self._make_context()))
        self._control = self._make_control()
        self._loops = [*self._propagation.loops(), *self._audit_log.loops(), *self._pubsub.loops()]
        self._http = self._make_http(access_log, share)
        self._since = datetime.now(UTC)
        self._started = False

    def start(self, listeners: list[socket]) -> None:
        """Returns once this worker accepts requests."""
        with ExitStack() as undo:
            undo.callback(self._odb.close)
            undo.callback(self._logs.close)
            if self._settings.development is not None:
                listen_for_debugger(self._settings.development)
            self._user_config.load()
            self._deployment.loader.install()
            undo.callback(self._deployment.loader.uninstall)
            check_odb(self._odb, self._settings)
            propagation = self._propagation
            propagation.follower.load()
            for start, stop in (
                (self._control.start, self._control.stop),
                (propagation.wake.start, propagation.wake.stop),
                (propagation.appear, propagation.disappear),
                (self._security.tokens.start, self._security.tokens.stop),
                (self._audit_log.recorder.start, self._audit_log.recorder.stop),
                (self._pubsub.start, self._pubsub.stop),
                (propagation.follow, propagation.stop_following),
                (self._start_loops, self._stop_loops),
                (self._user_config_watcher.start, self._user_config_watcher.stop),
                (self._deployment.role.start, self._deployment.role.stop),
            ):
                undo.callback(stop)
                start()
            self._http.start(listeners)
            self._started = True
            undo.pop_all()

    def stop(self, timeout: float) -> None:
        """Let work in no more, let running work finish for `timeout` seconds, then close what it used."""
        end = monotonic() + timeout
        self._deployment.role.stop()
        self.invoker.end_pauses()
        delivering = gevent.spawn(self._pubsub.stop_delivering, timeout)
        still_open = self._http.drain(timeout)
        delivering.join()
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
        self._security.exact.stop()
        self.invoker.kill()
        self._user_config_watcher.stop()
        self._stop_loops()
        self._propagation.stop_following()
        self._pubsub.stop()
        self._audit_log.recorder.stop()
        self._security.tokens.stop()
        self._propagation.disappear()
        self._propagation.wake.stop()
        self._control.stop()
        self._connections.close()
        self._logs.close()
        self._odb.close()

    def info(self) -> dict[str, Any]:
        """What `zato info` shows of this worker. Times in seconds, memory in bytes."""
        now = monotonic()
        role = self._deployment.role
        return {
            'pid': os.getpid(),
            'server': self._settings.name,
            'version': version,
            'started': self._since.isoformat(),
            'is_ready': self._started,
            'roles': [role.name] if role.is_held else [],
            'connections': self._http.connections,
            'invoked': self.invoker.invoked,
            'running': [
                {'service': call.service.name, 'cid': call.cid, 'seconds': round(now - call.started, 3)}
                for call in list(self.invoker.running)
            ],
            'memory': (memory := resident_memory()),
            'max_memory': max(memory, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024),
            'ibm_mq': self._settings.conf.component_enabled.ibm_mq,
            'applied_event': self._propagation.follower.progress.applied,
            'objects': len(self._objects),
            'pubsub': self._pubsub.as_dict(),
            'modules': self._deployment.applier.as_list(),
            'alarms': self.alarms.as_list(),
        }

    def _summary(self, *, with_modules: bool) -> dict[str, Any]:
        return summary(self.info(), with_modules=with_modules)

    def _make_runtimes(self) -> Mapping[str, Runtime]:
        surroundings = make_surroundings(self._settings, self._audit_log.recorder)
        own = (self._routes, self._deployment.services, self._objects, self._registry)
        return make_runtimes([*own, *self._security.parts, self._audit_log.recorder, self._connections, surroundings])

    def _make_context(self) -> AdminContext:
        deployment, settings = self._deployment, self._settings
        cluster = read_info(settings.directory.path).get('cluster_name', '')
        return AdminContext(
            configuration=self._propagation.configuration,
            objects=self._objects,
            odb=self._odb,
            services=deployment.services,
            modules=deployment.modules,
            deployer=deployment.deployer,
            applier=deployment.applier,
            uploads=deployment.uploads,
            pickup=deployment.pickup,
            calls=self._calls,
            runtime_of=self._runtimes.get,
            messages=self._audit_log.store,
            log_ins=self._security.log_ins,
            limits=self._security.limits,
            facts=ServerFacts(name=settings.name, cluster=cluster, directory=settings.directory),
            logs=self._logs,
            pubsub=self._pubsub.context(self._calls.pubsub_states),
        )

    def _make_control(self) -> ControlServer:
        return ControlServer(
            self._settings.sockets,
            {
                'info': self.info,
                'summary': self._summary,
                'deployment': self._deployment.applier.state_of,
                'objects': self._objects.as_dict,
                'invoke': self._calls.invoke_here,
                'cancel': self.invoker.cancel,
                'pubsub_states': self._pubsub.deliveries.states,
            },
        )

    def _name_of_service(self, id: int) -> str | None:
        found = self._objects.get(id)
        return found.name if found is not None and found.kind == 'service' else None

    def _make_http(self, access_log: AppendFile | None, share: Share | None) -> HTTPServer:
        settings = self._settings
        misc = settings.conf.misc
        services = self._deployment.services
        for channel in (
            *builtin_channels(services, settings.pubapi, settings.admin, frozenset(misc.service_invoker_allow_internal)),
            *pubsub_channels(services, self._registry, self._security.definitions),
        ):
            self._routes.add(channel)
        is_development = settings.development is not None
        describe = traceback_of if is_development else _describer(misc)
        pipeline = Pipeline(
            self._routes,
            self.invoker,
            describe,
            limits=self._security.limits,
            has_timeouts=not is_development,
            max_body=settings.limits.body,
        )
        return HTTPServer(
            pipeline.respond,
            pipeline.reject,
            AccessLog(BufferedLines(access_log) if access_log is not None else None),
            settings.limits,
            refuse=pipeline.refuse,
            proxies=TrustedProxies(settings.conf.http.trusted_proxies, settings.conf.http.forwarded_header),
            server_header=misc.http_server_header,
            tls=settings.tls,
            share=share,
        )

    def _start_loops(self) -> None:
        for loop in self._loops:
            loop.start()

    def _stop_loops(self) -> None:
        for loop in self._loops:
            loop.stop()


def _describer(misc: Misc) -> Describe:
    """What clients are told of a service's failure."""
    if misc.return_tracebacks:
        return lambda e: f'{type(e).__name__}: {e}'
    return lambda e: misc.default_error_message
