"""Headers of answers: by name whatever its case, values of equal ones joined or apart."""

from __future__ import annotations

import pytest

from zato.server.connection.rest.answer_headers import AnswerHeaders

HEADERS = AnswerHeaders([('Set-Cookie', 'a=1'), ('X-One', '1'), ('set-cookie', 'b=2')])


@pytest.mark.parametrize('name', ['Set-Cookie', 'set-cookie', 'SET-COOKIE'])
def test_a_header_is_found_whatever_the_case_of_its_name(name: str) -> None:
    assert name in HEADERS
    assert HEADERS[name] == HEADERS.get(name) == 'a=1, b=2'
    assert HEADERS.getlist(name) == ['a=1', 'b=2']


def test_what_is_not_there_is_missing_as_in_a_dict() -> None:
    assert 'X-Two' not in HEADERS
    assert 1 not in HEADERS
    assert HEADERS.get('X-Two') is None
    assert HEADERS.getlist('X-Two') == []
    with pytest.raises(KeyError):
        HEADERS['X-Two']


def test_headers_are_in_their_order_under_the_names_that_came_first() -> None:
    assert dict(HEADERS) == {'Set-Cookie': 'a=1, b=2', 'X-One': '1'}
    assert (len(HEADERS), repr(HEADERS)) == (2, "{'Set-Cookie': 'a=1, b=2', 'X-One': '1'}")


def test_who_gets_a_list_of_values_may_change_it() -> None:
    HEADERS.getlist('X-One').append('2')
    assert HEADERS.getlist('X-One') == ['1']
