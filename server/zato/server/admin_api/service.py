"""`zato.service.*`: services as objects of administration."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any

from zato.common.exception import BadRequest, NotFound
from zato.server.http.json import decode
from zato.server.service import Service


class Invoke(Service):
    """What `/zato/admin/invoke` runs: `name`, `payload` (base64 of JSON) and `is_async` name a call to make.

    Other keys that classic clients send are accepted and have no effect.
    """

    def handle(self) -> None:
        request = self.request.input
        name = request.get('name') or request.get('id')
        if not name or not isinstance(name, str):
            raise BadRequest(self.cid, 'Element missing: name', needs_msg=True)
        payload = self._payload(request.get('payload'))
        try:
            if request.get('is_async'):
                self.response.payload = self.invoke_async(name, payload)
            else:
                self.response.payload = self.invoke(name, payload)
        except KeyError as e:
            if self._invoker.store.get(name) is None:
                raise NotFound(self.cid, f'No such service: {name}') from e
            raise

    def _payload(self, encoded: Any) -> Any:
        if not encoded:
            return ''
        try:
            raw = b64decode(encoded, validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise BadRequest(self.cid, 'Element payload is not base64', needs_msg=True) from None
        return decode(raw) if raw else ''


class GetList(Service):
    """All services by name: `name`, `impl_name`, `is_internal`, `is_active`."""

    def handle(self) -> None:
        self.response.payload = [
            {
                'name': service.name,
                'impl_name': service.impl_name,
                'is_internal': service.is_internal,
                'is_active': True,
            }
            for service in sorted(self._invoker.store, key=lambda service: service.name)
        ]
