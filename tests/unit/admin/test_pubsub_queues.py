"""Queues: looked through, and what is done to messages in them, which is asked about first."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from django.contrib.messages import get_messages

from tests.support.dashboard import Pages
from tests.support.html_form import HTMLForm
from tests.unit.admin.object_answers import page_of
from tests.unit.admin.pubsub_answers import HOSTILE, know, message, subscription_state, topic, topic_state, whole
from zato.client.admin import ServerError

QUEUE, OWN_QUEUE = '/zato/pubsub/subscription/5/queue/', '/zato/pubsub/topic/3/queue/'
SUBSCRIPTION, TOPIC = '/zato/pubsub/subscription/5/', '/zato/pubsub/topic/3/'
MESSAGE = f'{SUBSCRIPTION}message/?msg_id=zpsm{1:024}'
EDIT = f'{SUBSCRIPTION}message-edit/?msg_id=zpsm{1:024}'
ONE, TWO = f'zpsm{1:024}', f'zpsm{2:024}'
LISTED, GET = 'zato.pubsub.queue.get-message-list', 'zato.pubsub.queue.get-message'


def text_of(pages: Pages, path: str, role: str = 'operator', status: int = 200) -> str:
    answer = pages.client(role).get(path)
    assert answer.status_code == status, answer.content.decode()
    return str(answer.content.decode())


def posted(pages: Pages, path: str, data: dict[str, Any], role: str = 'admin') -> tuple[Any, str]:
    """The answer, and what the next page says."""
    answer = pages.client(role).post(path, data)
    return answer, '\n'.join(str(text) for text in get_messages(answer.wsgi_request))


def test_messages_are_listed_with_their_beginning_as_text(pages: Pages) -> None:
    know(pages, found=[message(1), message(2, data_prefix='', data_encoding='base64'), message(3, data_prefix='x' * 2048)])
    text = text_of(pages, QUEUE)
    assert HOSTILE not in text
    assert '&lt;script&gt;alert(1)' in text
    assert '(not text)' in text
    assert f'{"x" * 120}…' in text
    assert '3 messages, in the order' in text


def test_viewers_see_no_messages(pages: Pages) -> None:
    know(pages, found=[message()])
    paths = [QUEUE, OWN_QUEUE, MESSAGE, f'{TOPIC}messages/', f'{TOPIC}queues/', f'/zato/pubsub/message-data/?msg_id={ONE}']
    for path in [*paths, f'/zato/pubsub/dead-letter/message/?msg_id={ONE}', '/zato/pubsub/dead-letter/download/']:
        assert pages.client('viewer').get(path).status_code == 403, path
    assert pages.cluster.calls == []


@pytest.mark.parametrize('which', ['ready', 'retry', 'pulled'])
def test_pages_of_a_queue_follow_from_keys(pages: Pages, which: str) -> None:
    know(pages)
    listed = {'messages': [message()], 'next': '4/17', 'depth': 1, 'is_depth_more': False}
    pages.cluster.answers[LISTED] = listed
    text = text_of(pages, f'{QUEUE}?which={which}&after=4%2F9')
    assert pages.cluster.asked(LISTED) == [{'sub_id': 5, 'which': which, 'after': '4/9', 'limit': 50}]
    part = '' if which == 'ready' else f'which={which}&amp;'
    assert f'{QUEUE}?{part}after=4%2F17' in text
    assert '>First</a>' in text
    assert ('Due' in text, 'Until' in text) == (which == 'retry', which == 'pulled')


def test_a_topic_has_a_queue_of_its_own_without_clients(pages: Pages) -> None:
    know(pages)
    text = text_of(pages, f'{OWN_QUEUE}?which=pulled')
    assert pages.cluster.asked(LISTED) == [{'topic_id': 3, 'which': 'ready', 'after': '', 'limit': 50}]
    assert 'With clients' not in text
    assert 'while nobody subscribes' in text
    assert 'No messages wait to be delivered' in text


def test_all_boxes_are_ticked_where_that_is_asked_for(pages: Pages) -> None:
    know(pages, found=[message(1), message(2)])
    assert HTMLForm(text_of(pages, QUEUE, 'admin'), 'method').values.get('msg_id') is None
    assert HTMLForm(text_of(pages, f'{QUEUE}?tick=yes', 'admin'), 'method').values['msg_id'] == [ONE, TWO]
    assert 'type="checkbox"' not in text_of(pages, QUEUE), 'operators can do nothing with it'


def test_messages_are_deleted_once_that_is_confirmed(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.pubsub.queue.delete-message'] = {'deleted': 1}
    answer, _ = posted(pages, f'{SUBSCRIPTION}delete-messages/', {'msg_id': [ONE, TWO]})
    text = answer.content.decode()
    assert 'Delete 2 messages?' in text
    assert pages.cluster.asked('zato.pubsub.queue.delete-message') == []
    form = HTMLForm(text.replace('name="msg_id" value', 'type="checkbox" checked name="msg_id" value'), 'method')
    answer, said = posted(pages, f'{SUBSCRIPTION}delete-messages/', form.values | {'confirmed': 'yes', 'msg_id': [ONE, TWO]})
    assert answer.headers['Location'] == QUEUE
    assert said == '1 message was deleted. The other 1 had left the queue already.'
    assert pages.cluster.asked('zato.pubsub.queue.delete-message') == [{'sub_id': 5, 'msg_ids': [ONE, TWO]}]


@pytest.mark.parametrize('what', ['delete-messages', 'move-messages'])
def test_without_a_tick_nothing_is_done(pages: Pages, what: str) -> None:
    know(pages)
    answer, said = posted(pages, f'{SUBSCRIPTION}{what}/', {})
    assert answer.headers['Location'] == QUEUE
    assert 'Nothing was ticked' in said


def test_clearing_says_how_much_there_is_first(pages: Pages) -> None:
    know(pages, states=[subscription_state(depth=100_000, is_depth_more=True, retry=1)])
    pages.cluster.answers['zato.pubsub.queue.clear'] = {'deleted': 123_456}
    text = text_of(pages, f'{SUBSCRIPTION}clear-queue/', 'admin')
    assert '100,000+ that wait to be delivered, and 1 that waits aside' in text
    assert pages.cluster.asked('zato.pubsub.queue.clear') == []
    answer, said = posted(pages, f'{SUBSCRIPTION}clear-queue/', {})
    assert (answer.headers['Location'], said) == (QUEUE, '123,456 messages were deleted.')
    assert pages.cluster.asked('zato.pubsub.queue.clear') == [{'sub_id': 5}]


def test_clearing_a_topic_says_how_much_each_queue_has(pages: Pages) -> None:
    know(pages, states=[subscription_state(depth=7), subscription_state(6, endpoint_name='Billing', depth=1, retry=2)])
    pages.cluster.answers['zato.pubsub.topic.clear'] = {'deleted': 10}
    text = text_of(pages, f'{TOPIC}clear/', 'admin')
    assert 'CRM: 7 wait' in text
    assert 'Billing: 1 waits, and 2 wait aside' in text
    answer, said = posted(pages, f'{TOPIC}clear/', {})
    assert (answer.headers['Location'], said) == (TOPIC, '10 messages were deleted.')


def test_clearing_a_topic_without_subscriptions_says_what_its_own_queue_has(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.pubsub.subscription.get-state-list'] = []
    pages.cluster.answers['zato.pubsub.topic.get-state-list'] = [topic_state(depth=9, subscriptions=0)]
    assert 'Nobody subscribes to it: 9 wait.' in text_of(pages, f'{TOPIC}clear/', 'admin')


def test_messages_are_moved_to_another_topic_or_copied(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.pubsub.queue.move'] = {'moved': 2}
    answer, _ = posted(pages, f'{SUBSCRIPTION}move-messages/', {'msg_id': [ONE, TWO]})
    assert 'Move or copy 2 messages' in answer.content.decode()
    assert '<option value="/customer/new">' in answer.content.decode()
    ticked = {'msg_id': [ONE, TWO], 'confirmed': 'yes', 'how': 'copy'}
    answer, _ = posted(pages, f'{SUBSCRIPTION}move-messages/', ticked)
    assert answer.status_code == 400
    assert 'Topic: say which one.' in answer.content.decode()
    assert 'value="copy" checked' in answer.content.decode()
    answer, said = posted(pages, f'{SUBSCRIPTION}move-messages/', {**ticked, 'to_topic': '/other'})
    assert (answer.headers['Location'], said) == (QUEUE, '2 messages were copied to topic /other.')
    answer, said = posted(pages, f'{SUBSCRIPTION}move-messages/', {'all': 'yes', 'confirmed': 'yes', 'to_topic': '/other'})
    assert said == '2 messages were moved to topic /other.'
    assert pages.cluster.asked('zato.pubsub.queue.move') == [
        {'sub_id': 5, 'msg_ids': [ONE, TWO], 'to_topic': '/other', 'is_copy': True},
        {'sub_id': 5, 'all': True, 'to_topic': '/other', 'is_copy': False},
    ]


def test_what_the_server_says_of_a_move_is_beside_what_was_typed(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.pubsub.queue.move'] = ServerError('c', 404, 'There is no topic /nope')
    data = {'msg_id': [ONE], 'confirmed': 'yes', 'to_topic': '/nope'}
    answer, _ = posted(pages, f'{SUBSCRIPTION}move-messages/', data)
    text = answer.content.decode()
    assert answer.status_code == 404
    assert 'There is no topic /nope' in text
    assert 'value="/nope"' in text
    assert f'value="{ONE}"' in text


# One message


def test_a_message_is_shown_with_all_that_is_known_of_it(pages: Pages) -> None:
    know(pages)
    meta = {'user_ctx': {'tenant': 7}, 'reply_to_sk': ['zpsk.rest.9'], 'correl_id': 'not twice', 'zato_ctx': None}
    pages.cluster.answers[GET] = whole(
        data='{"a": [1, 2]}', correl_id='cid-9', error='it failed', attempts=3, crashes=1, meta=meta, is_expired=True
    )
    text = text_of(pages, MESSAGE)
    for expected in ('cid-9', 'it failed', 'Web shop', '/customer/new', 'tenant', 'zpsk.rest.9', 'It has expired'):
        assert expected in text
    assert 'not twice' not in text
    assert 'zato_ctx' not in text
    assert '[\n    1,\n    2\n  ]' in text
    assert pages.cluster.asked(GET) == [{'msg_id': ONE, 'sub_id': 5}]


@pytest.mark.parametrize(
    ('data', 'more', 'expected'),
    [
        (HOSTILE, {}, '&lt;script&gt;'),
        ('', {}, 'The message is empty'),
        ('x' * 300_000, {}, 'This is the beginning of the data'),
        ('x' * 30, {'is_cut': True}, 'This is the beginning of the data'),
        ('AAEC', {'data_encoding': 'base64'}, 'The data is not text'),
        ('half \ud83d', {}, 'half ?'),
        ('[' * 5_000, {}, '[[['),
    ],
    ids=['hostile', 'empty', 'long', 'cut', 'binary', 'half a character', 'deep'],
)
def test_data_of_any_kind_is_shown_safely(pages: Pages, data: str, more: dict[str, Any], expected: str) -> None:
    know(pages)
    pages.cluster.answers[GET] = whole(data=data, **more)
    text = text_of(pages, MESSAGE)
    assert expected in text
    assert HOSTILE not in text
    assert len(text) < 250_000


@pytest.mark.parametrize('role', ['operator', 'admin'])
def test_only_admins_are_offered_changes_and_only_of_what_is_in_the_queue(pages: Pages, role: str) -> None:
    know(pages)
    text = text_of(pages, MESSAGE, role)
    assert ('message-edit' in text, 'delete-messages' in text) == (role == 'admin', role == 'admin')
    pages.cluster.answers[GET] = whole(sub_id=0)
    assert 'delete-messages' not in text_of(pages, MESSAGE, role)
    assert 'message-edit' not in text_of(pages, f'/zato/pubsub/dead-letter/message/?msg_id={ONE}', role)


@pytest.mark.parametrize(
    ('more', 'content', 'name'),
    [
        ({'data': '{"ö": 1}'}, '{"ö": 1}'.encode(), f'{ONE}.json'),
        ({'data': b64encode(b'\0\1').decode(), 'data_encoding': 'base64', 'mime_type': 'x/y'}, b'\0\1', f'{ONE}.bin'),
    ],
    ids=['text', 'binary'],
)
def test_data_is_saved_as_a_file(pages: Pages, more: dict[str, Any], content: bytes, name: str) -> None:
    know(pages)
    pages.cluster.answers[GET] = whole(**more)
    answer = pages.client('operator').get(f'/zato/pubsub/message-data/?msg_id={ONE}')
    assert answer.content == content
    assert answer.headers['Content-Disposition'] == f'attachment; filename="{name}"'


def test_a_message_that_is_gone_is_404(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers[GET] = ServerError('c', 404, f'There is no message {ONE}')
    assert f'There is no message {ONE}' in text_of(pages, MESSAGE, status=404)


def test_of_a_message_just_what_was_edited_is_changed(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers[GET] = whole(data='one\r\ntwo\r', expiration_time_iso='2026-05-01T10:11:13.620000')
    pages.cluster.answers['zato.pubsub.queue.edit-message'] = {'msg_id': ONE, 'changed': []}
    form = HTMLForm(text_of(pages, EDIT, 'admin'))
    assert form.values['expiration'] == '1500'
    _, said = posted(pages, EDIT, form.values)
    assert said == 'Nothing was changed.'
    answer, _ = posted(pages, EDIT, {**form.values, 'priority': '9'})
    assert answer.headers['Location'] == MESSAGE
    posted(pages, EDIT, {**form.values, 'data': 'one\r\ntwo\r\n\r\nthree', 'expiration': '0', 'mime_type': 'text/csv'})
    assert pages.cluster.asked('zato.pubsub.queue.edit-message') == [
        {'msg_id': ONE, 'priority': 9},
        {'msg_id': ONE, 'data': 'one\ntwo\n\nthree', 'expiration': 0, 'mime_type': 'text/csv'},
    ]


def test_blanks_of_data_count(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers[GET] = whole(data='x')
    pages.cluster.answers['zato.pubsub.queue.edit-message'] = {'msg_id': ONE, 'changed': []}
    form = HTMLForm(text_of(pages, EDIT, 'admin'))
    posted(pages, EDIT, {**form.values, 'data': 'x '})
    assert pages.cluster.asked('zato.pubsub.queue.edit-message') == [{'msg_id': ONE, 'data': 'x '}]


def test_what_is_wrong_with_an_edit_is_said_and_what_was_typed_stays(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.pubsub.queue.edit-message'] = ServerError('c', 400, '`data` must be JSON')
    form = HTMLForm(text_of(pages, EDIT, 'admin'))
    answer, _ = posted(pages, EDIT, {**form.values, 'data': 'mine'})
    assert answer.status_code == 400
    assert '`data` must be JSON' in answer.content.decode()
    assert HTMLForm(answer.content.decode()).values['data'] == 'mine'


@pytest.mark.parametrize(
    'more', [{'is_cut': True}, {'data_encoding': 'base64'}, {'data': 'a\0b'}], ids=['cut', 'binary', 'null']
)
def test_data_that_a_form_would_spoil_is_not_edited(pages: Pages, more: dict[str, Any]) -> None:
    know(pages)
    pages.cluster.answers[GET] = whole(**more)
    pages.cluster.answers['zato.pubsub.queue.edit-message'] = {'msg_id': ONE, 'changed': []}
    form = HTMLForm(text_of(pages, EDIT, 'admin'))
    assert 'data' not in form.inputs
    posted(pages, EDIT, {**form.values, 'data': 'mine', 'priority': '1'})
    assert pages.cluster.asked('zato.pubsub.queue.edit-message') == [{'msg_id': ONE, 'priority': 1}]


# What was published to a topic, and replay of it


def test_what_was_published_is_listed_from_a_number_on(pages: Pages) -> None:
    know(pages, found=[message(number) for number in range(7, 58)])
    text = text_of(pages, f'{TOPIC}messages/?after=6')
    assert pages.cluster.asked('zato.pubsub.topic.get-message-list') == [{'topic_id': 3, 'after_seq': 6, 'limit': 51}]
    assert f'{TOPIC}messages/?after=56' in text
    assert 'is kept, delivered or not' in text
    assert HOSTILE not in text


def test_a_subscription_is_given_again_what_the_topic_keeps(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.pubsub.subscription.reset'] = {'added': 3}
    user = pages.user('admin')
    user.time_zone = 'Europe/Berlin'
    user.save()
    assert 'in Europe/Berlin' in text_of(pages, f'{SUBSCRIPTION}replay/', 'admin')
    answer, said = posted(pages, f'{SUBSCRIPTION}replay/', {'time': '2026-05-01T10:00:05'})
    assert (answer.headers['Location'], said) == (SUBSCRIPTION, '3 messages will be delivered again.')
    posted(pages, f'{SUBSCRIPTION}replay/', {'seq': ' 17 '})
    assert pages.cluster.asked('zato.pubsub.subscription.reset') == [
        {'id': 5, 'time': '2026-05-01T08:00:05.000000'},
        {'id': 5, 'seq': 17},
    ]


@pytest.mark.parametrize(
    ('data', 'expected'),
    [
        ({}, 'Say from which time'),
        ({'time': '2026-05-01T10:00', 'seq': '1'}, 'Only one of them'),
        ({'time': 'yesterday'}, 'Time: enter one such as'),
        ({'seq': 'one'}, 'Number: enter a whole number'),
    ],
    ids=['nothing', 'both', 'no time', 'no number'],
)
def test_a_replay_needs_to_know_from_where(pages: Pages, data: dict[str, str], expected: str) -> None:
    know(pages)
    answer, _ = posted(pages, f'{SUBSCRIPTION}replay/', data)
    assert answer.status_code == 400
    assert expected in answer.content.decode()


def test_a_topic_that_keeps_nothing_has_no_replay(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.pubsub-topic.get'] = topic(limit_retention=0)
    text = text_of(pages, f'{SUBSCRIPTION}replay/', 'admin')
    assert 'does not keep what is delivered' in text
    assert 'name="time"' not in text


def test_forms_go_on_without_what_they_only_suggest(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.pubsub-topic.get-list'] = ServerError('c', 500, 'it failed')
    answer, _ = posted(pages, f'{SUBSCRIPTION}move-messages/', {'msg_id': [ONE]})
    assert answer.status_code == 200
    pages.cluster.answers['zato.pubsub-topic.get-list'] = page_of([])
