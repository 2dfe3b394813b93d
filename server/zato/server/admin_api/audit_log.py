"""`zato.audit-log.event.*`: the messages that channels and connections received and sent."""

from __future__ import annotations

import logging
from typing import ClassVar

from zato.common.config.field import shown
from zato.common.config.kind import Role, find_kind
from zato.common.exception import BadRequest, NotFound
from zato.server.admin_api.context import AdminService
from zato.server.audit_log.store import Query

logger = logging.getLogger(__name__)

_DIRECTIONS = ('received', 'sent')
_MOST, _DEFAULT = 1_000, 100


class MessagesService(AdminService):
    """Chooses messages by `cid`, by `object_id`, or `kind` and `name`, and by `direction`."""

    def object_id(self) -> int:
        """0 if the request names no object. Raises BadRequest, NotFound."""
        request = self.request.input
        if request.get('object_id'):
            return self.number('object_id')
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
            before_id=self.number('before_id'),
            limit=self.number('limit', default=_DEFAULT, most=_MOST),
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
