"""Pages of other origins call REST channels: preflight requests, and answers that a page may read, errors too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.channel.rest import REST, Configured, answering, raising, service
from zato.common.exception import BadRequest
from zato.server.channel.cors import CORS
from zato.server.service.compiled import CompiledService

PAGE = b'https://page.example'


def preflight(rest: REST, method: str = 'POST', target: bytes = b'/a', **headers: bytes | str) -> Any:
    headers = {'origin': PAGE, 'access_control_request_method': method, **headers}
    return rest.ask(b'', target, 'OPTIONS', **headers)


def test_a_page_may_ask_before_it_calls_and_the_service_is_not_invoked() -> None:
    rest = Configured(
        cors_origins=PAGE.decode(), cors_headers='X-A, X-B', cors_max_age=5, cors_credentials=True, security=2, method='POST'
    )
    answer = preflight(rest, access_control_request_headers='x-a')
    assert (answer.status, answer.body, rest.seen) == (204, b'', [])
    assert answer.header('access-control-allow-origin') == PAGE.decode()
    assert answer.header('access-control-allow-methods') == 'POST'
    assert answer.header('access-control-allow-headers') == 'X-A, X-B'
    assert answer.header('access-control-max-age') == '5'
    assert answer.header('access-control-allow-credentials') == 'true'


def test_a_preflight_names_the_methods_of_all_channels_on_the_path() -> None:
    rest = REST(method='POST', cors=CORS(origins=frozenset({'*'})))
    rest.routes.add(rest.channel(name='other', method='PUT'))
    assert preflight(rest).header('access-control-allow-methods') == 'POST, PUT'


def test_a_page_of_another_origin_is_allowed_nothing() -> None:
    rest = Configured(cors_origins=PAGE.decode())
    answer = preflight(rest, origin=b'https://other.example')
    assert answer.status == 204
    assert [name for name in answer.headers if name.startswith('access-control')] == []


def test_any_other_request_with_options_is_for_the_service() -> None:
    made = service(handle_OPTIONS=lambda self: setattr(self.response, 'payload', 'mine'))
    assert Configured(made, cors_origins='*').ask(method='OPTIONS').body == b'mine', 'it is no preflight request'
    assert preflight(Configured(made)).body == b'mine', 'the channel leaves them to the service'


def test_a_preflight_for_a_path_that_there_is_not_is_not_found() -> None:
    assert preflight(Configured(cors_origins='*'), target=b'/none').status == 404


@pytest.mark.parametrize(
    ('made', 'settings', 'body', 'status'),
    [
        (answering({}), {}, b'', 200),
        (answering({}, input='a'), {}, b'', 400),
        (answering({}), {}, b'{', 400),
        (answering({}), {'security': 2}, b'', 401),
        (raising(BadRequest()), {}, b'', 400),
        (raising(ValueError()), {}, b'', 500),
        (service(handle_PUT=lambda self: None), {}, b'', 405),
        (answering({}), {'max_body': 1}, b'{}', 413),
    ],
)
def test_a_page_may_read_each_answer_whatever_it_is(
    made: CompiledService, settings: dict[str, Any], body: bytes, status: int
) -> None:
    rest = Configured(made, cors_origins=PAGE.decode(), cors_expose_headers='X-A', **settings)
    answer = rest.ask(body, origin=PAGE)
    assert answer.status == status
    assert answer.header('access-control-allow-origin') == PAGE.decode()
    assert answer.header('access-control-expose-headers') == 'X-Zato-CID, X-A'
    assert answer.header('vary') == 'Origin'
    assert 'access-control-allow-origin' not in rest.ask(body).headers


def test_a_service_that_allows_an_origin_by_itself_does_not_send_the_header_twice() -> None:
    made = answering('x', headers={'access-control-allow-origin': 'https://old.example', 'Vary': 'Cookie'})
    answer = Configured(made, cors_origins=PAGE.decode()).ask(origin=PAGE)
    assert answer.headers['access-control-allow-origin'] == [PAGE.decode()]
    assert answer.headers['vary'] == ['Cookie', 'Origin']
