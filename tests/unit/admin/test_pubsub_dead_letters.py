"""Dead letters: looked through, saved, queued once more, deleted."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.messages import get_messages

from tests.support.dashboard import Pages
from tests.unit.admin.pubsub_answers import HOSTILE, count, know, letter
from zato.client.admin import ServerError

PATH = '/zato/pubsub/dead-letter/'
REQUEUE, DELETE, DOWNLOAD = f'{PATH}requeue/', f'{PATH}delete/', f'{PATH}download/'
LIST = 'zato.pubsub.dead-letter.get-list'


def service(name: str) -> str:
    return f'zato.pubsub.dead-letter.{name}'


def text_of(pages: Pages, path: str = PATH, role: str = 'operator', status: int = 200) -> str:
    answer = pages.client(role).get(path)
    assert answer.status_code == status, answer.content.decode()
    return str(answer.content.decode())


def posted(pages: Pages, path: str, role: str = 'operator', **data: Any) -> tuple[Any, str]:
    answer = pages.client(role).post(path, data)
    return answer, '\n'.join(str(text) for text in get_messages(answer.wsgi_request))


def test_viewers_see_how_many_there_are_and_nothing_of_them(pages: Pages) -> None:
    know(pages, found=[letter()])
    text = text_of(pages, role='viewer')
    assert 'CRM wants customers' in text
    assert '2 in all' in text
    assert 'zpsm' not in text
    assert pages.cluster.asked(LIST) == []


def test_operators_see_why_each_could_not_be_delivered(pages: Pages) -> None:
    know(pages, found=[letter(), letter(2, reason='of-a-newer-server', is_subscribed=False)])
    text = text_of(pages)
    for expected in (
        'Failed too often',
        '25 attempts',
        'it failed &lt;',
        'of-a-newer-server',
        'Deleted',
        '2026-05-02 10:11:12',
    ):
        assert expected in text
    assert HOSTILE not in text
    assert 'Delete those ticked' not in text
    assert 'Delete those ticked' in text_of(pages, role='admin')


def test_filters_and_pages_are_in_the_address(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers[LIST] = {'messages': [letter()], 'next': '4/17'}
    text = text_of(pages, f'{PATH}?topic_id=3&sub_id=5&reason=crash&before=5%2F1')
    given = {'topic_id': 3, 'sub_id': 5, 'reason': 'crash'}
    assert pages.cluster.asked(LIST) == [{**given, 'before': '5/1', 'limit': 50}]
    query = 'topic_id=3&amp;sub_id=5&amp;reason=crash'
    assert f'{PATH}?{query}&amp;before=4%2F17' in text
    assert f'{DOWNLOAD}?{query}&amp;before=5%2F1' in text
    assert f'{REQUEUE}?{query}&amp;all=yes' in text


def test_what_is_no_filter_is_none(pages: Pages) -> None:
    know(pages)
    text_of(pages, f'{PATH}?topic_id=x&sub_id=--5&reason=whatever')
    assert pages.cluster.asked(LIST) == [{'before': '', 'limit': 50}]


def test_the_own_queue_of_a_topic_has_dead_letters_too(pages: Pages) -> None:
    know(pages, found=[letter(sub_id=-3, sub_key='', is_subscribed=False, reason='deleted-sub')])
    pages.cluster.answers[service('get-count-list')] = [count(-3, sub_key='', is_subscribed=False)]
    text = text_of(pages)
    assert '(the topic itself)' in text
    assert 'Deleted' not in text
    assert f'{PATH}?sub_id=-3' in text
    pages.cluster.answers[service('requeue')] = {'requeued': 1}
    posted(pages, REQUEUE, letter=['-3:1'], confirmed='yes', to_topic='/other')
    assert pages.cluster.asked(service('requeue'))[0]['letters'] == [{'sub_id': -3, 'seq': 1}]


def test_none_at_all_is_said_so(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers[service('get-count-list')] = []
    assert 'There are no dead letters.' in text_of(pages)


def test_ticked_ones_are_requeued_once_that_is_confirmed(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers[service('requeue')] = {'requeued': 2}
    answer, _ = posted(pages, REQUEUE, letter=['5:1', '5:2'], reason='crash')
    text = answer.content.decode()
    assert 'Requeue 2 dead letters?' in text
    assert 'name="letter" value="5:2"' in text
    assert pages.cluster.asked(service('requeue')) == []
    answer, said = posted(pages, REQUEUE, letter=['5:1', '5:2'], reason='crash', confirmed='yes', place='new', to_topic='')
    assert (answer.headers['Location'], said) == (f'{PATH}?reason=crash', '2 messages are queued once more.')
    letters = [{'sub_id': 5, 'seq': 1}, {'sub_id': 5, 'seq': 2}]
    assert pages.cluster.asked(service('requeue')) == [{'letters': letters, 'as_new': True}]


def test_all_that_fit_are_requeued_and_what_stays_is_said(pages: Pages) -> None:
    know(pages)
    counts = [count(5), count(6, count=100_000, is_count_more=True), count(7, topic_id=4)]
    pages.cluster.answers |= {service('requeue-all'): {'requeued': 1, 'left': 3}, service('get-count-list'): counts}
    text = text_of(pages, f'{REQUEUE}?topic_id=3&all=yes')
    assert 'Requeue all 100,002+ dead letters?' in text
    answer, said = posted(pages, REQUEUE, topic_id='3', all='yes', confirmed='yes', place='old')
    assert answer.headers['Location'] == f'{PATH}?topic_id=3'
    assert said.startswith('1 message is queued once more. 3 stay, since their subscriptions are deleted')
    assert pages.cluster.asked(service('requeue-all')) == [{'topic_id': 3, 'as_new': False}]


def test_those_of_one_reason_are_counted_before_anything_is_done(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers[LIST] = {'messages': [letter(number) for number in range(1_000)], 'next': '4/17'}
    assert 'Delete all 1,000+ dead letters?' in text_of(pages, f'{DELETE}?reason=crash&all=yes', 'admin')


def test_what_the_server_says_of_it_is_beside_what_was_chosen(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers[service('requeue')] = ServerError('c', 400, 'These subscriptions are gone, so give `to_topic`: 5')
    answer, _ = posted(pages, REQUEUE, letter=['5:1'], confirmed='yes', place='new', to_topic='/x')
    text = answer.content.decode()
    assert answer.status_code == 400
    assert 'These subscriptions are gone' in text
    for kept in ('name="letter" value="5:1"', 'value="new" checked', 'value="/x"'):
        assert kept in text


def test_they_are_deleted_once_that_is_confirmed_by_admins(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers |= {service('delete'): {'deleted': 1}, service('delete-all'): {'deleted': 2}}
    answer, _ = posted(pages, DELETE, letter=['5:1'])
    assert answer.status_code == 403
    answer, _ = posted(pages, DELETE, 'admin', letter=['5:1'])
    assert 'Delete 1 dead letter?' in answer.content.decode()
    _, said = posted(pages, DELETE, 'admin', letter=['5:1'], confirmed='yes')
    assert said == '1 dead letter was deleted.'
    _, said = posted(pages, DELETE, 'admin', all='yes', sub_id='5', confirmed='yes')
    assert said == '2 dead letters were deleted.'
    assert pages.cluster.asked(service('delete')) == [{'letters': [{'sub_id': 5, 'seq': 1}]}]
    assert pages.cluster.asked(service('delete-all')) == [{'sub_id': 5}]


@pytest.mark.parametrize('path', [REQUEUE, DELETE])
def test_without_a_tick_nothing_is_done(pages: Pages, path: str) -> None:
    know(pages)
    for data in ({}, {'confirmed': 'yes'}):
        answer, said = posted(pages, path, 'admin', **data)
        assert answer.headers['Location'] == PATH
        assert 'Nothing was ticked' in said


def test_what_is_no_dead_letter_is_refused(pages: Pages) -> None:
    know(pages)
    answer, _ = posted(pages, REQUEUE, letter=['5'], confirmed='yes')
    assert answer.status_code == 400
    answer, _ = posted(pages, DELETE, 'admin', letter=['5:x'], confirmed='yes')
    assert answer.status_code == 400


def test_all_are_downloaded_whatever_the_number_of_answers(pages: Pages) -> None:
    know(pages)
    parts = {'': ('{"seq": 2}\n', '4/2'), '4/2': ('{"seq": 1, "data": "half \ud83d"}\n', '')}
    pages.cluster.answers[service('download')] = lambda asked: {
        'content': parts[asked['before']][0],
        'file_name': 'x',
        'next': parts[asked['before']][1],
    }
    answer = pages.client('operator').get(f'{DOWNLOAD}?reason=crash')
    assert answer.content == b'{"seq": 2}\n{"seq": 1, "data": "half ?"}\n'
    assert answer.headers['Content-Disposition'] == 'attachment; filename="dead-letters.jsonl"'
    assert [asked['reason'] for asked in pages.cluster.asked(service('download'))] == ['crash', 'crash']
