"""Chunked bodies, cut into pieces anyhow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.server.http.chunked import ChunkedBody
from zato.server.http.head import Reject

chunks = st.lists(st.binary(min_size=1, max_size=40), max_size=10)


def encoded(parts: list[bytes], trailer: bytes = b'') -> bytes:
    return b''.join(b'%x\r\n%s\r\n' % (len(part), part) for part in parts) + b'0\r\n' + trailer + b'\r\n'


@given(chunks, st.sampled_from([b'', b'X: y\r\n', b'X: y\r\nZ:\r\n']), st.binary(max_size=20), st.data())
def test_a_body_is_what_was_encoded_however_it_arrives(
    parts: list[bytes], trailer: bytes, after: bytes, data: st.DataObject
) -> None:
    sent = encoded(parts, trailer)
    body = ChunkedBody(1000)
    position = 0
    complete = False
    while position < len(sent):
        assert not complete
        size = data.draw(st.integers(1, len(sent) - position))
        is_last = position + size == len(sent)
        complete = body.feed(sent[position : position + size] + (after if is_last else b''))
        position += size
    assert complete
    assert body.body == b''.join(parts)
    assert body.rest == after


def test_chunks_of_one_byte_are_no_overhead() -> None:
    body = ChunkedBody(100_000)
    assert body.feed(encoded([b'x'] * 100_000))
    assert body.body == b'x' * 100_000


def test_a_line_that_cannot_become_a_good_one_is_not_waited_for() -> None:
    for partial in (b'5\n', b'5;' + b'x' * 256, b'0\r\nX: y\n', b'0\r\nX: ' + b'y' * 8200, b'5\r\nhello!!'):
        with pytest.raises(Reject):
            ChunkedBody(1000).feed(partial)


def test_a_chunk_that_would_be_too_much_is_refused_by_its_size_line() -> None:
    body = ChunkedBody(1000)
    assert not body.feed(b'3e8\r\n' + b'x' * 1000 + b'\r\n')
    with pytest.raises(Reject) as caught:
        body.feed(b'1\r\n')
    assert caught.value.status == 413
