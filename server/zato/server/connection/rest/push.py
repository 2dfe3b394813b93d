"""Messages of publish/subscribe pushed through an outgoing REST connection, as the target of a subscription.

What counts as delivered is an answer with a status of 2xx, and nothing else: redirects are not followed, since some of them
lose the body. Each delivery is one request. The connection's own retries are not made: those of the subscription are, whose
pauses are longer, and survive a restart. Its circuit breaker, credentials, timeouts and audit log apply as for any call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from zato.common.exception import ConnectionDown, ConnectionMissing, NotTaken, PubSubReject, RetryLater
from zato.common.pubsub import PubSubMessage
from zato.server.connection.rest.ask import Ask, Context
from zato.server.connection.rest.connection import RESTConnection
from zato.server.connection.rest.response import RESTResponse
from zato.server.connection.rest.retry import retry_after

_TAKEN: Final = range(200, 300)
_REJECTED: Final = frozenset(range(400, 500)) - {408, 425, 429}  #: statuses that say that trying again is of no use
_LATER: Final = frozenset({429, 503})
_LONGEST_PAUSE: Final = 3_600.0  #: seconds that a target may ask for
_ANSWER: Final = 500  #: characters of an answer's body that are kept with the error


class Push:
    """One subscription's. connection: as it is now; raises ConnectionMissing, ConnectionDown.

    is_list: is a message on its own a list of one? Several are a list always. rejects_4xx: are messages that are answered
    with 4xx dead letters at once?
    """

    def __init__(self, connection: Callable[[], RESTConnection], *, method: str, is_list: bool, rejects_4xx: bool) -> None:
        self._connection = connection
        self._method = method
        self._is_list = is_list
        self._rejects_4xx = rejects_4xx

    def deliver(self, messages: Sequence[PubSubMessage], cid: str) -> Collection[str]:
        """All are taken, or none.

        Raises PubSubReject for a single message, RetryLater, NotTaken, CallFailed, Inactive, ConnectionMissing,
        ConnectionDown. Of several messages that are answered with 4xx one may be at fault: NotTaken, so that they come in
        smaller batches, and alone in the end.
        """
        connection = self._connection()
        response = connection.call(self._ask(messages), Context(cid=cid, is_repeated=True))
        status = response.status_code
        if status in _TAKEN:
            return ()
        text = f'{connection.title}: the answer is {status} {response.reason}'.rstrip()
        answer = _beginning(response)
        if self._rejects_4xx and status in _REJECTED and len(messages) == 1:
            raise PubSubReject(msg=text)
        if status in _LATER and (seconds := retry_after(response.headers.get('retry-after', ''))):
            raise RetryLater(min(seconds, _LONGEST_PAUSE), text)
        raise NotTaken(text, status_code=status, answer=answer)

    def is_there(self) -> bool:
        """Can the connection be used? It says nothing of the other side."""
        try:
            return self._connection().is_active
        except (ConnectionMissing, ConnectionDown):
            return False

    def _ask(self, messages: Sequence[PubSubMessage]) -> Ask:
        forms = [_form(message) for message in messages]
        if len(forms) > 1 or self._is_list:
            return Ask(method=self._method, json=forms, allow_redirects=False)
        (form,) = forms
        if isinstance(form, str | bytes):  # what a hook made of it
            return Ask(method=self._method, data=form, allow_redirects=False)
        return Ask(method=self._method, json=form, allow_redirects=False)


def _form(message: PubSubMessage) -> Any:
    return message.to_external_dict() if message.serialized is None else message.serialized


def _beginning(response: RESTResponse) -> str:
    """Of the body, in one line."""
    start = response.content[: _ANSWER * 4].decode('utf-8', 'replace')
    return ' '.join(''.join(char if char.isprintable() else ' ' for char in start).split())[:_ANSWER]
