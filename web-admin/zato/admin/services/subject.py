"""What a page is about: a service, or a module, whose versions have pages too once no service of it is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zato.admin.cluster import Calls
from zato.admin.middleware.access import Request
from zato.admin.tabs import Tab, service_tabs
from zato.common.exception import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """service: as `zato.service.get-list` has it; None of a module."""

    name: str
    service: dict[str, Any] | None
    tabs: tuple[Tab, ...]

    @property
    def title(self) -> str:
        return self.name if self.service is not None else f'Module {self.name}'


def service_page(request: Request, name: str, tab: str) -> Subject:
    """tab: a label. Raises NotFound if there is no such service."""
    service = find_service(request.zato, name)
    if service is None:
        raise NotFound(msg=f'There is no service {name}. It may have been deleted, or its file was never deployed.')
    return Subject(name=name, service=service, tabs=service_tabs(service, request.user.role, tab))


def module_page(request: Request, name: str, tab: str) -> Subject:
    """name: of a service or of a module. Raises NotFound for a built-in service."""
    service = find_service(request.zato, name)
    if service is None:
        return Subject(name=name, service=None, tabs=())
    if service['is_internal']:
        raise NotFound(msg=f'{name} is built in: it came with the server and has no source code or versions here.')
    return Subject(name=name, service=service, tabs=service_tabs(service, request.user.role, tab))


def find_service(zato: Calls, name: str) -> dict[str, Any] | None:
    """As `zato.service.get-list` has it."""
    found: list[dict[str, Any]] = zato.ask('zato.service.get-list', {'name': name})
    return found[0] if found else None
