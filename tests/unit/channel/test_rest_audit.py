"""Which messages of a REST channel are handed to the audit log, and that its settings are looked at before there are any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.audit_log import MemoryAuditStore, recorder
from tests.unit.channel.rest import REST, request, service
from zato.common.config.kinds.channel_rest import ChannelREST
from zato.server.audit_log.recorder import Recorder
from zato.server.audit_log.store import Message
from zato.server.channel.audit import ChannelAudit
from zato.server.config.runtime import ConfigObject
from zato.server.security.basic_auth import BasicAuth


class Audited:
    """A channel with an audit log."""

    def __init__(self) -> None:
        self.store = MemoryAuditStore()
        self.recorder: Recorder = recorder(self.store)

    def rest(self, made: Any = None, *, sent: bool = True, path: str = '/a', **options: Any) -> REST:
        rest = REST(made, path='/zato/other')
        settings = ChannelREST(url_path=path, service=1, is_audit_log_received_active=True, is_audit_log_sent_active=sent)
        item = ConfigObject(id=5, kind='channel_rest', name='c', is_active=True, version=1, settings=settings)
        audit = ChannelAudit(self.recorder, item, lambda: rest.service)
        rest.routes.add(rest.channel(path, audit=audit, **options))
        return rest

    @property
    def messages(self) -> list[Message]:
        """All that there are; nothing is recorded any more."""
        self.recorder.start()
        self.recorder.stop()
        return self.store.messages


@pytest.fixture
def audited() -> Iterator[Audited]:
    made = Audited()
    yield made
    made.recorder.stop()


def respond(value: Any) -> Any:
    def handle(service: Any) -> None:
        service.response.payload = value

    return service(handle)


def test_the_request_and_its_answer_have_the_cid_that_the_client_is_told(audited: Audited) -> None:
    answer = audited.rest(respond({'x': 1})).ask(b'{"a": 1}', b'/a?b=2')
    received, sent = audited.messages
    assert received.cid == sent.cid == sent.in_reply_to == answer.response.cid
    assert (received.object_id, received.name, received.kind) == (5, 'c', 'channel_rest')
    assert (received.what, received.data, received.status) == ('POST /a?b=2', '{"a": 1}', 0)
    assert (sent.what, sent.data, sent.status) == ('POST /a?b=2', '{"x":1}', 200)


def test_one_direction_alone_is_kept(audited: Audited) -> None:
    audited.rest(respond({}), sent=False).ask(b'{}')
    assert [message.direction for message in audited.messages] == ['received']


def test_whatever_is_answered_is_kept(audited: Audited) -> None:
    def fail(service: Any) -> None:
        raise SystemExit(1)

    rest = audited.rest(service(fail), security=BasicAuth('joe', 'planted', 'API'))
    rest.ask(b'{}')
    rest.ask(b'{}', authorization='Basic am9lOnBsYW50ZWQ=')
    rest.ask(b'{', authorization='Basic am9lOnBsYW50ZWQ=')
    assert rest.ask(b'{}', b'/b').status == 404
    assert [message.status for message in audited.messages] == [0, 401, 0, 500, 0, 400]


def test_what_is_refused_before_its_body_is_read_is_kept(audited: Audited) -> None:
    rest = audited.rest(max_body=10)
    assert rest.pipeline.refuse(request(b'', b'/a', content_length='9')) is None
    refused = rest.pipeline.refuse(request(b'', b'/a', content_length='11'))
    assert refused is not None
    received, sent = audited.messages
    assert (received.cid, sent.cid, sent.status) == (refused.cid, refused.cid, 413)


def test_pieces_are_not_taken(audited: Audited) -> None:
    answer = audited.rest(respond(iter([b'a', b'b']))).ask()
    assert answer.body == b'ab'
    assert [message.encoding for message in audited.messages] == ['text', 'streamed']


def test_a_secret_in_the_path_is_not_told(audited: Audited) -> None:
    path = '/reset/{token}/{id}'
    audited.rest(respond({}), path=path, shown_path=path.encode()).ask(b'{}', b'/reset/abc/1')
    assert {message.what for message in audited.messages} == {'POST /reset/{token}/{id}'}


def test_what_a_service_declares_secret_is_masked(audited: Audited) -> None:
    def handle(service: Any) -> None:
        service.response.payload.user = service.request.input.user

    made = service(handle, input=('user', 'auth_data'), output=('user',))
    assert made.io is not None
    assert 'auth_data' in made.io.masked
    audited.rest(made).ask(json.dumps({'user': 'joe', 'auth_data': 'abc'}).encode())
    assert audited.messages[0].data == '{"user": "joe", "auth_data": "******"}'
