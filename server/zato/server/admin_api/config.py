"""`zato.config.*`, `zato.audit.*`, `zato.worker.*`: configuration as a whole, who changed it, which workers have it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import Connection, Select, select

from zato.common.config.field import Field, is_variable, shown
from zato.common.config.kind import Role, kinds
from zato.common.config.option import to_bool
from zato.common.config.stored import StoredObject, without_defaults
from zato.common.exception import BadRequest
from zato.common.odb.tables import audit
from zato.server.admin_api.context import AdminService
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
        problems, changes = [], []
        for i, item in enumerate(raw):
            try:
                changes.append(parse_change(item))
            except BadRequest as e:
                problems.append(f'Change {i + 1}: {e.msg}')
        if problems:
            raise BadRequest(self.cid, '\n'.join(problems), needs_msg=True)
        configuration = self.context.configuration
        if self._is_dry_run():
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

    def _is_dry_run(self) -> bool:
        raw = self.request.input.get('dry_run') or False
        try:
            return to_bool(raw)
        except ValueError as e:
            raise BadRequest(self.cid, f'`dry_run` {e}; got {shown(raw)}', needs_msg=True) from None


class Export(AdminService):
    """All objects that can be imported again, as `objects`: `kind`, `name`, `is_active`, `version`, `error`, `settings`.

    settings: those that differ from the defaults, or have none. References are names, `kind/name` where a name alone would
    not say which. Secrets are left out, names of variables that have them are not.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        objects = self.context.objects
        exported = [item for item in objects.stored.values() if kinds()[item.kind].enmasse]
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
                found[name] = [self._name_of(declared, id) for id in value]
            elif declared.refers_to:
                found[name] = self._name_of(declared, value) if value else None
            elif not declared.is_secret or is_variable(value):
                found[name] = value
        return {name: found[name] for name in kind.fields if name in found}

    def _name_of(self, declared: Field, id: int) -> str:
        objects = self.context.objects
        target = objects.stored[id]
        same = [kind for kind in declared.refers_to if objects.find_stored(kind, target.name) is not None]
        return f'{target.kind}/{target.name}' if len(same) > 1 or '/' in target.name else target.name


class AuditList(AdminService):
    """Changes, the latest first; `kind`, `object_id`, `name` and `who` choose some, `before_event` further ones, `limit` how
    many. Secrets are masked.
    """

    def handle(self) -> None:
        request = self.request.input
        query = select(audit).order_by(audit.c.event.desc()).limit(self.number('limit', default=_DEFAULT, most=_MOST))
        for key in ('kind', 'name', 'who'):
            if request.get(key):
                query = query.where(audit.c[key] == str(request[key]))
        if object_id := self.number('object_id'):
            query = query.where(audit.c.object_id == object_id)
        if before_event := self.number('before_event'):
            query = query.where(audit.c.event < before_event)
        self.response.payload = self.context.odb.read(lambda connection: _rows(connection, query))


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
