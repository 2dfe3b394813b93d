"""`zato.service.*`: services and the modules they come from."""

from __future__ import annotations

import binascii
from base64 import b64decode
from math import inf
from typing import Any, ClassVar

from zato.common.config.field import is_id, shown
from zato.common.config.kind import Role, find_kind
from zato.common.exception import BadRequest, Conflict, DeploymentError, NotFound
from zato.server.admin_api.context import AdminService, check_role
from zato.server.deploy.versions import ModuleVersion
from zato.server.http.json import decode
from zato.server.propagate.change import Change


class Invoke(AdminService):
    """What `/zato/admin/invoke` runs: `name` or `id`, `payload` (base64 of JSON) and `is_async` name a call to make.

    Other keys that classic clients send are accepted and have no effect. An admin service needs the role that it says,
    any other one that of an operator.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        request = self.request.input
        name = self._name(request.get('name'), request.get('id'))
        service = self.context.services.get(name)
        if service is None:
            problem = 'Service is inactive' if self.context.services.is_inactive(name) else 'No such service'
            raise NotFound(self.cid, f'{problem}: {name}')
        if not issubclass(service.cls, AdminService):  # those check by themselves
            check_role(self._call.principal, 'operator', name, self.cid)
        payload = self._payload(request.get('payload'))
        if request.get('is_async'):
            self.response.payload = self.invoke_async(name, payload)
        elif request.get('all_pids'):
            self.response.payload = self.context.calls.invoke_all(name, payload, self._timeout(), self._acting)
        elif request.get('pid'):
            self.response.payload = self._in_one_worker(name, payload)
        else:
            skips = bool(request.get('skip_response_elem'))
            self.response.payload = self.invoke(name, payload, timeout=self._timeout(0), skip_response_elem=skips)
        self._add_times()

    def _in_one_worker(self, name: str, payload: Any) -> Any:
        pid = self.request.input.pid
        if not is_id(pid):
            raise BadRequest(self.cid, f'`pid` must be a number; got {shown(pid)}', needs_msg=True)
        return self.context.calls.invoke_one(int(pid), name, payload, self._timeout(), self._acting)

    def _timeout(self, default: float = 5.0) -> float:
        """Seconds."""
        raw = self.request.input.get('timeout') or default
        try:
            seconds = float(raw)
            if not 0 <= seconds < inf:
                raise ValueError
            return seconds
        except (TypeError, ValueError):
            raise BadRequest(self.cid, f'`timeout` must be a number of seconds; got {shown(raw)}', needs_msg=True) from None

    def _add_times(self) -> None:
        seconds = self.processing_time / 1_000
        self.response.headers['X-Zato-Response-Time'] = f'{seconds:.6f}'
        self.response.headers['X-Zato-Response-Time-Human'] = f'{seconds * 1_000:.2f} ms'

    def _name(self, name: Any, id: Any) -> str:
        if isinstance(name, str) and name:
            return name
        if is_id(id):
            stored = self.context.objects.stored.get(int(id))
            if stored is not None and stored.kind == 'service':
                return stored.name
            raise NotFound(self.cid, f'No service has ID {id}')
        if isinstance(id, str) and id:
            return id
        raise BadRequest(self.cid, 'Element missing: name', needs_msg=True)

    def _payload(self, encoded: Any) -> Any:
        if not encoded:
            return ''
        try:
            raw = b64decode(encoded, validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise BadRequest(self.cid, 'Element payload is not base64', needs_msg=True) from None
        return decode(raw) if raw else ''


class Cancel(AdminService):
    """End the running calls that have a `cid`, in whichever worker of this server: `zato info` lists them.

    A call that waits for something raises there; one that computes without a pause does once it waits. Answers with how many
    were told, in `cancelled`.
    """

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        cid = str(self.require('cid'))
        found = self.context.calls.cancel_all(cid, self._acting)
        if not found:
            raise NotFound(self.cid, f'No call with cid {shown(cid)} is running on this server')
        self.response.payload = {'cid': cid, 'cancelled': found}


class GetList(AdminService):
    """All services by name: `id`, `name`, `impl_name`, `is_internal`, `is_active`, `is_deployed`, `version`."""

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        context = self.context
        deployed = {service.name: service for service in context.services}
        stored = {item.name: item for item in context.objects.stored.values() if item.kind == 'service'}
        self.response.payload = [
            {
                'id': stored[name].id if name in stored else None,
                'name': name,
                'impl_name': deployed[name].impl_name if name in deployed else stored[name].settings.get('impl_name', ''),
                'is_internal': deployed[name].is_internal if name in deployed else False,
                'is_active': stored[name].is_active if name in stored else True,
                'is_deployed': name in deployed,
                'version': stored[name].version if name in stored else 0,
            }
            for name in sorted({*deployed, *stored})
        ]


class ModuleService(AdminService):
    """The request's `name` is that of a module or of a service in one."""

    def module(self) -> str:
        """Raises BadRequest."""
        name = str(self.require('name'))
        for version in self.context.modules.read().modules.values():
            if name in (service.name for service in version.services):
                return version.module
        return name


class GetModules(AdminService):
    """What is deployed: `module`, `number`, `sha256`, `deployed`, `who`, `server`, `path`, `services`."""

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        self.response.payload = [_shown(version) for version in self.context.modules.read().modules.values()]


class GetVersions(ModuleService):
    """The versions of a module that are kept, the newest first; `is_active` says which one is deployed."""

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        name = self.module()
        active = self.context.modules.read().modules.get(name)
        self.response.payload = [
            {**_shown(version), 'is_active': active is not None and version.number == active.number}
            for version in self.context.modules.versions_of(name)
        ]


class GetReceipt(ModuleService):
    """Which workers of which servers serve the active version of a module; waits for them for five seconds at most."""

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        name = self.module()
        version = self.context.modules.read().modules.get(name)
        if version is None:
            raise NotFound(self.cid, f'No module `{name}` is deployed')
        outcome = self.context.configuration.wait_for(version.revision)
        self.response.payload = {**_shown(version), 'applied': list(outcome.applied), **outcome.as_dict()}


class Rollback(ModuleService):
    """Deploy an earlier version of a module: `number`, or else the one before the active one, or the last undeployed one."""

    def handle(self) -> None:
        number = self.request.input.get('number') or 0
        if not is_id(number):
            raise BadRequest(self.cid, f'`number` must be a number; got {shown(number)}', needs_msg=True)
        try:
            version, event = self.context.deployer.rollback(self.module(), int(number), self.actor)
        except DeploymentError as e:
            raise Conflict(self.cid, f'That version cannot be deployed any more: {e.msg}') from e
        outcome = self.context.configuration.wait_for(event)
        self.response.payload = {**_shown(version), **outcome.as_dict()}


class Undeploy(ModuleService):
    """Stop serving a module. Its versions and the user's file stay; rollback brings it back."""

    def handle(self) -> None:
        name = self.module()
        event = self.context.modules.undeploy(name, actor=self.actor)
        self.response.payload = {'module': name, **self.context.configuration.wait_for(event).as_dict()}


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
                self.response.payload = self.context.configuration.wait_for(event).as_dict()
                return
        if any(service.is_internal and service.name == name for service in self.context.services):
            raise Conflict(self.cid, f'Service `{name}` is built in; make it inactive instead')
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


def _shown(version: ModuleVersion) -> dict[str, Any]:
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
