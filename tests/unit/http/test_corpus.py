"""Each request of the corpus, as a whole and cut at every place, gets the answer that is written beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.support.http_client import Client, Server
from tests.unit.http.corpus import CASES, FOLDER, LIMITS, Case, decode, read_expected, read_request
from tests.unit.http.scripted import Conversation
from zato.server.http.limits import Limits

LONG = 1200  #: bytes; longer requests are cut at their ends and at some places between

all_cases = pytest.mark.parametrize('case', CASES, ids=[case.name for case in CASES])


@pytest.fixture(scope='module')
def server() -> Iterator[Server]:
    with Server(tls=None, log='', **LIMITS) as server:
        yield server


def test_the_convention_of_the_files() -> None:
    assert decode(r'a\r\n\t\\\x00\xFf(b*2)\(ab\x20*3)') == b'a\r\n\t\\\x00\xff(b*2)ab ab ab '
    assert read_request('# a comment\nGET /\\r\n\\n\n\\x23') == b'GET /\r\n#'
    with pytest.raises(ValueError, match='escape'):
        decode(r'\q')
    answers, closes = read_expected('answer: HTTP/1.1 200 OK\nsaw: GET /\nheader: a: b\nbody: \\x41\nthen: closed\n')
    assert closes
    assert (answers[0].status_line, answers[0].saw, answers[0].headers, answers[0].body) == (
        'HTTP/1.1 200 OK',
        'GET /',
        ['a: b'],
        b'A',
    )


def test_each_file_has_its_other_half() -> None:
    requests = {path.with_suffix('') for path in FOLDER.glob('*/*.http')}
    answers = {path.with_suffix('') for path in FOLDER.glob('*/*.expect')}
    assert requests == answers
    assert len(requests) == len(CASES) == len(list(FOLDER.glob('*/*.*'))) / 2


def test_only_the_last_answer_of_an_invalid_request_is_a_refusal() -> None:
    for case in CASES:
        refused = [not answer.saw for answer in case.answers]
        assert refused == [False] * (len(refused) - 1) + [case.name.startswith('invalid/')], case.name


@all_cases
def test_the_answer_over_a_socket(server: Server, case: Case) -> None:
    with server.connect() as client:
        client.send(case.data)
        check_answers(client, case)


@all_cases
def test_the_answer_if_bytes_come_one_by_one_over_a_socket(server: Server, case: Case) -> None:
    with server.connect() as client:
        size = 1 if len(case.data) <= LONG else 97
        for position in range(0, len(case.data), size):
            try:
                client.send(case.data[position : position + size])
            except (BrokenPipeError, ConnectionResetError):
                break  # it was answered in the middle, and closed
        check_answers(client, case)


def check_answers(client: Client, case: Case) -> None:
    for expected in case.answers:
        answer = client.final_answer(case.is_head)
        assert answer.status_line == expected.status_line, answer
        assert saw(answer.saw) == expected.saw
        if expected.saw and not case.is_head:
            assert answer.body == expected.body
        for header in expected.headers:
            name, _, value = header.partition(': ')
            assert answer.saw['headers'][name] == decode(value).decode('latin-1')
    assert answer.closes == case.closes
    if case.closes:
        assert client.rest() == b''
    else:
        assert client.get('/next').saw['path'] == '/next', 'something of the request was left over'


def saw(what: Any) -> str:
    if what is None:
        return ''
    return f'{what["method"]} {what["path"]}' + (f'?{what["query"]}' if what['query'] else '')


@all_cases
def test_the_answer_does_not_depend_on_how_the_request_is_cut(case: Case) -> None:
    whole = outcome([case.data])
    assert whole[0] == [answer.status_line for answer in case.answers]
    assert whole[1] == case.closes
    assert [body for *_, body in whole[2]] == [answer.body for answer in case.answers if answer.saw]
    assert outcome([case.data[i : i + 1] for i in range(len(case.data))]) == whole
    for position in positions(len(case.data)):
        assert outcome([case.data[:position], case.data[position:]]) == whole, f'cut at {position}'


def outcome(pieces: Sequence[bytes]) -> tuple[list[str], bool, list[Any]]:
    conversation = Conversation(pieces, Limits(**LIMITS))
    seen = [(r.method, r.path, r.query, r.version, r.headers, r.body) for r in conversation.requests]
    return conversation.statuses, conversation.closed, seen


def positions(length: int) -> list[int]:
    if length <= LONG:
        return list(range(1, length))
    return [*range(1, LONG // 2), *range(LONG // 2, length - LONG // 2, 97), *range(length - LONG // 2, length)]
