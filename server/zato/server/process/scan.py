"""Deploys what changed while the server was down, before its workers start, in a child process that ends with it."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable

from gevent import reinit
from sqlalchemy import Connection

from zato.common.alarm import Alarms
from zato.common.config.kind import find_kind
from zato.common.exception import ZatoException
from zato.common.odb.database import Database
from zato.server.admin_api import builtin_names
from zato.server.deploy.checker import check, die_with_parent
from zato.server.deploy.deployer import Deployer
from zato.server.deploy.versions import ModuleStore
from zato.server.process.odb_check import check_odb
from zato.server.process.settings import Settings
from zato.server.propagate.change import Change
from zato.server.propagate.configuration import Writer
from zato.server.propagate.ledger import Actor, Ledger
from zato.server.propagate.objects import objects_by_name
from zato.server.propagate.odb import ODB

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
        except ZatoException as e:
            logger.warning('Looking for changed services failed: %s', e)  # workers will say the same, as an error
        except Exception:
            logger.exception('Looking for changed services failed', extra={'action': 'deploy.failed'})
        finally:
            os._exit(0)
    return pid


def make_deployer(settings: Settings, store: ModuleStore, alarms: Alarms, deployed: Callable[[int], None]) -> Deployer:
    conf = settings.conf.hot_deploy
    return Deployer(
        store,
        lambda changed, others: check(settings.sockets, changed, others, conf.check_timeout),
        alarms,
        builtin_names(),
        deployed,
        settings.directory.hot_deploy,
        conf.max_size,
    )


def make_store(settings: Settings, odb: ODB, writer: Writer) -> ModuleStore:
    directory = settings.directory.hot_deploy / 'versions'
    return ModuleStore(odb, writer, settings.name, directory, settings.conf.hot_deploy.backup_history)


def _scan(settings: Settings) -> None:
    odb = ODB(Database(settings.odb))
    check_odb(odb, settings)
    writer = Writer(odb, settings.cipher)
    _add_builtin_services(odb, writer)
    deployer = make_deployer(settings, make_store(settings, odb, writer), Alarms(), writer.tell)
    deployer.scan(settings.deploy_directories, retry=True)


def _add_builtin_services(odb: ODB, writer: Writer) -> None:
    """Have an object for each, so that channels can refer to it."""
    if not odb.read(_missing_services):
        return

    def run(ledger: Ledger) -> None:
        kind = find_kind('service')
        changes = [
            Change(action='create', kind=kind, name=name, given={'is_internal': True, 'impl_name': name})
            for name in _missing_services(ledger.connection)
        ]
        writer.change_set(ledger, is_system=True).apply(changes)

    _, event = writer.write(run, Actor('server', 'admin'))
    writer.tell(event)


def _missing_services(connection: Connection) -> list[str]:
    names = builtin_names()
    return sorted(names - objects_by_name(connection, 'service', names).keys())
