"""The status line of a response, and how large a response is."""

from __future__ import annotations

import pytest

from zato.server.http.message import CLOSE, Response, serialize


def test_a_reason_replaces_the_standard_one() -> None:
    data = serialize(Response(404, b'', 'c1', reason='Nicht gefunden, schön'), b'', CLOSE, is_head=False)
    assert data.startswith('HTTP/1.1 404 Nicht gefunden, schön\r\nContent-Type'.encode('latin-1'))
    assert serialize(Response(299, b'', 'c1', reason='Odd'), b'', CLOSE, is_head=True).startswith(b'HTTP/1.1 299 Odd\r\n')


@pytest.mark.parametrize('reason', ['a\r\nX: y', 'a\nb', 'a\rb', 'a\0b', '\x7f', 'zażółć', '€'])
def test_a_reason_that_would_break_the_status_line_is_refused(reason: str) -> None:
    with pytest.raises(ValueError, match='Not a reason phrase'):
        serialize(Response(200, b'', 'c1', reason=reason), b'', CLOSE, is_head=False)


def test_a_response_knows_the_size_of_a_body_that_is_there() -> None:
    assert [Response(200, body, 'c1').size for body in (b'', b'four', iter([b'four']))] == [0, 4, 0]
