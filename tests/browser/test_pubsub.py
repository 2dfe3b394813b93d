"""Publish/subscribe as people work with it: topics, publishing, queues, dead letters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Site, Visit
from tests.browser.pubsub_showroom import publish
from tests.browser.test_accessibility import faults_here
from tests.support.admin import create, invoke
from tests.support.browser import Visitor
from tests.support.environment import eventually
from zato.cli.component import client_of

pytestmark = pytest.mark.xdist_group('browser-1')

HOSTILE = '</pre><script>document.title = "owned"</script><img src=x onerror=alert(1)>'
PICKY = """
from zato.common.pubsub import PubSubReject
from zato.server.service import Service


class Picky(Service):
    name = 'picky.take'

    def handle(self):
        data = self.request.raw_request.data
        if 'bad' in data:
            raise PubSubReject(msg=f'Not {data}')
        self.logger.info('Picky took %s', data)


class Sender(Service):
    name = 'picky.send'

    def handle(self):
        self.pubsub.publish('picky.take', data=self.request.payload['data'])
"""


def row_of(visitor: Visitor, name: str) -> Locator:
    return visitor.page.get_by_role('main').get_by_role('row').filter(has_text=name)


def make_topic(site: Site, name: str, *, subscriber: str = '', **settings: Any) -> tuple[int, int]:
    """IDs of a topic, and of a subscription that clients pull from; 0 without a subscriber."""
    topic = create(site.environment, 'zato.pubsub.topic', name, **settings)['id']
    if not subscriber:
        return topic, 0
    create(site.environment, 'zato.pubsub.endpoint', subscriber, topic_patterns=f'sub={name}')
    made = create(
        site.environment,
        'zato.pubsub.subscription',
        f'Of {subscriber}',
        topic=name,
        endpoint=subscriber,
        delivery_method='pull',
    )
    return topic, made['id']


def send(site: Site, topic: str, *texts: Any, **options: Any) -> list[str]:
    client = replace(client_of(site.environment.server), user='jane', role='admin')
    return [publish(client, topic, text, **options) for text in texts]


def test_a_topic_is_made_published_to_and_its_message_is_found_in_the_queue(site: Site, visit: Visit) -> None:
    admin = visit(site)
    admin.go('/zato/')
    admin.choose('Pub/sub', 'Topics')
    admin.follow('Create a new Topic')
    admin.fill('Name', '/browser/new')
    admin.press('OK')
    admin.heading('/browser/new')
    admin.follow('Publish')
    admin.fill('Data', f'{{"text": "{HOSTILE[:20]}"}}')
    admin.page.get_by_label('Priority').select_option('9')
    admin.press('Publish')
    published = admin.page.locator('#published')
    expect(published).to_contain_text('Published: zpsm')
    assert faults_here(admin.page) == []
    expect(admin.page.get_by_role('textbox', name='Data')).to_have_value(f'{{"text": "{HOSTILE[:20]}"}}')
    admin.choose('Pub/sub', 'Topics')
    row = row_of(admin, '/browser/new')
    expect(row.get_by_role('link', name='1 messages of /browser/new wait')).to_be_visible()
    row.get_by_role('link', name='1 messages of /browser/new wait').click()
    admin.sees('1 message, in the order in which they are delivered')
    admin.page.get_by_role('link', name='zpsm').click()
    admin.sees('Priority')
    expect(admin.page.get_by_role('region', name='Data', exact=True)).to_contain_text(HOSTILE[:20])


def test_lists_follow_what_happens_without_anybody_doing_anything(site: Site, visit: Visit) -> None:
    topic, subscription = make_topic(site, '/browser/live', subscriber='Live reader')
    operator = visit(site, 'operator')
    operator.go('/zato/pubsub/topic/?query=browser%2Flive')
    expect(row_of(operator, '/browser/live')).to_contain_text('none yet')
    send(site, '/browser/live', 'one', 'two')
    expect(row_of(operator, '/browser/live').get_by_role('link', name='2 messages of')).to_be_visible()
    operator.go(f'/zato/pubsub/topic/{topic}/')
    expect(row_of(operator, 'Live reader')).to_contain_text('Clients ask for messages')
    operator.press('Pause Live reader')
    expect(row_of(operator, 'Live reader')).to_contain_text('Paused')
    (state,) = invoke(site.environment, 'zato.pubsub.subscription.get-state-list', {'ids': [subscription]})
    assert state['is_paused']
    operator.press('Resume Live reader')
    expect(row_of(operator, 'Live reader')).to_contain_text('Clients ask for messages')


def test_what_keyboards_are_on_stays_while_a_list_renews_itself(site: Site, visit: Visit) -> None:
    make_topic(site, '/browser/focus')
    operator = visit(site, 'operator')
    operator.go('/zato/pubsub/topic/?query=browser%2Ffocus')
    link = operator.page.get_by_role('link', name='Publish to /browser/focus')
    link.focus()
    with operator.page.expect_response(lambda response: '/zato/pubsub/topic/list/' in response.url):
        pass
    send(site, '/browser/focus', 'one')
    expect(row_of(operator, '/browser/focus').get_by_role('link', name='1 messages of')).to_be_visible()
    expect(operator.page.get_by_role('link', name='Publish to /browser/focus')).to_be_focused()
    operator.page.keyboard.press('Enter')
    expect(operator.page.get_by_role('textbox', name='Data')).to_be_visible()


def test_messages_are_ticked_deleted_and_moved_without_scripts(site: Site, visit: Visit) -> None:
    _, subscription = make_topic(site, '/browser/queue', subscriber='Queue reader')
    make_topic(site, '/browser/elsewhere')
    send(site, '/browser/queue', 'first', 'second', 'third', HOSTILE)
    admin = visit(site, java_script_enabled=False)
    admin.go(f'/zato/pubsub/subscription/{subscription}/queue/')
    admin.sees(HOSTILE)
    row_of(admin, 'second').get_by_role('checkbox').check()
    admin.press('Delete those ticked')
    admin.sees('Delete 1 message?')
    admin.press('Delete')
    admin.sees('1 message was deleted.')
    expect(row_of(admin, 'second')).to_have_count(0)
    admin.follow('Tick all')
    admin.press('Move or copy those ticked')
    admin.sees('Move or copy 3 messages')
    admin.page.get_by_label('Topic').fill('/browser/elsewhere')
    admin.press('OK')
    admin.sees('3 messages were moved to topic /browser/elsewhere.')
    admin.sees('No messages wait to be delivered.')
    admin.go('/zato/pubsub/topic/?query=browser%2Felsewhere')
    admin.page.get_by_role('link', name='3 messages of').click()
    admin.follow('Clear')
    admin.sees('3 that wait to be delivered')
    admin.press('Clear')
    admin.sees('3 messages were deleted.')


def test_a_message_is_edited_while_it_waits(site: Site, visit: Visit) -> None:
    _, subscription = make_topic(site, '/browser/edit', subscriber='Edit reader')
    (msg_id,) = send(site, '/browser/edit', {'total': 1})
    admin = visit(site)
    admin.go(f'/zato/pubsub/subscription/{subscription}/message/?msg_id={msg_id}')
    admin.follow('Edit')
    admin.fill('Data', '{"total": ')
    with admin.expecting(400):
        admin.press('OK')
        expect(admin.page.get_by_role('alert')).to_contain_text('JSON')
    admin.fill('Data', '{"total": 2}')
    admin.page.get_by_label('Priority').select_option('7')
    admin.press('OK')
    admin.sees('The message is changed')
    found = invoke(site.environment, 'zato.pubsub.queue.get-message', {'msg_id': msg_id, 'sub_id': subscription})
    assert (json.loads(found['data']), found['priority']) == ({'total': 2}, 7)


def test_dead_letters_are_found_downloaded_and_requeued(site: Site, visit: Visit, tmp_path: Path) -> None:
    environment = site.environment
    assert environment.deploy('picky.py', PICKY).code == 0
    for data in ('bad one', 'bad two', 'good one'):
        assert environment.invoke('picky.send', {'data': data}).status == 200
    eventually(lambda: _dead(site, '/zato/s/to/picky.take') == 2, 'two dead letters')
    operator = visit(site, 'operator')
    operator.go('/zato/service/overview/picky.take/')
    operator.page.get_by_role('main').get_by_role('link', name='2', exact=True).click()
    operator.heading('Dead letters')
    operator.sees('Not bad one')
    operator.sees('Rejected')
    with operator.page.expect_download() as download:
        operator.follow('Download')
    path = tmp_path / 'letters'
    download.value.save_as(path)
    assert {json.loads(line)['data'] for line in path.read_text().splitlines()} == {'bad one', 'bad two'}

    environment.deploy('picky.py', PICKY.replace("if 'bad' in data", "if 'bad two' in data"))
    row_of(operator, 'bad one').get_by_role('checkbox').check()
    operator.press('Requeue those ticked')
    operator.heading('Requeue 1 dead letter?')
    operator.press('Requeue')
    operator.sees('1 message is queued once more.')
    eventually(lambda: any(environment.log_has('Picky took bad one', server) for server in (0, 1)), 'the message')
    expect(operator.page.get_by_role('button', name='Delete those ticked')).to_have_count(0)
    eventually(lambda: _dead(site, '/zato/s/to/picky.take') == 1, 'one dead letter')

    admin = visit(site)
    admin.go('/zato/pubsub/dead-letter/')
    row_of(admin, 'bad two').get_by_role('checkbox').check()
    admin.press('Delete those ticked')
    admin.heading('Delete 1 dead letter?')
    admin.press('Delete')
    admin.sees('1 dead letter was deleted.')
    eventually(lambda: _dead(site, '/zato/s/to/picky.take') == 0, 'no dead letter')


def test_deleting_a_subscription_says_what_becomes_of_its_messages_and_that_is_true(site: Site, visit: Visit) -> None:
    topic, subscription = make_topic(site, '/browser/gone', subscriber='Gone reader')
    send(site, '/browser/gone', 'first order', 'second order')
    admin = visit(site)
    admin.go(f'/zato/pubsub/subscription/{subscription}/')
    admin.follow('Delete')
    admin.sees('2 messages that were not delivered yet become dead letters')
    admin.press('Delete it')
    admin.sees('has been deleted')
    eventually(lambda: _dead(site, '/browser/gone') == 2, 'dead letters')
    admin.go(f'/zato/pubsub/dead-letter/?topic_id={topic}')
    expect(row_of(admin, 'first order')).to_contain_text('Subscription deleted')
    admin.follow('Requeue all')
    admin.heading('Requeue all 2 dead letters?')
    admin.page.get_by_label('To another topic').fill('/browser/gone')
    admin.press('Requeue')
    admin.sees('2 messages are queued once more to topic /browser/gone.')


def test_what_a_topic_keeps_is_delivered_again(site: Site, visit: Visit) -> None:
    _, subscription = make_topic(site, '/browser/replay', subscriber='Replay reader', limit_retention=3600)
    send(site, '/browser/replay', 'one', 'two', 'three')
    invoke(site.environment, 'zato.pubsub.queue.clear', {'sub_id': subscription})
    admin = visit(site)
    admin.go(f'/zato/pubsub/subscription/{subscription}/replay/')
    admin.page.get_by_label('From this time on').fill('2020-01-01T00:00:00')
    admin.press('Deliver again')
    admin.sees('3 messages will be delivered again.')
    (state,) = invoke(site.environment, 'zato.pubsub.subscription.get-state-list', {'ids': [subscription]})
    assert state['depth'] == 3


def test_viewers_see_state_and_no_messages(site: Site, visit: Visit) -> None:
    topic, subscription = make_topic(site, '/browser/seen', subscriber='Seen reader')
    send(site, '/browser/seen', 'nobody may read this')
    viewer = visit(site, 'viewer')
    for path in ('topic/', f'topic/{topic}/', 'subscription/', f'subscription/{subscription}/', 'dead-letter/'):
        viewer.go(f'/zato/pubsub/{path}')
        expect(viewer.page.get_by_role('main')).not_to_contain_text('nobody may read this')
        expect(viewer.page.get_by_role('main').get_by_role('button', name='Pause')).to_have_count(0)
    for path in (f'topic/{topic}/publish/', f'subscription/{subscription}/queue/', f'topic/{topic}/messages/'):
        viewer.go(f'/zato/pubsub/{path}', 403)


def _dead(site: Site, topic: str) -> int:
    counts = invoke(site.environment, 'zato.pubsub.dead-letter.get-count-list')
    return sum(count['count'] for count in counts if count['topic_name'] == topic)
