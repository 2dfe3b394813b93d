"""Options of REST channels, set through the admin API, as clients see them."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

import pytest

from tests.support.admin import ask_workers, create, refusal
from tests.support.environment import PATIENCE, Environment

SERVICES = """
import json
from zato.server.service import Int, Service

class See(Service):
    def handle(self):
        http = self.request.http
        payload = self.request.payload
        self.response.payload = json.dumps({'input': self.request.input, 'params': http.params, 'channel': str(self.channel),
            'payload': payload if isinstance(payload, (dict, list)) else None, 'method': http.method})

class Upload(Service):
    def handle(self):
        file = self.request.input.file
        found = {'name': file.filename, 'type': file.content_type, 'size': len(file.data), 'text': file.data[:5].decode()}
        self.response.payload = {**found, 'title': self.request.http.POST.title, 'both': ','.join(self.request.input.both)}

class Order(Service):
    input = 'customer', Int('quantity')
    output = 'customer', Int('quantity'), '-note'

    def handle(self):
        self.response.payload = {'customer': self.request.input.customer, 'quantity': self.request.input.quantity + 1,
            'undeclared': 1}

class Orders(Service):
    def handle(self):
        self.response.payload = [{**row, 'seen': 'yes'} for row in self.request.payload]

class Long(Service):
    def handle(self):
        self.response.payload = {'text': 'zato ' * 10_000, 'got': self.request.input}

class Bulk(Service):
    def handle(self):
        self.response.content_type = 'application/octet-stream'
        self.response.payload = (bytes(65_536) for _ in range(800))
"""

MB = 1_000_000
BULK = 800 * 65_536  #: bytes


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """One worker, running, shared by the tests of this module; each has channels of its own names."""
    environment = Environment(tmp_path_factory.mktemp('rest') / 'qs-1')
    try:
        environment.save('rest.py', SERVICES)
        environment.start()
        yield environment
    finally:
        environment.close()


def channel(server: Environment, path: str, service: str = 'rest.see', *, name: str = '', **settings: Any) -> None:
    """name: by default that of the path."""
    create(server, 'zato.channel-rest', name or path, url_path=path, service=service, **settings)


def test_parameters_of_a_path_may_have_slashes_unless_the_channel_does_not_want_it(server: Environment) -> None:
    channel(server, '/files/{path}')
    channel(server, '/items/{id}', match_slash=False)
    assert server.request('GET', '/files/a/b%2Fc').json['params'] == {'path': 'a/b/c'}
    assert server.request('GET', '/items/a').json['params'] == {'id': 'a'}
    assert server.request('GET', '/items/a/b').status == 404


def test_channels_may_differ_in_what_the_client_must_accept(server: Environment) -> None:
    for name, accept in {'as.json': 'application/json', 'as.csv': 'text/csv'}.items():
        channel(server, '/report', name=name, http_accept=accept)

    def ask(accept: str) -> Any:
        answer = server.request('GET', '/report', headers={'Accept': accept})
        return answer.json['channel'] if answer.status == 200 else answer.status

    assert ask('application/json') == 'as.json'
    assert ask('text/csv') == 'as.csv'
    assert ask('text/csv;q=0.5, application/json;q=0.9') == 'as.json'
    assert ask('text/*') == 'as.csv'
    assert ask('image/png') == 406
    same = {'name': 'again', 'url_path': '/report', 'service': 'rest.see', 'http_accept': 'TEXT/CSV'}
    assert refusal(server, 'zato.channel-rest.create', same).status == 409


def test_url_encoded_forms_go_in_and_out(server: Environment) -> None:
    channel(server, '/form/{id}', 'rest.order', data_format='form')
    body = b'customer=J%C3%BCrgen+M&quantity=6&other=x'
    answer = server.request('POST', '/form/1', body, headers={'Content-Type': 'application/x-www-form-urlencoded'})
    assert answer.headers['content-type'] == 'application/x-www-form-urlencoded'
    assert parse_qs(answer.body.decode()) == {'customer': ['Jürgen M'], 'quantity': ['7']}
    missing = server.request('POST', '/form/1', b'customer=J', headers={'Content-Type': 'application/x-www-form-urlencoded'})
    assert (missing.status, missing.json['details']) == (400, 'Element missing: quantity')
    assert server.request('POST', '/form/1', b'{}', headers={'Content-Type': 'application/json'}).status == 415


def test_files_are_uploaded(server: Environment) -> None:
    channel(server, '/upload', 'rest.upload', data_format='form')
    parts = [
        'Content-Disposition: form-data; name="title"\r\n\r\nÜber',
        'Content-Disposition: form-data; name="both"\r\n\r\n1',
        'Content-Disposition: form-data; name="both"\r\n\r\n2',
        'Content-Disposition: form-data; name="file"; filename="a b.txt"\r\nContent-Type: text/plain\r\n\r\nhello, world',
    ]
    body = ''.join(f'--limit\r\n{part}\r\n' for part in parts).encode() + b'--limit--\r\n'
    answer = server.request('POST', '/upload', body, headers={'Content-Type': 'multipart/form-data; boundary=limit'})
    found = {key: values[0] for key, values in parse_qs(answer.body.decode()).items()}
    expected = {'name': 'a b.txt', 'type': 'text/plain', 'size': '12', 'text': 'hello'}
    assert found == expected | {'title': 'Über', 'both': '1,2'}


def test_csv_goes_in_and_out(server: Environment) -> None:
    channel(server, '/csv', 'rest.orders', data_format='csv')
    answer = server.request(
        'POST', '/csv', 'name,n\r\n"Müller, J",1\r\nx,2\r\n'.encode(), headers={'Content-Type': 'text/csv'}
    )
    assert answer.headers['content-type'] == 'text/csv; charset=utf-8'
    assert answer.body.decode() == 'name,n,seen\r\n"Müller, J",1,yes\r\nx,2,yes\r\n'
    bad = server.request('POST', '/csv', b'a\r\n1,2\r\n')
    assert (bad.status, bad.json['details']) == (400, 'The body is not valid CSV: line 2: there are 2 cells, and 1 columns')


def test_xml_goes_in_and_out(server: Environment) -> None:
    channel(server, '/xml', 'rest.order', data_format='xml')
    body = '<o:order xmlns:o="urn:o"><o:customer>Jürgen &amp; Co</o:customer><quantity>6</quantity></o:order>'
    answer = server.request('POST', '/xml', body.encode(), headers={'Content-Type': 'application/xml'})
    assert answer.headers['content-type'] == 'application/xml; charset=utf-8'
    root = ElementTree.fromstring(answer.body)
    assert (root.tag, {child.tag: child.text for child in root}) == (
        'response',
        {'customer': 'Jürgen & Co', 'quantity': '7'},
    )
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    assert (server.request('POST', '/xml', bomb).status, server.request('POST', '/xml', b'<a').status) == (400, 400)


def test_bodies_are_compressed_both_ways(server: Environment) -> None:
    channel(server, '/gzip', 'rest.long', data_format='json', content_encoding='gzip', max_body=100_000)
    sent = gzip.compress(b'{"a": 1}')
    answer = server.request('POST', '/gzip', sent, headers={'Content-Encoding': 'gzip', 'Accept-Encoding': 'gzip'})
    assert (answer.headers['content-encoding'], answer.headers['vary']) == ('gzip', 'Accept-Encoding')
    assert len(answer.body) < 1_000
    assert json.loads(gzip.decompress(answer.body)) == {'text': 'zato ' * 10_000, 'got': {'a': 1}}
    plain = server.request('POST', '/gzip', b'{"a": 1}')
    assert ('content-encoding' in plain.headers, plain.json['got']) == (False, {'a': 1})
    bomb = gzip.compress(bytes(100_001))
    assert server.request('POST', '/gzip', bomb, headers={'Content-Encoding': 'gzip'}).status == 413
    assert server.request('POST', '/gzip', b'no gzip', headers={'Content-Encoding': 'gzip'}).status == 400
    assert server.request('POST', '/gzip', b'x', headers={'Content-Encoding': 'zstd'}).status == 415


def test_browsers_are_told_whose_pages_may_call(server: Environment) -> None:
    settings = {'cors_origins': 'https://shop.example', 'cors_headers': 'Content-Type', 'cors_max_age': 60}
    channel(server, '/cors', data_format='json', method='POST', **settings)
    asked = {'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type'}

    def ask(method: str, origin: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str]]:
        answer = server.request(method, '/cors', body, headers={'Origin': origin, **headers})
        prefix = 'access-control-'
        found = {name.removeprefix(prefix): value for name, value in answer.headers.items() if name.startswith(prefix)}
        return answer.status, found

    preflight = {'allow-origin': 'https://shop.example', 'allow-methods': 'POST', 'allow-headers': 'Content-Type'}
    assert ask('OPTIONS', 'https://shop.example', **asked) == (204, preflight | {'max-age': '60'})
    assert ask('OPTIONS', 'https://evil.example', **asked) == (204, {})
    allowed = {'allow-origin': 'https://shop.example', 'expose-headers': 'X-Zato-CID'}
    assert ask('POST', 'https://shop.example', b'{}') == (200, allowed)
    assert ask('POST', 'https://shop.example', b'{') == (400, allowed), 'or a page could not read the error'
    assert ask('POST', 'https://evil.example', b'{}') == (200, {})


def test_a_long_response_is_sent_as_it_is_made(server: Environment) -> None:
    channel(server, '/bulk', 'rest.bulk')

    def memory() -> int:
        """The most that the worker has ever used, in bytes."""
        [info] = ask_workers(server, 'info').values()
        return int(info['max_memory'])

    before = memory()
    connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=PATIENCE)
    try:
        connection.request('GET', '/bulk')
        response = connection.getresponse()
        assert (response.status, response.headers['Transfer-Encoding']) == (200, 'chunked')
        assert response.headers['Content-Type'] == 'application/octet-stream'
        size = 0
        while piece := response.read(MB):
            size += len(piece)
    finally:
        connection.close()
    assert size == BULK
    assert memory() - before < 5 * MB
    [info] = ask_workers(server, 'info').values()
    assert info['running'] == []
