"""`zato.service.invoke` and `.cancel`: calls of services, which others list and manage."""

from __future__ import annotations

import binascii
from base64 import b64decode
from math import inf
from typing import Any, ClassVar

from zato.common.config.field import is_id, shown
from zato.common.config.kind import Role
from zato.common.exception import BadRequest, GatewayTimeout, NotFound
from zato.server.admin_api.context import AdminService, check_role
from zato.server.admin_api.raw_call import RawCall
from zato.server.http.json import decode
from zato.server.service.invocation import InvocationTimeout


class Invoke(AdminService):
    """What `/zato/admin/invoke` runs: `name` or `id`, `payload` (base64 of JSON) and `is_async` name a call to make.

    `raw_payload` in place of `payload` is any text, base64 of UTF-8, of which RawCall says what is made, and what is
    answered. Other keys that classic clients send are accepted and have no effect. An admin service needs the role that it
    says, any other one that of an operator.
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
        if request.get('raw_payload') is not None:
            raw = RawCall(self, service)
            self.response.payload = raw.start() if request.get('is_async') else raw.run(self._timeout(0))
            self._add_times()
            return
        payload = self._payload(request.get('payload'))
        if request.get('is_async'):
            self.response.payload = self.invoke_async(name, payload)
        elif request.get('all_pids'):
            self.response.payload = self.context.calls.invoke_all(name, payload, self._timeout(), self._acting)
        elif request.get('pid'):
            self.response.payload = self._in_one_worker(name, payload)
        else:
            self.response.payload = self._in_time(name, payload)
        self._add_times()

    def _in_time(self, name: str, payload: Any) -> Any:
        skips = bool(self.request.input.get('skip_response_elem'))
        try:
            return self.invoke(name, payload, timeout=self._timeout(0), skip_response_elem=skips)
        except InvocationTimeout as e:
            raise GatewayTimeout(self.cid, e.msg) from None

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
