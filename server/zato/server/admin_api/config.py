"""`zato.config.*`, `zato.audit.*`, `zato.worker.*`: configuration as a whole, who changed it, which workers have it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import Connection, Select, select

from zato.common.config.field import is_variable
from zato.common.config.kind import Role, find_kind, kinds
from zato.common.config.stored import StoredObject, without_defaults
from zato.common.exception import BadRequest, Fault
from zato.common.odb.tables import audit
from zato.server.admin_api.context import AdminService
from zato.server.admin_api.dependents import reference_name
from zato.server.propagate.change import parse_change
from zato.server.propagate.presence import live_workers

_MOST = 1_000
_DEFAULT = 100


class Apply(AdminService):
    """Apply `changes`, a list, all of them or none; each has `action`, `kind` and what the service of that name takes.

    Answers once all live workers have them, with `results`, and with the workers that are still `pending` after 5 seconds.
    dry_run: nothing is written; `results` say what would be, and `reconnects` what would connect anew.
    """

    def handle(self) -> None:
        raw = self.require('changes')
        if not isinstance(raw, list):
            raise BadRequest(self.cid, '`changes` must be a list', needs_msg=True)
        problems, faults, changes = [], list[Fault](), []
        for i, item in enumerate(raw):
            try:
                changes.append(parse_change(item))
            except BadRequest as e:
                problems.append(f'Change {i + 1}: {e.msg}')
                faults += [replace(fault, change=i) for fault in e.errors or (Fault(i, '', e.msg),)]
        if problems:
            raise BadRequest(self.cid, '\n'.join(problems), needs_msg=True).with_errors(faults)
        configuration = self.context.configuration
        if self.boolean('dry_run'):
            results, reconnects = configuration.plan(changes)
            self.response.payload = {
                'results': [result.as_dict(is_plan=True) for result in results],
                'reconnects': reconnects,
            }
            return
        outcome = configuration.apply(changes, self.actor)
        self.response.payload = {
            'results': [result.as_dict(is_plan=False) for result in outcome.results],
            **outcome.as_dict(),
        }


class Export(AdminService):
    """All objects that can be imported again, as `objects`: `kind`, `name`, `is_active`, `version`, `error`, `settings`.

    settings: those that differ from the defaults, or have none. References are names, `kind/name` where a name alone would
    not say which. Secrets are left out, names of variables that have them are not.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        objects = self.context.objects
        exported = [item for item in objects.stored.values() if _is_exported(item)]
        self.response.payload = {
            'objects': [
                {
                    'kind': item.kind,
                    'name': item.name,
                    'is_active': item.is_active,
                    'version': item.version,
                    'error': objects.error_of(item.id),
                    'settings': self._settings(item),
                }
                for item in sorted(exported, key=lambda item: (item.kind, item.name))
            ]
        }

    def _settings(self, item: StoredObject) -> dict[str, Any]:
        kind = kinds()[item.kind]
        found: dict[str, Any] = {}
        for name, value in without_defaults(kind, item).settings.items():
            declared = kind.fields[name]
            if declared.is_many:
                found[name] = [reference_name(self.context.objects, declared, id) for id in value]
            elif declared.refers_to:
                found[name] = reference_name(self.context.objects, declared, value) if value else None
            elif not declared.is_secret or is_variable(value):
                found[name] = value
        return {name: found[name] for name in kind.fields if name in found}


class AuditList(AdminService):
    """Changes, the latest first; `kind`, `object_id`, `name`, `who` and `action` choose some, `before_event` further ones,
    `limit` how many. Secrets are masked.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        request = self.request.input
        query = select(audit).order_by(audit.c.event.desc()).limit(self.number('limit', default=_DEFAULT, most=_MOST))
        for key in ('kind', 'name', 'who', 'action'):
            if request.get(key):
                query = query.where(audit.c[key] == str(request[key]))
        if object_id := self.number('object_id'):
            query = query.where(audit.c.object_id == object_id)
        if before_event := self.number('before_event'):
            query = query.where(audit.c.event < before_event)
        self.response.payload = self.context.odb.read(lambda connection: _rows(connection, query))


class ErrorList(AdminService):
    """`errors`: why objects of a `kind`, or of all, are down, by their IDs as text, as this worker has it.

    `changes` grows with each change of them; `server` and `pid` say whose count that is.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        kind = self.request.input.get('kind')
        name = find_kind(kind).name if kind else ''
        objects = self.context.objects
        self.response.payload = {
            'server': self.server.name,
            'pid': self.server.pid,
            'changes': objects.changes,
            'errors': {str(id): why for id, why in objects.down.items() if not name or objects.stored[id].kind == name},
        }


class WorkerList(AdminService):
    """The live workers of all servers, and how far each is with the events of configuration."""

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        self.response.payload = [
            {
                'server': peer.server,
                'pid': peer.pid,
                'is_on_this_host': peer.is_here,
                'applied_event': peer.progress.applied,
                'failed': peer.progress.failed_since(0),
            }
            for peer in sorted(live_workers(self.context.odb), key=lambda peer: (peer.server, peer.pid))
        ]


def _is_exported(item: StoredObject) -> bool:
    kind = kinds()[item.kind]
    return bool(kind.enmasse) and not kind.is_own(item.settings)


def _rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [
        {
            'event': row.event,
            'at': datetime.fromtimestamp(row.at, UTC).isoformat(),
            'who': row.who,
            'role': row.role,
            'action': row.action,
            'kind': row.kind,
            'object_id': row.object_id,
            'name': row.name,
            'before': json.loads(row.before) if row.before else None,
            'after': json.loads(row.after) if row.after else None,
        }
        for row in connection.execute(query)
    ]
