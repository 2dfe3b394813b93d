"""How sessions end."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.support.dashboard import Pages
from tests.unit.admin.security import security
from zato.client.admin import ServerUnreachable

LOG_IN = '/accounts/login/'
PAGE = '/zato/users/'


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr('zato.admin.accounts.sessions.time', clock)
    monkeypatch.setattr('tests.support.dashboard.time', clock)
    return clock


def is_there(client: Any) -> bool:
    """A page that one may not see needs a session, too."""
    status = client.get(PAGE).status_code
    assert status in (200, 403, 302)
    return bool(status != 302)


def test_a_user_who_does_nothing_is_logged_out(pages: Pages, clock: Clock) -> None:
    client = pages.client('admin')
    for _ in range(5):
        clock.now += 3_500
        assert is_there(client)
    clock.now += 3_601
    assert not is_there(client)


def test_whose_session_has_ended_is_told_and_led_back_to_the_page(pages: Pages, clock: Clock) -> None:
    page = 'http://testserver/zato/kind/channel-rest/create/?clone=7'
    back = '/accounts/login/?next=%2Fzato%2Fkind%2Fchannel-rest%2Fcreate%2F%3Fclone%3D7&ended=yes'
    client = pages.client('admin')
    clock.now += 3_601
    poll = client.get('/zato/kind/channel-rest/', headers={'HX-Request': 'true', 'HX-Current-URL': page})
    assert poll.headers['HX-Redirect'] == back
    assert client.post('/zato/kind/channel-rest/create/', headers={'Referer': page}).headers['Location'] == back
    assert (
        client.post('/zato/kind/channel-rest/create/', headers={'Referer': 'http://[x'}).headers['Location']
        == f'{LOG_IN}?ended=yes'
    )
    assert 'Your session has ended' in client.get(back).content.decode()
    assert 'Your session has ended' not in client.get(LOG_IN).content.decode()


def test_a_short_timeout_does_not_end_the_session_of_somebody_who_is_there(pages: Pages, clock: Clock) -> None:
    security(session_timeout=10)
    client = pages.client('admin')
    for _ in range(6):
        clock.now += 5
        assert is_there(client)


def test_no_session_lasts_longer_than_a_day(pages: Pages, clock: Clock) -> None:
    client = pages.client('admin')
    for _ in range(24):
        clock.now += 3_590
        assert is_there(client)
    clock.now += 3_590
    assert not is_there(client)


def test_pages_that_browsers_ask_for_by_themselves_keep_nobody_logged_in(pages: Pages, clock: Clock) -> None:
    from tests.unit.admin.test_frame import _views

    polled = [path for path, view in _views() if view.zato_page.is_polled and '<' not in path]
    client = pages.client('admin')
    for _ in range(2):
        clock.now += 2_000
        for path in polled:
            client.get(path)
    assert not is_there(client)


def test_a_session_ends_on_the_server(pages: Pages, clock: Clock) -> None:
    from django.contrib.sessions.models import Session

    client = pages.client('admin')
    clock.now += 3_601
    client.get(PAGE)
    assert not Session.objects.exists()


def test_a_session_of_no_known_age_is_over(pages: Pages) -> None:
    from django.test import Client

    client = Client()
    client.force_login(pages.user('admin'))
    assert not is_there(client)


@pytest.mark.parametrize(
    'values',
    [{'password': 'md5$other'}, {'role': 'viewer'}, {'is_active': False}, {'totp_key': 'other'}],
    ids=['password', 'role', 'inactive', 'totp'],
)
def test_what_changes_who_one_is_ends_ones_sessions_at_once(pages: Pages, values: dict[str, Any]) -> None:
    from zato.admin.accounts import changes

    pages.user('admin', 'another')
    user = pages.user('admin')
    client = pages.client(user=user)
    assert is_there(client)
    changes.change(user, **values)
    assert not is_there(client)


def test_a_user_who_is_active_again_has_to_log_in_again(pages: Pages) -> None:
    from zato.admin.accounts import changes

    pages.user('admin', 'another')
    user = pages.user('admin')
    client = pages.client(user=user)
    changes.change(changes.change(user, is_active=False), is_active=True)
    assert not is_there(client)


def test_a_new_user_of_the_same_name_does_not_get_the_old_ones_session(pages: Pages) -> None:
    user = pages.user('viewer', 'jane')
    client = pages.client(user=user)
    user.delete()
    pages.user('viewer', 'jane')
    assert not is_there(client)


def test_who_needs_totp_sets_it_up_before_anything_else(pages: Pages) -> None:
    security(is_totp_required=True)
    client = pages.client('admin')
    for path in ('/zato/users/', '/zato/', '/account/settings/basic/'):
        assert client.get(path).headers['Location'] == '/account/settings/totp/', path
    fragment = client.get('/zato/users/', headers={'HX-Request': 'true'})
    assert fragment.headers['HX-Redirect'] == '/account/settings/totp/'
    assert client.post('/zato/users/create/', {}).status_code == 302
    assert client.get('/account/settings/totp/').status_code == 200
    assert client.post('/accounts/logout/').status_code == 302
    assert pages.cluster.calls == []


def test_servers_that_are_away_end_no_session(pages: Pages) -> None:
    pages.cluster.answers['zato.channel-rest.get-list'] = ServerUnreachable('away', was_sent=False)
    client = pages.client('admin')
    assert client.get('/zato/kind/channel-rest/').status_code == 503
    assert is_there(client)


def test_a_path_cannot_make_up_a_line_of_the_log(pages: Pages, caplog: Any) -> None:
    caplog.set_level(logging.INFO, 'zato_access_log')
    pages.client().get('/a%0A127.0.0.1%20-%20GET%20/made-up\u2028x')
    [line] = [record.getMessage() for record in caplog.records if record.name == 'zato_access_log']
    assert '"GET /a%0A127.0.0.1%20-%20GET%20/made-up%E2%80%A8x" 404' in line


@pytest.mark.parametrize(
    ('bind', 'name'), [('0.0.0.0:8183', 'zato_session'), ('[::]:8283', 'zato_session_8283'), ('0.0.0.0:0', 'zato_session')]
)
def test_dashboards_on_one_host_have_cookies_of_their_own(bind: str, name: str) -> None:
    from zato.admin.django_settings import cookie_name

    assert cookie_name('zato_session', bind) == name
