"""Services as targets of messages and as hooks of topics."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from bunch import Bunch

from zato.common.api import CHANNEL
from zato.common.pubsub import PubSubMessage
from zato.server.config.runtime import ConfigObject
from zato.server.security.principal import Principal
from zato.server.service.call import Call
from zato.server.service.channel_info import channel_of_type
from zato.server.service.compiled import CompiledService
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
        self._tried: CompiledService | None = None

    def deliver(self, messages: Sequence[PubSubMessage], cid: str) -> Collection[str]:
        """A service that was given several may name those that it did not take: `{'nack': [msg_id, …]}` is its response.

        Raises what the service raises, ServiceMissingException, Inactive, ValueError if what it names is not IDs.
        """
        invoker = self._invoker
        is_one = len(messages) == 1 and not self._wraps
        raw: Any = messages[0] if is_one else list(messages)
        payload = messages[0].data if is_one else raw
        self._tried = None
        self._tried = compiled = invoker.find(self._name())
        call = Call(compiled, cid, self._channel, None, None, _PRINCIPAL)
        response = invoker.run(call, Request(raw, payload))
        if not is_one and isinstance(response.payload, dict):
            return _refused(response.payload.get(_NACK) or [], compiled.name)
        return ()

    def is_there(self) -> bool:
        """Another version than the one that failed is as good as one that was not there before."""
        found = self._invoker.store.get(self._name())
        return found is not None and found is not self._tried


def _refused(named: Any, service: str) -> Collection[str]:
    if not isinstance(named, list | tuple | set) or not all(isinstance(id, str) for id in named):
        raise ValueError(f'Service {service} must answer with a list of msg_ids as `{_NACK}`; got {named!r:.100}')
    return named


class ServiceHook:
    """A service of class PubSubHook that a topic names. Its methods raise what the service raises.

    What `self.request.input.ctx` of the service has: hook_type, the name of the method; msg, a PubSubMessage that it may
    change; topic and sub, with attributes such as `name` and `sub_key`. None for what there is not.
    """

    def __init__(self, invoker: Invoker, name: str) -> None:
        self.name = name
        self._invoker = invoker

    def before_publish(self, message: PubSubMessage, topic: ConfigObject, cid: str) -> str:
        return self._call('before_publish', cid, msg=message, topic=_Seen(topic))

    def before_delivery(self, message: PubSubMessage, subscription: ConfigObject, cid: str) -> str:
        """Raises ValueError for an answer that is none."""
        action = self._call('before_delivery', cid, msg=message, sub=_Seen(subscription)) or _ACTIONS[0]
        if action not in _ACTIONS:
            raise ValueError(f'Hook {self.name} must answer with one of {", ".join(_ACTIONS)}; got {action!r:.100}')
        return action

    def tell(self, what: str, subscription: ConfigObject, topic: ConfigObject, cid: str) -> None:
        """what: 'on_subscribed' or 'on_unsubscribed'."""
        self._call(what, cid, sub=_Seen(subscription), topic=_Seen(topic))

    def _call(self, hook_type: str, cid: str, **what: Any) -> str:
        """The action that it wants, '' for none. A hook that does not define the method wants nothing."""
        compiled = self._invoker.find(self.name)
        own = getattr(compiled.cls, hook_type, None)
        if own is None or own is getattr(PubSubHook, hook_type):
            return ''
        ctx = Bunch({'hook_type': hook_type, 'msg': None, 'topic': None, 'sub': None, **what})
        call = Call(compiled, cid or self._invoker.cids.new(), channel_of_type(CHANNEL.PUBLISH), None, None, _PRINCIPAL)
        payload = {'ctx': ctx}
        response = self._invoker.run(call, Request(payload, payload)).payload
        action = response.get('hook_action') if isinstance(response, dict) else getattr(response, 'hook_action', None)
        return action or ''


class _Seen:
    """A topic or a subscription as hooks see it: its settings are attributes beside its name."""

    def __init__(self, item: ConfigObject) -> None:
        self._item = item

    def __getattr__(self, name: str) -> Any:
        if name.startswith('_'):
            raise AttributeError(name)
        return getattr(self._item, name) if hasattr(self._item, name) else getattr(self._item.settings, name)

    def __repr__(self) -> str:
        return f'<{self._item.kind} {self._item.name}>'
