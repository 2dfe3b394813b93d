"""The page of changes."""

from __future__ import annotations

import pytest

from tests.support.dashboard import Pages
from tests.unit.admin.server_answers import change
from zato.client.admin import ServerError

LIST = 'zato.audit.get-list'


def test_the_page_shows_who_changed_what(pages: Pages) -> None:
    pages.cluster.answers[LIST] = [change()]
    text = pages.client('viewer').get('/zato/changes/').content.decode()
    for part in ('joan', 'my.channel', 'REST channel', 'URL path', '/a', '/b', '2026-11-22 11:00:00'):
        assert part in text


def test_what_users_have_written_is_escaped(pages: Pages) -> None:
    evil = '<script>alert(1)</script>'
    after = {'name': evil, 'is_active': True, 'url_path': evil}
    pages.cluster.answers[LIST] = [change(name=evil, who=evil, after=after)]
    text = pages.client('viewer').get('/zato/changes/').content.decode()
    assert evil not in text
    assert '&lt;script&gt;' in text


def test_filters_are_passed_on(pages: Pages) -> None:
    pages.cluster.answers[LIST] = []
    answer = pages.client('viewer').get(
        '/zato/changes/?kind=channel_rest&name=%20x%20&who=joan&object_id=5&action=edit&before_event=9'
    )
    assert pages.cluster.asked(LIST) == [
        {
            'kind': 'channel_rest',
            'action': 'edit',
            'name': 'x',
            'who': 'joan',
            'object_id': '5',
            'limit': 51,
            'before_event': 9,
        }
    ]
    assert 'No changes fit what you search for' in answer.content.decode()


def test_older_ones_are_on_the_next_page(pages: Pages) -> None:
    pages.cluster.answers[LIST] = [change(event) for event in range(100, 49, -1)]
    text = pages.client('viewer').get('/zato/changes/?who=joan').content.decode()
    assert 'href="/zato/changes/?who=joan&amp;before_event=51"' in text
    assert text.count('<time') == 50


def test_without_older_ones_there_is_no_next_page(pages: Pages) -> None:
    pages.cluster.answers[LIST] = [change(event) for event in range(100, 50, -1)]
    assert 'Older' not in pages.client('viewer').get('/zato/changes/').content.decode()


def test_an_empty_trail_says_what_will_be_there(pages: Pages) -> None:
    pages.cluster.answers[LIST] = []
    assert 'Nothing has been changed yet' in pages.client('viewer').get('/zato/changes/').content.decode()


def test_a_filter_that_the_server_refuses_is_told(pages: Pages) -> None:
    pages.cluster.answers[LIST] = ServerError('c1', 400, '`object_id` must be a number from 1')
    answer = pages.client('viewer').get('/zato/changes/?object_id=x')
    assert answer.status_code == 400
    assert 'must be a number from 1' in answer.content.decode()


@pytest.mark.parametrize('action', ['deploy', 'undeploy'])
def test_deployments_are_shown(pages: Pages, action: str) -> None:
    version = {'number': 2, 'sha256': 'ab'}
    old, new = ({'number': 1, 'sha256': 'cd'}, version) if action == 'deploy' else (version, None)
    pages.cluster.answers[LIST] = [change(kind='module', name='my_module', action=action, before=old, after=new)]
    text = pages.client('viewer').get('/zato/changes/').content.decode()
    assert 'my_module' in text
    assert 'Module' in text
    assert 'Version' in text
