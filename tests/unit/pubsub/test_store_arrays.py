"""Arrays in PostgreSQL's binary protocol, as psycopg itself reads them."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import Transformer
from psycopg.postgres import adapters
from psycopg.pq import Format

from zato.server.pubsub.store.arrays import blobs, columns, integers, texts


def read(array: bytes, type_: str) -> Any:
    return Transformer().get_loader(adapters.types[type_].array_oid, Format.BINARY).load(array)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40))
def test_integers(values: list[int]) -> None:
    assert read(integers(values), 'int8') == values


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=['Cs'])), max_size=40))
def test_texts(values: list[str | None]) -> None:
    assert read(texts(values), 'text') == values


@given(st.lists(st.binary(), max_size=40))
def test_blobs(values: list[bytes]) -> None:
    assert read(blobs(values), 'bytea') == values


def test_the_last_columns_of_rows() -> None:
    rows = [0, 'a', 1, b'x', 0, None, 2, b'y']
    found = columns(rows, 4, 'tib')
    assert [read(array, type_) for array, type_ in zip(found, ('text', 'int8', 'bytea'), strict=True)] == [
        ['a', None],
        [1, 2],
        [b'x', b'y'],
    ]


@pytest.mark.parametrize(
    ('make', 'value', 'error'), [(integers, 2**63, struct.error), (texts, '\ud800', UnicodeEncodeError)]
)
def test_what_does_not_fit_is_an_error(make: Any, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make([value])
