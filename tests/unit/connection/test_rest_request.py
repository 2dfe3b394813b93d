"""What becomes of a call of `self.out.rest[name].conn` on its way out."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from bunch import Bunch

from tests.unit.connection.outgoing import CID, World
from zato.common.exception import ConfigError, RequestInvalid
from zato.common.version import version
from zato.server.connection.rest.ask import Context
from zato.server.connection.rest.headers import trace_headers
from zato.server.connection.rest.soap import SOAP
from zato.server.connection.rest.url import Target
from zato.server.http.message import Request as HTTPMessage
from zato.server.process.outgoing import make_codecs
from zato.server.service import Model


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


@dataclass(init=False)
class Customer(Model):
    customer_id: int
    name: str


def customer() -> Customer:
    return Customer.from_dict({'customer_id': 7, 'name': 'Jané'})


# Addresses


def target(url_path: str = '', host: str = 'http://crm') -> Target:
    return Target('Outgoing REST connection `CRM`', host, url_path, make_codecs().text)


@pytest.mark.parametrize(
    ('host', 'path', 'url'),
    [
        ('http://crm', '', 'http://crm'),
        ('http://crm/', '/api', 'http://crm/api'),
        ('https://crm:8443/base/', '/api', 'https://crm:8443/base/api'),
        ('http://crm', '/a b/ü', 'http://crm/a%20b/%C3%BC'),
        ('http://crm', '/a%20b', 'http://crm/a%20b'),
        ('http://[::1]:80', '/x', 'http://[::1]:80/x'),
        ('http://bücher.example', '/x', 'http://xn--bcher-kva.example/x'),
    ],
)
def test_the_address_is_host_and_path(host: str, path: str, url: str) -> None:
    assert target(path, host).url(None) == url


def test_a_host_that_there_cannot_be_is_an_error_of_configuration() -> None:
    with pytest.raises(ConfigError, match='`host` has a name that no host can have'):
        target(host=f'http://{"ü" * 70}')


def test_params_that_the_path_names_are_filled_in_and_the_rest_is_the_query_string() -> None:
    found = target('/customer/{customer_id}/order/{order-no}.pdf')
    assert (
        found.url({'customer_id': 7, 'order-no': 'a/b c', 'q': 'x y'}) == 'http://crm/customer/7/order/a%2Fb%20c.pdf?q=x+y'
    )


def test_a_parameter_may_be_there_twice_or_in_the_query_string_of_the_path() -> None:
    assert target('/{id}/again/{id}').url({'id': 1}) == 'http://crm/1/again/1'
    assert target('/x?id={id}&y=1').url({'id': 'a&b', 'z': 2}) == 'http://crm/x?id=a%26b&y=1&z=2'


@pytest.mark.parametrize(
    ('params', 'query'),
    [
        (None, ''),
        ({}, ''),
        ({'a': None}, ''),
        ({'a': ''}, 'a='),
        ({'a': [1, None, 'x']}, 'a=1&a=x'),
        ({'a': ()}, ''),
        ({'a': True, 'b': False}, 'a=true&b=false'),
        ({'a': date(2026, 1, 2), 'b': datetime(2026, 1, 2, 3, 4, 5)}, 'a=2026-01-02&b=2026-01-02T03%3A04%3A05'),
        ({'a': Decimal('1.50'), 'b': UUID(int=1)}, 'a=1.50&b=00000000-0000-0000-0000-000000000001'),
        ({'a': 'ü&=+#'}, 'a=%C3%BC%26%3D%2B%23'),
        ({'a': b'raw'}, 'a=raw'),
        (Bunch(a=1), 'a=1'),
        ([('a', 1), ('a', 2)], 'a=1&a=2'),
        ('?a=1&b=x y', 'a=1&b=x%20y'),
        (b'a=1', 'a=1'),
        (customer(), 'customer_id=7&name=Jan%C3%A9'),
    ],
)
def test_params_become_a_query_string(params: Any, query: str) -> None:
    assert target('/x').url(params) == f'http://crm/x{"?" if query else ""}{query}'


@pytest.mark.parametrize(
    ('params', 'text'),
    [
        (None, 'parameter `id` of its URL path is missing; the call has no parameters'),
        ({'ID': 1, 'b': 'secret'}, 'parameter `id` of its URL path is missing; the call has ID, b'),
        ({'id': ''}, 'parameter `id` of its URL path is empty; the call has id'),
        ({'id': None}, 'parameter `id` of its URL path is empty; the call has id'),
        ({'id': '..'}, 'parameter `id` of its URL path must not be made of dots alone'),
        ({'id': {}}, 'parameter `id` cannot be sent: A value of type dict cannot be text'),
        ({'id': 1, 'b': [{}]}, 'parameter `b` cannot be sent: A value of type dict cannot be text'),
        ('id=1', 'parameter `id` of its URL path is missing; the call has no parameters'),
        ({1: 2}, 'parameters must be a dict whose keys are text, not a value of type dict'),
        (5, 'parameters must be a dict whose keys are text, not a value of type int'),
        ([1], 'parameters must be a dict whose keys are text, not a value of type list'),
    ],
)
def test_what_is_wrong_with_params_is_told_by_name_and_without_values(params: Any, text: str) -> None:
    with pytest.raises(RequestInvalid) as info:
        target('/customer/{id}').url(params)
    assert str(info.value) == f'Outgoing REST connection `CRM`: {text}'
    assert isinstance(info.value, ValueError), 'as in classic Zato'


# Headers


def test_every_request_says_who_calls_and_for_what(world: World) -> None:
    world.crm()
    world.get()
    header = world.header
    assert header['x-zato-cid'] == CID
    assert header['x-zato-component'] == 'zato/test'
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}', header['x-zato-msg-ts'])
    assert header['user-agent'] == f'Zato/{version}'
    assert header['accept'] == '*/*'
    assert re.fullmatch(rf'00-00000000{CID}-[0-9a-f]{{16}}-00', header['traceparent'])
    assert not {'content-type', 'tracestate', 'authorization'} & header.keys()


def test_headers_of_the_call_take_the_place_of_others_whatever_their_case(world: World) -> None:
    world.crm(data_format='json')
    world.post(
        {'a': 1}, headers={'content-TYPE': 'a/b', 'User-Agent': None, 'X-Number': 5, 'X-Bytes': b'x', 'X-Space': ' x '}
    )
    header = world.header
    expected = {'content-type': 'a/b', 'x-number': '5', 'x-bytes': 'x', 'x-space': 'x'}
    assert {name: header[name] for name in expected} == expected
    assert 'user-agent' not in header
    assert len(header) == len(world.sent.headers), 'none is there twice'


def test_of_headers_that_differ_in_case_alone_the_last_one_counts(world: World) -> None:
    world.crm(data_format='json')
    world.post({}, headers={'content-type': 'a/b', 'X-Name': '1', 'Content-Type': 'c/d', 'x-name': '2'})
    sent = [(name, value) for name, value in world.sent.headers.items() if name.lower() in ('content-type', 'x-name')]
    assert sent == [('Content-Type', 'c/d'), ('x-name', '2')]


@pytest.mark.parametrize(
    ('headers', 'text'),
    [
        ({'X-A': 'a\r\nX-B: b'}, 'header X-A has a line break in it, or another character that headers cannot have'),
        ({'X-A': 'a\nb'}, 'header X-A has a line break in it, or another character that headers cannot have'),
        ({'X-A': b'a\x00'}, 'header X-A has a line break in it, or another character that headers cannot have'),
        ({'X-A': '€'}, 'header X-A has a line break in it, or another character that headers cannot have'),
        ({'X-A\r\nX-B': 'b'}, "'X-A\\r\\nX-B' cannot be the name of a header"),
        ({'': 'b'}, "'' cannot be the name of a header"),
        ({5: 'b'}, '5 cannot be the name of a header'),
        ({'Content-length': '1'}, 'header Content-length is made by the server and cannot be given'),
        ({'Transfer-Encoding': 'chunked'}, 'header Transfer-Encoding is made by the server and cannot be given'),
    ],
)
def test_a_header_that_would_break_the_request_is_refused_without_its_value(world: World, headers: Any, text: str) -> None:
    world.crm()
    with pytest.raises(RequestInvalid) as info:
        world.get(headers=headers)
    assert str(info.value) == f'Outgoing REST connection `CRM`: {text}'
    assert info.value.cid == CID
    assert world.transport.sent == []


@pytest.mark.parametrize('cid', ['a\r\nX: y', '€'])
def test_a_cid_that_would_break_the_request_is_refused(world: World, cid: str) -> None:
    world.crm()
    with pytest.raises(RequestInvalid, match='header X-Zato-CID has a line break'):
        world.run(lambda service: service.out.rest['CRM'].conn.get(cid))


@pytest.mark.parametrize('first', [{'user_id': 1}, '', None])
def test_a_cid_that_was_forgotten_is_asked_for(world: World, first: Any) -> None:
    world.crm()
    with pytest.raises(RequestInvalid, match=r'The first argument is the cid, such as self\.cid, and not a value of type'):
        world.run(lambda service: service.out.rest['CRM'].conn.get(first))


# Traces

_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
_SPAN = '00f067aa0ba902b7'


def test_a_trace_that_came_in_goes_on(world: World) -> None:
    world.crm()
    headers = {b'traceparent': f'00-{_TRACE}-{_SPAN}-01'.encode(), b'tracestate': b'vendor=x'}
    message = HTTPMessage(b'GET', b'/', b'', b'HTTP/1.1', headers, '127.0.0.1')
    world.run(lambda service: service.out.rest['CRM'].conn.get(service.cid), message=message)
    found = re.fullmatch(rf'00-{_TRACE}-([0-9a-f]{{16}})-01', world.header['traceparent'])
    assert found is not None
    assert found[1] != _SPAN
    assert world.header['tracestate'] == 'vendor=x'


@pytest.mark.parametrize('came', [f'00-{_TRACE}-{_SPAN}-01', f'01-{_TRACE}-{_SPAN}-01', f'cc-{_TRACE}-{_SPAN}-01-more'])
def test_traces_of_later_versions_go_on_too(came: str) -> None:
    assert trace_headers(Context(cid=CID, traceparent=came))['traceparent'].startswith(f'00-{_TRACE}-')


@pytest.mark.parametrize(
    'came',
    [
        '',
        'x',
        f'ff-{_TRACE}-{_SPAN}-01',
        f'00-{_TRACE}-{_SPAN}-01-more',
        f'00-{"0" * 32}-{_SPAN}-01',
        f'00-{_TRACE}-{"0" * 16}-01',
        f'00-{_TRACE.upper()}-{_SPAN}-01',
    ],
)
def test_a_trace_that_is_not_valid_is_begun_anew(came: str) -> None:
    headers = trace_headers(Context(cid=CID, traceparent=came, tracestate='vendor=x'))
    assert list(headers) == ['traceparent']
    assert headers['traceparent'].startswith(f'00-00000000{CID}-')


@pytest.mark.parametrize('cid', ['my-own', '0' * 24, CID.upper()])
def test_the_trace_of_a_cid_that_is_not_hexadecimal_is_a_random_one(cid: str) -> None:
    first, second = (trace_headers(Context(cid=cid))['traceparent'] for _ in range(2))
    assert re.fullmatch(r'00-[0-9a-f]{32}-[0-9a-f]{16}-00', first)
    assert first.split('-')[1] != second.split('-')[1]


# Bodies

_JSON = 'application/json'
_FORM = 'application/x-www-form-urlencoded'


@pytest.mark.parametrize(
    ('data_format', 'data', 'body', 'content_type'),
    [
        ('', 'Jané', 'Jané'.encode(), 'text/plain'),
        ('', b'\xff', b'\xff', 'text/plain'),
        ('', bytearray(b'x'), b'x', 'text/plain'),
        ('', {'a': 1}, b'{"a":1}', 'application/json'),
        ('', [1], b'[1]', 'application/json'),
        ('', '', b'', 'text/plain'),
        ('', None, b'', 'text/plain'),
        ('', 0, b'0', 'application/json'),
        ('', {}, b'{}', 'application/json'),
        ('json', '{"as": "it is"}', b'{"as": "it is"}', 'application/json'),
        ('json', {'a': date(2026, 1, 2), 'b': [{'c': b'x'}]}, b'{"a":"2026-01-02","b":[{"c":"x"}]}', _JSON),
        ('json', customer(), '{"customer_id":7,"name":"Jané"}'.encode(), 'application/json'),
        ('json', [customer()], '[{"customer_id":7,"name":"Jané"}]'.encode(), 'application/json'),
        ('json', Bunch(a=Bunch(b=1)), b'{"a":{"b":1}}', 'application/json'),
        ('form', {'a': [1, 2], 'b': None, 'c': True, 'd': 'x y'}, b'a=1&a=2&c=true&d=x+y', _FORM),
        ('form', customer(), b'customer_id=7&name=Jan%C3%A9', 'application/x-www-form-urlencoded'),
        ('form', 'a=1', b'a=1', 'application/x-www-form-urlencoded'),
        ('xml', '<a/>', b'<a/>', 'application/xml'),
    ],
)  # fmt: skip
def test_data_is_sent_in_the_format_of_the_connection(
    world: World, data_format: str, data: Any, body: bytes, content_type: str
) -> None:
    world.crm(data_format=data_format)
    world.post(data)
    assert (world.sent.body, world.header['content-type']) == (body, content_type)


def test_the_content_type_is_the_calls_then_the_connections_then_the_formats(world: World) -> None:
    world.crm(data_format='json', content_type='a/b')
    world.post({'a': 1}, headers={'Content-Type': 'c/d'})
    assert world.header['content-type'] == 'c/d'
    world.post({'a': 1})
    assert world.header['content-type'] == 'a/b'
    world.post(json={'a': 1})
    assert world.header['content-type'] == 'application/json'


def test_a_content_type_of_forms_makes_a_form_of_a_dict(world: World) -> None:
    world.crm(content_type='application/x-www-form-urlencoded; charset=utf-8')
    world.post({'a': 1})
    assert (world.sent.body, world.header['content-type']) == (b'a=1', 'application/x-www-form-urlencoded; charset=utf-8')


@pytest.mark.parametrize('method', ['get', 'head', 'delete', 'options'])
def test_a_request_without_a_body_has_no_content_type(world: World, method: str) -> None:
    world.crm(data_format='json')
    world.run(lambda service: getattr(service.out.rest['CRM'].conn, method)(service.cid))
    assert (world.sent.method, world.sent.body) == (method.upper(), b'')
    assert 'content-type' not in world.header


@pytest.mark.parametrize('method', ['post', 'send', 'put', 'patch', 'delete', 'options'])
def test_methods_with_data_take_it_before_params(world: World, method: str) -> None:
    world.crm()
    world.run(lambda service: getattr(service.out.rest['CRM'].conn, method)(service.cid, 'data', {'a': 1}))
    assert world.sent.method == {'send': 'POST'}.get(method, method.upper())
    assert (world.sent.body, world.sent.url) == (b'data', 'http://crm?a=1')


@pytest.mark.parametrize(
    ('data_format', 'data', 'text'),
    [
        ('xml', {'a': 1}, 'XML is sent as text or bytes, not as dict'),
        ('form', [1], 'a form is sent as a dict or as text, not as list'),
        ('form', {'a': {}}, 'field `a` of the form cannot be sent: A value of type dict cannot be text'),
        ('json', {'a': b'\xff'}, 'the data cannot be sent as JSON: there are bytes in it that are not UTF-8'),
        ('json', {'a': object}, 'the data cannot be sent as JSON: A value of type dict cannot be JSON'),
        ('json', {'a': float('nan')}, 'the data cannot be sent as JSON: NaN and infinity cannot be JSON: /a'),
        ('', '\ud800', 'the data has a surrogate in it, which UTF-8 cannot have'),
    ],
)
def test_data_that_cannot_be_sent_is_told_with_why(world: World, data_format: str, data: Any, text: str) -> None:
    world.crm(data_format=data_format)
    with pytest.raises(RequestInvalid) as info:
        world.post(data)
    assert str(info.value).startswith(f'Outgoing REST connection `CRM`: {text}')


def test_data_that_is_in_itself_cannot_be_sent(world: World) -> None:
    world.crm()
    data: list[Any] = []
    data.append(data)
    with pytest.raises(RequestInvalid, match='it is nested too deeply'):
        world.post(data)


# SOAP

_SOAP_11 = 'http://schemas.xmlsoap.org/soap/envelope/'
_SOAP_12 = 'http://www.w3.org/2003/05/soap-envelope'


@pytest.mark.parametrize(
    ('soap_version', 'namespace', 'content_type', 'action'),
    [
        ('1.1', _SOAP_11, 'text/xml; charset=utf-8', '"urn:get"'),
        ('1.2', _SOAP_12, 'application/soap+xml; charset=utf-8; action="urn:get"', None),
    ],
)
def test_text_is_put_into_an_envelope(
    world: World, soap_version: str, namespace: str, content_type: str, action: str | None
) -> None:
    world.crm(soap_version=soap_version, soap_action='urn:get')
    world.run(lambda service: service.out.soap['CRM'].conn.post(service.cid, '<?xml version="1.0"?><a>é</a>'))
    assert world.sent.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<soapenv:Envelope xmlns:soapenv="{namespace}"><soapenv:Body><a>é</a></soapenv:Body></soapenv:Envelope>'
    )
    assert (world.header['content-type'], world.header.get('soapaction')) == (content_type, action)


@pytest.mark.parametrize(
    'data',
    [
        '<Envelope/>',
        '<s:Envelope xmlns:s="x"><s:Body/></s:Envelope>',
        '<?xml version="1.0"?>\n<!-- <a/> -->\n<soap-env:Envelope>',
        b'<?xml version="1.0"?><Envelope>',
    ],
)
def test_what_has_an_envelope_goes_as_it_is(data: str | bytes) -> None:
    assert SOAP('CRM', '1.1', '').body(data) == (data if isinstance(data, bytes) else data.encode())


@pytest.mark.parametrize('data', ['<EnvelopeRequest/>', '<a><Envelope/></a>', '<a/>', b'<a/>', '\ufeff<a/>'])
def test_what_has_none_gets_one(data: str | bytes) -> None:
    body = SOAP('CRM', '1.1', '').body(data).decode()
    assert body.count('<soapenv:Envelope') == 1
    assert '\ufeff' not in body


def test_soap_takes_text_only(world: World) -> None:
    world.crm(soap_version='1.1')
    with pytest.raises(RequestInvalid, match='SOAP is sent as text or bytes, not as dict'):
        world.post({'a': 1})
    with pytest.raises(RequestInvalid, match='what goes into a SOAP envelope must be UTF-8'):
        world.post(b'<a>\xff</a>')


@pytest.mark.parametrize('action', ['a"b', 'a\nb', 'ü'])
def test_an_action_that_would_break_the_header_is_an_error_of_configuration(action: str) -> None:
    with pytest.raises(ConfigError, match='`soap_action` must be printable ASCII'):
        SOAP('CRM', '1.1', action)


# Files


def test_a_file_is_sent_as_a_form_does_it(world: World, tmp_path: Path) -> None:
    world.crm(url_path='/{id}')
    file = tmp_path / 'a "b".pdf'
    file.write_bytes(b'%PDF\r\n')
    conn: Any = 'CRM'
    world.run(lambda s: s.out.rest[conn].conn.upload(s.cid, file, 'document', 'application/pdf', params={'id': 1}))
    boundary = world.header['content-type'].removeprefix('multipart/form-data; boundary=')
    assert world.sent.url == 'http://crm/1'
    assert world.sent.body.decode() == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="document"; filename="a %22b%22.pdf"\r\n'
        f'Content-Type: application/pdf\r\n\r\n%PDF\r\n\r\n--{boundary}--\r\n'
    )
    with pytest.raises(RequestInvalid, match='cannot be the type of a file'):
        world.run(lambda s: s.out.rest['CRM'].conn.upload(s.cid, file, mime_type='a\r\nb', params={'id': 1}))


def test_a_file_that_is_not_there_is_an_error_of_the_call_and_nothing_else(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    world.crm()
    with pytest.raises(FileNotFoundError):
        world.run(lambda s: s.out.rest['CRM'].conn.upload(s.cid, tmp_path / 'none'))
    assert capfd.readouterr() == ('', '')


# Options


@pytest.mark.parametrize(
    ('options', 'text'),
    [
        (
            {'paramz': {}},
            '`paramz` is not an option of calls; did you mean `params`?; there are: data, json, params, headers',
        ),
        ({'verify': False}, '`verify` is not an option of calls: set tls_verify and tls_ca_certs of the connection'),
        ({'auth': ('a', 'b')}, '`auth` is not an option of calls: give the connection a security definition'),
        ({'timeout': 0}, '`timeout` must be a number of seconds above 0, not 0'),
        ({'timeout': (1, 2)}, '`timeout` must be a number of seconds above 0, not (1, 2)'),
        ({'timeout': True}, '`timeout` must be a number of seconds above 0, not True'),
        ({'headers': ['a']}, '`headers` must be a dict, not list'),
        ({'data': 'a', 'json': 1}, 'Of `data` and `json` one may be given'),
    ],
)
def test_an_option_that_there_is_not_is_a_type_error_that_says_what_there_is(
    world: World, options: dict[str, Any], text: str
) -> None:
    world.crm()
    with pytest.raises(TypeError) as info:
        world.get(**options)
    assert str(info.value).startswith(text)


def test_a_method_that_there_is_not_is_refused(world: World) -> None:
    world.crm()
    for method in ('TRACE', 'GET / HTTP/1.1\r\nX: y', 'CONNECT'):
        with pytest.raises(RequestInvalid, match='is not a method that calls are made with; one is: DELETE, GET'):
            world.run(lambda service, method=method: service.out.rest['CRM'].conn.rest_call(cid=service.cid, method=method))


def test_json_may_be_given_by_its_own_name(world: World) -> None:
    world.crm(data_format='form')
    world.post(json={'a': None})
    assert (json.loads(world.sent.body), world.header['content-type']) == ({'a': None}, 'application/json')


def test_redirects_are_followed_unless_the_call_says_no(world: World) -> None:
    world.crm(max_redirects=3)
    world.get()
    assert world.sent.follows_redirects
    assert world.transport.options.max_redirects == 3
    world.get(allow_redirects=False)
    assert not world.sent.follows_redirects
