"""`zato.service.*` of modules: their versions and texts, what of them is deployed, and by whom."""

from __future__ import annotations

from typing import Any, ClassVar

from zato.common.config.field import is_id, shown
from zato.common.config.kind import Role, find_kind
from zato.common.exception import Conflict, DeploymentError, IPCError, NotFound, ServiceUnavailable
from zato.server.admin_api.context import AdminService
from zato.server.deploy.versions import ModuleVersion
from zato.server.propagate.change import Change
from zato.server.propagate.configuration import Outcome


class ModuleService(AdminService):
    """The request's `name` is that of a module or of a service in one."""

    def module(self) -> str:
        """Raises BadRequest, NotFound."""
        name = str(self.require('name'))
        for version in self.context.modules.read().modules.values():
            if name in (service.name for service in version.services):
                return version.module
        kept = self.context.objects.find_stored('service', name)  # not deployed, but something refers to it
        if kept is None:
            return name
        if kept.settings.get('is_internal'):
            raise NotFound(self.cid, f'Service `{name}` is built in: no module of yours has it')
        return str(kept.settings['impl_name']).rpartition('.')[0]


class GetModules(AdminService):
    """What is deployed: `module`, `number`, `sha256`, `deployed`, `who`, `server`, `path`, `services`."""

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        self.response.payload = [shown_version(version) for version in self.context.modules.read().modules.values()]


class GetVersions(ModuleService):
    """The versions of a module that are kept, the newest first, with their `size` in bytes; `is_active` says which one is
    deployed.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        name = self.module()
        active = self.context.modules.read().modules.get(name)
        self.response.payload = [
            {**shown_version(version), 'size': version.size, 'is_active': _is_same(version, active)}
            for version in self.context.modules.versions_of(name)
        ]


class GetSource(ModuleService):
    """The text of a version of a module, as `source`: of `number`, or else of the active one, or the last undeployed one.

    What in it is not UTF-8 is shown as U+FFFD; `sha256` and `size` are those of the file.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        name = self.module()
        modules = self.context.modules
        active = modules.read().modules.get(name)
        number = self.number('number', default=active.number if active is not None else 0)
        versions = modules.versions_of(name)
        found = next((version for version in versions if number in (0, version.number)), None)
        if found is None:
            kept = ', '.join(str(version.number) for version in versions)
            raise NotFound(self.cid, f'Module `{name}` has no version {number}; it has: {kept}')
        source = modules.texts_of([found.sha256])[found.sha256].read_bytes()
        self.response.payload = {
            **shown_version(found),
            'size': found.size,
            'is_active': _is_same(found, active),
            'lines': {service.name: service.line for service in found.services},
            'source': source.decode(errors='replace'),
        }


class GetReceipt(ModuleService):
    """Which workers of which servers serve the active version of a module; waits for them for five seconds at most."""

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        name = self.module()
        version = self.context.modules.read().modules.get(name)
        if version is None:
            raise NotFound(self.cid, f'No module `{name}` is deployed')
        outcome = self.context.configuration.wait_for(version.revision)
        self.response.payload = {**shown_version(version), **reached(outcome)}


class Rollback(ModuleService):
    """Deploy an earlier version of a module: `number`, or else the one before the active one, or the last undeployed one."""

    def handle(self) -> None:
        number = self.number('number')
        try:
            version, event = self.context.deployer.rollback(self.module(), number, self.actor)
        except DeploymentError as e:
            raise Conflict(self.cid, f'That version cannot be deployed any more: {e.msg}') from e
        except IPCError as e:
            raise ServiceUnavailable(self.cid, f'That version could not be checked: {e}; try again') from e
        self.response.payload = {**shown_version(version), **reached(self.context.configuration.wait_for(event))}


class Undeploy(ModuleService):
    """Stop serving a module. Its versions and the user's file stay; rollback brings it back."""

    def handle(self) -> None:
        name = self.module()
        event = self.context.modules.undeploy(name, actor=self.actor)
        self.response.payload = {'module': name, **reached(self.context.configuration.wait_for(event))}


class Delete(AdminService):
    """Delete a service, by `id` or `name`: its module, which has no other one, is undeployed. The user's file stays.

    What is not deployed any more, and was kept since something referred to it, is just deleted.
    """

    def handle(self) -> None:
        name = self._name()
        for version in self.context.modules.read().modules.values():
            names = [service.name for service in version.services]
            if name in names and len(names) > 1:
                others = ', '.join(other for other in names if other != name)
                text = f'Module `{version.module}` of service `{name}` has others too: {others}; undeploy the module'
                raise Conflict(self.cid, text)
            if name in names:
                event = self.context.modules.undeploy(version.module, actor=self.actor)
                self.response.payload = reached(self.context.configuration.wait_for(event))
                return
        if any(service.is_internal and service.name == name for service in self.context.services):
            raise Conflict(self.cid, f'Service `{name}` is built in and cannot be deleted')
        change = Change(action='delete', kind=find_kind('service'), name=name)
        outcome = self.context.configuration.apply([change], self.actor, is_system=True)
        self.response.payload = outcome.as_dict()

    def _name(self) -> str:
        request = self.request.input
        if request.get('name'):
            return str(request['name'])
        stored = self.context.objects.stored.get(int(request['id'])) if is_id(request.get('id')) else None
        if stored is None or stored.kind != 'service':
            raise NotFound(self.cid, f'There is no service with ID {shown(request.get("id") or "")}')
        return stored.name


def shown_version(version: ModuleVersion) -> dict[str, Any]:
    return {
        'module': version.module,
        'number': version.number,
        'sha256': version.sha256,
        'deployed': version.deployed,
        'who': version.who,
        'server': version.server,
        'path': version.path,
        'services': [service.name for service in version.services],
    }


def _is_same(version: ModuleVersion, active: ModuleVersion | None) -> bool:
    return active is not None and version.number == active.number


def reached(outcome: Outcome) -> dict[str, Any]:
    """Which workers have it, as 'server:pid', and which do not."""
    return {'applied': list(outcome.applied), **outcome.as_dict()}
