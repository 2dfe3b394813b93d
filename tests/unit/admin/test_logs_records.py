"""Records of the logs of several servers, put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.admin.server_answers import log, record
from zato.admin.cluster import Failure
from zato.admin.logs.records import Page, later, latest
from zato.client.admin import Answer, ServerError, ServerUnreachable

AWAY = ServerUnreachable('No answer: refused', was_sent=False)


def _answers(told: Mapping[str, Any]) -> dict[str, Answer | Failure]:
    return {
        server: Failure(server, payload)
        if isinstance(payload, ServerError | ServerUnreachable)
        else Answer(payload=payload, text='', cid='', seconds=0, headers={}, environment={})
        for server, payload in told.items()
    }


def _texts(page: Page) -> list[str]:
    return [record.text for record in page.records]


def test_records_of_all_servers_are_in_the_order_of_time() -> None:
    page = latest(_answers({'a': log(record('1', 1), record('4', 4)), 'b': log(record('2', 2), record('3', 3))}), 10)
    assert _texts(page) == ['1', '2', '3', '4']
    assert page.before == {}
    assert page.after == {'a': 'a-last', 'b': 'a-last'}


def test_what_does_not_fit_is_left_for_the_page_before() -> None:
    page = latest(_answers({'a': log(record('1', 1), record('4', 4)), 'b': log(record('2', 2), record('3', 3))}), 2)
    assert _texts(page) == ['3', '4']
    assert page.before == {'a': 'a-4', 'b': 'a-3'}


def test_of_a_server_without_a_record_on_the_page_all_are_left() -> None:
    page = latest(_answers({'a': log(record('1', 1)), 'b': log(record('8', 8), record('9', 9))}), 2)
    assert _texts(page) == ['8', '9']
    assert page.before == {'a': 'a-last'}


def test_lines_without_a_time_stay_where_they_are() -> None:
    mine = log(record('1', 1), record('1a', at='', level=''), record('3', 3))
    page = latest(_answers({'a': mine, 'b': log(record('2', 2))}), 10)
    assert _texts(page) == ['1', '1a', '2', '3']


def test_a_search_that_had_to_stop_goes_on_from_there() -> None:
    page = latest(_answers({'a': log(is_complete=False, first='a-100')}), 10)
    assert page.is_searched
    assert page.before == {'a': 'a-100'}


def test_a_full_page_is_no_search_that_had_to_stop() -> None:
    page = latest(_answers({'a': log(record('1', 1), record('2', 2), is_complete=False)}), 2)
    assert not page.is_searched
    assert page.before == {'a': 'a-first'}


def test_a_server_that_is_away_is_told_and_asked_again() -> None:
    page = latest(_answers({'a': log(record('1', 1)), 'b': AWAY}), 10)
    assert page.problems == {'b': 'No answer: refused'}
    assert page.after == {'a': 'a-last', 'b': ''}
    back = latest(_answers({'b': AWAY}), 10, {'b': 'b-5'})
    assert back.before == {'b': 'b-5'}


def test_following_goes_on_from_the_same_place_where_there_was_no_answer() -> None:
    page = later(_answers({'a': log(record('1', 1), last='a-2'), 'b': AWAY}), {'a': 'a-1', 'b': 'b-1'}, 9)
    assert page.after == {'a': 'a-2', 'b': 'b-1'}
    assert _texts(page) == ['1']


def test_a_log_that_was_emptied_is_told() -> None:
    assert later(_answers({'a': log(was_reset=True)}), {'a': 'a-1'}, 9).reset == ['a']


def test_garbage_is_a_problem_of_that_server_alone() -> None:
    for garbage in (None, [], 'text', {'records': None}, log({'at': 1}), {'records': []}, log(record('x', at='soon'))):
        page = latest(_answers({'a': garbage, 'b': log(record('1', 1))}), 10)
        assert _texts(page) == ['1']
        assert list(page.problems) == ['a']


def test_the_servers_own_words_are_shown() -> None:
    page = latest(_answers({'a': ServerError('c', 404, 'There is no log file `x`')}), 10)
    assert page.problems == {'a': 'There is no log file `x`'}


def test_records_are_lines_of_text_again() -> None:
    (found,) = latest(_answers({'a': log(record('hello\nworld', 1.5, cid='c1'))}), 1).records
    assert found.as_line() == 'a - 2026-11-22 11:00:01.500 - INFO - 101:c1 - my.module:5 - hello\nworld'
    assert found.shown_at('Asia/Tokyo') == '2026-11-22 20:00:01.500'
    (bare,) = latest(_answers({'a': log(record('GET /x', at='', level=''))}), 1).records
    assert bare.as_line() == 'a - GET /x'


@given(st.lists(st.tuples(st.sampled_from('abc'), st.integers(0, 50)), max_size=40), st.integers(1, 7))
def test_paging_back_gives_every_record_once_and_in_order(written: list[tuple[str, int]], size: int) -> None:
    """Servers that answer with `size` records at most, and pages that show as many of all together."""
    logs: dict[str, list[dict[str, Any]]] = {'a': [], 'b': [], 'c': []}
    for number, (server, second) in enumerate(sorted(written, key=lambda item: item[1])):
        logs[server].append(record(f'{number}', second, position=f'{len(logs[server])}'))

    def answer(server: str, end: str) -> dict[str, Any]:
        before = logs[server][: int(end) if end else None]
        part = before[-size:]
        return log(
            *part, first=f'{len(before) - len(part)}', last=end or f'{len(before)}', is_complete=len(part) == len(before)
        )

    asked: Mapping[str, str] = dict.fromkeys(logs, '')
    shown: list[tuple[str, str]] = []
    while asked:
        page = latest(_answers({server: answer(server, end) for server, end in asked.items()}), size)
        shown = [(found.at, found.text) for found in page.records] + shown
        asked = page.before
    assert sorted(text for _, text in shown) == sorted(f'{number}' for number in range(len(written)))
    assert [at for at, _ in shown] == sorted(at for at, _ in shown)
