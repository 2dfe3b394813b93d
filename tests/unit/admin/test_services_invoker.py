"""The invoker."""

from __future__ import annotations

import html
import json
import re
from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.dashboard import Pages
from tests.support.dashboard import pages as make_pages
from tests.unit.admin.service_answers import built_in, know
from zato.admin.cluster import Server
from zato.admin.services.answer import SAVED, SHOWN, indented, shown_answer
from zato.admin.services.curl import curl_command
from zato.client.admin import ServerError, ServerUnreachable
from zato.common.exception import ConfigError

NAME = 'crm.get-customer'
ADDRESS = f'/zato/service/invoker/{NAME}/'
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
DOCUMENTS = st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


def answered(body: str | bytes = '{"a":1}', **changed: Any) -> dict[str, Any]:
    """As a server answers a call with a text."""
    return {
        'is_ok': True,
        'status_code': 200,
        'headers': {},
        'content_type': 'application/json',
        'body': b64encode(body).decode() if isinstance(body, bytes) else body,
        'is_base64': isinstance(body, bytes),
        'is_cut': False,
        'milliseconds': 1.5,
        'cid': 'abc123',
        **changed,
    }


def submit(pages: Pages, answer: Any, *, part: bool = False, **form: str) -> str:
    know(pages)
    pages.cluster.answers[NAME] = answer
    headers = {'HX-Request': 'true'} if part else {}
    response = pages.client('operator').post(ADDRESS, {'payload': '', **form}, headers=headers)
    assert response.status_code == 200, response.content.decode()
    return str(response.content.decode())


def test_any_text_goes_to_the_service_as_it_is(pages: Pages) -> None:
    text = submit(
        pages, answered(), payload=' {"a":\r\n 1} ä<&', data_format='', transport='soap', method='GET', timeout='2.5'
    )
    (options,) = [item for item in pages.cluster.options if 'raw_payload' in item]
    assert b64decode(options['raw_payload']).decode() == ' {"a":\n 1} ä<&'
    assert {key: options[key] for key in ('data_format', 'transport', 'method', 'timeout')} == {
        'data_format': '',
        'transport': 'soap',
        'method': 'GET',
        'timeout': 2.5,
    }
    assert '\n {&quot;a&quot;:\n 1} ä&lt;&amp;</textarea>' in text, 'what was typed stays'
    assert '<option value="soap" selected>' in text


@pytest.mark.parametrize('payload', ['', '\n', '\n\nx', 'x\n'])
def test_the_page_shows_the_payload_as_it_was_typed(pages: Pages, payload: str) -> None:
    text = submit(pages, answered(), payload=payload)
    found = re.search(r'<textarea[^>]*>\n(.*?)</textarea>', text, re.DOTALL)
    assert found is not None
    assert html.unescape(found[1]) == payload


def test_the_response_is_shown_as_it_came_and_formatted(pages: Pages) -> None:
    text = html.unescape(submit(pages, answered('{"a":"<b>"}', headers={'X-Mine': '<i>'})))
    assert '{\n  "a": "<b>"\n}' in text
    assert '{"a":"<b>"}' in text
    for expected in ('>200<', '1.5 ms', 'application/json', 'X-Mine', '/zato/logs/?cid=abc123'):
        assert expected in text


def test_the_response_is_never_markup(pages: Pages) -> None:
    text = submit(pages, answered('<script>x</script>', content_type='<b>', headers={'<i>': '<u>'}, cid='<s>'))
    assert not any(tag in text for tag in ('<script>x', '<b>', '<i>', '<u>', '<s>'))


def test_htmx_gets_the_response_alone(pages: Pages) -> None:
    text = submit(pages, answered(), part=True)
    assert '<h1>' not in text
    assert '<textarea' not in text
    assert 'hx-swap-oob="true">Response: 200, 7 bytes' in text
    assert pages.cluster.asked('zato.service.get-list') == []


def test_an_error_of_the_service_is_shown_with_type_text_and_cid(pages: Pages) -> None:
    failed = {'is_ok': False, 'status_code': 500, 'headers': {'X-Mine': 'yes'}, 'milliseconds': 2.0, 'cid': 'abc123'}
    text = submit(pages, {**failed, 'error': '<b>no', 'error_type': 'ValueError'})
    for expected in ('<h2>ValueError</h2>', '&lt;b&gt;no', '>500<', 'X-Mine', '?cid=abc123', '2.0 ms'):
        assert expected in text


@pytest.mark.parametrize(
    ('error', 'texts'),
    [
        (
            ServerError('abc123', 504, 'Service x did not answer in 2 s'),
            ['did not answer in 2 s', 'longer timeout', 'cid=abc123'],
        ),
        (ServerError('abc123', 404, 'No such service: x'), ['No such service: x', 'Is it active']),
        (ServerError('abc123', 403, 'needs role admin'), ['needs role admin']),
        (ServerError('abc123', 400, 'The body is not valid JSON'), ['Bad Request', 'The body is not valid JSON']),
        (ServerUnreachable('No answer', was_sent=True), ['No answer', 'The service may have run nevertheless']),
        (ServerUnreachable('No answer', was_sent=False), ['No answer', 'Start the server']),
    ],
    ids=['late', 'gone', 'forbidden', 'no JSON', 'sent', 'away'],
)
def test_a_call_that_fails_is_a_result_and_the_payload_stays(pages: Pages, error: Exception, texts: list[str]) -> None:
    shown = submit(pages, error, payload='what I typed')
    assert all(text in shown for text in (*texts, 'what I typed</textarea>'))


def test_the_server_is_the_one_that_was_chosen() -> None:
    with make_pages(servers=2) as pages:
        know(pages)
        pages.cluster.answers[NAME] = answered()
        pages.client('operator').post(ADDRESS, {'payload': '', 'server': 'server2'})
        assert [server for server, service, *_ in pages.cluster.calls if service == NAME] == ['server2']


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('timeout', 'soon'),
        ('timeout', '0'),
        ('timeout', '-1'),
        ('timeout', 'nan'),
        ('timeout', 'inf'),
        ('timeout', '3601'),
        ('server', 'server9'),
        ('data_format', 'yaml'),
        ('transport', 'pigeon'),
        ('method', 'TRACE'),
    ],
)
@pytest.mark.parametrize('part', [False, True], ids=['page', 'part'])
def test_a_field_that_makes_no_sense_is_named_and_nothing_is_called(
    pages: Pages, field: str, value: str, part: bool
) -> None:
    text = submit(pages, answered(), part=part, **{field: value})
    assert f'<a href="#{field}">' in text
    assert pages.cluster.asked(NAME) == []
    if not part:
        assert len(re.findall('aria-invalid="true"', text)) == 1


def test_a_long_response_is_cut_and_can_be_saved(pages: Pages) -> None:
    body = '[' + '1, ' * 100_000 + '1]'
    text = submit(pages, answered(body))
    assert 'This is the beginning of the response' in text
    assert text.count('1, ') == SHOWN // 3
    (response,) = re.findall('name="response" value="([^"]*)"', text)
    form = {'response': html.unescape(response), 'content_type': 'application/json; charset=utf-8'}
    saved = pages.client('operator').post(f'/zato/service/save-response/{NAME}/', form)
    assert saved.content.decode() == body
    assert saved.headers['Content-Disposition'] == f'attachment; filename="{NAME}.json"'
    assert saved.headers['Content-Type'] == 'application/octet-stream'


def test_a_binary_response_is_not_shown_and_can_be_saved(pages: Pages) -> None:
    data = bytes(range(256))
    text = submit(pages, answered(data, content_type='image/png'))
    assert 'is not text' in text
    assert f'name="response" value="{b64encode(data).decode()}"' in text


def test_what_is_no_base64_is_not_saved(pages: Pages) -> None:
    answer = pages.client('operator').post(f'/zato/service/save-response/{NAME}/', {'response': '<b>'})
    assert answer.status_code == 400
    assert '<b>' not in answer.content.decode()


def test_a_response_that_is_far_too_long_is_not_taken_along() -> None:
    shown = shown_answer(answered('x' * (SAVED + 1)))
    assert (len(shown.body), shown.is_cut, shown.saved, shown.size) == (SHOWN, True, '', SAVED + 1)


def test_a_response_that_goes_on_says_so(pages: Pages) -> None:
    assert 'The response goes on' in submit(pages, answered('x', is_cut=True))


def test_an_empty_response_says_so(pages: Pages) -> None:
    assert 'The response is empty' in submit(pages, answered(''))


def test_a_built_in_service_has_an_invoker(pages: Pages) -> None:
    know(pages, built_in())
    pages.cluster.answers['zato.ping'] = answered()
    text = pages.client('operator').post('/zato/service/invoker/zato.ping/', {'payload': ''}).content.decode()
    assert '>200<' in text
    assert 'curl' not in text, "/zato/api/invoke has users' services"


@pytest.mark.parametrize(
    ('text', 'pretty'),
    [
        ('{"b":1.10,"a":[],"c":{}}', '{\n  "b": 1.10,\n  "a": [],\n  "c": {}\n}'),
        ('[[1,true],"\\u00e4, \\"[:"]', '[\n  [\n    1,\n    true\n  ],\n  "\\u00e4, \\"[:"\n]'),
        (' [ ] ', '[]'),
        ('{"a": 1', ''),
        ('1', ''),
        ('a,b', ''),
        ('{\n  "a": 1\n}\n', ''),
        ('[' * 100_000, ''),
        ('[' * 900 + ','.join('1' * 5_000) + ']' * 900, ''),
    ],
    ids=['object', 'lists', 'empty', 'broken', 'number', 'text', 'indented', 'deep', 'very wide'],
)
def test_json_is_indented_and_otherwise_as_it_came(text: str, pretty: str) -> None:
    assert indented(text) == pretty


@settings(max_examples=50)
@given(st.lists(DOCUMENTS) | st.dictionaries(st.text(), DOCUMENTS))
def test_json_is_indented_as_by_the_standard_library(value: Any) -> None:
    text = json.dumps(value)
    assert (indented(text) or text) == json.dumps(value, indent=2)


def _nowhere() -> Any:
    raise ConfigError('it does not run')


@pytest.mark.parametrize(
    ('server', 'payload', 'command'),
    [
        ('', '', 'curl -u pubapi -X POST http://127.0.0.1:17010/zato/api/invoke/crm.get'),
        (
            'b',
            '{"it\'s": "@x"}',
            "curl -u pubapi --data-binary '{\"it'\"'\"'s\": \"@x\"}' -H 'Content-Type: application/json' "
            "'https://[::1]:17011/zato/api/invoke/crm.get'",
        ),
        ('', 'no JSON', ''),
        ('', '"' + 'x' * 10_000 + '"', ''),
        ('gone', '', ''),
    ],
    ids=['empty', 'JSON', 'text', 'long', 'away'],
)
def test_curl_makes_the_same_call_as_far_as_it_can(server: str, payload: str, command: str) -> None:
    servers = [
        Server('a', 'http://127.0.0.1:17010/', _nowhere),
        Server('b', '../server2', lambda: ('::1', 17011, object())),  # type: ignore[arg-type,return-value]  # any context
        Server('gone', '../server3', _nowhere),
    ]
    assert curl_command(servers, 'crm.get', server, payload, '') == command


def test_viewers_may_neither_invoke_nor_save(pages: Pages) -> None:
    know(pages)
    client = pages.client('viewer')
    assert client.get(ADDRESS).status_code == 403
    assert client.post(ADDRESS, {'payload': ''}).status_code == 403
    assert client.post(f'/zato/service/save-response/{NAME}/', {'response': ''}).status_code == 403
    assert pages.cluster.calls == []


def test_payloads_and_responses_are_not_logged(pages: Pages, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level('DEBUG'):
        submit(pages, answered('{"answer": "s3cret-out"}'), payload='s3cret-in')
        submit(pages, ServerError('c', 500, 'failed'), payload='s3cret-in')
    assert caplog.records
    assert 's3cret' not in caplog.text
