"""`zato.audit-log.event.*`: the messages that channels and connections received and sent."""

from __future__ import annotations

import logging
from typing import ClassVar

from zato.common.config.field import is_id, shown
from zato.common.config.kind import Role, find_kind
from zato.common.exception import BadRequest, NotFound
from zato.server.admin_api.context import AdminService
from zato.server.audit_log.store import Query

logger = logging.getLogger(__name__)

_DIRECTIONS = ('received', 'sent')
_MOST, _DEFAULT = 1_000, 100
_MOST_ID = 2**62


class MessagesService(AdminService):
    """Chooses messages by `cid`, by `object_id`, or `kind` and `name`, and by `direction`."""

    def object_id(self) -> int:
        """0 if the request names no object. Raises BadRequest, NotFound."""
        request = self.request.input
        if request.get('object_id'):
            return self.number('object_id', 0, _MOST_ID)
        if not request.get('kind') and not request.get('name'):
            return 0
        kind = find_kind(str(self.require('kind')))
        name = str(self.require('name'))
        found = self.context.objects.find_stored(kind.name, name)
        if found is None:
            raise NotFound(self.cid, f'There is no {kind.label} {shown(name)}')
        return found.id

    def direction(self) -> str:
        """Raises BadRequest."""
        direction = self.request.input.get('direction') or ''
        if direction and direction not in _DIRECTIONS:
            raise BadRequest(
                self.cid, f'`direction` must be received or sent, or empty for both; got {shown(direction)}', needs_msg=True
            )
        return str(direction)

    def number(self, key: str, default: int, most: int) -> int:
        """Raises BadRequest."""
        raw = self.request.input.get(key) or default
        if not is_id(raw) or int(raw) > most:
            raise BadRequest(self.cid, f'`{key}` must be a number from 1 to {most}; got {shown(raw)}', needs_msg=True)
        return int(raw)


class GetList(MessagesService):
    """Messages that channels and connections received and sent, of all servers, the latest first; secrets are masked.

    `cid`, `object_id` or `kind` and `name`, and `direction` choose some, `before_id` further ones, `limit` how many.
    """

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        query = Query(
            cid=str(self.request.input.get('cid') or ''),
            object_id=self.object_id(),
            direction=self.direction(),
            before_id=self.number('before_id', 0, _MOST_ID),
            limit=self.number('limit', _DEFAULT, _MOST),
        )
        self.response.payload = self.context.messages.find(query)


class Clear(MessagesService):
    """Delete all messages of one object, named by `object_id` or `kind` and `name`; of one `direction`, if that is given."""

    def handle(self) -> None:
        object_id = self.object_id()
        if not object_id:
            raise BadRequest(self.cid, 'Element missing: object_id, or kind and name', needs_msg=True)
        deleted = self.context.messages.clear(object_id, self.direction())
        logger.info(
            '%d message(s) of object %d were deleted from the audit log by %s (cid: %s)',
            deleted,
            object_id,
            self.actor.name,
            self.cid,
            extra={'action': 'audit_log.cleared', 'cid': self.cid},
        )
        self.response.payload = {'deleted': deleted}
