"""`zato.log.*`: the log files of this server. Whoever reads them sees what services wrote to them."""

from __future__ import annotations

from typing import ClassVar

from zato.common.config.field import shown
from zato.common.config.kind import Role
from zato.common.exception import BadRequest, ConfigError
from zato.common.log.choice import Choice
from zato.common.log.places import Place
from zato.server.admin_api.context import AdminService
from zato.server.admin_api.log_files import LogQuery

_MOST, _DEFAULT = 1_000, 200
_FILE = 'server.log'


class GetList(AdminService):
    """The files in this server's directory `logs`, rotated ones too: `name`, `size` in bytes, `modified` in UTC."""

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        self.response.payload = self.context.logs.get_list()


class Read(AdminService):
    """Records of a log `file` of this server, server.log by default, and of those it was rotated to, the oldest first.

    `cid`, `level` (the least one), `service`, `query` (text) and `without` (other text) choose some, `limit` how many. The
    last ones, or those `before` a position, or those written `after` one. `first` and `last` are where to go on from,
    `is_complete` says that there is nothing more in that direction: one call looks at 16 MB at most. `was_reset`: the
    position is gone, since the file was truncated or deleted.
    """

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        query = LogQuery(
            file=self._text('file') or _FILE,
            choice=self._choice(),
            limit=self.number('limit', default=_DEFAULT, most=_MOST),
            before=self._place('before'),
            after=self._place('after'),
        )
        if query.before is not None and query.after is not None:
            raise BadRequest(self.cid, '`before` and `after` cannot be given together', needs_msg=True)
        self.response.payload = self.context.logs.read(query)

    def _choice(self) -> Choice:
        service = self._text('service')
        try:
            return Choice(
                cid=self._text('cid'),
                level=self._text('level').upper(),
                service=service,
                loggers=self._loggers_of(service),
                query=self._text('query'),
                without=self._text('without'),
            )
        except ConfigError as e:
            raise BadRequest(self.cid, e.msg, needs_msg=True) from None

    def _loggers_of(self, service: str) -> list[str]:
        """The logger that a module makes for itself has the module's name."""
        found = self.context.services.get(service)
        return [found.cls.__module__] if found is not None and not found.is_internal else []

    def _place(self, key: str) -> Place | None:
        text = self._text(key)
        try:
            return Place.parse(text) if text else None
        except ValueError as e:
            raise BadRequest(self.cid, f'`{key}` {e}; got {shown(text)}', needs_msg=True) from None

    def _text(self, key: str) -> str:
        value = self.request.input.get(key) or ''
        if not isinstance(value, str):
            raise BadRequest(self.cid, f'`{key}` must be text; got {shown(value)}', needs_msg=True)
        return value
