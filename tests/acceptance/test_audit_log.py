"""The audit log of messages, on real servers: what is kept, how it is found, what bounds it, what a stop does."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.admin import alarms, create, invoke, refusal
from tests.support.environment import Environment, eventually, zato

SERVICES = """
from zato.server.service import Service

class Echo(Service):
    def handle(self):
        self.response.payload = self.request.payload or {}

class Fail(Service):
    def handle(self):
        raise Exception('It fails')

class Stream(Service):
    def handle(self):
        self.response.payload = (piece for piece in (b'a', b'b'))

class Open(Service):
    input = 'user', 'magic_word'
    output = 'user'

    def handle(self):
        self.response.payload.user = self.request.input.user
"""

LIST, CLEAR = 'zato.audit-log.event.get-list', 'zato.audit-log.event.clear'
ON = {'is_audit_log_received_active': True, 'is_audit_log_sent_active': True}


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Two workers, running, with names of their own that are secret. Each test has channels of its own names."""
    environment = Environment(tmp_path_factory.mktemp('audit') / 'qs-1', workers=2)
    try:
        environment.save('audit.py', SERVICES)
        (environment.server.repo / 'simple-io.conf').write_text('[secret]\nexact=magic_word\n')
        conf = environment.server.server_conf.read_text()
        assert '\nmask=\n' in conf
        environment.server.server_conf.write_text(conf.replace('\nmask=\n', '\nmask=nhs_number, birthday\n'))
        environment.start()
        yield environment
    finally:
        environment.close()


def channel(server: Environment, path: str, service: str = 'audit.echo', **settings: Any) -> int:
    """Its ID. It is named as its path."""
    options = {'url_path': path, 'service': service, 'data_format': 'json', **ON, **settings}
    return int(create(server, 'zato.channel-rest', path, **options)['id'])


def messages(server: Environment, count: int, **query: Any) -> list[dict[str, Any]]:
    """The oldest first, once there are so many."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = invoke(server, LIST, query)[::-1]
        return len(found) >= count

    eventually(look, f'{count} messages of {query}')
    assert len(found) == count
    return found


def test_a_request_and_its_answer_are_found_by_their_cid(server: Environment) -> None:
    id = channel(server, '/both/{a}')
    body = b'{"user": "joe", "password": "abc"}'
    answer = server.request('POST', '/both/1?token=abc&x=2', body)
    cid = answer.headers['x-zato-cid']
    received, sent = messages(server, 2, cid=cid)
    common = {'object_id': id, 'kind': 'channel_rest', 'name': '/both/{a}', 'server': 'server1', 'cid': cid}
    common |= {'remote': '127.0.0.1', 'what': 'POST /both/1?token=******&x=2', 'encoding': 'text', 'is_cut': False}
    assert (
        received.items()
        >= {
            **common,
            'direction': 'received',
            'msg_id': cid,
            'in_reply_to': '',
            'status': 0,
            'size': len(body),
            'data': '{"user": "joe", "password": "******"}',
        }.items()
    )
    assert (
        sent.items()
        >= {
            **common,
            'direction': 'sent',
            'msg_id': f'zrp{cid}',
            'in_reply_to': cid,
            'status': 200,
            'size': len(answer.body),
            'data': '{"user":"joe","password":"******"}',
        }.items()
    )
    assert received['event_id'] == f'zae{received["id"]}'


def test_nothing_is_kept_unless_it_is_asked_for(server: Environment) -> None:
    channel(server, '/off', is_audit_log_received_active=False, is_audit_log_sent_active=False)
    channel(server, '/in', is_audit_log_sent_active=False)
    channel(server, '/out', is_audit_log_received_active=False)
    for path in ('/off', '/in', '/out'):
        server.request('POST', path, b'{}')
    assert [each['direction'] for each in messages(server, 1, kind='channel_rest', name='/in')] == ['received']
    assert [each['direction'] for each in messages(server, 1, kind='channel_rest', name='/out')] == ['sent']
    assert messages(server, 0, kind='channel_rest', name='/off') == []


def test_refused_and_failed_requests_are_kept_with_their_status(server: Environment) -> None:
    create(server, 'zato.security.basic-auth', 'users', username='jane', password='planted-1')
    channel(server, '/closed', security='users')
    channel(server, '/fails', 'audit.fail')
    channel(server, '/inactive', is_active=False)
    for path, status in {'/closed': 401, '/fails': 500, '/inactive': 404}.items():
        answer = server.request('POST', path, b'{"a":')
        expected = status if path != '/fails' else 400
        assert answer.status == expected
        received, sent = messages(server, 2, cid=answer.headers['x-zato-cid'])
        assert sent['status'] == expected
        is_early = path != '/fails' and received['data'] == ''  # it may be refused before its body has come
        assert received['data'] == '{"a":' or is_early
        assert json.loads(sent['data'])['result'] == 'Error'
    failed = server.request('POST', '/fails', b'{}')
    assert messages(server, 2, cid=failed.headers['x-zato-cid'])[1]['status'] == 500


def test_a_streamed_answer_is_told_of(server: Environment) -> None:
    channel(server, '/stream', 'audit.stream')
    answer = server.request('GET', '/stream')
    assert answer.body == b'ab'
    _, sent = messages(server, 2, cid=answer.headers['x-zato-cid'])
    assert (sent['encoding'], sent['status'], sent['data']) == ('streamed', 200, '')


def test_compressed_messages_are_kept_as_text(server: Environment) -> None:
    channel(server, '/zipped', content_encoding='gzip')
    body = gzip.compress(b'{"password": "abc", "x": "%b"}' % (b'y' * 1_000))
    answer = server.request('POST', '/zipped', body, headers={'Content-Encoding': 'gzip', 'Accept-Encoding': 'gzip'})
    assert answer.headers['content-encoding'] == 'gzip'
    received, sent = messages(server, 2, cid=answer.headers['x-zato-cid'])
    assert (received['encoding'], received['size']) == ('gzip', len(body))
    assert json.loads(received['data']) == json.loads(sent['data']) == {'password': '******', 'x': 'y' * 1_000}


def test_secrets_that_a_service_declares_are_masked_by_their_names(server: Environment) -> None:
    create(server, 'zato.security.basic-auth', 'openers', username='joe', password='planted-2')
    channel(server, '/open', 'audit.open', security='openers')
    body = b'{"user": "joe", "magic_word": "abracadabra"}'
    answer = server.request('POST', '/open', body, user='joe', password='planted-2')
    received, _ = messages(server, 2, cid=answer.headers['x-zato-cid'])
    assert received['data'] == '{"user": "joe", "magic_word": "******"}'


def test_names_in_server_conf_are_masked(server: Environment) -> None:
    channel(server, '/named')
    answer = server.request('POST', '/named?birthday=2001-01-01', b'{"nhsNumber": 943, "x": 1}')
    received, sent = messages(server, 2, cid=answer.headers['x-zato-cid'])
    assert received['what'] == 'POST /named?birthday=******'
    assert received['data'] == '{"nhsNumber": "******", "x": 1}'
    assert json.loads(sent['data']) == {'nhsNumber': '******', 'x': 1}


def test_secrets_in_paths_are_not_kept(server: Environment) -> None:
    channel(server, '/reset/{token}/now')
    answer = server.request('POST', '/reset/abc/now?x=1', b'{}')
    received, sent = messages(server, 2, cid=answer.headers['x-zato-cid'])
    assert received['what'] == sent['what'] == 'POST /reset/{token}/now?x=1'


def test_a_password_is_masked_wherever_it_is_from_when_it_is_set(server: Environment) -> None:
    create(server, 'zato.security.basic-auth', 'later', username='joe', password='planted-first')
    channel(server, '/later')
    for password in ('planted-first', 'planted-second'):
        invoke(server, 'zato.security.basic-auth.change-password', {'name': 'later', 'password1': password})
        body = json.dumps({'a': f'It is {password}', 'b': b64encode(f'joe:{password}'.encode()).decode()}).encode()
        answer = server.request('POST', '/later', body)
        for kept in messages(server, 2, cid=answer.headers['x-zato-cid']):
            assert json.loads(kept['data']) == {'a': 'It is ******', 'b': '******'}


def test_the_latest_are_kept_and_long_ones_are_cut(server: Environment) -> None:
    channel(server, '/few', max_len_messages_received=3, max_len_messages_sent=2, max_bytes_per_message_received=1)
    answers = [server.request('POST', '/few', b'{"a": "%b"}' % (b'x' * 2_000)) for _ in range(6)]
    cids = [answer.headers['x-zato-cid'] for answer in answers]

    def kept(direction: str) -> list[dict[str, Any]]:
        return list(invoke(server, LIST, {'kind': 'channel_rest', 'name': '/few', 'direction': direction}))

    eventually(lambda: [each['cid'] for each in kept('received')] == cids[:2:-1], 'the latest three')
    eventually(lambda: [each['cid'] for each in kept('sent')] == cids[:3:-1], 'the latest two')
    received = kept('received')
    assert {(len(each['data']), each['size'], each['is_cut']) for each in received} == {(1_000, 2_009, True)}


def test_messages_are_cleared_and_go_with_their_object(server: Environment) -> None:
    channel(server, '/gone')
    answer = server.request('POST', '/gone', b'{}')
    messages(server, 2, cid=answer.headers['x-zato-cid'])
    assert invoke(server, CLEAR, {'kind': 'channel_rest', 'name': '/gone', 'direction': 'sent'}) == {'deleted': 1}
    assert invoke(server, CLEAR, {'kind': 'channel_rest', 'name': '/gone'}) == {'deleted': 1}
    assert server.log_has(r'1 message\(s\) of object \d+ were deleted from the audit log by admin\.invoke')
    invoke(server, 'zato.channel-rest.delete', {'name': '/gone'})
    assert refusal(server, LIST, {'kind': 'channel_rest', 'name': '/gone'}).status == 404


def test_requests_that_make_no_sense_are_refused(server: Environment) -> None:
    assert refusal(server, LIST, {'kind': 'channel_rest'}).text == 'Element missing: name'
    assert refusal(server, LIST, {'kind': 'nothing', 'name': 'x'}).status == 400
    assert refusal(server, LIST, {'limit': 1_001}).text == '`limit` must be a number from 1 to 1,000; got `1001`'
    assert refusal(server, LIST, {'direction': 'up'}).status == 400
    assert refusal(server, LIST, {'before_id': '0'}).status == 400
    assert refusal(server, CLEAR, {}).text == 'Element missing: object_id, or kind and name'


def test_who_may_read_and_who_may_clear(server: Environment) -> None:
    channel(server, '/roles')
    for role, may_read, may_clear in (('viewer', False, False), ('operator', True, False), ('admin', True, True)):
        for service, may in ((LIST, may_read), (CLEAR, may_clear)):
            payload = b64encode(json.dumps({'kind': 'channel_rest', 'name': '/roles'}).encode()).decode()
            answer = server.request(
                'POST',
                '/zato/admin/invoke',
                json.dumps({'name': service, 'payload': payload}).encode(),
                user='admin.invoke',
                password=server.password('admin_invoke'),
                headers={'X-Zato-Admin-User': 'someone', 'X-Zato-Admin-Role': role},
            )
            assert answer.status == (200 if may else 403), (role, service)


def test_the_command_shows_messages(server: Environment) -> None:
    channel(server, '/shown')
    answer = server.request('POST', '/shown', b'{"a": "\x1b[31m", "pin": 1}')
    cid = answer.headers['x-zato-cid']
    messages(server, 2, cid=cid)
    done = zato('audit-log', server.path, '--cid', cid)
    assert done.code == 0, done.err
    sent, received = done.out.split('\n\n')
    assert 'sent  channel_rest /shown  POST /shown  400  127.0.0.1' in sent
    assert received.splitlines()[1] == '{"a": "\\x1b[31m", "pin": "******"}'
    as_json = zato(
        'audit-log', server.path, '--kind', 'channel_rest', '--name', '/shown', '--direction', 'sent', '--format', 'json'
    )
    assert [each['cid'] for each in json.loads(as_json.out)] == [cid]
    assert zato('audit-log', server.path, '--cid', 'none').out.strip() == ''
    assert zato('audit-log', server.path).code != 0
    assert '--name' in zato('audit-log', server.path, '--kind', 'channel_rest').err


def test_all_messages_of_many_clients_are_there_after_a_stop(environment: Environment) -> None:
    environment.save('audit.py', SERVICES)
    environment.start()
    channel(environment, '/many', max_len_messages_received=1_000)
    cids = [environment.request('POST', '/many', b'{}').headers['x-zato-cid'] for _ in range(120)]
    environment.stop()
    environment.start()
    kept = invoke(environment, LIST, {'kind': 'channel_rest', 'name': '/many', 'direction': 'received', 'limit': 1_000})
    assert [each['cid'] for each in kept] == cids[::-1]
    assert alarms(environment) == {pid: {} for pid in alarms(environment)}


def test_a_worker_that_is_killed_loses_only_what_was_not_written_yet(environment: Environment) -> None:
    environment.save('audit.py', SERVICES)
    environment.start()
    channel(environment, '/killed', max_len_messages_received=1_000)
    cids = [environment.request('POST', '/killed', b'{}').headers['x-zato-cid'] for _ in range(20)]
    messages(environment, 2, cid=cids[-1])
    environment.request('POST', '/killed', b'{}')
    environment.kill_all()
    environment.start()
    kept = invoke(environment, LIST, {'kind': 'channel_rest', 'name': '/killed', 'direction': 'received', 'limit': 1_000})
    assert [each['cid'] for each in kept][-20:] == cids[::-1]
