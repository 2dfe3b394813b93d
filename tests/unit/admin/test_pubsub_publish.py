"""Publishing by hand, on a page that stays."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.dashboard import Pages
from tests.support.html_form import HTMLForm
from tests.unit.admin.pubsub_answers import HOSTILE, know, topic
from zato.client.admin import ServerError, ServerUnreachable

PATH, SERVICE = '/zato/pubsub/topic/3/publish/', 'zato.pubsub.publish.publish'
HTMX = {'HX-Request': 'true'}


def form_of(pages: Pages) -> HTMLForm:
    answer = pages.client('operator').get(PATH)
    assert answer.status_code == 200, answer.content.decode()
    return HTMLForm(answer.content.decode(), 'hx-post')


def publish(pages: Pages, status: int = 200, headers: Any = None, **changed: Any) -> str:
    values = form_of(pages).values
    answer = pages.client('operator').post(PATH, {**values, **changed}, headers=headers)
    assert answer.status_code == status, answer.content.decode()
    return str(answer.content.decode())


@pytest.fixture(autouse=True)
def _topic(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers[SERVICE] = {'msg_id': 'zpsm42'}


def test_as_it_is_the_form_publishes_a_sample(pages: Pages) -> None:
    text = publish(pages)
    assert 'Published: ' in text
    assert '/zato/pubsub/topic/3/message/?msg_id=zpsm42' in text
    assert pages.cluster.asked(SERVICE) == [{'topic_id': 3, 'data': 'This is a sample message', 'priority': 5}]


def test_all_that_can_be_given_is_given(pages: Pages) -> None:
    given = {
        'data': 'one\r\ntwo',
        'endpoint_name': 'Web shop',
        'priority': '9',
        'has_gd': 'false',
        'msg_id': 'zpsm42',
        'mime_type': 'text/csv',
        'expiration': '1500',
        'deliver_after': '2.5',
        'correl_id': 'c',
        'in_reply_to': 'i',
        'ext_client_id': 'e',
        'group_id': 'g',
        'position_in_group': '2',
        'ext_pub_time': '2026-05-01T10:00:00',
        'reply_to_sk': 'zpsk.1\r\nzpsk.2\r\n',
        'deliver_to_sk': 'zpsk.3',
        'user_ctx': '{"tenant": 7}',
    }
    assert set(form_of(pages).inputs) - {'csrfmiddlewaretoken'} == set(given)
    publish(pages, **given)
    (asked,) = pages.cluster.asked(SERVICE)
    assert asked == {
        **given,
        'topic_id': 3,
        'data': 'one\ntwo',
        'priority': 9,
        'has_gd': False,
        'expiration': 1500,
        'deliver_after': 2.5,
        'position_in_group': 2,
        'reply_to_sk': ['zpsk.1', 'zpsk.2'],
        'deliver_to_sk': ['zpsk.3'],
        'user_ctx': {'tenant': 7},
    }


@pytest.mark.parametrize(
    ('name', 'value', 'expected'),
    [
        ('priority', '10', 'Priority: choose one'),
        ('expiration', '-1', 'Expiration (ms): enter milliseconds'),
        ('expiration', '1.5', 'Expiration (ms): enter milliseconds'),
        ('deliver_after', 'nan', 'Deliver after (s): enter seconds'),
        ('deliver_after', 'inf', 'Deliver after (s): enter seconds'),
        ('position_in_group', '0', 'Position in group: enter a whole number'),
        ('user_ctx', '{', 'User context: enter JSON.'),
    ],
)
def test_what_cannot_be_is_not_sent_to_servers(pages: Pages, name: str, value: str, expected: str) -> None:
    text = publish(pages, **{name: value, 'data': HOSTILE})
    assert expected in text
    assert pages.cluster.asked(SERVICE) == []
    assert HTMLForm(text, 'hx-post').values['data'] == HOSTILE
    assert HOSTILE not in text
    part = publish(pages, headers=HTMX, **{name: value})
    assert expected in part
    assert '<form' not in part


def test_to_browsers_with_scripts_the_answer_is_a_part_of_the_page(pages: Pages) -> None:
    text = publish(pages, headers=HTMX)
    assert 'zpsm42' in text
    assert '<html' not in text


@pytest.mark.parametrize(
    ('told', 'expected'),
    [
        ({'msg_id': None}, 'The message was dropped'),
        ({'msg_id': ''}, 'The message was dropped'),
        (ServerError('c', 503, 'Topic `/customer/new` is full: 12 messages'), 'is full: 12 messages'),
        (ServerError('c', 403, f'Not allowed {HOSTILE}'), 'Not allowed &lt;'),
        (ServerUnreachable('No answer: timed out', was_sent=True), 'It may have done what it was asked'),
    ],
    ids=['dropped', 'dropped, in other words', 'full', 'forbidden', 'away'],
)
def test_what_came_of_it_is_said_on_the_page(pages: Pages, told: Any, expected: str) -> None:
    pages.cluster.answers[SERVICE] = told
    text = publish(pages, data='mine')
    assert expected in text
    assert HTMLForm(text, 'hx-post').values['data'] == 'mine'


def test_with_an_id_one_may_publish_again_whatever_came_of_it(pages: Pages) -> None:
    pages.cluster.answers[SERVICE] = ServerUnreachable('No answer: timed out', was_sent=True)
    assert 'with the same Msg ID it is stored once' in publish(pages, msg_id='zpsm42')


def test_an_inactive_topic_says_so_before_anything_is_typed(pages: Pages) -> None:
    pages.cluster.answers['zato.pubsub-topic.get'] = topic(is_active=False)
    assert 'The topic is inactive' in pages.client('operator').get(PATH).content.decode()


def test_the_form_goes_on_without_names_of_publishers(pages: Pages) -> None:
    pages.cluster.answers['zato.pubsub-endpoint.get-list'] = ServerError('c', 500, 'it failed')
    assert form_of(pages).options['endpoint_name'] == ['']
