"""What services do on real servers: log, invoke one another in all ways, lock, cache, never end; what clients are told."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.admin import ask_workers, create, invoke, pids, refusal
from tests.support.environment import Answer, Environment, eventually, zato
from zato.cli.error import FAILED

SERVICES = """
import os
from zato.server.service import Service

class MyService(Service):
    def handle(self):
        self.logger.info('My request is %s', self.request.input)

class Sum(Service):
    def handle(self):
        self.response.payload = self.request.input.a + self.request.input.b

class Wrapped(Service):
    class SimpleIO:
        output = 'name', 'pid'
    def handle(self):
        self.response.payload.name = 'Jane'
        self.response.payload.pid = os.getpid()

class Fail(Service):
    def handle(self):
        raise ValueError(f'no luck in {os.getpid()}')

class See(Service):
    def handle(self):
        self.response.payload = {'method': self.request.http.method, 'input': self.request.input,
            'payload': self.request.payload, 'content_type': self.request.http.headers.get('content-type')}

class Everywhere(Service):
    def handle(self):
        self.response.payload = self.server.invoke_all_pids(**self.request.input)

class Remember(Service):
    def handle(self):
        cache = self.cache.default
        if self.request.input.get('value'):
            cache.set('key', self.request.input.value)
        self.response.payload = {'value': cache.get('key'), 'pid': self.server.pid}

class Forever(Service):
    def handle(self):
        try:
            self.invoke('services.never')
        finally:
            self.logger.info('Released (cid: %s)', self.cid)

class Never(Service):
    def handle(self):
        while True:
            self.sleep(60)

class Impatient(Service):
    def handle(self):
        self.invoke('services.never', timeout=0.01)

class Stream(Service):
    def handle(self):
        self.response.payload = self.pieces()

    def pieces(self):
        yield 'first'
        while True:
            self.sleep(60)

class Refused(Service):
    @classmethod
    def before_add_to_store(cls, logger):
        logger.info('I would rather not')
        return False

    def handle(self):
        pass

class Broken(Service):
    @classmethod
    def before_add_to_store(cls, logger):
        raise ValueError('I cannot')

    def handle(self):
        pass

class Added(Service):
    @staticmethod
    def after_add_to_store(logger):
        logger.info('I am in')

    def handle(self):
        self.response.payload = 'in'
"""

FLOW = """
from zato.server.service import Service

class Start(Service):
    def handle(self):
        self.response.payload = self.patterns.parallel.invoke(
            {'flow.good': {'n': 1}, 'flow.bad': {'n': 2}, 'flow.nested': {'n': 3}, 'flow.missing': {}},
            on_target=['flow.bad-callback', 'flow.on-target'])

class Good(Service):
    def handle(self):
        self.response.payload = {'good': self.request.input.n}

class Bad(Service):
    def handle(self):
        raise ValueError('bad is bad')

class Nested(Service):
    def handle(self):
        for name in ('flow.good', 'flow.bad'):
            self.invoke_async(name, self.request.payload, callback='flow.on-async')
        self.response.payload = self.cid

class OnTarget(Service):
    def handle(self):
        told = self.request.input
        error = (told.exception or 'none').splitlines()[-1]
        self.logger.info('On target|%s|%s|%s|%s|%s', told.cid, told.target, told.ok, told.response, error)

class OnAsync(Service):
    def handle(self):
        told = self.request.input
        self.logger.info('On async|%s|%s|%s|%s|%r', told.cid, told.target, told.ok, told.response, told.exception)

class BadCallback(Service):
    def handle(self):
        raise KeyError('bad callback')
"""

LOCKS = """
import os
from zato.server.service import Service

class Hold(Service):
    lock_name = 'shared'

    def handle(self):
        path = self.request.input.path
        with self.lock(self.lock_name, block=60):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            try:
                self.sleep(0.002)
            finally:
                os.unlink(path)
        self.response.payload = os.getpid()

class Other(Hold):
    lock_name = ''
"""

BACKGROUND = """
import os
from zato.server.service import Service

class Start(Service):
    def handle(self):
        self.response.payload = self.invoke_async('background.work', {'path': self.request.input.path})

class Work(Service):
    def handle(self):
        self.logger.info('Work began (cid: %s)', self.cid)
        while not os.path.exists(self.request.input.path):
            self.sleep(0.01)
        self.invoke_async('background.last')

class Retry(Service):
    def handle(self):
        self.patterns.invoke_retry.invoke('background.fail', repeats=2, minutes=60)

class Fail(Service):
    def handle(self):
        raise ValueError('no')

class Last(Service):
    def handle(self):
        self.sleep(0.01)
        self.logger.info('Work is done')
"""

FILES = {'services.py': SERVICES, 'flow.py': FLOW}


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Two workers, running, shared by the tests of this module."""
    environment = Environment(tmp_path_factory.mktemp('services') / 'qs-1', workers=2)
    try:
        for name, text in FILES.items():
            environment.save(name, text)
        environment.start()
        yield environment
    finally:
        environment.close()


def call_admin(environment: Environment, name: str, payload: Any = '', **more: Any) -> Answer:
    """As classic clients call /zato/admin/invoke."""
    encoded = b64encode(json.dumps(payload).encode()).decode() if payload != '' else ''
    form = {'channel': 'invoke', 'data_format': 'json', 'transport': None, 'is_async': False, 'expiration': 15, 'pid': None}
    body = {'name': name, 'payload': encoded, **form, 'all_pids': False, 'timeout': None, 'skip_response_elem': True, **more}
    password = environment.password('admin_invoke')
    return environment.request(
        'POST', '/zato/admin/invoke', json.dumps(body).encode(), user='admin.invoke', password=password
    )


def answered(answer: Answer) -> Any:
    """What classic clients make of it: the one key beside zato_env is base64 of JSON."""
    assert answer.status == 200, answer.body
    document = answer.json
    assert document['zato_env'] == {'result': 'ZATO_OK', 'cid': answer.headers['x-zato-cid'], 'details': ''}
    [key] = set(document) - {'zato_env'}
    return json.loads(b64decode(document[key]))


def lines(environment: Environment, pattern: str) -> list[str]:
    """The groups of all lines of the log that match, sorted."""
    return sorted(re.findall(pattern, environment.log(), re.MULTILINE))


def running(environment: Environment, service: str) -> list[str]:
    """The cids of its calls in all workers."""
    calls = [call for info in ask_workers(environment, 'info').values() for call in info['running']]
    return [call['cid'] for call in calls if call['service'] == service]


def in_background(call: Callable[[], Answer]) -> Future[Answer]:
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as e:
            future.set_exception(e)

    threading.Thread(target=run, daemon=True).start()
    return future


def test_a_request_is_logged_as_the_plain_dict_that_it_is(server: Environment) -> None:
    create(server, 'zato.channel-rest', 'my', url_path='/my/{id}', service='services.my-service', data_format='json')
    answer = server.request('POST', '/my/7?q=x', b'{"name": "Jane", "tags": [{"a": null}]}')
    assert (answer.status, answer.body) == (200, b'')
    expected = "My request is {'name': 'Jane', 'tags': [{'a': None}], 'id': '7', 'q': 'x'}"
    assert lines(server, r'^.* INFO - .* - (My request is .*)$') == [expected]
    assert server.request('POST', '/my/7', b'[1]').status == 200
    assert server.request('GET', '/my/7').status == 200
    assert lines(server, r'^.* INFO - .* - (My request is .*)$') == sorted([expected, *["My request is {'id': '7'}"] * 2])


def test_parallel_targets_that_fail_or_invoke_others_in_the_background_tell_their_callbacks(server: Environment) -> None:
    cid = server.invoke('flow.start').body.decode()

    def told(what: str) -> list[str]:
        return lines(server, rf'- {what}\|(.*)$')

    def async_cids() -> list[str]:
        return [line.partition('|')[0] for line in told('On async')]

    eventually(lambda: len(told('On target')) == 4 and len(told('On async')) == 2, 'all callbacks')
    assert told('On target') == sorted(
        [
            f"{cid}|flow.good|True|{{'good': 1}}|none",
            f'{cid}|flow.bad|False|None|ValueError: bad is bad',
            f'{cid}|flow.nested|True|{cid}|none',
            f'{cid}|flow.missing|False|None|zato.common.exception.ServiceMissingException: No such service: flow.missing',
        ]
    )
    first, second = async_cids()
    assert len({cid, first, second}) == 3
    assert [line.partition('|')[2] for line in sorted(told('On async'), key=lambda line: 'flow.good' in line)] == [
        "flow.bad|False|None|ValueError('bad is bad')",
        "flow.good|True|{'good': 3}|None",
    ]
    [failed] = [line.split('|')[0] for line in told('On async') if 'flow.bad' in line]
    assert server.log_has(rf'ERROR - .* - Service flow\.bad failed in the background \(cid: {failed}\)\n.*Traceback')
    assert server.log_has(rf'WARNING - .* - Service flow\.bad, invoked by flow\.start, failed \(cid: {cid}\)')
    text = rf'Callback flow\.bad-callback of service flow\.start failed \(cid: {cid}\)'
    assert len(lines(server, rf'(ERROR) - .* - {text}$')) == 4


def test_a_service_is_run_in_all_workers_of_its_server(server: Environment) -> None:
    workers = pids(server)
    found = server.invoke('services.everywhere', {'name': 'services.sum', 'payload': {'a': 1, 'b': 2}}).json
    shown = {str(pid): {'is_ok': True, 'pid': pid, 'pid_data': 3, 'error_info': ''} for pid in workers}
    assert found == shown
    found = server.invoke('services.everywhere', {'name': 'services.fail'}).json
    for pid in workers:
        assert (found[str(pid)]['is_ok'], found[str(pid)]['pid_data']) == (False, None)
        assert re.fullmatch(rf'ValueError: no luck in {pid} \(cid: [0-9a-f]{{24}}\)', found[str(pid)]['error_info'])
    found = server.invoke('services.everywhere', {'name': 'services.never', 'timeout': 0.1}).json
    assert {item['error_info'].partition(' (cid')[0] for item in found.values()} == {'no answer in 0.1 s'}
    found = server.invoke('services.everywhere', {'name': 'services.impatient'}).json
    reasons = {item['error_info'].partition(' (cid')[0] for item in found.values()}
    assert reasons == {'InvocationTimeout: Service services.never did not answer in 0.01 s'}
    assert running(server, 'services.never') == []
    found = server.invoke('services.everywhere', {'name': 'no.such'}).json
    assert all('No such service: no.such' in item['error_info'] for item in found.values())
    assert len(found) == len(workers)


def test_each_worker_has_caches_of_its_own(server: Environment) -> None:
    first, second = sorted(pids(server))

    def remember(pid: int, **request: Any) -> Any:
        answer = answered(call_admin(server, 'services.remember', request, pid=pid))
        assert answer['pid_data']['pid'] == pid
        return answer['pid_data']['value']

    assert remember(first, value='one') == 'one'
    assert remember(second) is None
    assert remember(second, value='two') == 'two'
    assert (remember(first), remember(second)) == ('one', 'two')


def test_what_existing_clients_send_is_answered_as_they_expect(server: Environment) -> None:
    path, credentials = '/zato/api/invoke/services.see', {'user': 'pubapi', 'password': server.password()}
    answer = server.request('POST', path, b'{"a": 1}', **credentials)
    assert answer.json == {'method': 'POST', 'input': {'a': 1}, 'payload': {'a': 1}, 'content_type': None}
    assert len(answer.headers['x-zato-cid']) == 24
    for method in ('GET', 'PUT', 'PATCH', 'DELETE'):
        assert server.request(method, path, b'null', **credentials).json['payload'] is None
    payload = {'a': 1, 'b': 2}
    assert answered(call_admin(server, 'services.sum', payload)) == 3
    assert answered(call_admin(server, 'services.sum', payload, timeout=10)) == 3
    wrapped = answered(call_admin(server, 'services.wrapped', skip_response_elem=False))
    assert answered(call_admin(server, 'services.wrapped')).keys() == wrapped['response'].keys() == {'name', 'pid'}
    cid = b64decode(call_admin(server, 'services.sum', payload, is_async=True).json['response']).decode()
    assert re.fullmatch('[0-9a-f]{24}', cid)
    everywhere = answered(call_admin(server, 'services.sum', payload, all_pids=True, timeout=5))
    assert {pid: item['pid_data'] for pid, item in everywhere.items()} == {str(pid): 3 for pid in pids(server)}
    pid = min(pids(server))
    assert answered(call_admin(server, 'services.wrapped', pid=pid))['pid_data']['response']['pid'] == str(pid)
    assert answered(call_admin(server, 'services.sum', payload, pid=str(pid)))['pid_data'] == 3
    answer = call_admin(server, 'services.never', timeout=0.1)
    assert (answer.status, answer.json['details']) == (
        504,
        'Service services.never did not answer in 0.1 s',
    )
    assert answered(call_admin(server, 'services.never', timeout=0.1, pid=pid))['error_info'].startswith(
        'no answer in 0.1 s'
    )
    assert call_admin(server, 'services.sum', payload, timeout='soon').status == 400
    assert call_admin(server, 'services.sum', payload, pid='mine').status == 400
    stored = {item['name']: item['id'] for item in invoke(server, 'zato.service.get-list')}
    assert answered(call_admin(server, '', payload, id=stored['services.sum'])) == 3
    assert running(server, 'services.never') == []


def test_a_service_that_never_returns_is_seen_and_freed_by_its_channels_timeout(server: Environment) -> None:
    settings = {'service': 'services.forever', 'data_format': 'json'}
    create(server, 'zato.channel-rest', 'patient', url_path='/patient', **settings)
    invoke(server, 'zato.channel-rest.edit', {'name': 'patient', 'service_timeout': 0.3})
    answer = server.request('POST', '/patient', b'{}')
    assert (answer.status, answer.json['details']) == (504, 'There was no answer in 0.3 s')
    cid = answer.json['cid']
    assert server.log_has(rf'ERROR - .* - Service services\.forever was interrupted after 0\.3 s.*\(cid: {cid}\)')
    assert server.log_has(rf'Released \(cid: {cid}\)')
    assert running(server, 'services.forever') == []

    invoke(server, 'zato.channel-rest.edit', {'name': 'patient', 'service_timeout': 60})
    waiting = in_background(lambda: server.request('POST', '/patient', b'{}'))
    eventually(lambda: running(server, 'services.forever'), 'the call')
    [cid] = running(server, 'services.forever')
    shown = [call for worker in server.info()['workers'] for call in worker['running']]
    assert {(call['service'], call['cid']) for call in shown} >= {('services.forever', cid), ('services.never', cid)}
    assert all(call['seconds'] >= 0 for call in shown)
    assert cid in zato('info', server.path).out
    invoke(server, 'zato.service.cancel', {'cid': cid})
    assert waiting.result().status == 503


def test_a_call_is_cancelled_through_whichever_worker_and_by_the_command_line(server: Environment) -> None:
    for times in range(4):
        waiting = in_background(lambda: server.invoke('services.forever'))
        [cid] = eventually(lambda: running(server, 'services.forever'), 'the call')
        if times % 2:
            assert invoke(server, 'zato.service.cancel', {'cid': cid}) == {'cid': cid, 'cancelled': 1}
        else:
            done = zato('service', 'cancel', cid, server.path)
            assert (done.code, done.out, done.err) == (0, 'server1: 1 cancelled\n', '')
        answer = waiting.result()
        assert (answer.status, answer.json['cid']) == (503, cid)
        assert answer.json['details'] == f'The call with cid {cid} was cancelled'
        names = r'services\.forever, services\.never'
        assert server.log_has(rf'WARNING - .* - Cancelled by admin\.invoke: {names} \(cid: {cid}\)')
        assert server.log_has(rf'Released \(cid: {cid}\)')
    assert running(server, 'services.forever') == []
    again = zato('service', 'cancel', cid, server.server.path)
    assert (again.code, again.out) == (FAILED, '')
    assert again.err == f'Error: No call with cid {cid} is running\n'
    assert refusal(server, 'zato.service.cancel', {'cid': cid}).status == 404
    assert refusal(server, 'zato.service.cancel', {}) == (400, 'Element missing: cid')


def test_a_response_that_is_being_streamed_is_cancelled_so_that_the_client_can_tell(server: Environment) -> None:
    create(server, 'zato.channel-rest', 'stream', url_path='/stream', service='services.stream')
    broken: list[type[Exception]] = []

    def read() -> None:
        try:
            server.request('GET', '/stream')
        except Exception as e:
            broken.append(type(e))

    client = threading.Thread(target=read, daemon=True)
    client.start()
    [cid] = eventually(lambda: running(server, 'services.stream'), 'the stream')
    invoke(server, 'zato.service.cancel', {'cid': cid})
    client.join()
    assert [kind.__name__ for kind in broken] == ['IncompleteRead']
    assert server.log_has(rf'ERROR - .* - The body of a response was cut off \(cid: {cid}\)')
    assert running(server, 'services.stream') == []
    assert 'greenlet.failed' not in server.log()


def test_a_service_that_does_not_want_to_be_deployed_is_not_and_others_of_its_module_are(server: Environment) -> None:
    deployed = {item['name'] for item in invoke(server, 'zato.service.get-list') if item['is_deployed']}
    assert 'services.added' in deployed
    assert deployed.isdisjoint({'services.refused', 'services.broken'})
    assert server.invoke('services.added').body == b'in'
    assert server.invoke('services.refused').status == 404
    assert server.invoke('services.broken').status == 404
    text = 'Service services.refused is not deployed: its before_add_to_store returned False, not True'
    assert server.log_has(rf'WARNING - .* - {re.escape(text)}')
    assert server.log_has(r'ERROR - .* - Service services\.broken is not deployed: its before_add_to_store failed')
    assert server.log_has(r'INFO - .*services\.refused.* - I would rather not')
    assert server.log_has(r'INFO - .*services\.added.* - I am in')


def test_a_lock_is_held_by_one_at_a_time_on_all_workers_of_all_servers(tmp_path: Path) -> None:
    environment = Environment(tmp_path / 'qs-1', workers=2, servers=2)
    try:
        environment.save('locks.py', LOCKS)
        environment.start()
        everyone = pids(environment, server=0) | pids(environment, server=1)
        assert len(everyone) == 4
        held = str(tmp_path / 'held')
        seen: set[int] = set()

        def hold(number: int) -> int:
            answer = environment.invoke('locks.hold', {'path': held}, server=number % 2)
            assert answer.status == 200, answer.body
            return int(answer.body)

        with ThreadPoolExecutor(8) as clients:
            eventually(lambda: seen.update(clients.map(hold, range(40))) or seen == everyone, 'each worker as the holder')
        own = environment.invoke('locks.other', {'path': held})
        assert own.status == 200, 'its name is that of the service by default'
    finally:
        environment.close()


def began(environment: Environment, gate: Path) -> str:
    """Start work in the background that ends once there is a file `gate`. Returns its cid once it has begun."""
    environment.save('background.py', BACKGROUND)
    environment.start()
    cid = environment.invoke('background.start', {'path': str(gate)}).body.decode()
    eventually(lambda: environment.log_has(rf'Work began \(cid: {cid}\)'), 'the work')
    return cid


def test_what_runs_in_the_background_is_lost_if_the_server_is_killed(environment: Environment, tmp_path: Path) -> None:
    began(environment, tmp_path / 'gate')
    environment.kill_all()
    (tmp_path / 'gate').touch()
    environment.start()
    assert environment.invoke('background.last').status == 200
    assert len(lines(environment, '(Work began)')) == 1
    assert len(lines(environment, '(Work is done)')) == 1, 'that of the call just made'


def test_what_runs_in_the_background_is_waited_for_by_a_stop_and_so_is_what_it_starts_but_no_pause_is(
    environment: Environment, tmp_path: Path
) -> None:
    began(environment, tmp_path / 'gate')
    pausing = in_background(lambda: environment.invoke('background.retry'))
    eventually(lambda: environment.log_has('Attempt 1 of 2 to invoke service background.fail failed'), 'the pause')
    stopping = threading.Thread(target=environment.stop, daemon=True)
    stopping.start()

    def is_closed() -> bool:
        try:
            environment.request('GET', '/zato/ping')
        except (OSError, ValueError):
            return True
        return False

    eventually(is_closed, 'the end of listening')
    answer = pausing.result()
    assert (answer.status, answer.json['details']) == (
        503,
        'The server stops; service background.fail was not invoked again',
    )
    (tmp_path / 'gate').touch()
    stopping.join()
    assert environment.processes() == []
    assert lines(environment, '(Work is done)') == ['Work is done']
    assert not environment.log_has('was cut off by the stop')
