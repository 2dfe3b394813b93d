"""Topics and subscriptions as they are now: lists, their pages, pausing, deleting."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.dashboard import Pages
from tests.support.dashboard import pages as make_pages
from tests.unit.admin.object_answers import page_of
from tests.unit.admin.pubsub_answers import (
    HOSTILE,
    know,
    subscription,
    subscription_state,
    topic,
    topic_state,
)
from tests.unit.admin.service_answers import know as know_services
from zato.client.admin import ServerError, ServerUnreachable

TOPICS, SUBSCRIPTIONS = '/zato/pubsub/topic/', '/zato/pubsub/subscription/'
TOPIC, SUBSCRIPTION = f'{TOPICS}3/', f'{SUBSCRIPTIONS}5/'
AWAY = ServerUnreachable('No answer from 127.0.0.1:1: refused', was_sent=False)

SEEN_BY = {
    'viewer': set[str](),
    'operator': {'/publish/', '/queues/', '/paused/', '/queue/'},
    'admin': {'/publish/', '/queues/', '/paused/', '/queue/', '/clear/', '/delete/', '/replay/'},
}


def text_of(pages: Pages, path: str, role: str = 'viewer', status: int = 200) -> str:
    answer = pages.client(role).get(path)
    assert answer.status_code == status, answer.content.decode()
    return str(answer.content.decode())


def test_topics_are_listed_with_what_waits_and_what_came_last(pages: Pages) -> None:
    know(pages)
    text = text_of(pages, TOPICS)
    for expected in ('/customer/new', '>12<', '2.5 in', '1.2 out', '2026-05-01 10:11:12', 'zpsm0123', 'by Web shop'):
        assert expected in text
    assert pages.cluster.asked('zato.pubsub.topic.get-state-list') == [{'ids': [3]}]


def test_more_than_servers_count_is_said_to_be_more(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.pubsub.topic.get-state-list'] = [topic_state(depth=100_000, is_depth_more=True, dead=3)]
    text = text_of(pages, TOPICS)
    assert '100,000+' in text
    assert '/zato/pubsub/dead-letter/?topic_id=3' in text


def test_a_topic_of_a_service_leads_to_the_service_and_to_its_queue(pages: Pages) -> None:
    know(pages)
    internal = topic(is_internal=True, target_service='crm.get-customer', name='/zato/s/to/crm.get-customer')
    pages.cluster.answers['zato.pubsub-topic.get-list'] = page_of([internal])
    text = text_of(pages, TOPICS, 'operator')
    assert '/zato/service/overview/crm.get-customer/' in text
    assert '/zato/pubsub/topic/3/queues/' in text


@pytest.mark.parametrize(
    ('states', 'expected'),
    [
        ([5], '/zato/pubsub/subscription/5/queue/'),
        ([], '/zato/pubsub/topic/3/queue/'),
        ([5, 6], '/zato/pubsub/topic/3/'),
    ],
    ids=['one', 'none', 'several'],
)
def test_the_depth_of_a_topic_leads_to_the_queue_that_it_is_of(pages: Pages, states: list[int], expected: str) -> None:
    know(pages)
    pages.cluster.answers['zato.pubsub.subscription.get-state-list'] = [subscription_state(id) for id in states]
    answer = pages.client('operator').get('/zato/pubsub/topic/3/queues/')
    assert answer.headers['Location'] == expected


def test_lists_that_cannot_be_refreshed_say_so_and_go_on(pages: Pages) -> None:
    know(pages)
    for path in (f'{TOPICS}list/?query=x', f'{SUBSCRIPTIONS}list/?query=x', f'{TOPIC}state/', f'{SUBSCRIPTION}state/'):
        for service in ('topic.get-state-list', 'subscription.get-state-list'):
            pages.cluster.answers[f'zato.pubsub.{service}'] = AWAY
        text = text_of(pages, path)
        assert 'did not answer' in text
        assert f'hx-get="{path}"' in text


def test_what_servers_do_not_know_yet_is_said_so(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers |= {
        'zato.pubsub.topic.get-state-list': [],
        'zato.pubsub.subscription.get-state-list': [],
    }
    assert 'Not known' in text_of(pages, TOPICS)
    assert 'does not know this topic yet' in text_of(pages, TOPIC)
    for path in (SUBSCRIPTION, SUBSCRIPTIONS):
        assert '<span class="badge ">Not known yet</span>' in text_of(pages, path)


def test_a_subscription_that_is_down_is_shown_with_why_though_no_server_runs_it(pages: Pages) -> None:
    know(pages)
    down = subscription(error=f'Subscription `CRM wants customers`: `delivery_batch_size` is $SIZE {HOSTILE}')
    pages.cluster.answers |= {
        'zato.pubsub.subscription.get-state-list': [],
        'zato.pubsub-subscription.get': down,
        'zato.pubsub-subscription.get-list': page_of([down, {**subscription(6), 'topic_id': 99}]),
    }
    for path in (SUBSCRIPTION, SUBSCRIPTIONS, TOPIC):
        text = text_of(pages, path)
        assert '<span class="badge bad">Down</span>' in text
        assert '“Delivery batch size” is $SIZE &lt;' in text
    assert '/zato/pubsub/subscription/6/' not in text_of(pages, TOPIC)


def test_the_server_that_delivers_is_believed_and_what_all_deliver_is_added_up() -> None:
    with make_pages(servers=2) as pages:
        know(pages)
        known = subscription_state(error='no route to CRM', in_flight=1)
        other = subscription_state(in_flight=None, delivered=None, failed=None, delivery_rate=None, error='an older one')
        pages.cluster.answers_of = {
            ('server1', 'zato.pubsub.subscription.get-state-list'): [other],
            ('server2', 'zato.pubsub.subscription.get-state-list'): [known],
            ('server1', 'zato.pubsub.topic.get-state-list'): [topic_state(delivery_rate=10.0)],
            ('server2', 'zato.pubsub.topic.get-state-list'): [topic_state(delivery_rate=32.0)],
        }
        text = text_of(pages, TOPIC)
        assert 'no route to CRM' in text
        assert 'an older one' not in text
        assert '42 per second' in text


def test_a_server_that_is_away_is_named_and_others_are_believed() -> None:
    with make_pages(servers=2) as pages:
        know(pages)
        pages.cluster.answers_of = {('server2', 'zato.pubsub.subscription.get-state-list'): AWAY}
        text = text_of(pages, SUBSCRIPTION)
        assert 'server2 does not answer' in text
        assert 'Delivering' in text


@pytest.mark.parametrize(
    ('state', 'word', 'css'),
    [
        ('idle', 'Idle', 'good'),
        ('retrying', 'Retrying', 'warn'),
        ('down', 'Down', 'bad'),
        ('no-owner', 'No server delivers', 'bad'),
        ('of-a-newer-server', 'of-a-newer-server', 'warn'),
    ],
)
def test_the_state_of_a_subscription_is_in_words(pages: Pages, state: str, word: str, css: str) -> None:
    know(pages, states=[subscription_state(state=state)])
    assert f'<span class="badge {css}">{word}</span>' in text_of(pages, SUBSCRIPTION)
    assert f'<span class="badge {css}">{word}</span>' in text_of(pages, SUBSCRIPTIONS)


def test_a_subscription_that_fails_says_why_and_when_it_is_tried_again(pages: Pages) -> None:
    next_attempt = '2026-05-01T10:20:30.000000'
    failing = subscription_state(state='retrying', error=f'HTTP 500 {HOSTILE}', attempts=4, next_attempt=next_attempt)
    know(pages, states=[failing])
    for path in (SUBSCRIPTION, SUBSCRIPTIONS, TOPIC):
        text = text_of(pages, path)
        assert 'HTTP 500' in text
        assert HOSTILE not in text
        assert '2026-05-01 10:20:30' in text


@pytest.mark.parametrize('role', SEEN_BY)
def test_pages_offer_what_the_role_may_do(pages: Pages, role: str) -> None:
    know(pages)
    text = ''.join(text_of(pages, path, role) for path in (TOPICS, TOPIC, SUBSCRIPTIONS, SUBSCRIPTION))
    assert {part for part in SEEN_BY['admin'] if part in text} == SEEN_BY[role]


def test_a_subscription_is_paused_and_resumed(pages: Pages) -> None:
    know(pages)
    saved = {'id': 5, 'sub_key': 'x', 'is_paused': True, 'pending': [], 'failed': {}}
    pages.cluster.answers |= {'zato.pubsub.subscription.pause': saved, 'zato.pubsub.subscription.resume': saved}
    client = pages.client('operator')
    ways = {'topic': TOPIC, 'list': SUBSCRIPTIONS, '': SUBSCRIPTION, 'http://127.0.0.1/': SUBSCRIPTION}
    for back, expected in ways.items():
        answer = client.post(f'{SUBSCRIPTION}paused/', {'is_paused': 'yes', 'back': back})
        assert answer.headers['Location'] == expected
    client.post(f'{SUBSCRIPTION}paused/', {'is_paused': 'no'})
    assert pages.cluster.asked('zato.pubsub.subscription.pause') == [{'id': 5}] * len(ways)
    assert pages.cluster.asked('zato.pubsub.subscription.resume') == [{'id': 5}]


def test_what_is_gone_is_404(pages: Pages) -> None:
    know(pages)
    for kind in ('topic', 'subscription'):
        pages.cluster.answers[f'zato.pubsub-{kind}.get'] = ServerError('c', 404, f'There is no {kind}')
    for path in (TOPIC, SUBSCRIPTION, f'{SUBSCRIPTION}queue/', f'{TOPIC}publish/'):
        assert 'somebody may have deleted it' in text_of(pages, path, 'operator', 404)


def test_addresses_of_kinds_lead_to_these_lists_with_what_was_looked_for(pages: Pages) -> None:
    know(pages)
    answer = pages.client('viewer').get('/zato/kind/pubsub-topic/?query=customer')
    assert answer.headers['Location'] == f'{TOPICS}?query=customer'


def test_pages_of_a_topic_and_of_its_object_have_the_same_tabs(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.service.get-list'] = page_of([])
    bars = []
    for path in (TOPIC, '/zato/kind/pubsub-topic/3/', f'{TOPIC}publish/'):
        bar = text_of(pages, path, 'admin').partition('class="tabs"')[2].partition('</ul>')[0]
        bars.append(re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a></li>', bar))
    assert bars[0] == bars[1] == bars[2]
    assert [label for _, label in bars[0]] == ['Overview', 'Messages', 'Publish', 'Form', 'YAML', 'History']


@pytest.mark.parametrize(
    ('kind', 'deleted', 'states', 'expected'),
    [
        ('subscription', [('pubsub_subscription', 5)], [(12, 3)], '15 messages that were not delivered yet become dead'),
        (
            'subscription',
            [('pubsub_subscription', 5)],
            [(1, 0)],
            '1 message that was not delivered yet becomes a dead letter',
        ),
        ('subscription', [('pubsub_subscription', 5)], [(0, 0)], 'No messages wait to be delivered'),
        (
            'topic',
            [('pubsub_subscription', 5), ('pubsub_subscription', 6), ('pubsub_topic', 3)],
            [(100_000, 0), (1, 0)],
            '100,001+ messages that were not delivered yet become dead letters',
        ),
        ('topic', [('pubsub_topic', 3)], [], 'Messages that wait in its own queue become dead letters'),
    ],
    ids=['some', 'one', 'none', 'a topic with two', 'a topic with none'],
)
def test_deleting_says_what_becomes_of_messages(
    pages: Pages, kind: str, deleted: list[tuple[str, int]], states: list[tuple[int, int]], expected: str
) -> None:
    know(pages)
    changes: list[dict[str, Any]] = [{'action': 'delete', 'kind': kind, 'id': id, 'version': 1} for kind, id in deleted]
    pages.cluster.answers |= {
        'zato.config.get-dependents': {'changes': changes, 'dependents': []},
        'zato.pubsub.subscription.get-state-list': [
            subscription_state(5 + number, depth=depth, retry=retry, is_depth_more=depth == 100_000)
            for number, (depth, retry) in enumerate(states)
        ],
    }
    id = 5 if kind == 'subscription' else 3
    assert expected in text_of(pages, f'/zato/kind/pubsub-{kind}/{id}/delete/', 'admin')


def test_deleting_says_that_there_are_dead_letters_even_if_nobody_can_count_them(pages: Pages) -> None:
    know(pages)
    change = {'action': 'delete', 'kind': 'pubsub_subscription', 'id': 5, 'version': 1}
    pages.cluster.answers |= {
        'zato.config.get-dependents': {'changes': [change], 'dependents': []},
        'zato.pubsub.subscription.get-state-list': AWAY,
    }
    text = text_of(pages, '/zato/kind/pubsub-subscription/5/delete/', 'admin')
    assert 'become dead letters. How many' in text


def test_the_page_of_a_service_shows_what_waits_for_it(pages: Pages) -> None:
    know(pages)
    know_services(pages)
    text = text_of(pages, '/zato/service/overview/crm.get-customer/')
    assert '/zato/pubsub/service/?name=crm.get-customer' in text

    own = topic(name='/zato/s/to/crm.get-customer', is_internal=True)
    others = topic(4, '/zato/s/to/crm.get-customer-list', is_internal=True)
    pages.cluster.answers['zato.pubsub-topic.get-list'] = page_of([others, own])
    client = pages.client('operator')
    part = client.get('/zato/pubsub/service/?name=crm.get-customer', headers={'HX-Request': 'true'}).content.decode()
    assert '/zato/pubsub/topic/3/queues/' in part
    assert 'Delivering' in part
    answer = client.get('/zato/pubsub/service/?name=crm.get-customer')
    assert answer.headers['Location'] == TOPIC

    pages.cluster.answers['zato.pubsub-topic.get-list'] = page_of([others])
    part = client.get('/zato/pubsub/service/?name=crm.get-customer', headers={'HX-Request': 'true'}).content.decode()
    assert 'Nothing has been published to it' in part
    answer = client.get('/zato/pubsub/service/?name=crm.get-customer')
    assert answer.headers['Location'] == '/zato/service/overview/crm.get-customer/'


@pytest.mark.parametrize(
    'odd', [17, [17], [{'id': 3}], {'messages': []}], ids=['a number', 'numbers', 'too little', 'no list']
)
def test_odd_answers_make_pages_that_say_so(pages: Pages, odd: Any) -> None:
    know(pages)
    services = ('topic.get-state-list', 'subscription.get-state-list', 'dead-letter.get-count-list')
    pages.cluster.answers |= {f'zato.pubsub.{service}': odd for service in services}
    for path in (TOPICS, TOPIC, SUBSCRIPTIONS, SUBSCRIPTION, '/zato/pubsub/dead-letter/'):
        assert 'something else than a' in text_of(pages, path, status=502)


def test_a_topic_that_is_down_says_why(pages: Pages) -> None:
    know(pages)
    down = topic(error='Topic `/customer/new`: `limit_retention` is $KEEP, and the server has no environment variable KEEP')
    pages.cluster.answers |= {
        'zato.pubsub.topic.get-state-list': [],
        'zato.pubsub-topic.get': down,
        'zato.pubsub-topic.get-list': page_of([down]),
    }
    for path in (TOPIC, TOPICS):
        text = text_of(pages, path)
        assert '<span class="badge bad">Down</span>' in text
        assert 'reason">“Retention” is $KEEP' in text


def test_a_subscription_without_its_own_name_is_shown_by_its_key(pages: Pages) -> None:
    know(pages, states=[subscription_state(name='zpsk.srv.99', sub_key='zpsk.srv.99')])
    pages.cluster.answers['zato.pubsub-subscription.get'] = subscription(name='zpsk.srv.99', is_internal=True)
    assert '<code>zpsk.srv.99</code>' in text_of(pages, SUBSCRIPTIONS)
