"""What users choose for themselves: how pages look, their password, TOTP."""

from __future__ import annotations

import re
from base64 import b32decode
from typing import Any

import pyotp
import pytest

from tests.support.dashboard import Pages
from tests.unit.admin.security import security
from zato.admin.runtime import runtime

PASSWORD = 'correct-horse-9'
NEW = 'battery-staple-7'
SETTINGS, CHANGE_PASSWORD = '/account/settings/basic/', '/account/settings/password/'
TOTP, TOTP_OFF = '/account/settings/totp/', '/account/settings/totp/off/'
NOW = 1_800_000_015


@pytest.fixture
def user(pages: Pages) -> Any:
    return pages.user('viewer')


@pytest.fixture
def client(pages: Pages, user: Any) -> Any:
    return pages.client(user=user)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('zato.admin.accounts.totp.time', lambda: NOW)


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def shown_key(client: Any) -> str:
    found = re.search(r'id="totp-key">([A-Z2-7 ]+)<', text_of(client.get(TOTP)))
    assert found is not None
    return found[1].replace(' ', '')


def turn_on(client: Any, key: str = '', **given: str) -> Any:
    code = pyotp.TOTP(key or shown_key(client)).at(NOW)
    return client.post(TOTP, {'totp_code': code, 'password': PASSWORD, **given})


def test_preferences_are_kept(client: Any, user: Any) -> None:
    given = {'time_zone': 'Europe/Berlin', 'theme': 'dark', 'page_size': '100'}
    assert client.post(SETTINGS, given).status_code == 302
    user.refresh_from_db()
    assert (user.time_zone, user.theme, user.page_size) == ('Europe/Berlin', 'dark', 100)
    page = text_of(client.get(SETTINGS))
    assert 'data-theme="dark"' in page
    assert '<option value="Europe/Berlin" selected>' in page
    assert 'Saved.' in page


def test_preferences_that_there_are_not_are_refused_beside_the_field(client: Any, user: Any) -> None:
    answer = client.post(SETTINGS, {'time_zone': '../../etc/passwd', 'theme': 'pink', 'page_size': '999999'})
    assert answer.status_code == 422
    for name in ('time_zone', 'theme', 'page_size'):
        assert f'id="{name}_error"' in text_of(answer)
        assert f'<a href="#{name}">' in text_of(answer)
    user.refresh_from_db()
    assert (user.time_zone, user.theme, user.page_size) == ('UTC', 'system', 50)


def test_what_is_wrong_is_told_to_those_who_cannot_see_it(client: Any) -> None:
    answer = text_of(client.post(SETTINGS, {'time_zone': 'UTC', 'theme': 'pink', 'page_size': '50'}))
    tag = re.search(r'<select name="theme"[^>]*>', answer)
    assert tag is not None
    assert 'aria-invalid="true"' in tag[0]
    assert 'aria-describedby="theme_helptext theme_error"' in tag[0]


def test_a_new_password_takes_the_old_one(client: Any, user: Any) -> None:
    given = {'old_password': 'wrong', 'new_password': NEW, 'new_password_again': NEW}
    answer = client.post(CHANGE_PASSWORD, given)
    assert answer.status_code == 422
    assert 'This is not your password.' in text_of(answer)
    assert NEW not in text_of(answer)
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_a_new_password_ends_the_other_sessions_and_not_this_one(pages: Pages, client: Any, user: Any) -> None:
    other = pages.client(user=user)
    client = pages.client(user=user)
    before = client.cookies['zato_session'].value
    given = {'old_password': PASSWORD, 'new_password': NEW, 'new_password_again': NEW}
    assert client.post(CHANGE_PASSWORD, given).status_code == 302
    assert client.get(SETTINGS).status_code == 200
    assert client.cookies['zato_session'].value != before
    assert other.get(SETTINGS).status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW)


@pytest.mark.parametrize(
    ('new', 'again', 'field'),
    [
        ('short', 'short', 'new_password'),
        ('password123', 'password123', 'new_password'),
        ('the-viewer-1', 'the-viewer-1', 'new_password'),
        ('x' * 1_001, 'x' * 1_001, 'new_password'),
        ('a\0' + NEW, 'a\0' + NEW, 'new_password'),
        (NEW, NEW + '1', 'new_password_again'),
        ('', '', 'new_password'),
    ],
    ids=['short', 'common', 'like the name', 'long', 'null', 'different', 'empty'],
)
def test_bad_passwords_are_refused_beside_the_field(client: Any, user: Any, new: str, again: str, field: str) -> None:
    given = {'old_password': PASSWORD, 'new_password': new, 'new_password_again': again}
    answer = client.post(CHANGE_PASSWORD, given)
    assert answer.status_code == 422
    assert f'id="{field}_error"' in text_of(answer)
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_a_session_is_no_way_to_guess_the_password(pages: Pages, client: Any) -> None:
    security(lockout_after=3)
    for _ in range(3):
        turn_on(client, 'A' * 32, password='wrong')
    answer = client.post(CHANGE_PASSWORD, {'old_password': PASSWORD, 'new_password': NEW, 'new_password_again': NEW})
    assert answer.status_code == 422
    assert 'A wrong password was given too often. Wait' in text_of(answer)


def test_totp_is_on_once_a_code_has_been_given(pages: Pages, client: Any, user: Any, clock: None) -> None:
    other = pages.client(user=user)
    key = shown_key(client)
    assert len(b32decode(key)) >= 20
    user.refresh_from_db()
    assert not user.has_totp
    assert turn_on(client, key).status_code == 302
    user.refresh_from_db()
    assert runtime().cipher.decrypt(user.totp_key) == key
    assert client.get(SETTINGS).status_code == 200
    assert other.get(SETTINGS).status_code == 302


def test_the_code_that_turned_totp_on_is_used(pages: Pages, client: Any, user: Any, clock: None) -> None:
    key = shown_key(client)
    turn_on(client, key)
    given = {'username': user.username, 'password': PASSWORD, 'totp_code': pyotp.TOTP(key).at(NOW)}
    assert pages.client().post('/accounts/login/', given).status_code == 403


@pytest.mark.parametrize(
    ('given', 'field'),
    [({'totp_code': '000000'}, 'totp_code'), ({'password': 'wrong'}, 'password')],
    ids=['code', 'password'],
)
def test_totp_stays_off_if_anything_is_wrong(client: Any, user: Any, clock: None, given: dict[str, str], field: str) -> None:
    key = shown_key(client)
    answer = turn_on(client, key, **given)
    assert answer.status_code == 422
    assert f'id="{field}_error"' in text_of(answer)
    assert shown_key(client) == key, 'an app that has it already need not be told again'
    user.refresh_from_db()
    assert not user.has_totp


def test_a_new_key_takes_the_place_of_the_old_one(client: Any, user: Any, clock: None) -> None:
    first = shown_key(client)
    turn_on(client, first)
    second = shown_key(client)
    assert second != first
    user.refresh_from_db()
    assert runtime().cipher.decrypt(user.totp_key) == first
    turn_on(client, second)
    user.refresh_from_db()
    assert runtime().cipher.decrypt(user.totp_key) == second


def test_turning_totp_off_takes_the_password(client: Any, user: Any, clock: None) -> None:
    turn_on(client)
    assert client.post(TOTP_OFF, {'password': 'wrong'}).status_code == 422
    user.refresh_from_db()
    assert user.has_totp
    assert client.post(TOTP_OFF, {'password': PASSWORD}).status_code == 302
    user.refresh_from_db()
    assert not user.has_totp


def test_totp_cannot_be_turned_off_where_everybody_needs_it(client: Any, user: Any, clock: None) -> None:
    security(is_totp_required=True)
    turn_on(client)
    assert 'Turn TOTP off' not in text_of(client.get(SETTINGS))
    client.post(TOTP_OFF, {'password': PASSWORD})
    user.refresh_from_db()
    assert user.has_totp


def test_keys_are_encrypted_in_the_database_and_in_the_session(client: Any, user: Any, clock: None) -> None:
    key = shown_key(client)
    assert key not in str(dict(client.session))
    turn_on(client, key)
    user.refresh_from_db()
    assert key not in user.totp_key


def test_the_qr_code_is_an_image_that_the_policy_lets_in(client: Any) -> None:
    page = text_of(client.get(TOTP))
    assert '<img class="qr" src="data:image/svg+xml' in page
    assert 'style=' not in page
    assert '<svg' not in page


def test_two_changes_at_once_do_not_undo_one_another(pages: Pages, user: Any) -> None:
    from zato.admin.accounts import changes

    stale = type(user).objects.get(pk=user.pk)
    changes.change(user, role='operator')
    with pytest.raises(changes.NotAccepted, match='changed meanwhile'):
        changes.change(stale, password='md5$x')
