"""What a service gets back of an outgoing REST call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.connection.outgoing import CID, World, told
from zato.common.exception import AnswerNotParsed, CallFailed, ErrorStatus
from zato.server.connection.rest.response import RESTResponse
from zato.server.process.outgoing import make_codecs
from zato.server.service import Model


@dataclass(init=False)
class Customer(Model):
    customer_id: int
    name: str


def response(body: Any = b'', status: int = 200, data_format: str = '', model: Any = None, **headers: str) -> RESTResponse:
    inbound = told(body, status, url='http://crm/x', **headers)
    found = RESTResponse(inbound, title='CRM', cid=CID, data_format=data_format, codecs=make_codecs())
    if model is not None:
        found.expect(model)
    return found


def test_it_has_what_the_answer_has() -> None:
    found = response(b'x', 404, X_Name='value')
    assert (found.status_code, found.content, found.text, found.url, found.cid) == (404, b'x', 'x', 'http://crm/x', CID)
    assert found.headers['x-NAME'] == 'value'
    assert found.elapsed == timedelta(seconds=0.25)
    assert repr(found) == '<RESTResponse [404]>'


@pytest.mark.parametrize(('status', 'ok'), [(200, True), (204, True), (302, True), (399, True), (400, False), (500, False)])
def test_it_is_ok_below_400_and_so_is_its_truth(status: int, ok: bool) -> None:
    found = response(b'', status)
    assert (found.ok, bool(found)) == (ok, ok)
    if ok:
        found.raise_for_status()
        return
    with pytest.raises(ErrorStatus) as info:
        found.raise_for_status()
    assert (info.value.status_code, info.value.response, info.value.status) == (status, found, 502)
    assert str(info.value) == f'CRM: the answer is {status}'


@pytest.mark.parametrize(
    ('body', 'content_type', 'text'),
    [
        ('é'.encode(), '', 'é'),
        ('é'.encode('latin-1'), 'text/plain; charset=ISO-8859-1', 'é'),
        ('é'.encode('utf-16'), 'text/plain; charset="utf-16"', 'é'),
        (b'a\xff', 'text/plain; charset=utf-8', 'a�'),
        (b'a\xff', 'text/plain; charset=no-such', 'a�'),
        (b'abc', 'text/plain; charset=hex_codec', 'abc'),
        ('\ufeffx'.encode(), 'text/plain', 'x'),
    ],
)
def test_text_is_in_the_charset_of_the_answer_and_never_an_error(body: bytes, content_type: str, text: str) -> None:
    assert response(body, Content_Type=content_type).text == text


@pytest.mark.parametrize(
    ('body', 'content_type', 'data_format', 'data'),
    [
        (b'{"a": 1}', 'application/json', '', {'a': 1}),
        (b'{"a": 1}', 'application/problem+json; charset=utf-8', '', {'a': 1}),
        (b'\xef\xbb\xbf[1]', 'APPLICATION/JSON', '', [1]),
        (b'{"a": 1}', 'text/plain', 'json', {'a': 1}),
        (b'{"a": 1}', 'text/plain', '', '{"a": 1}'),
        (b'<a/>', 'application/xml', 'xml', '<a/>'),
        (b'a=1', 'application/x-www-form-urlencoded', 'form', 'a=1'),
        (b'null', 'application/json', '', None),
        (b'', 'application/json', 'json', ''),
        (b'', '', '', ''),
    ],
)
def test_data_is_json_where_that_is_the_format_and_text_elsewhere(
    body: bytes, content_type: str, data_format: str, data: Any
) -> None:
    found = response(body, data_format=data_format, Content_Type=content_type)
    assert found.data == data
    assert found.data is found.data


def test_json_that_is_none_is_an_error_once_it_is_looked_at() -> None:
    found = response(b'<html>secret', 502, data_format='json')
    assert found.status_code == 502
    for read in (found.json, lambda: found.data):
        with pytest.raises(AnswerNotParsed) as info:
            read()
        text = 'CRM: the body of the answer (502, 12 bytes) is not JSON, which it should be: The body is not valid JSON: '
        assert str(info.value).startswith(text)
        assert 'secret' not in str(info.value)
        assert isinstance(info.value, ValueError)
        assert isinstance(info.value, CallFailed)


def test_json_is_what_the_body_is_whatever_it_says() -> None:
    assert response(b'[1]', Content_Type='text/plain').json() == [1]


@pytest.mark.parametrize('model', [Customer, list[Customer]])
def test_data_becomes_a_model_or_a_list_of_them(model: Any) -> None:
    one = {'customer_id': '7', 'name': 'Jane', 'more': 1}
    found = response(one, model=model).data
    assert (type(found), found.customer_id, found.name) == (Customer, 7, 'Jane')
    assert [item.customer_id for item in response([one, one], model=model).data] == [7, 7]
    assert response(b'{"customer_id": 1, "name": ""}', model=model, Content_Type='text/plain').data.customer_id == 1


@pytest.mark.parametrize(
    ('body', 'text'),
    [
        ({'name': 'Jane'}, 'is not a Customer, which it should be: Element missing: /customer_id'),
        ([{'customer_id': 1, 'name': 'x'}, 5], 'is not a Customer, which it should be: Element is not an object: /'),
        (b'', 'is not a Customer, which it should be: Element is not an object: /'),
        (b'x', 'is not JSON, which it should be'),
    ],
)
def test_what_is_no_such_model_is_the_other_sides_failure(body: Any, text: str) -> None:
    with pytest.raises(AnswerNotParsed) as info:
        _ = response(body, model=Customer).data
    assert text in str(info.value)
    assert info.value.status == 502, 'and not 400, which would blame the client'


# rest_call


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path, monkeypatch)
    world.crm(data_format='json')
    return world


def test_rest_call_gives_the_data(world: World) -> None:
    world.send = lambda request: told({'customer_id': 1, 'name': request.method})
    assert world.run(lambda s: s.out.rest['CRM'].conn.rest_call(cid=s.cid)) == {'customer_id': 1, 'name': 'GET'}
    found = world.run(lambda s: s.out.rest['CRM'].conn.rest_call(cid=s.cid, method='put', data={'a': 1}, model=Customer))
    assert (type(found), found.name, world.sent.body) == (Customer, 'PUT', b'{"a":1}')


def test_rest_call_gives_what_its_callback_makes_of_the_data(world: World) -> None:
    world.send = lambda request: told({'a': 1})
    seen: list[Any] = []

    def callback(data: Any, **context: Any) -> str:
        seen.append((data, context))
        return 'made'

    assert world.run(lambda s: s.out.rest['CRM'].conn.rest_call(cid=s.cid, callback=callback)) == 'made'
    assert seen == [({'a': 1}, {'cid': CID, 'id': 1, 'name': 'CRM', 'model': None, 'callback': callback})]


@pytest.mark.parametrize('status', [302, 400, 404, 500])
def test_rest_call_raises_for_any_status_but_2xx(world: World, status: int) -> None:
    world.send = lambda request: told(b'not json', status)
    with pytest.raises(ErrorStatus, match=f'Outgoing REST connection `CRM`: the answer is {status}') as info:
        world.run(lambda s: s.out.rest['CRM'].conn.rest_call(cid=s.cid))
    assert info.value.status_code == status


@pytest.mark.parametrize('is_logged', [True, False])
def test_rest_call_logs_the_answer_if_it_is_told_to(world: World, caplog: pytest.LogCaptureFixture, is_logged: bool) -> None:
    caplog.set_level('DEBUG')
    world.send = lambda request: told({'a': 'payload'})
    world.run(lambda s: s.out.rest['CRM'].conn.rest_call(cid=s.cid, log_response=is_logged))
    assert ('payload' in caplog.text) is is_logged
