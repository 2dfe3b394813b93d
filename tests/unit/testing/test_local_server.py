"""The test kit for users' services: what a test can run, put in the place of, and look at."""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from zato.common.exception import (
    BadRequest,
    DeploymentError,
    LockTimeout,
    NotAvailable,
    NotFound,
    ServiceMissingException,
    ZatoException,
)
from zato.server.service import Int, Service
from zato.testing import LocalServer


class GetCustomer(Service):
    """What users write."""

    name = 'my.get-customer'
    input = 'customer_id', '-with_orders'

    def handle(self) -> None:
        customer = self.invoke('crm.get', {'id': self.request.input.customer_id})
        self.response.payload = {'name': customer['name'], 'asked_by': self.channel.type}


class Notify(Service):
    name = 'my.notify'

    def handle(self) -> None:
        self.response.payload = self.invoke_async('mail.send', {'to': self.request.payload}, callback='my.sent')


def test_a_service_runs_with_a_fake_in_place_of_what_it_invokes(zato: LocalServer) -> None:
    zato.fake_service('crm.get', returns={'name': 'Jane'})
    assert zato.invoke(GetCustomer, {'customer_id': 5}) == {'name': 'Jane', 'asked_by': 'invoke'}
    assert zato.payloads('crm.get') == [{'id': 5}]


def test_a_fake_can_raise_and_can_compute(zato: LocalServer) -> None:
    zato.deploy(GetCustomer)
    zato.fake_service('crm.get', raises=NotFound(msg='No such customer'))
    with pytest.raises(NotFound, match='No such customer'):
        zato.invoke('my.get-customer', customer_id=5)
    zato.fake_service('crm.get', calls=lambda payload: {'name': f'Customer {payload["id"]}'})
    assert zato.invoke('my.get-customer', customer_id=5)['name'] == 'Customer 5'


def test_what_is_neither_deployed_nor_faked_is_missing(zato: LocalServer) -> None:
    with pytest.raises(ServiceMissingException, match=r'No such service: crm\.get'):
        zato.invoke(GetCustomer, {'customer_id': 5})


def test_a_keyword_argument_that_nobody_knows_is_an_error_beside_a_payload(zato: LocalServer) -> None:
    with pytest.raises(TypeError, match='Unknown keyword arguments: chanel;'):
        zato.invoke('zato.helpers.echo', {'a': 1}, chanel='amqp')


def test_input_that_the_service_refuses_is_its_error(zato: LocalServer) -> None:
    with pytest.raises(BadRequest, match='Element missing: customer_id'):
        zato.invoke(GetCustomer, {})


def test_invocations_tell_who_was_invoked_by_whom_and_what_came_of_it(zato: LocalServer) -> None:
    zato.fake_service('crm.get', returns={'name': 'Jane'})
    zato.invoke(GetCustomer, {'customer_id': 5}, cid='c1')
    outer, inner = zato.invocations
    assert (outer.service, outer.caller, outer.cid) == ('my.get-customer', '', 'c1')
    assert (inner.service, inner.caller, inner.cid, inner.response) == ('crm.get', 'my.get-customer', 'c1', {'name': 'Jane'})


def test_what_runs_in_the_background_can_be_waited_for(zato: LocalServer) -> None:
    zato.fake_service('mail.send', returns='sent')
    zato.fake_service('my.sent')
    cid = zato.invoke(Notify, 'jane@example.com')
    zato.wait()
    assert [(item.service, item.channel) for item in zato.invocations[1:]] == [
        ('mail.send', 'invoke-async'),
        ('my.sent', 'invoke-async-callback'),
    ]
    assert zato.invocations[1].cid == cid
    assert zato.payloads('my.sent') == ['sent']


def test_a_service_that_does_not_end_is_told_of_and_ended_with_the_test(tmp_path: Path) -> None:
    class Endless(Service):
        name = 'endless'

        def handle(self) -> None:
            self.sleep(3600)

    class Starter(Service):
        name = 'starter'

        def handle(self) -> None:
            self.invoke_async('endless')

    server = LocalServer(tmp_path)
    server.deploy(Endless)
    server.invoke(Starter)
    with pytest.raises(TimeoutError, match='still run in the background'):
        server.wait(0.05)
    server.stop()
    server.wait(0)


def test_a_fake_stands_in_for_any_facade(zato: LocalServer) -> None:
    class Publisher(Service):
        name = 'publisher'

        def handle(self) -> None:
            self.pubsub.publish('topic', data=self.request.payload)
            self.response.payload = self.out.rest['CRM'].conn.get(self.cid)

    published: list[Any] = []

    class PubSub:
        def publish(self, topic: str, data: Any) -> None:
            published.append((topic, data))

    class CRM:
        class conn:  # noqa: N801  # as services know it
            @staticmethod
            def get(cid: str) -> str:
                return f'asked by {cid}'

    zato.fake('pubsub', PubSub())
    zato.fake('out.rest', {'CRM': CRM})
    assert zato.invoke(Publisher, 'data', cid='c1') == 'asked by c1'
    assert published == [('topic', 'data')]


@pytest.mark.parametrize('name', ['out.rest', 'out.soap', 'rest', 'security'])
def test_what_leads_out_of_the_process_is_to_be_faked(zato: LocalServer, name: str) -> None:
    class Caller(Service):
        name = 'caller'

        def handle(self) -> None:
            attrgetter(self.request.payload)(self)

    with pytest.raises(NotAvailable) as info:
        zato.invoke(Caller, name)
    assert info.value.msg == f'self.{name} is not there in tests: put something in its place by fake({name!r}, …)'
    zato.fake(name, {})
    zato.invoke(Caller, name)


@pytest.mark.parametrize('name', ['pubsubs', 'out.rst', 'handle', 'cid'])
def test_a_fake_of_what_services_do_not_have_is_refused(zato: LocalServer, name: str) -> None:
    with pytest.raises(NotAvailable, match=f'Services have no self.{name}'):
        zato.fake(name, 1)


def test_every_facade_that_works_without_a_server_is_there(zato: LocalServer, tmp_path: Path) -> None:
    class All(Service):
        name = 'all'

        def handle(self) -> None:
            self.cache.default.set('a', 1)
            with self.lock(), pytest.raises(LockTimeout), self.lock(block=0):
                pass
            assert self.crypto.decrypt(self.server.encrypt('secret')) == 'secret'
            assert self.server.invoke_all_pids('other')[str(self.server.pid)]['pid_data'] == 'x'
            self.response.payload = (
                self.cache.default.get('a'),
                self.time.utcnow()[:2],
                self.user_config.app.main.debug,
                self.static_config['hello.txt'],
            )

    static = tmp_path / 'zato' / 'static'
    static.mkdir(parents=True)
    (static / 'hello.txt').write_text('hello')
    zato.fake_service('other', returns='x')
    zato.configure({'app': {'main': {'debug': True}}})
    assert zato.invoke(All) == (1, '20', True, 'hello')


def all_pids(zato: LocalServer, name: str, payload: Any = '', timeout: float = 5.0) -> dict[str, Any]:
    """What a service gets for one in all workers, of which there is one."""

    class Caller(Service):
        name = 'caller'

        def handle(self) -> None:
            found = self.server.invoke_all_pids(*self.request.payload)
            self.response.payload = found[str(self.server.pid)]

    zato.deploy(Caller)
    found: dict[str, Any] = zato.invoke('caller', (name, payload, timeout))
    return found


def test_what_is_invoked_in_all_workers_gets_and_gives_json(zato: LocalServer) -> None:
    zato.fake_service('other', calls=lambda payload: {'got': payload, 'at': datetime(2026, 1, 2)})
    answer = all_pids(zato, 'other', {'a': (1,)})
    assert answer == {
        'is_ok': True,
        'pid': os.getpid(),
        'pid_data': {'got': {'a': [1]}, 'at': '2026-01-02T00:00:00'},
        'error_info': '',
    }
    assert zato.invocations[-1].channel == 'worker'


def test_what_fails_in_a_worker_is_its_answer_and_no_exception(zato: LocalServer) -> None:
    zato.fake_service('other', raises=ValueError('no'))
    answer = all_pids(zato, 'other')
    assert (answer['is_ok'], answer['pid_data']) == (False, None)
    assert re.fullmatch(r'ValueError: no \(cid: [0-9a-f]{24}\)', answer['error_info'])
    assert 'No such service: nobody' in all_pids(zato, 'nobody')['error_info']


def test_a_payload_that_cannot_be_json_is_not_for_other_workers(zato: LocalServer) -> None:
    zato.fake_service('other')
    with pytest.raises(ZatoException, match='cannot be JSON'):
        all_pids(zato, 'other', object())


@pytest.mark.parametrize('name', ['zato.helpers.echo', 'helpers.echo', 'pub.helpers.echo'])
def test_services_that_every_server_has_are_there(zato: LocalServer, name: str) -> None:
    assert zato.invoke(name, {'a': 1}) == {'a': 1}
    assert zato.invoke('zato.ping') == zato.invoke('pub.zato.ping') == {'pong': 'zato'}
    zato.fake_service(name, returns='fake')
    assert zato.invoke(name, {'a': 1}) == 'fake'


def test_a_file_is_deployed_as_a_server_deploys_it(zato: LocalServer, tmp_path: Path) -> None:
    path = tmp_path / 'my_api.py'
    path.write_text(
        'from zato.server.service import Service\n'
        'class GetIt(Service):\n    def handle(self):\n        self.response.payload = self.name\n'
    )
    zato.deploy(path)
    assert zato.invoke('my-api.get-it') == 'my-api.get-it'
    path.write_text(
        'from zato.server.service import Service\nclass A(Service):\n    input = 5\n    def handle(self): pass\n'
    )
    with pytest.raises(DeploymentError, match='Class A: input must be names, elements or a model, not 5'):
        zato.deploy(path)


class Typed(Service):
    name = 'typed'
    input = 'name', Int('age')
    output = 'greeting'

    def handle(self) -> None:
        if self.request.input.age < 0:
            raise ValueError('a mistake of the service')
        self.response.payload = {'greeting': f'{self.request.input.name}, {self.request.input.age}'}


def test_a_request_over_rest_goes_the_way_it_goes_in_a_server(zato: LocalServer) -> None:
    response = zato.rest(Typed, 'POST', '/greet/joe?age=7', path='/greet/{name}')
    assert (response.status, response.json()) == (200, {'greeting': 'joe, 7'})
    assert response.headers['content-type'] == 'application/json'
    response = zato.rest(Typed, body={'name': 'joe', 'age': 'x'})
    assert (response.status, response.json()['details']) == (400, 'Element is not an integer: age')
    assert response.json()['cid'] == response.headers['x-zato-cid']
    form = {'Content-Type': 'application/x-www-form-urlencoded'}
    assert zato.rest(Typed, body='name=joe&age=7', data_format='form', headers=form).text == 'greeting=joe%2C+7'


def test_what_a_client_would_be_told_is_an_error_inside_is_raised(zato: LocalServer) -> None:
    with pytest.raises(ValueError, match='a mistake of the service'):
        zato.rest(Typed, body={'name': 'joe', 'age': -1})


def test_files_are_imported_as_in_a_server_whatever_they_are_made_of(tmp_path: Path) -> None:
    models, api = tmp_path / 'order_models.py', tmp_path / 'order_api.py'
    models.write_text(
        'from __future__ import annotations\n'
        'from zato.server.service import Model, dataclass\n'
        '@dataclass(init=False)\nclass Line(Model):\n    quantity: int\n'
        '@dataclass(init=False)\nclass Order(Model):\n    lines: list[Line]\n'
    )
    api.write_text(
        'from order_models import Order\nfrom zato.server.service import Service\n'
        'class Count(Service):\n    input = Order\n'
        '    def handle(self):\n        self.response.payload = sum(line.quantity for line in self.request.input.lines)\n'
    )
    server = LocalServer(tmp_path)
    server.deploy(models, api)
    assert server.invoke('order-api.count', {'lines': [{'quantity': '2'}, {'quantity': 3}]}) == 5
    server.stop()
    assert 'order_models' not in sys.modules
