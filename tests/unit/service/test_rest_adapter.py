"""Services that are one call of an outgoing REST connection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.connection.outgoing import CID, World, told
from tests.unit.service.invoking import ALICE, CHANNEL_INFO, invoker_of
from zato.common.exception import ConnectionMissing, ElementMissing, ErrorStatus
from zato.server.process.outgoing import add_outgoing
from zato.server.service import Model, RESTAdapter
from zato.server.service.call import Call
from zato.server.service.compiled import compile_service
from zato.server.service.data import Request


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path, monkeypatch)
    world.put('security_basic_auth', 'other', 5, username='jane', password='x')
    world.crm(url_path='/customer/{id}', data_format='json')
    world.send = lambda request: told({'name': 'Jane'})
    return world


def run(world: World, adapter: type[RESTAdapter], payload: Any = '') -> Any:
    invoker = invoker_of(compile_service(adapter, name='adapter'))
    add_outgoing(invoker.facades, world.connections, world.objects, {})
    return invoker.run(
        Call(invoker.find('adapter'), CID, CHANNEL_INFO, None, None, ALICE), Request(payload, payload)
    ).payload


def test_attributes_are_enough(world: World) -> None:
    class GetCustomer(RESTAdapter):
        conn_name = 'CRM'
        has_query_string_id = True

    assert run(world, GetCustomer, {'id': 7}) == {'name': 'Jane'}
    assert (world.sent.method, world.sent.url, world.header['x-zato-cid']) == ('GET', 'http://crm/customer/7', CID)


def test_an_adapter_of_no_connection_says_what_is_missing(world: World) -> None:
    class Nothing(RESTAdapter):
        pass

    with pytest.raises(ConnectionMissing, match='Service adapter does not say what it calls: give it a `conn_name`'):
        run(world, Nothing)


def test_methods_say_what_depends_on_the_request(world: World) -> None:
    class Change(RESTAdapter):
        def get_conn_name(self) -> str:
            return 'CRM'

        def get_method(self) -> str:
            return 'put'

        def get_request(self) -> Any:
            return {'name': self.request.input.name}

        def get_query_string(self, params: dict[str, Any]) -> dict[str, Any]:
            return {'full': True}

        def get_path_params(self, params: dict[str, Any]) -> dict[str, Any]:
            assert params == {'full': True}
            return {'id': self.request.input.number}

        def get_headers(self) -> dict[str, str]:
            return {'X-Name': 'value'}

        def get_sec_def_name(self) -> str:
            return 'other'

        def map_response(self, data: Any, **context: Any) -> Any:
            assert (context['cid'], context['name']) == (CID, 'CRM')
            return {'mapped': data}

    assert run(world, Change, {'number': 7, 'name': 'Jim'}) == {'mapped': {'name': 'Jane'}}
    assert (world.sent.method, world.sent.url) == ('PUT', 'http://crm/customer/7?full=true')
    assert world.sent.body == b'{"name":"Jim"}'
    assert (world.header['x-name'], world.header['authorization'].partition(' ')[0]) == ('value', 'Basic')


def test_the_answer_may_become_a_model_and_a_token_may_be_the_services_own(world: World) -> None:
    @dataclass(init=False)
    class Customer(Model):
        name: str

    class GetCustomer(RESTAdapter):
        conn_name = 'CRM'
        model = Customer
        query_string_id_param = 'customer_id'
        has_query_string_id = True

        def get_auth_bearer(self) -> str:
            return 'token'

    world.crm(url_path='/{customer_id}')
    found = run(world, GetCustomer, {'customer_id': 1})
    assert (type(found), found.name) == (Customer, 'Jane')
    assert (world.sent.url, world.header['authorization']) == ('http://crm/1', 'Bearer token')


def test_an_id_that_is_missing_is_the_clients_mistake(world: World) -> None:
    class GetCustomer(RESTAdapter):
        conn_name = 'CRM'
        has_query_string_id = True

    with pytest.raises(ElementMissing, match='Element missing: id'):
        run(world, GetCustomer, {'ID': 7})


def test_an_answer_that_tells_of_an_error_is_raised(world: World) -> None:
    class GetCustomer(RESTAdapter):
        conn_name = 'CRM'
        has_query_string_id = True

    world.send = lambda request: told(status=404)
    with pytest.raises(ErrorStatus, match='the answer is 404'):
        run(world, GetCustomer, {'id': 7})
