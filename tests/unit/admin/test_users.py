"""Users, for admins."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from tests.support.dashboard import Pages
from zato.admin.runtime import runtime

LIST, CREATE = '/zato/users/', '/zato/users/create/'
GOOD = {'username': 'jane', 'email': 'jane@example.com', 'role': 'operator', 'new_password': 'battery-staple-7'}


@pytest.fixture
def client(pages: Pages) -> Any:
    return pages.client('admin')


@pytest.fixture
def jane(pages: Pages) -> Any:
    return pages.user('viewer', 'jane')


def find(name: str) -> Any:
    from zato.admin.accounts.models import User

    return User.objects.filter(username=name).first()


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def change(client: Any, user: Any, what: str, **given: str) -> Any:
    path = f'{LIST}{user.pk}/{what}/'
    return client.post(path, {'version': str(user.version), **given})


def messages_of(client: Any) -> str:
    return text_of(client.get(LIST))


def test_the_list_says_who_there_is_and_in_which_state(pages: Pages, client: Any, jane: Any) -> None:
    pages.user('viewer', '<b>evil</b>')
    off = pages.user('operator', 'off')
    off.is_active = False
    off.save()
    for _ in range(5):
        pages.client().post('/accounts/login/', {'username': 'jane', 'password': 'wrong', 'totp_code': ''})
    page = text_of(client.get(LIST))
    assert '&lt;b&gt;evil&lt;/b&gt;' in page
    assert '<b>evil' not in page
    assert page.count('>Inactive<') == 1
    assert page.count('Locked until') == 1


def test_a_user_is_created_with_the_password_that_was_typed(client: Any) -> None:
    assert client.post(CREATE, GOOD).status_code == 302
    jane = find('jane')
    assert (jane.role, jane.email) == ('operator', 'jane@example.com')
    assert jane.check_password('battery-staple-7')


def test_a_random_password_is_shown_once(client: Any) -> None:
    answer = client.post(CREATE, {**GOOD, 'new_password': ''})
    found = re.search(r'id="password">([^<]+)<', text_of(answer))
    assert found is not None
    assert find('jane').check_password(found[1])
    assert found[1] not in text_of(client.get(LIST))
    assert found[1] not in str(dict(client.session))


@pytest.mark.parametrize(
    ('given', 'field'),
    [
        ({'username': ''}, 'username'),
        ({'username': 'x' * 151}, 'username'),
        ({'username': 'a\nb'}, 'username'),
        ({'username': 'a\0b'}, 'username'),
        ({'username': ' jane'}, 'username'),
        ({'username': 'ja\u202ene'}, 'username'),
        ({'username': 'ja\u200bne'}, 'username'),
        ({'username': '\ufdfa' * 20}, 'username'),
        ({'username': 'THE-ADMIN'}, 'username'),
        ({'username': 'ｔｈｅ－ａｄｍｉｎ'}, 'username'),
        ({'email': 'jane'}, 'email'),
        ({'role': 'root'}, 'role'),
        ({'role': ''}, 'role'),
        ({'new_password': 'short'}, 'new_password'),
        ({'new_password': 'jane-jane'}, 'new_password'),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_is_not_valid_is_said_beside_its_field(client: Any, given: dict[str, str], field: str) -> None:
    answer = client.post(CREATE, {**GOOD, **given})
    assert answer.status_code == 422
    assert f'id="{field}_error"' in text_of(answer)
    assert find('jane') is None


def test_roles_change(client: Any, jane: Any) -> None:
    assert change(client, jane, 'role', role='operator').status_code == 302
    assert find('jane').role == 'operator'
    assert 'jane has the role operator now.' in messages_of(client)


def test_a_role_that_there_is_not_is_refused(client: Any, jane: Any) -> None:
    change(client, jane, 'role', role='root')
    assert find('jane').role == 'viewer'
    assert 'A role is one of' in messages_of(client)


def test_users_are_deactivated_and_activated(client: Any, jane: Any) -> None:
    change(client, jane, 'active', is_active='no')
    assert not find('jane').is_active
    change(client, find('jane'), 'active', is_active='yes')
    assert find('jane').is_active


def test_a_password_is_set_and_ends_the_lock(pages: Pages, client: Any, jane: Any) -> None:
    for _ in range(6):
        pages.client().post('/accounts/login/', {'username': 'jane', 'password': 'wrong', 'totp_code': ''})
    change(client, jane, 'password', new_password='battery-staple-7')
    given = {'username': 'jane', 'password': 'battery-staple-7', 'totp_code': ''}
    assert pages.client().post('/accounts/login/', given).status_code == 302


def test_a_bad_password_is_refused_beside_its_field(client: Any, jane: Any) -> None:
    answer = change(client, jane, 'password', new_password='short')
    assert answer.status_code == 422
    assert 'id="new_password_error"' in text_of(answer)


def test_a_random_password_of_another_user_is_shown_once(client: Any, jane: Any) -> None:
    answer = change(client, jane, 'password', new_password='')
    found = re.search(r'id="password">([^<]+)<', text_of(answer))
    assert found is not None
    assert find('jane').check_password(found[1])


def test_totp_of_a_user_is_turned_off(client: Any, jane: Any) -> None:
    jane.totp_key = runtime().cipher.encrypt('A' * 32)
    jane.save()
    change(client, jane, 'totp')
    assert not find('jane').has_totp


def test_unlock_ends_the_wait(pages: Pages, client: Any, jane: Any) -> None:
    for _ in range(5):
        pages.client().post('/accounts/login/', {'username': 'jane', 'password': 'wrong', 'totp_code': ''})
    assert '>Unlock<' in text_of(client.get(f'{LIST}{jane.pk}/'))
    change(client, jane, 'unlock')
    given = {'username': 'jane', 'password': 'correct-horse-9', 'totp_code': ''}
    assert pages.client().post('/accounts/login/', given).status_code == 302


def test_users_are_deleted(client: Any, jane: Any) -> None:
    change(client, jane, 'delete')
    assert find('jane') is None
    assert 'User jane has been deleted.' in messages_of(client)


def test_nobody_deletes_themselves(pages: Pages, client: Any) -> None:
    pages.user('admin', 'another')
    change(client, find('the-admin'), 'delete')
    assert find('the-admin') is not None
    assert 'You cannot delete yourself' in messages_of(client)


@pytest.mark.parametrize(
    ('what', 'given'), [('role', {'role': 'viewer'}), ('active', {'is_active': 'no'})], ids=['role', 'active']
)
def test_the_last_active_admin_stays_one(pages: Pages, client: Any, what: str, given: dict[str, str]) -> None:
    idle = pages.user('admin', 'idle')
    idle.is_active = False
    idle.save()
    change(client, find('the-admin'), what, **given)
    assert 'is the last active admin' in messages_of(client)
    pages.user('admin', 'another')
    change(client, find('the-admin'), what, **given)
    assert (find('the-admin').role, find('the-admin').is_active) != ('admin', True)


def test_the_last_active_admin_is_not_deleted_by_one_who_no_longer_is(pages: Pages) -> None:
    from zato.admin.accounts import changes

    with pytest.raises(changes.NotAccepted, match='last active admin'):
        changes.delete(pages.user('admin'))


@pytest.mark.parametrize('version', ['5', '', '-1', 'x', '9' * 30, '٣'])
def test_a_page_that_is_out_of_date_changes_nothing(client: Any, jane: Any, version: str) -> None:
    change(client, jane, 'role', role='admin', version=version)
    assert find('jane').role == 'viewer'
    assert 'has been changed meanwhile' in messages_of(client)


def test_a_user_who_is_gone_is_not_found(client: Any, jane: Any) -> None:
    for pk in (jane.pk + 1, 2**63, 2**200):
        assert client.get(f'{LIST}{pk}/').status_code == 404
        assert client.post(f'{LIST}{pk}/delete/').status_code == 404
    assert client.post(f'{LIST}{jane.pk}/fly/').status_code == 404
    assert client.get(f'{LIST}{jane.pk}/delete/').status_code == 405


def test_changes_are_logged_with_who_did_what_to_whom(client: Any, jane: Any, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    client.post(CREATE, {**GOOD, 'username': 'joe'})
    change(client, jane, 'role', role='operator')
    change(client, find('jane'), 'active', is_active='no')
    change(client, find('jane'), 'password', new_password='hunter2-hunter2')
    change(client, find('jane'), 'totp')
    change(client, find('jane'), 'unlock')
    change(client, find('jane'), 'delete')
    found = [record.action for record in caplog.records if hasattr(record, 'action')]
    assert found == [
        'users.create',
        'users.role',
        'users.deactivated',
        'users.password',
        'users.totp.off',
        'users.unlock',
        'users.delete',
    ]
    assert 'User the-admin has changed user jane: users.role, viewer to operator' in caplog.text
    for secret in ('hunter2', 'battery-staple'):
        assert secret not in caplog.text


def test_names_have_one_key_however_they_are_written() -> None:
    from hypothesis import given
    from hypothesis import strategies as st

    from zato.admin.accounts.models import name_key

    @given(st.text(max_size=20))
    def check(text: str) -> None:
        assert name_key(name_key(text)) == name_key(text)

    check()
