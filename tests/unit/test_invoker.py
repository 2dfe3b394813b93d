"""Running services: what they get, what they give back, what is known of them meanwhile."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from zato.common.api import CHANNEL
from zato.common.exception import BadRequest, Inactive, MethodNotAllowed, ZatoException
from zato.server.http.message import Request as HTTPMessage
from zato.server.security.principal import Principal
from zato.server.service import Service
from zato.server.service.call import Call, CIDs
from zato.server.service.channel_info import ChannelInfo
from zato.server.service.compiled import CompiledService, compile_service
from zato.server.service.data import Request
from zato.server.service.facades import Facades
from zato.server.service.invoker import Invoker
from zato.server.service.store import ServiceStore

Handle = Callable[[Any], None]
ALICE = Principal('alice', 'operator')
CHANNEL_INFO = ChannelInfo(name='ch', type=CHANNEL.HTTP_SOAP)


def service(name: str, handle: Handle, **attributes: Any) -> CompiledService:
    return compile_service(type(Service)(name, (Service,), {'name': name, 'handle': handle, **attributes}))


def invoker_of(*services: CompiledService) -> Invoker:
    store = ServiceStore()
    store.add_internal({item.name: item for item in services})
    return Invoker(store, Facades({'user_config': lambda service: {'user': 'config'}}))


def invoke(invoker: Invoker, name: str, payload: Any = '') -> Any:
    compiled = invoker.store.get(name)
    if compiled is None:
        raise KeyError(f'No such service: {name}')
    return invoker.run(Call(compiled, 'c1', CHANNEL_INFO, None, None, ALICE), Request(payload, payload)).payload


def give_back_payload(self: Service) -> None:
    self.response.payload = self.request.payload


def test_a_service_gets_its_request_and_gives_back_its_payload() -> None:
    def handle(self: Service) -> None:
        self.response.payload = (self.cid, self.channel.name, self.request.payload, self.request.input.a, self.user_config)
        assert self.config == self.user_config

    assert invoke(invoker_of(service('x', handle)), 'x', {'a': 1}) == ('c1', 'ch', {'a': 1}, 1, {'user': 'config'})


def test_each_call_has_an_instance_of_its_own() -> None:
    def handle(self: Any) -> None:
        self.count = getattr(self, 'count', 0) + 1
        self.response.payload = self.count

    invoker = invoker_of(service('x', handle))
    assert [invoke(invoker, 'x'), invoke(invoker, 'x')] == [1, 1]


def test_a_target_shares_the_callers_cid_and_its_channel_is_invoke() -> None:
    def target(self: Service) -> None:
        self.response.payload = (self.cid, self.channel.type, self.request.payload, self.request.raw_request)

    def caller(self: Service) -> None:
        self.response.payload = self.invoke('target', 5)

    assert invoke(invoker_of(service('caller', caller), service('target', target)), 'caller') == ('c1', 'invoke', 5, 5)


def test_a_target_may_be_named_by_its_class() -> None:
    target = service('target', give_back_payload)

    def caller(self: Service) -> None:
        self.response.payload = self.invoke(target.cls, 5)

    assert invoke(invoker_of(service('caller', caller), target), 'caller') == 5


class NoTruth:
    """As data frames: comparing gives no truth value."""

    def __eq__(self, other: object) -> Any:
        return self

    def __ne__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise ValueError('ambiguous')


@pytest.mark.parametrize(
    ('arguments', 'kwargs', 'payload'),
    [
        ((), {}, ''),
        (('',), {'x': 1}, {'x': 1}),
        ((), {'x': 1, 'y': 2}, {'x': 1, 'y': 2}),
        (({'a': 1},), {}, {'a': 1}),
        ((0,), {}, 0),
        ((None,), {}, None),
    ],
)
def test_keyword_arguments_are_the_payload_where_there_is_none(
    arguments: tuple[Any, ...], kwargs: dict[str, Any], payload: Any
) -> None:
    def caller(self: Service) -> None:
        self.response.payload = self.invoke('target', *arguments, **kwargs)

    assert invoke(invoker_of(service('caller', caller), service('target', give_back_payload)), 'caller') == payload


def test_any_object_may_be_the_payload() -> None:
    payload = NoTruth()

    def caller(self: Service) -> None:
        self.response.payload = self.invoke('target', payload)

    assert invoke(invoker_of(service('caller', caller), service('target', give_back_payload)), 'caller') is payload


def test_exceptions_come_through_as_they_are() -> None:
    error = BadRequest('c', 'no')

    def target(self: Service) -> None:
        raise error

    def caller(self: Service) -> None:
        self.invoke('target')

    invoker = invoker_of(service('caller', caller), service('target', target))
    with pytest.raises(BadRequest) as info:
        invoke(invoker, 'caller')
    assert info.value is error
    assert invoker.running == set()
    assert invoker.invoked == 2


@pytest.mark.parametrize('name', ['invoke', 'invoke_async'])
def test_an_unknown_target_is_a_key_error_with_its_name(name: str) -> None:
    def caller(self: Service) -> None:
        getattr(self, name)('nobody')

    with pytest.raises(KeyError, match='No such service: nobody'):
        invoke(invoker_of(service('caller', caller)), 'caller')
    with pytest.raises(KeyError, match='No such service: nobody'):
        invoke(invoker_of(), 'nobody')


def test_a_service_cannot_invoke_itself_by_name_or_class() -> None:
    def caller(self: Service) -> None:
        self.invoke(type(self) if self.request.payload else 'caller')

    for payload in ('', 'class'):
        with pytest.raises(ZatoException, match='Service caller cannot invoke itself'):
            invoke(invoker_of(service('caller', caller)), 'caller', payload)


def test_services_that_invoke_each_other_without_end_are_an_error_that_names_them() -> None:
    def ping(self: Service) -> None:
        self.invoke('pong')

    def pong(self: Service) -> None:
        self.invoke('ping')

    invoker = invoker_of(service('ping', ping), service('pong', pong))
    with pytest.raises(ZatoException, match=r'More than 100 services wait for one another: (ping|pong) <- (ping|pong)'):
        invoke(invoker, 'ping')
    assert invoker.running == set()


def test_what_runs_is_known_with_who_waits_for_it() -> None:
    seen: list[list[str]] = []

    def target(self: Any) -> None:
        seen.append(sorted(call.service.name for call in invoker.running))
        seen.append([self._call.service.name, self._call.caller.service.name])

    def caller(self: Service) -> None:
        self.invoke('target')

    invoker = invoker_of(service('caller', caller), service('target', target))
    invoke(invoker, 'caller')
    assert seen == [['caller', 'target'], ['target', 'caller']]
    assert invoker.running == set()


def test_the_verb_of_the_http_request_decides_also_for_a_target() -> None:
    target = service('target', give_back_payload, handle_PUT=lambda self: setattr(self.response, 'payload', 'put'))

    def caller(self: Service) -> None:
        self.response.payload = self.invoke('target', 1)

    compiled = service('caller', caller)
    invoker = invoker_of(compiled, target)
    put = HTTPMessage(b'PUT', b'/', b'', b'1.1', {}, '')
    assert invoker.run(Call(compiled, 'c', CHANNEL_INFO, put, None, ALICE), Request(b'', None)).payload == 'put'
    get = HTTPMessage(b'GET', b'/', b'', b'1.1', {}, '')
    with pytest.raises(MethodNotAllowed, match='Service target handles PUT only'):
        invoker.run(Call(target, 'c', CHANNEL_INFO, get, None, ALICE), Request(b'', None))
    assert invoke(invoker, 'target', 1) == 1, 'without HTTP it is `handle`'


# In the background


def test_a_background_call_has_a_cid_of_its_own_and_is_waited_for() -> None:
    seen: list[Any] = []

    def target(self: Service) -> None:
        gevent.sleep(0)
        seen.append((self.cid, str(self.channel), self.request.payload))

    def caller(self: Service) -> None:
        self.response.payload = self.invoke_async('target', x=1)

    invoker = invoker_of(service('caller', caller), service('target', target))
    cid = invoke(invoker, 'caller')
    assert seen == [], 'it returns at once'
    assert invoker.finish(timeout=30) == []
    assert seen == [(cid, 'invoke-async', {'x': 1})]
    assert cid != 'c1'


@pytest.mark.parametrize('error', [ValueError('no'), SystemExit(3), gevent.Timeout(5)])
def test_what_fails_in_the_background_is_logged_with_its_name_and_cid(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], error: BaseException
) -> None:
    def target(self: Service) -> None:
        raise error

    invoker = invoker_of(service('target', target))
    cid = invoker.invoke_async('target', '', ALICE, channel='x')
    invoker.finish(timeout=30)
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == f'Service target failed in the background (cid: {cid})'
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert capfd.readouterr().err == '', 'and nowhere else'


def test_what_does_not_finish_in_time_is_named_and_can_be_ended() -> None:
    ended: list[str] = []

    def target(self: Service) -> None:
        try:
            gevent.sleep(600)
        finally:
            ended.append('ended')

    invoker = invoker_of(service('target', target))
    invoker.invoke_async('target', '', ALICE, channel='x')
    gevent.sleep(0)
    assert [call.service.name for call in invoker.finish(timeout=0)] == ['target']
    invoker.kill()
    assert invoker.finish(timeout=30) == []
    assert ended == ['ended']


# Correlation IDs


def test_cids_are_24_hex_digits_and_never_the_same() -> None:
    cids = CIDs()
    made = [cids.new() for _ in range(2_000)]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch('[0-9a-f]{24}', cid) for cid in made)


def test_workers_that_make_their_own_after_a_fork_have_different_ones() -> None:
    script = 'from zato.server.service.call import CIDs; print(CIDs().new())'
    made = {subprocess.run([sys.executable, '-c', script], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(made) == 2
    assert os.linesep.encode() not in {cid.strip() for cid in made}


# The store


def test_modules_are_swapped_in_one_step_and_built_in_services_stay() -> None:
    internal, one, two, three = (service(name, give_back_payload) for name in ('internal', 'one', 'two', 'three'))
    store = ServiceStore()
    store.add_internal({'internal': internal})
    store.swap({'a': {'one': one}, 'b': {'two': two}})
    assert {item.name for item in store} == {'internal', 'one', 'two'}
    store.swap({'a': {'three': three}}, frozenset({'b'}))
    assert {item.name for item in store} == {'internal', 'three'}
    assert store.get('one') is None
    assert len(list(store)) == 2


def test_who_goes_through_the_services_is_not_disturbed_by_a_swap() -> None:
    store = ServiceStore()
    store.swap({'a': {name: service(name, give_back_payload) for name in 'abc'}})
    seen = []
    for item in store:
        seen.append(item.name)
        store.swap({}, frozenset({'a'}))
    assert seen == ['a', 'b', 'c']
    assert list(store) == []


def test_an_inactive_service_is_there_and_cannot_be_invoked_until_it_is_active_again() -> None:
    invoker = invoker_of(service('x', give_back_payload))
    store = invoker.store
    store.set_active('x', is_active=False)
    store.set_active('x', is_active=False)
    assert (store.get('x'), store.is_inactive('x')) == (None, True)
    assert [item.name for item in store] == ['x']
    with pytest.raises(Inactive, match='`x` is inactive'):
        invoker.invoke_async('x', '', ALICE, channel='x')
    store.set_active('x', is_active=True)
    assert invoke(invoker, 'x', 1) == 1
    assert not store.is_inactive('x')


def test_a_service_may_be_inactive_before_it_is_deployed_and_stays_so_over_deployments() -> None:
    store = ServiceStore()
    store.set_active('x', is_active=False)
    assert not store.is_inactive('x'), 'there is none'
    for _ in range(2):
        store.swap({'a': {'x': service('x', give_back_payload)}})
        assert (store.get('x'), store.is_inactive('x')) == (None, True)


# On whose behalf


def test_services_run_for_the_one_who_called_and_in_the_background_for_the_service_that_started_them() -> None:
    seen: list[Principal] = []

    def target(self: Any) -> None:
        seen.append(self._call.principal)

    def caller(self: Service) -> None:
        self.invoke('target')
        self.invoke_async('target')

    invoker = invoker_of(service('caller', caller), service('target', target))
    invoke(invoker, 'caller')
    invoker.finish(timeout=30)
    assert seen == [ALICE, Principal('service caller (called by alice)', 'admin')]
