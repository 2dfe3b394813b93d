"""What wraps a response, in each data format."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.channel.rest import REST, answering

START = "<?xml version='1.0' encoding='utf-8'?>\n"
ROWS = [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}]


def body_of(data_format: str, payload: Any, **attributes: Any) -> str:
    sio = type('SimpleIO', (), {'output': ('a', '-b'), **attributes})
    answer = REST(answering(payload, SimpleIO=sio), data_format=data_format).ask()
    assert answer.status == 200, answer.body
    return answer.body.decode()


@pytest.mark.parametrize(
    ('data_format', 'attributes', 'expected'),
    [
        ('json', {}, '{"response":{"a":"1","b":"x"}}'),
        ('json', {'response_elem': 'order'}, '{"order":{"a":"1","b":"x"}}'),
        ('json', {'response_elem': None}, '{"a":"1","b":"x"}'),
        ('', {}, '{"response":{"a":"1","b":"x"}}'),
        ('csv', {}, 'a,b\r\n1,x\r\n'),
        ('csv', {'response_elem': None}, 'a,b\r\n1,x\r\n'),
        ('form', {}, 'a=1&b=x'),
        ('form', {'response_elem': 'order'}, 'a=1&b=x'),
        ('xml', {}, f'{START}<response><a>1</a><b>x</b></response>'),
        ('xml', {'response_elem': 'order'}, f'{START}<order><a>1</a><b>x</b></order>'),
        ('xml', {'response_elem': None}, f'{START}<response><a>1</a><b>x</b></response>'),
        ('xml', {'response_elem': 'order', 'xml_root': 'root'}, f'{START}<root><a>1</a><b>x</b></root>'),
    ],
)
def test_json_wraps_a_response_xml_names_its_root_and_others_leave_it(
    data_format: str, attributes: dict[str, Any], expected: str
) -> None:
    assert body_of(data_format, {'a': 1, 'b': 'x'}, **attributes) == expected


@pytest.mark.parametrize(
    ('data_format', 'expected'),
    [
        ('json', '{"order":[{"a":"1","b":"x"},{"a":"2","b":"y"}]}'),
        ('csv', 'a,b\r\n1,x\r\n2,y\r\n'),
        ('xml', f'{START}<order><item><a>1</a><b>x</b></item><item><a>2</a><b>y</b></item></order>'),
    ],
)
def test_rows_are_wrapped_alike(data_format: str, expected: str) -> None:
    assert body_of(data_format, ROWS, response_elem='order', output_repeated=True) == expected


def test_an_element_called_as_the_wrapper_is_inside_it() -> None:
    assert body_of('form', {'a': 1}, output='a', response_elem='a') == 'a=1'


@pytest.mark.parametrize('data_format', ['', 'csv', 'form', 'json', 'xml'])
@pytest.mark.parametrize('is_repeated', [True, False])
@pytest.mark.parametrize('payload', ['as it is', b'as it is'])
def test_text_and_bytes_are_never_wrapped(data_format: str, is_repeated: bool, payload: Any) -> None:
    assert body_of(data_format, payload, output_repeated=is_repeated) == 'as it is'
