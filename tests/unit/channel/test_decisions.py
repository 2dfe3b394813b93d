"""What was decided where classic versions disagree or err, a test for each decision."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.unit.channel.rest import REST, answering, raising, request, service
from zato.common.exception import Conflict, ServiceUnavailable
from zato.server.http.message import serialize
from zato.server.service.call import CIDs
from zato.server.service.compiled import compile_service
from zato.server.service.input import Input
from zato.testing import LocalServer


@pytest.mark.parametrize('body', [b'', b'null', b'[1]', b'5', b'"text"', b'{}'])
def test_the_input_is_a_bunch_and_never_none(body: bytes) -> None:
    found = REST(service(lambda self: setattr(self.response, 'payload', isinstance(self.request.input, Input))))
    assert found.ask(body).body == b'true'


@pytest.mark.parametrize(
    ('body', 'details'), [(b'{}', 'Element missing: user_id'), (b'{"user_id": "x"}', 'Element is not an integer: user_id')]
)
def test_missing_or_wrong_input_is_400_and_names_the_element(body: bytes, details: str) -> None:
    answer = REST(answering('x', input='user_id')).ask(body)
    assert (answer.status, answer.details) == (400, details)


@pytest.mark.parametrize(('error', 'status'), [(Conflict('', 'c'), 409), (ServiceUnavailable('', 's'), 503)])
def test_conflict_is_409_and_service_unavailable_503(error: Exception, status: int) -> None:
    assert REST(raising(error)).ask().status == status


@pytest.mark.parametrize('target', [b'/a', b'/none'])
def test_errors_are_json_with_result_cid_and_details_also_for_unmatched_paths(target: bytes) -> None:
    answer = REST(raising(ValueError('x'))).ask(b'', target)
    assert answer.json == {'result': 'Error', 'cid': answer.cid, 'details': answer.details}
    assert answer.content_type == 'application/json'


@pytest.mark.parametrize('target', [b'/a', b'/none'])
def test_the_cid_is_sent_with_every_answer(target: bytes) -> None:
    response = REST(answering('x')).pipeline.respond(request(b'', target, 'POST'))
    assert b'\r\nX-Zato-CID: %s\r\n' % response.cid.encode() in serialize(response, b'', b'', is_head=False)


def test_an_unmatched_path_is_404_and_a_known_one_with_another_method_405_with_allow() -> None:
    rest = REST(answering('x'), method='POST')
    assert rest.ask(b'', b'/none').status == 404
    answer = rest.ask(method='PUT')
    assert (answer.status, answer.header('allow')) == (405, 'POST')


def test_the_most_specific_route_wins_and_not_the_first_by_name() -> None:
    rest = REST(answering('pattern'), name='a', path='/a/{b}')
    fixed = answering('fixed')
    rest.routes.add(rest.channel(name='z', path='/a/fixed', resolve=lambda params, cid: fixed))
    assert rest.ask(b'', b'/a/fixed').body == b'fixed'
    assert rest.ask(b'', b'/a/other').body == b'pattern'


@pytest.mark.parametrize('answer', ['ok', '', None, 0])
def test_invoke_retry_stops_at_the_first_success_even_if_that_is_falsy(zato: LocalServer, answer: Any) -> None:
    attempts: list[int] = []

    def fails_once(payload: Any) -> Any:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError
        return answer

    zato.fake_service('target', calls=fails_once)
    made = service(
        lambda self: setattr(
            self.response, 'payload', self.patterns.invoke_retry.invoke('target', repeats=5, seconds=0.001)
        ),
        name='caller',
    )
    assert zato.invoke(made.cls) == answer
    assert len(attempts) == 2


def test_cids_come_from_the_secure_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, 'token_hex', lambda size: 'ab' * size)
    assert CIDs().new() == 'ab' * 12


def test_a_traceback_never_leaves_the_server_by_default() -> None:
    answer = REST(raising(ValueError('inside'))).ask()
    assert answer.status == 500
    assert b'Traceback' not in answer.body
    assert b'inside' not in answer.body


@pytest.mark.parametrize('body', [b'"\xff"', b'[' * 100_000, b'[NaN]', b'[Infinity]'])
def test_bad_utf_8_too_deep_nesting_and_nan_are_400(body: bytes) -> None:
    assert REST(answering('x')).ask(body).status == 400


def test_a_byte_order_mark_is_accepted() -> None:
    assert REST().input(b'\xef\xbb\xbf{"a": 1}') == {'a': 1}


def test_declarations_are_compiled_at_deployment_and_not_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    made = answering('x', input='user_id')
    monkeypatch.setattr('zato.server.service.compiled.compile_io', None)
    monkeypatch.setattr('zato.server.service.simpleio.compiled.declaration_of', None)
    assert REST(made).ask(b'{"user_id": 1}').status == 200
    with pytest.raises(TypeError):
        compile_service(made.cls)
