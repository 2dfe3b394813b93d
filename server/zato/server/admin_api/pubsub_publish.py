"""`zato.pubsub.publish.publish`, also known as `zato.pubsub.topic.publish`: a message that somebody publishes by hand."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from zato.common.config.field import shown
from zato.common.config.kind import Role
from zato.common.exception import BadRequest, NotFound
from zato.server.admin_api.pubsub_request import PubSubService
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.registry import ENDPOINT, INTERNAL

_TEXTS: Final = ('msg_id', 'mime_type', 'correl_id', 'in_reply_to', 'ext_client_id', 'group_id', 'ext_pub_time')
_NUMBERS: Final = ('priority', 'expiration', 'position_in_group', 'deliver_after')
_KEYS: Final = ('reply_to_sk', 'deliver_to_sk')


class Publish(PubSubService):
    """Publish `data` to a topic, with any option of `self.pubsub.publish`, as an endpoint, `endpoint_name` or `endpoint_id`,
    that of `security_name`, or as this server. `msg_id` of the answer is empty if nobody has subscribed and the topic drops
    messages then, or its hook skipped it.
    """

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        topic, endpoint = self.topic(), self._endpoint()
        request = self.request.input
        if request.get('data') is None:
            raise BadRequest(self.cid, 'Element missing: data', needs_msg=True)
        msg_id = self.parts.publisher.publish(topic, endpoint, request['data'], self._options(), self.cid)
        self.response.payload = {'msg_id': msg_id}

    def _options(self) -> dict[str, Any]:
        """Those that the request has, numbers and lists as such. Raises BadRequest."""
        request = self.request.input
        options: dict[str, Any] = {name: str(request[name]) for name in _TEXTS if request.get(name) not in (None, '')}
        if request.get('cid') and 'correl_id' not in options:
            options['correl_id'] = str(request['cid'])
        options |= {name: self._number(name) for name in _NUMBERS if request.get(name) not in (None, '')}
        options |= {name: _lines(request[name]) for name in _KEYS if request.get(name)}
        has_gd = self.boolean('has_gd')
        if has_gd is not None:
            options['has_gd'] = has_gd
        if request.get('user_ctx') not in (None, ''):
            options['user_ctx'] = request['user_ctx']
        return options

    def _number(self, name: str) -> float:
        raw = self.request.input[name]
        try:
            return float(raw) if isinstance(raw, str) and '.' in raw else int(raw)
        except (TypeError, ValueError):
            raise BadRequest(self.cid, f'`{name}` must be a number; got {shown(raw)}', needs_msg=True) from None

    def _endpoint(self) -> ConfigObject:
        """Raises NotFound."""
        registry, request = self.parts.registry, self.request.input
        if id := self.number('endpoint_id'):
            found, which = registry.endpoint(id), f'with ID {id}'
        elif name := request.get('endpoint_name'):
            found, which = self._endpoint_named(str(name)), shown(name)
        elif name := request.get('security_name'):
            security = self.parts.security_id(str(name))
            found = registry.endpoint_by_security(security) if security else None
            which = f'of security definition {shown(name)}'
        else:
            return INTERNAL
        if found is None:
            raise NotFound(self.cid, f'There is no publish/subscribe endpoint {which}, or it is down')
        return found

    def _endpoint_named(self, name: str) -> ConfigObject | None:
        if name == INTERNAL.name:
            return INTERNAL
        stored = self.context.objects.find_stored(ENDPOINT, name)
        return self.parts.registry.endpoint(stored.id) if stored is not None else None


def _lines(raw: Any) -> list[str]:
    """A list, or text with one item a line."""
    items = raw if isinstance(raw, list) else str(raw).splitlines()
    return [item.strip() for item in map(str, items) if item.strip()]
