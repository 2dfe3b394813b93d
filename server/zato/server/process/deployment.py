"""The services of one worker: which are deployed, how they come to be, and the role of looking for new ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zato.server.deploy.applier import Applier
from zato.server.deploy.deployer import Deployer
from zato.server.deploy.loader import ModuleLoader
from zato.server.deploy.pickup import PickupFolders
from zato.server.deploy.role import DeploymentRole
from zato.server.deploy.upload import Uploads
from zato.server.deploy.versions import ModuleStore
from zato.server.process.role import Role
from zato.server.process.scan import make_deployer, make_store
from zato.server.service.store import ServiceStore

if TYPE_CHECKING:
    from zato.common.alarm import Alarms
    from zato.server.process.settings import Settings
    from zato.server.propagate.configuration import Writer
    from zato.server.propagate.odb import ODB

#: Takes the event that tells of it.
Deployed = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    services: ServiceStore
    modules: ModuleStore
    loader: ModuleLoader
    applier: Applier
    deployer: Deployer
    uploads: Uploads
    pickup: PickupFolders
    role: Role


def make_deployment(settings: Settings, odb: ODB, *, writer: Writer, alarms: Alarms, deployed: Deployed) -> Deployment:
    """deployed: is called when this worker, which has the role then, has deployed something."""
    modules = make_store(settings, odb, writer)
    services, loader = ServiceStore(), ModuleLoader()
    deployer = make_deployer(settings, modules, alarms, deployed)
    conf, directories = settings.conf.hot_deploy, settings.deploy_directories
    found = DeploymentRole(deployer, directories, alarms)
    return Deployment(
        services=services,
        modules=modules,
        loader=loader,
        applier=Applier(modules, services, loader, alarms, conf.check_timeout, settings.compile_options),
        deployer=deployer,
        uploads=Uploads(deployer, modules, directories[0], conf.max_size),
        pickup=PickupFolders(modules, directories, conf.max_size),
        role=Role('hot-deploy', settings.directory.work / 'role.hot-deploy', take_up=found.start, give_up=found.stop),
    )
