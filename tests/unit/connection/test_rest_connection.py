"""Outgoing REST connections as services reach them: by name, with credentials, within limits, while they are changed."""

from __future__ import annotations

import logging
from base64 import b64encode
from pathlib import Path
from time import monotonic
from typing import Any

import gevent
import pytest
from gevent.event import Event

from tests.support.audit_log import masker
from tests.unit.connection.outgoing import CID, World, told
from tests.unit.service.invoking import service
from zato.common.exception import (
    CallTimeout,
    CircuitOpen,
    ConfigError,
    ConnectionDown,
    ConnectionMissing,
    Inactive,
    NotReachable,
    PoolExhausted,
    RequestInvalid,
)
from zato.server.config.runtime import ConfigObject
from zato.server.connection.rest.message import Inbound, Outbound
from zato.server.service import Service

PATIENCE = 30.0  #: seconds after which what a test waits for does not happen


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def not_reachable(request: Outbound) -> Inbound:
    raise NotReachable(msg='CRM: http://crm:80: the connection was refused')


# By name


def test_a_connection_is_found_by_its_name(world: World) -> None:
    world.crm(host='http://crm', timeout=5)

    def handle(self: Service) -> Any:
        assert 'CRM' in self.out.rest
        assert 'other' not in self.out.rest
        assert list(self.out.rest) == ['CRM']
        assert self.out.rest.get('other') is None
        assert self.outgoing.plain_http['CRM'].name == 'CRM'
        item = self.out.rest['CRM']
        return item.name, item.config.host, item.config.timeout, item.conn.name, repr(item), repr(item.conn)

    assert world.run(handle) == ('CRM', 'http://crm', 5.0, 'CRM', '<RESTItem `CRM`>', '<RESTClient `CRM`>')


def test_a_name_that_there_is_not_is_a_key_error_with_the_nearest_one(world: World) -> None:
    world.crm()
    with pytest.raises(ConnectionMissing) as info:
        world.run(lambda service: service.out.rest['CRN'])
    assert str(info.value) == 'There is no Outgoing REST connection `CRN`; did you mean `CRM`?'
    assert isinstance(info.value, KeyError)


def test_a_connection_that_is_down_says_what_is_wrong_with_it(world: World) -> None:
    world.crm(host='$CRM_ADDRESS', pool_size='$POOL_SIZE')
    text = (
        'Outgoing REST connection `CRM`: `host` is $CRM_ADDRESS, and the server has no environment variable CRM_ADDRESS\n'
        'Outgoing REST connection `CRM`: `pool_size` is $POOL_SIZE, and the server has no environment variable POOL_SIZE'
    )
    with pytest.raises(ConnectionDown) as info:
        world.run(lambda service: service.out.rest['CRM'])
    assert (str(info.value), info.value.status) == (text, 503)
    assert world.run(lambda service: 'CRM' in service.out.rest)

    world.environ.update(CRM_ADDRESS='http://crm.example', POOL_SIZE='7')
    world.crm(host='$CRM_ADDRESS', pool_size='$POOL_SIZE')
    world.get()
    assert (world.sent.url, world.transport.options.pool_size) == ('http://crm.example', 7)


@pytest.mark.parametrize('name', ['crm..example', 'a' * 64, 'ü' * 70], ids=['empty label', 'long label', 'long in IDNA'])
def test_a_host_whose_name_there_cannot_be_is_refused(world: World, name: str) -> None:
    world.environ['CRM_ADDRESS'] = f'https://{name}/'
    world.crm(host='$CRM_ADDRESS')
    with pytest.raises(ConnectionDown, match=f'must not have a name that no host can have, {name}'):
        world.get()


def test_a_connection_that_is_not_active_is_found_and_not_called(world: World) -> None:
    world.put('outgoing_rest', 'CRM', 1, is_active=False, host='http://crm')
    with pytest.raises(Inactive, match='Outgoing REST connection `CRM` is inactive'):
        world.get()
    assert world.transport.sent == []


def test_soap_has_those_connections_that_speak_it(world: World) -> None:
    world.crm()
    with pytest.raises(ConnectionMissing, match='does not speak SOAP: set its soap_version to'):
        world.run(lambda service: service.out.soap['CRM'])


# self.rest


def test_connections_are_called_without_the_cid_through_self_rest(world: World) -> None:
    world.put('outgoing_rest', 'My CRM (v2)', 1, host='http://crm', url_path='/{id}')

    def handle(self: Service) -> None:
        for found in (self.rest['My CRM (v2)'], self.rest.My_CRM__v2_, self.rest['$CRM_NAME']):
            found.get({'id': 1})
            found.get(self.cid, {'id': 2})
            found.get({'id': 3}, cid='mine')
            found.post('data', {'id': 4})
            found.post(self.cid, 'data', {'id': 5})
        self.rest.My_CRM__v2_.rest_call(params={'id': 6})

    world.environ['CRM_NAME'] = 'My CRM (v2)'
    world.run(handle)
    sent = world.transports['Outgoing REST connection `My CRM (v2)`'].sent
    assert [request.url.rpartition('/')[2] for request in sent] == ['1', '2', '3', '4', '5'] * 3 + ['6']
    assert [request.headers['X-Zato-CID'] for request in sent[:3]] == [CID, CID, 'mine']
    assert [request.body for request in sent[3:5]] == [b'data'] * 2


@pytest.mark.parametrize(
    ('find', 'text'),
    [
        (lambda rest: rest['CRN'], 'There is no Outgoing REST connection `CRN`; did you mean `CRM`?'),
        (lambda rest: rest.crm_, 'There is no Outgoing REST connection `crm_`'),
        (lambda rest: rest['$NAME'], "self.rest['$NAME']: the server has no environment variable NAME"),
        (
            lambda rest: rest['$SECRET'],
            "self.rest['$SECRET']: there is no connection of the name that environment variable SECRET holds",
        ),
        (lambda rest: rest.a_b, 'self.rest.a_b may be each of a b, a-b; use self.rest[name]'),
    ],
)
def test_what_self_rest_does_not_have_is_a_key_error(world: World, find: Any, text: str) -> None:
    world.environ['SECRET'] = 'planted'
    world.crm()
    world.put('outgoing_rest', 'a-b', 2, host='http://a')
    world.put('outgoing_rest', 'a b', 3, host='http://b')
    with pytest.raises(KeyError) as info:
        world.run(lambda service: find(service.rest))
    assert str(info.value) == text


# Credentials


def basic(username: str, password: str) -> str:
    return 'Basic ' + b64encode(f'{username}:{password}'.encode()).decode()


def test_basic_auth_goes_along(world: World) -> None:
    world.put('security_basic_auth', 'crm', 5, username='jané', password='se:cret')
    world.crm(security=5)
    world.get()
    assert world.header['authorization'] == basic('jané', 'se:cret')


@pytest.mark.parametrize('name', ['Authorization', 'authorization'])
def test_a_call_may_leave_the_credentials_out(world: World, name: str) -> None:
    world.put('security_basic_auth', 'crm', 5, username='jane', password='secret')
    world.crm(security=5)
    world.get(headers={name: None})
    assert 'authorization' not in world.header


def test_an_api_key_goes_along_and_to_no_other_origin(world: World) -> None:
    world.put('security_apikey', 'crm', 5, header='X-My-Key', password='key')
    world.crm(security=5)
    world.get()
    assert world.header['x-my-key'] == 'key'
    assert world.sent.private_headers == {'x-my-key'}
    world.get(headers={'x-my-KEY': 'own'})
    assert (world.header['x-my-key'], world.sent.private_headers) == ('own', {'x-my-key'})


def test_a_changed_password_is_used_at_once(world: World) -> None:
    world.put('security_basic_auth', 'crm', 5, username='jane', password='first')
    world.crm(security=5)
    world.put('security_basic_auth', 'crm', 5, username='jane', password='second')
    world.get()
    assert world.header['authorization'] == basic('jane', 'second')


def test_a_call_may_name_another_definition(world: World) -> None:
    world.put('security_basic_auth', 'one', 5, username='one', password='1')
    world.put('security_basic_auth', 'two', 6, username='two', password='2')
    world.put('security_apikey', 'two', 7, password='key')
    world.crm(security=5)
    for name in ('basic_auth/two', 'security_basic_auth/two'):
        world.get(sec_def_name=name)
        assert world.header['authorization'] == basic('two', '2')
    world.get(sec_def_name='apikey/two')
    assert (world.header['x-api-key'], 'authorization' in world.header) == ('key', False)
    world.get(sec_def_name='')
    assert world.header['authorization'] == basic('one', '1')
    with pytest.raises(ConfigError, match='several security definitions called `two`: say basic_auth/two or apikey/two'):
        world.get(sec_def_name='two')
    with pytest.raises(ConnectionMissing, match=r'There is no security definition `onee` \(.*\); did you mean `one`\?'):
        world.get(sec_def_name='onee')


def test_the_header_that_a_service_gives_itself_goes_before_the_definitions(world: World) -> None:
    world.put('security_basic_auth', 'crm', 5, username='jane', password='first')
    world.crm(security=5)
    world.get(headers={'authorization': 'Own x'})
    assert world.header['authorization'] == 'Own x'


def test_a_definition_that_is_not_active_or_down_is_told(world: World) -> None:
    world.put('security_basic_auth', 'crm', 5, is_active=False, username='jane', password='first')
    world.crm(security=5)
    with pytest.raises(Inactive, match='Basic Auth `crm` is inactive'):
        world.get()
    world.put('security_basic_auth', 'crm', 5, username='$NOBODY', password='first')
    with pytest.raises(ConnectionDown, match='Basic Auth `crm`, which it uses, is down'):
        world.get()
    world.crm()
    with pytest.raises(ConnectionDown, match=r'Basic Auth `crm`: `username` is \$NOBODY'):
        world.get(sec_def_name='crm')


def test_a_key_that_no_header_can_have_downs_the_connection(world: World) -> None:
    world.put('security_apikey', 'crm', 5, password='a\nb')
    world.crm(security=5)
    with pytest.raises(ConnectionDown, match='API key `crm`: the key has characters that a header cannot have'):
        world.get()


# Limits


def test_the_transport_is_set_up_as_configured(world: World, tmp_path: Path) -> None:
    files = {'tls_ca_certs': 'ca.pem', 'tls_client_cert': str(tmp_path / 'c.pem'), 'tls_client_key': ''}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('zato.server.connection.types.outgoing_rest.check_files', lambda options: None)
        world.crm(timeout=3, connect_timeout=2, pool_size=4, max_redirects=1, max_response=9, tls_verify=False, **files)
    options = world.transport.options
    assert (options.timeout, options.connect_timeout, options.pool_size) == (3.0, 2.0, 4)
    assert (options.max_redirects, options.max_response, options.tls_verify) == (1, 9, False)
    assert (options.ca_certs, options.client_cert, options.client_key) == (tmp_path / 'ca.pem', tmp_path / 'c.pem', None)


def test_a_file_that_is_missing_downs_the_connection(world: World) -> None:
    world.crm(tls_ca_certs='none.pem')
    with pytest.raises(ConnectionDown, match=r'none\.pem'):
        world.get()


def limit_of(world: World) -> float | None:
    """Seconds that the last call had."""
    found = world.transport.deadlines[-1]
    return None if found is None else round(found - monotonic())


def test_a_call_has_the_least_of_all_limits(world: World) -> None:
    def get(self: Service, **options: Any) -> None:
        self.out.rest['CRM'].conn.get(self.cid, **options)

    world.crm(total_timeout=600)
    world.run(get)
    assert limit_of(world) == 600
    world.run(lambda service: get(service, timeout=300))
    assert limit_of(world) == 300
    world.run(get, deadline=monotonic() + 100)
    assert limit_of(world) == 100
    world.crm(total_timeout=0)
    world.run(get)
    assert limit_of(world) is None


def test_what_a_service_is_invoked_with_limits_the_calls_that_it_makes(world: World) -> None:
    def get(self: Service) -> None:
        self.out.rest['CRM'].conn.get(self.cid)

    inner = service('inner', get)
    world.crm(total_timeout=0)
    world.run(lambda service: service.invoke('inner', timeout=50), inner)
    assert limit_of(world) == 50
    world.run(lambda service: service.invoke('inner', timeout=50), inner, deadline=monotonic() + 20)
    assert limit_of(world) == 20
    world.run(lambda service: service.invoke('inner'), inner, deadline=monotonic() + 20)
    assert limit_of(world) == 20


def test_a_call_whose_time_is_over_is_not_made(world: World) -> None:
    world.crm()
    with pytest.raises(CallTimeout, match='is not called: the time of the service that calls it is over'):
        world.run(lambda service: service.out.rest['CRM'].conn.get(service.cid), deadline=monotonic() - 1)
    assert world.transport.sent == []


def test_idempotent_calls_are_made_again(world: World) -> None:
    answers = iter([told(status=503), told(status=503), told(b'there')])
    world.send = lambda request: next(answers)
    world.crm(max_retries=2, retry_sleep_time=0)
    assert world.get().text == 'there'
    world.send = lambda request: told(status=503)
    assert world.post().status_code == 503
    assert len(world.transport.sent) == 4


@pytest.mark.parametrize('send', [not_reachable, lambda request: told(status=503)], ids=['not reachable', '503'])
def test_failures_in_a_row_open_the_circuit(world: World, send: Any) -> None:
    world.crm(breaker_failures=2)
    world.send = send
    for _ in range(2):
        try:
            world.get()
        except NotReachable:
            continue
    with pytest.raises(CircuitOpen):
        world.get()
    assert len(world.transport.sent) == 2
    world.send = lambda request: told()
    assert 'Code: 200' in world.run(lambda service: service.out.rest['CRM'].conn.ping(service.cid)), 'a ping goes through'


def exhausted(request: Outbound) -> Inbound:
    raise PoolExhausted


@pytest.mark.parametrize('send', [exhausted, lambda request: told(status=500), lambda request: told(status=404)])
def test_what_says_nothing_of_the_target_does_not_open_the_circuit(world: World, send: Any) -> None:
    world.crm(breaker_failures=1)
    world.send = send
    for _ in range(3):
        try:
            world.get()
        except PoolExhausted:
            continue
    assert len(world.transport.sent) == 3


def test_a_caller_without_time_does_not_open_the_circuit_for_others(world: World) -> None:
    def hang(request: Outbound) -> Inbound:
        raise CallTimeout(msg='too late')

    world.crm(breaker_failures=1, timeout=10)
    world.send = hang
    for _ in range(2):
        with pytest.raises(CallTimeout):
            world.get(timeout=0.5)
    with pytest.raises(CallTimeout):
        world.get(timeout=20)
    with pytest.raises(CircuitOpen):
        world.get()


def test_a_request_that_cannot_be_made_does_not_open_the_circuit(world: World) -> None:
    world.crm(breaker_failures=1, url_path='/{id}')
    with pytest.raises(RequestInvalid):
        world.get()
    assert world.get({'id': 1}).ok


# Changes


def test_an_edit_renews_what_services_hold(world: World) -> None:
    world.crm()

    def handle(self: Service) -> None:
        conn = self.out.rest['CRM'].conn
        conn.get(self.cid)
        world.crm(host='http://new')
        conn.get(self.cid)

    world.run(handle)
    assert [request.url for request in world.transport.sent] == ['http://new']


def test_an_edit_closes_the_old_transport_whose_calls_go_on(world: World) -> None:
    running, done = Event(), Event()

    def send(request: Outbound) -> Inbound:
        running.set()
        assert done.wait(PATIENCE)
        return told(b'old')

    world.crm()
    old = world.transport
    world.send = send
    call = gevent.spawn(world.get)
    assert running.wait(PATIENCE)
    world.crm(host='http://new')
    assert world.transport is not old
    assert old.is_closed
    done.set()
    assert call.get(timeout=PATIENCE).text == 'old'


def test_a_connection_that_is_renamed_or_deleted_is_known_by_its_old_name_no_longer(world: World) -> None:
    world.crm()
    transport = world.transport
    world.put('outgoing_rest', 'ERP', 1, host='http://erp')
    assert transport.is_closed
    with pytest.raises(ConnectionMissing):
        world.get()
    world.objects.put([], gone=[1])
    with pytest.raises(ConnectionMissing):
        world.run(lambda service: service.out.rest['ERP'])
    assert world.transports['Outgoing REST connection `ERP`'].is_closed


def test_all_transports_are_closed_at_the_end(world: World) -> None:
    world.crm()
    world.put('outgoing_rest', 'ERP', 2, host='http://erp')
    world.connections.close()
    world.connections.close()
    assert [transport.is_closed for transport in world.transports.values()] == [True, True]


# Pings


@pytest.mark.parametrize('is_active', [True, False])
def test_a_ping_reports_any_answer(world: World, is_active: bool) -> None:
    world.put('outgoing_rest', 'CRM', 1, is_active=is_active, host='http://crm/base', url_path='/{id}', ping_method='GET')
    world.send = lambda request: told(status=500, url=f'{request.url}?secret')
    report = world.rest.ping(world.item())
    assert (report['is_success'], report['status_code']) == (True, 500)
    assert report['response_time'].endswith(' ms')
    assert len(report['response_time'].split()[0].partition('.')[2]) == 3
    first, *others = report['info'].splitlines()
    assert first.endswith(' (UTC) GET http://crm/base/')
    assert others == ['Code: 500', f'Response time: {report["response_time"]}']
    assert (world.sent.method, world.header['x-zato-cid']) == ('GET', CID)


def test_a_service_may_ping_another_path_and_have_the_answer(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, 'zato.rest.out')
    world.crm()
    conn = 'CRM'
    found = world.run(lambda service: service.out.rest[conn].conn.ping(service.cid, True, True, '/status'))
    assert (found.status_code, world.sent.url, world.sent.method) == (200, 'http://crm/status', 'HEAD')
    assert 'Code: 200' in caplog.text


def test_a_ping_without_an_answer_is_an_error(world: World) -> None:
    world.crm(max_retries=3)
    world.send = not_reachable
    with pytest.raises(NotReachable):
        world.rest.ping(world.item())
    assert len(world.transport.sent) == 1


# The log


def test_failures_are_logged_and_calls_are_for_those_who_look_for_them(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world.crm()
    world.send = lambda request: told({'answer': 'secret'}, url='http://crm/x?token=secret')
    world.post('secret', {'token': 'secret'})
    world.send = not_reachable
    with pytest.raises(NotReachable) as info:
        world.get({'token': 'secret'})
    assert info.value.cid == CID
    found = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == 'zato.rest.out']
    assert found == [
        ('DEBUG', 'Outgoing REST connection `CRM`: POST http://crm/x: 200 in 0.250 s'),
        ('WARNING', 'CRM: http://crm:80: the connection was refused'),
    ]
    assert 'secret' not in caplog.text


def test_what_calls_fill_into_the_path_is_not_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.crm(host='http://crm/base', url_path='/reset/{token}?key={key}')
    world.send = lambda request: told(url=request.url)
    world.get({'token': 'planted', 'key': 'planted'})
    assert 'GET http://crm/base/reset/{token}: 200' in caplog.text
    world.send = lambda request: told(url='http://other/path?token=planted')
    world.get({'token': 'planted', 'key': 'planted'})
    assert 'GET http://other/path: 200' in caplog.text
    assert 'planted' not in caplog.text


class Recorder:
    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.masker = masker()

    def record(self, item: ConfigObject, **what: Any) -> None:
        self.records.append({'object': (item.kind, item.id, item.name), **what})


@pytest.mark.parametrize('active', [(), ('sent',), ('received',), ('sent', 'received')])
def test_calls_and_answers_are_audited_where_that_is_switched_on(world: World, active: tuple[str, ...]) -> None:
    recorder: Any = Recorder()
    object.__setattr__(world.surroundings, 'recorder', recorder)
    world.send = lambda request: told(b'pong', 201)
    world.crm(url_path='/api', **{f'is_audit_log_{direction}_active': True for direction in active})
    world.post('ping', {'a': 1})
    common = {'object': ('outgoing_rest', 1, 'CRM'), 'cid': CID, 'remote': 'crm', 'what': 'POST /api?a=1'}
    sent = {**common, 'direction': 'sent', 'msg_id': CID, 'data': b'ping'}
    answered = {'direction': 'received', 'msg_id': f'zrp{CID}', 'in_reply_to': CID, 'status': 201, 'data': b'pong'}
    expected = {'sent': sent, 'received': {**common, **answered}}
    assert recorder.records == [expected[direction] for direction in active]


def test_a_call_without_an_answer_is_audited_with_what_went_wrong(world: World) -> None:
    recorder: Any = Recorder()
    object.__setattr__(world.surroundings, 'recorder', recorder)
    world.send = not_reachable
    world.crm(is_audit_log_received_active=True)
    with pytest.raises(NotReachable):
        world.get()
    [record] = recorder.records
    assert (record['direction'], record['status']) == ('received', 0)
    assert record['data'] == b'CRM: http://crm:80: the connection was refused'


@pytest.mark.parametrize(
    ('url_path', 'what'),
    [
        ('/reset/{token}', 'GET /base/reset/{token}?id=1'),
        ('/reset/{id}?key={api_key}', 'GET /base/reset/{id}?key={api_key}'),
        ('/user/{id}', 'GET /base/user/1?token=planted&api_key=planted'),
    ],
)
def test_of_a_path_that_secrets_are_filled_into_only_the_path_is_audited(world: World, url_path: str, what: str) -> None:
    recorder: Any = Recorder()
    object.__setattr__(world.surroundings, 'recorder', recorder)
    world.crm(host='http://crm/base', url_path=url_path, is_audit_log_sent_active=True)
    world.get({'token': 'planted', 'api_key': 'planted', 'id': 1} if '{id}' in url_path else {'token': 'planted', 'id': 1})
    assert [record['what'] for record in recorder.records] == [what]
