"""Services as targets of messages and as hooks of topics."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from bunch import Bunch

from zato.common.api import CHANNEL
from zato.common.exception import Inactive, ServiceMissingException
from zato.common.pubsub import PubSubMessage
from zato.server.config.runtime import ConfigObject
from zato.server.security.principal import Principal
from zato.server.service.call import Call
from zato.server.service.channel_info import channel_of_type
from zato.server.service.data import Request
from zato.server.service.hooks import PubSubHook
from zato.server.service.invoker import Invoker

#: On whose behalf services receive messages.
_PRINCIPAL: Final = Principal('pubsub', '')
_NACK: Final = 'nack'
_ACTIONS: Final = ('deliver', 'skip', 'delete')


class ServiceTarget:
    """name: of the service, '' if it is not there. wraps: does it get lists even of one?"""

    def __init__(self, invoker: Invoker, name: Callable[[], str], *, wraps: bool) -> None:
        self._invoker = invoker
        self._name = name
        self._wraps = wraps
        self._channel = channel_of_type(CHANNEL.PUBLISH)

    def deliver(self, messages: Sequence[PubSubMessage], cid: str) -> Collection[str]:
        """A service that was given several may name those that it did not take: `{'nack': [msg_id, …]}` is its response.

        Raises what the service raises, ServiceMissingException, Inactive.
        """
        invoker = self._invoker
        is_one = len(messages) == 1 and not self._wraps
        raw: Any = messages[0] if is_one else list(messages)
        payload = messages[0].data if is_one else raw
        call = Call(invoker.find(self._name()), cid, self._channel, None, None, _PRINCIPAL)
        response = invoker.run(call, Request(raw, payload))
        if not is_one and isinstance(response.payload, dict):
            refused = response.payload.get(_NACK)
            return refused if isinstance(refused, list | tuple | set) else ()
        return ()

    def is_there(self) -> bool:
        return self._invoker.exists(self._name())


class ServiceHook:
    """A service of class PubSubHook that a topic names. new_cid: for calls of it."""

    def __init__(self, invoker: Invoker, name: str) -> None:
        self._invoker = invoker
        self._name = name

    def before_publish(self, message: PubSubMessage, topic: ConfigObject, cid: str) -> str:
        """Raises what the service raises."""
        return self._call('before_publish', cid, msg=message, topic=topic)

    def before_delivery(self, message: PubSubMessage, subscription: ConfigObject, cid: str) -> str:
        """Raises ValueError for an answer that is none, and what the service raises."""
        action = self._call('before_delivery', cid, msg=message, sub=subscription) or 'deliver'
        if action not in _ACTIONS:
            raise ValueError(f'Hook {self._name} must answer with one of {", ".join(_ACTIONS)}; got {action!r:.100}')
        return action

    def on_subscribed(self, subscription: ConfigObject, cid: str) -> None:
        self._call('on_subscribed', cid, sub=subscription)

    def on_unsubscribed(self, subscription: ConfigObject, cid: str) -> None:
        self._call('on_unsubscribed', cid, sub=subscription)

    def _call(self, hook_type: str, cid: str, **what: Any) -> str:
        """The action that it wants, '' for none. A hook that does not define the method wants nothing."""
        try:
            compiled = self._invoker.find(self._name)
        except (ServiceMissingException, Inactive):
            raise
        own = getattr(compiled.cls, hook_type, None)
        if own is None or own is getattr(PubSubHook, hook_type):
            return ''
        ctx = Bunch({'hook_type': hook_type, 'msg': None, 'topic': None, 'sub': None, **what})
        call = Call(compiled, cid or self._invoker.cids.new(), channel_of_type(CHANNEL.PUBLISH), None, None, _PRINCIPAL)
        payload = {'ctx': ctx}
        response = self._invoker.run(call, Request(payload, payload)).payload
        action = response.get('hook_action') if isinstance(response, dict) else getattr(response, 'hook_action', None)
        return action or ''
