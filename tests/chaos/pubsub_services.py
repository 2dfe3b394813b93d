"""Services that the chaos tests of publish/subscribe deploy: this module, whose DIRECTORY is then where the journal is.

Who gets a message writes a line about it, with one write to a file that is only appended to, so that it is there even if the
process is killed right after it. Files of that directory say what targets are to do: `hold`, wait; `fail`, raise.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import gevent

from zato.common.pubsub import PubSubMessage
from zato.server.service import Service

DIRECTORY = Path('journal')
_LOOK_EVERY = 0.005  #: seconds between looks whether a file is gone
_AT_ONCE = 500  #: messages that are published together


class Publish(Service):
    """A message; answers with its ID. `to`: a topic or a service."""

    name = 'chaos.publish'

    def handle(self) -> None:
        given = self.request.payload
        options = given.get('options', {})
        self.response.payload = {'id': self.pubsub.publish(given['to'], data=given['data'], **options), 'pid': os.getpid()}


class PublishMany(Service):
    """So many messages, numbered from 0 on."""

    name = 'chaos.publish-many'

    def handle(self) -> None:
        given = self.request.payload
        ids: list[str | None] = []
        for start in range(0, given['count'], _AT_ONCE):
            size = min(_AT_ONCE, given['count'] - start)
            messages = [{'data': {**given['data'], 'n': start + index}} for index in range(size)]
            ids += self.pubsub.publish_many(given['to'], messages, **given.get('options', {}))
        self.response.payload = {'ids': ids, 'pid': os.getpid()}


class Target(Service):
    """Data of a message may say: `die`, with its process; `fail`, so many times; `seconds` that it takes."""

    name = 'chaos.target'

    def handle(self) -> None:
        raw = self.request.raw_request
        messages = raw if isinstance(raw, list) else [raw]
        _write(self.name, messages, 'begin')
        while (DIRECTORY / 'hold').exists():
            gevent.sleep(_LOOK_EVERY)
        for message in messages:
            self._obey(message)
        if _must_fail():
            raise RuntimeError('Told to fail')
        _write(self.name, messages, 'end')

    def _obey(self, message: PubSubMessage) -> None:
        data = message.data
        if data.get('die'):
            os._exit(1)
        if message.delivery_count < data.get('fail', 0):
            raise ConnectionError('Told to fail')
        if 'seconds' in data:
            gevent.sleep(data['seconds'])


class Batch(Target):
    name = 'chaos.batch'


class Wide(Target):
    name = 'chaos.wide'


class Target1(Target):
    name = 'chaos.target.1'


class Target2(Target):
    name = 'chaos.target.2'


class Target3(Target):
    name = 'chaos.target.3'


class Target4(Target):
    name = 'chaos.target.4'


class Target5(Target):
    name = 'chaos.target.5'


class Target6(Target):
    name = 'chaos.target.6'


class Target7(Target):
    name = 'chaos.target.7'


def _must_fail() -> bool:
    """`fail` has the process that is to fail, or is empty."""
    try:
        return (DIRECTORY / 'fail').read_text() in ('', str(os.getpid()))
    except OSError:
        return False


def _write(service: str, messages: Sequence[PubSubMessage], what: str) -> None:
    lines = [_line(service, message, what) for message in messages]
    os.write(_journal(os.getpid()), ''.join(lines).encode())


def _line(service: str, message: PubSubMessage, what: str) -> str:
    of_message: dict[str, Any] = {
        'msg_id': message.msg_id,
        'priority': message.priority,
        'attempts': message.delivery_count,
        'publisher': message.data.get('p'),
        'number': message.data.get('n'),
    }
    return json.dumps({'what': what, 'service': service, 'pid': os.getpid(), 'at': time.monotonic(), **of_message}) + '\n'


@cache
def _journal(pid: int) -> int:
    """The file that a process writes to."""
    return os.open(DIRECTORY / 'journal', os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
