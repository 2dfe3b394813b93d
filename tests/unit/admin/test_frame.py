"""What all pages of the dashboard have in common."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.dashboard import Pages
from zato.admin.page import page_of
from zato.admin.slow_clients import SMALL
from zato.client.admin import ServerError, ServerUnreachable


def _views() -> list[tuple[str, Any]]:
    from django.urls import get_resolver

    def walk(patterns: Any, prefix: str) -> list[tuple[str, Any]]:
        found = []
        for item in patterns:
            if hasattr(item, 'url_patterns'):
                found += walk(item.url_patterns, prefix + str(item.pattern))
            else:
                found.append((prefix + str(item.pattern), item.callback))
        return found

    return walk(get_resolver().url_patterns, '/')


def test_every_page_says_who_may_see_it(pages: Pages) -> None:
    assert [path for path, view in _views() if page_of(view) is None] == []


def test_the_only_pages_without_a_session_are_log_in_and_log_out(pages: Pages) -> None:
    public = {path for path, view in _views() if page_of(view)[0] == 'public'}  # type: ignore[index]
    assert public == {'/', '/accounts/login/', '/accounts/logout/'}


def test_without_a_session_pages_lead_to_the_log_in(pages: Pages) -> None:
    answer = pages.client().get('/zato/kind/channel-rest/?query=x')
    assert answer.status_code == 302
    assert answer.headers['Location'] == '/accounts/login/?next=%2Fzato%2Fkind%2Fchannel-rest%2F%3Fquery%3Dx'


def test_a_part_of_a_page_without_a_session_leads_the_whole_page_there(pages: Pages) -> None:
    answer = pages.client().get('/zato/kind/channel-rest/', headers={'HX-Request': 'true'})
    assert answer.headers['HX-Redirect'] == '/accounts/login/?ended=yes'


def test_pages_load_nothing_from_elsewhere_and_nothing_inline(pages: Pages) -> None:
    answer = pages.client().get('/accounts/login/')
    policy = answer.headers['Content-Security-Policy']
    assert "default-src 'none'" in policy
    assert 'unsafe' not in policy
    assert answer.headers['Cache-Control'] == 'no-store'
    assert answer.headers['X-Frame-Options'] == 'DENY'
    assert answer.headers['X-Content-Type-Options'] == 'nosniff'


@pytest.mark.parametrize(
    'error',
    [
        ServerUnreachable('No answer from 127.0.0.1:1: refused', was_sent=False),
        ServerUnreachable('No answer from 127.0.0.1:1: timed out', was_sent=True),
        ServerError('cid-1', 200, '<html>garbage'),
        ServerError('cid-2', 500, 'it failed'),
    ],
    ids=['refused', 'timed out', 'garbage', 'failed'],
)
def test_servers_that_fail_make_a_page_that_says_so(pages: Pages, error: Exception) -> None:
    pages.cluster.answers['zato.channel-rest.get-list'] = error
    answer = pages.client('admin').get('/zato/kind/channel-rest/')
    assert answer.status_code in (502, 503)
    text = answer.content.decode()
    assert 'Traceback' not in text
    assert '<html>garbage' not in text


@pytest.mark.parametrize('odd', [17, 'It works', [None], [{'colour': 'red'}]], ids=['number', 'text', 'null', 'others'])
def test_odd_answers_of_servers_make_a_page_that_says_so(pages: Pages, odd: Any) -> None:
    pages.cluster.answers['zato.channel-rest.get-list'] = {
        'response': odd,
        '_meta': {'total': 1, 'num_pages': 1, 'cur_page': 1},
    }
    pages.cluster.answers['zato.config.get-error-list'] = {}
    answer = pages.client('admin').get('/zato/kind/channel-rest/')
    assert answer.status_code == 502
    text = answer.content.decode()
    assert 'nothing that this dashboard understands' in text or 'something else than a list' in text


def test_forms_from_elsewhere_are_not_accepted(pages: Pages) -> None:
    answer = pages.client('admin', enforce_csrf_checks=True).post('/accounts/logout/')
    assert answer.status_code == 403
    assert 'Open it anew' in answer.content.decode()


@pytest.mark.parametrize(('role', 'most'), [('', SMALL), ('viewer', 50_000_000), ('admin', 50_000_000)])
def test_a_request_that_is_too_large_is_refused_before_it_is_read(pages: Pages, role: str, most: int) -> None:
    class Unread:
        def read(self, size: int = -1) -> bytes:
            raise AssertionError('it is read')

        readline = read

    client = pages.client(role, enforce_csrf_checks=True)
    sent = {'CONTENT_LENGTH': str(most + 1), 'wsgi.input': Unread()}
    assert (
        client.generic('POST', '/zato/service/upload/', content_type='multipart/form-data; boundary=x', **sent).status_code
        == 413
    )


def test_what_is_logged_of_a_problem_is_one_line(pages: Pages, caplog: pytest.LogCaptureFixture) -> None:
    pages.cluster.answers['zato.service.get-list'] = ServerError('c1', 404, 'no\n2026-01-01 00:00:00,000 - ERROR - made up')
    pages.client('viewer').get('/zato/service/overview/x%0D2026-01-01 00:00:00,000 - ERROR - made up/')
    found = [record.getMessage() for record in caplog.records if record.name.startswith('zato.admin')]
    assert len(found) == 1
    assert len(found[0].splitlines()) == 1
