"""`zato.service.get-list`: all services, where each comes from, and what is wrong with it."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from zato.common.config.kind import Role
from zato.common.config.stored import StoredObject
from zato.common.odb.database import ODBUnavailable
from zato.server.admin_api.context import AdminService
from zato.server.admin_api.paging import Page, read_page
from zato.server.deploy.versions import ModuleVersion
from zato.server.service.compiled import CompiledService

#: A service of which neither an object nor a class says anything.
_NOWHERE: Final[dict[str, Any]] = {
    'id': None,
    'name': '',
    'impl_name': '',
    'is_internal': False,
    'is_active': True,
    'is_deployed': False,
    'version': 0,
    'module': '',
    'number': 0,
    'path': '',
    'line': 0,
    'deployed': '',
    'docs': '',
    'problem': '',
}
_SORTABLE = ('name', 'id', 'module', 'is_active', 'is_deployed', 'is_internal', 'deployed', 'problem', 'version')


class GetList(AdminService):
    """All services by name, or a page of them, as lists of objects have: `id`, `name`, `impl_name`, `is_internal`,
    `is_active`, `is_deployed`, `version`; `module`, `number`, `path`, `line`, `deployed`, `docs`; `problem`.

    number, deployed: which version of the module this worker serves, and since when it has been deployed. docs: the first
    line of what the class says of itself. problem: why the service is not deployed, or why a later version of its module is
    not; '' if all is well. `should_include_internal`: are built-in services wanted, which they are by default? `name`: the
    only one that is wanted.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        page = read_page(self, _SORTABLE)
        rows = self._rows(is_internal_wanted=self.boolean('should_include_internal') is not False)
        if name := self.request.input.get('name'):
            rows = [row for row in rows if row['name'] == name]
        if page is None:
            self.response.payload = rows
            return
        found = [row for row in rows if _is_wanted(row, page)]
        ordered = page.in_order(found, lambda row: row['name'], lambda row: row[page.sort])
        self.response.payload = page.answer(ordered, lambda row: row)

    def _rows(self, *, is_internal_wanted: bool) -> list[dict[str, Any]]:
        """By name."""
        context = self.context
        deployed = {service.name: service for service in context.services}
        stored = {item.name: item for item in context.objects.stored.values() if item.kind == 'service'}
        versions = {
            service.name: (version, service.line) for version in context.applier.served for service in version.services
        }
        problems = self._problems()
        rows = []
        for name in sorted({*deployed, *stored}):
            row = {**_NOWHERE, **_of_object(stored.get(name)), **_of_class(deployed.get(name)), 'name': name}
            if row['is_internal']:
                rows += [row] if is_internal_wanted else []
                continue
            version, line = versions.get(name, (None, 0))
            module = version.module if version is not None else row['impl_name'].rpartition('.')[0]
            row |= {'module': module, 'problem': _problem(problems.get(module, ''), version)}
            if version is not None:
                row |= {'number': version.number, 'path': version.path, 'line': line, 'deployed': version.deployed}
            rows.append(row)
        return rows

    def _problems(self) -> dict[str, str]:
        """By module."""
        problems = {name: f'This worker cannot load it: {error}' for name, error in self.context.applier.errors.items()}
        try:
            problems |= {name: f'Not deployed: {error}' for name, error in self.context.pickup.refused().items()}
        except ODBUnavailable as e:
            self.logger.info('What was refused is not known: %s', e)
        return problems


def _of_object(item: StoredObject | None) -> dict[str, Any]:
    if item is None:
        return {}
    return {
        'id': item.id,
        'impl_name': item.settings.get('impl_name', ''),
        'is_internal': bool(item.settings.get('is_internal')),
        'is_active': item.is_active,
        'version': item.version,
    }


def _of_class(service: CompiledService | None) -> dict[str, Any]:
    if service is None:
        return {}
    docs = (service.cls.__doc__ or '').strip()
    return {
        'impl_name': service.impl_name,
        'is_internal': service.is_internal,
        'is_deployed': True,
        'docs': docs.partition('\n')[0].rstrip(),
    }


def _problem(of_module: str, version: ModuleVersion | None) -> str:
    if version is None:
        return of_module or 'Not deployed: no active module has it; roll one back, deploy one, or delete the service'
    return f'{of_module}; version {version.number} goes on' if of_module else ''


def _is_wanted(row: dict[str, Any], page: Page) -> bool:
    texts = (row[key] for key in ('name', 'impl_name', 'path', 'docs', 'problem'))
    return page.wants(is_active=row['is_active'], is_down=bool(row['problem'])) and page.finds('\n'.join(texts))
