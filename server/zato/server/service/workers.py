"""Calls in all worker processes of this server, over the sockets that they listen on."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gevent

from zato.common import ipc
from zato.common.api import CHANNEL
from zato.common.exception import IPCError
from zato.server.http.json import decode, encode
from zato.server.security.principal import Principal
from zato.server.service.call import Call
from zato.server.service.channel_info import channel_of_type
from zato.server.service.data import Request

if TYPE_CHECKING:
    from zato.server.service.invoker import Invoker

logger = logging.getLogger(__name__)

_PATIENCE = 2.0  #: seconds that another worker has on top of the call itself


class WorkerCalls:
    """sockets: directory of the workers' sockets."""

    def __init__(self, invoker: Invoker, sockets: Path) -> None:
        self._invoker = invoker
        self._sockets = sockets

    def invoke_all(self, name: str, payload: Any, timeout: float, principal: Principal) -> dict[str, Any]:
        """What each worker answered, by its pid as text: `is_ok`, `pid`, `pid_data`, `error_info`. timeout: seconds.

        Raises ZatoException for a payload that cannot be JSON.
        """
        text = encode(payload).decode()
        answers = self._ask_all('invoke', timeout, _arguments(name, text, timeout, principal))
        return {str(pid): shown(pid, answer) for pid, answer in answers.items()}

    def invoke_one(self, pid: int, name: str, payload: Any, timeout: float, principal: Principal) -> dict[str, Any]:
        """As `invoke_all`, in one worker."""
        arguments = _arguments(name, encode(payload).decode(), timeout, principal)
        return shown(pid, self._ask(pid, 'invoke', timeout, arguments))

    def summaries(self, *, with_modules: bool) -> list[dict[str, Any]]:
        """What each worker says of itself, by pid: see `zato.server.get-info`. Takes two seconds at most."""
        answers = self._ask_all('summary', 0, {'with_modules': with_modules})
        return [
            {'pid': pid, 'error': answer.msg} if isinstance(answer, IPCError) else answer
            for pid, answer in sorted(answers.items())
        ]

    def delivery_states(self) -> dict[int, dict[str, Any]]:
        """What the workers of this server say of the subscriptions that they deliver, by ID: see Task.as_dict.

        Those of a worker that does not answer in two seconds are missing.
        """
        answers = self._ask_all('pubsub_states', 0, {})
        return {int(id): state for states in answers.values() if isinstance(states, dict) for id, state in states.items()}

    def pubsub_states(self) -> dict[int, dict[str, Any]]:
        """What the delivery tasks in all workers say of themselves, by subscription. Takes two seconds at most."""
        answers = self._ask_all('pubsub_states', 0, {})
        known = (answer for answer in answers.values() if not isinstance(answer, IPCError))
        return {int(sub_id): state for answer in known for sub_id, state in answer.items()}

    def cancel_all(self, cid: str, principal: Principal) -> int:
        """End the calls that have this cid, in whichever worker they are. Returns how many greenlets were told."""
        answers = self._ask_all('cancel', _PATIENCE, {'cid': cid, 'who': principal.name})
        return sum(answer for answer in answers.values() if isinstance(answer, int))

    def invoke_here(
        self, name: str, payload: str, seconds: float, who: str, role: Literal['', 'viewer', 'operator', 'admin']
    ) -> dict[str, Any]:
        """The answering side of the above, in this worker."""
        invoker = self._invoker
        cid = invoker.cids.new()
        timer = gevent.Timeout(seconds)
        try:
            call = Call(invoker.find(name), cid, channel_of_type(CHANNEL.WORKER), None, None, Principal(who, role))
            data = decode(payload.encode())
            with timer:
                response = invoker.run(call, Request(data, data)).payload
            return {'is_ok': True, 'data': encode(response).decode()}
        except BaseException as e:  # whatever a service raises, and its timeout, is the answer
            if isinstance(e, gevent.GreenletExit):
                raise
            logger.exception('Service %s failed (cid: %s)', name, cid, extra={'action': 'service.failed', 'cid': cid})
            error = f'no answer in {seconds:g} s' if e is timer else f'{type(e).__name__}: {e}'
            return {'is_ok': False, 'error': f'{error} (cid: {cid})'}

    def _ask_all(self, operation: str, timeout: float, arguments: dict[str, Any]) -> dict[int, Any]:
        pids = sorted(int(path.stem.partition('-')[2]) for path in self._sockets.glob('worker-*.sock'))
        greenlets = {pid: gevent.spawn(self._ask, pid, operation, timeout, arguments) for pid in pids if _is_alive(pid)}
        gevent.joinall(list(greenlets.values()))
        return {pid: greenlet.get() for pid, greenlet in greenlets.items()}

    def _ask(self, pid: int, operation: str, timeout: float, arguments: dict[str, Any]) -> Any:
        try:
            return ipc.call(ipc.worker_socket(self._sockets, pid), operation, timeout=timeout + _PATIENCE, **arguments)
        except IPCError as e:
            return e


def shown(pid: int, answer: Any) -> dict[str, Any]:
    """What a worker has answered, or the IPCError, as services see it."""
    if isinstance(answer, IPCError):
        answer = {'is_ok': False, 'error': answer.msg}
    data = decode(answer['data'].encode()) if answer['is_ok'] else None
    return {'is_ok': answer['is_ok'], 'pid': pid, 'pid_data': data, 'error_info': answer.get('error', '')}


def _arguments(name: str, payload: str, timeout: float, principal: Principal) -> dict[str, Any]:
    return {'name': name, 'payload': payload, 'seconds': timeout, 'who': principal.name, 'role': principal.role}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
