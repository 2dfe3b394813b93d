"""Logging in: a session exists only after everything has been checked, and whoever is refused learns nothing."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pyotp
import pytest

from tests.support.dashboard import Pages
from tests.unit.admin.security import security
from zato.admin.runtime import runtime, set_runtime
from zato.common.crypto import Cipher, new_key

PASSWORD = 'correct-horse-9'
KEY = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
NOW = 1_800_000_015.0
ADDRESS = '/accounts/login/'
WRONG = 'The user name, the password or the code is not right.'


def log_in(client: Any, username: str = 'the-admin', password: str = PASSWORD, code: str = '', **more: Any) -> Any:
    given = {'username': username, 'password': password, 'totp_code': code}
    return client.post(more.pop('path', ADDRESS), given, **more)


def has_session(client: Any) -> bool:
    from django.contrib.sessions.models import Session

    return 'zato_session' in client.cookies and Session.objects.filter(pk=client.cookies['zato_session'].value).exists()


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.fixture
def user(pages: Pages) -> Any:
    return pages.user('admin')


@pytest.fixture
def with_totp(user: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    user.totp_key = runtime().cipher.encrypt(KEY)
    user.save()
    monkeypatch.setattr('zato.admin.accounts.totp.time', lambda: NOW)
    return user


def code(step: int = 0) -> str:
    return pyotp.TOTP(KEY).at(int(NOW) + 30 * step)


def test_the_right_password_begins_a_session(pages: Pages, user: Any) -> None:
    client = pages.client()
    answer = log_in(client)
    assert (answer.status_code, answer.headers['Location']) == (302, '/zato/')
    assert has_session(client)
    assert client.get('/zato/users/').status_code == 200


def test_a_name_may_be_written_in_any_case(pages: Pages) -> None:
    pages.user('admin', 'Émile')
    for name in ('émile', 'ÉMILE', 'E\u0301mile', ' émile '):
        assert log_in(pages.client(), name).status_code == 302, ascii(name)


def test_looking_at_the_log_in_page_begins_no_session(pages: Pages) -> None:
    client = pages.client()
    assert client.get(ADDRESS).status_code == 200
    assert 'zato_session' not in client.cookies


def test_whatever_is_wrong_the_answer_is_the_same(pages: Pages, with_totp: Any) -> None:
    inactive = pages.user('viewer', 'gone')
    inactive.is_active = False
    inactive.save()
    for name, password, given in (
        ('nobody', PASSWORD, ''),
        ('the-admin', 'wrong', code()),
        ('the-admin', PASSWORD, ''),
        ('the-admin', PASSWORD, '000000'),
        ('gone', PASSWORD, ''),
        ('', '', ''),
        ('a\0b', 'c\0d', 'e\0f'),
        ('x' * 5_000, 'y' * 5_000, '1' * 5_000),
        ('e\u0301' * 1_000, PASSWORD, ''),
        ('the-admin\n2026 - INFO', PASSWORD, ''),
    ):
        client = pages.client()
        answer = log_in(client, name, password, given)
        assert answer.status_code == 403, ascii(name[:20])
        assert WRONG in text_of(answer)
        assert not has_session(client)
        assert client.get('/zato/users/').status_code == 302


def test_a_password_is_hashed_for_whoever_does_not_exist(pages: Pages, user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, 'encode', lambda *args, **more: hashed.append(1) or encode(*args, **more))
    counts = []
    for name in ('nobody', 'the-admin'):
        hashed.clear()
        log_in(pages.client(), name, 'wrong')
        counts.append(len(hashed))
    assert counts == [1, 1]


def test_no_password_comes_back(pages: Pages, user: Any) -> None:
    assert 'typed-by-mistake' not in text_of(log_in(pages.client(), password='typed-by-mistake', code='typed-by-mistake'))


@pytest.mark.parametrize('step', [-1, 0, 1])
def test_a_code_may_be_a_step_early_or_late(pages: Pages, with_totp: Any, step: int) -> None:
    assert log_in(pages.client(), code=code(step)).status_code == 302


@pytest.mark.parametrize('given', [code(-2), code(2), '', '12345', code() + '0', '１２３４５６', 'abcdef', '-1', '0x1234'])
def test_other_codes_are_refused(pages: Pages, with_totp: Any, given: str) -> None:
    assert log_in(pages.client(), code=given).status_code == 403


def test_a_code_is_good_once(pages: Pages, with_totp: Any) -> None:
    assert log_in(pages.client(), code=f' {code()[:3]} {code()[3:]}').status_code == 302
    assert log_in(pages.client(), code=code()).status_code == 403
    assert log_in(pages.client(), code=code(-1)).status_code == 403
    assert log_in(pages.client(), code=code(1)).status_code == 302


def test_a_key_that_cannot_be_decrypted_lets_nobody_in(pages: Pages, with_totp: Any, caplog: Any) -> None:
    set_runtime(replace(runtime(), cipher=Cipher(new_key())))
    assert log_in(pages.client(), code=code()).status_code == 403
    assert 'TOTP key of user the-admin cannot be used' in caplog.text


def test_the_session_is_a_new_one(pages: Pages, user: Any) -> None:
    """Whoever has planted a session in the browser does not have the user's."""
    client = pages.client('viewer')
    planted = client.cookies['zato_session'].value
    log_in(client)
    assert client.cookies['zato_session'].value != planted
    stolen = pages.client()
    stolen.cookies['zato_session'] = planted
    assert stolen.get('/zato/users/').status_code == 302


def test_logging_in_again_as_the_same_user_ends_the_session_before(pages: Pages, user: Any) -> None:
    client = pages.client(user=user)
    before = client.cookies['zato_session'].value
    log_in(client)
    stolen = pages.client()
    stolen.cookies['zato_session'] = before
    assert stolen.get('/zato/users/').status_code == 302


def test_the_token_of_forms_changes(pages: Pages, user: Any) -> None:
    client = pages.client()
    client.get(ADDRESS)
    before = client.cookies['zato_csrf'].value
    log_in(client)
    assert client.cookies['zato_csrf'].value != before


def test_the_log_in_form_from_elsewhere_is_not_accepted(pages: Pages, user: Any) -> None:
    client = pages.client(enforce_csrf_checks=True)
    assert log_in(client).status_code == 403
    assert not has_session(client)


@pytest.mark.parametrize(
    ('wanted', 'leads_to'),
    [
        ('/zato/logs/?query=x', '/zato/logs/?query=x'),
        ('//elsewhere.example/x', '/zato/'),
        ('/\\elsewhere.example/x', '/zato/'),
        ('https://elsewhere.example/', '/zato/'),
        ('javascript:alert(1)', '/zato/'),
        ('zato/logs/', '/zato/'),
        ('\t//elsewhere.example', '/zato/'),
        ('/\t/elsewhere.example', '/zato/'),
        ('/a\r\nX-Header: 1', '/a%0D%0AX-Header:%201'),
        ('', '/zato/'),
    ],
)
def test_only_pages_of_the_dashboard_come_next(pages: Pages, user: Any, wanted: str, leads_to: str) -> None:
    answer = log_in(pages.client(), path=f'{ADDRESS}', query_params={'next': wanted})
    assert answer.headers['Location'] == leads_to


def test_who_is_logged_in_needs_no_log_in_page(pages: Pages) -> None:
    answer = pages.client('viewer').get(ADDRESS, query_params={'next': '/zato/logs/'})
    assert answer.headers['Location'] == '/zato/logs/'


def test_logging_out_ends_the_session_on_the_server(pages: Pages) -> None:
    client = pages.client('admin')
    stolen = pages.client()
    stolen.cookies['zato_session'] = client.cookies['zato_session'].value
    assert stolen.get('/zato/users/').status_code == 200
    assert client.post('/accounts/logout/').status_code == 302
    assert stolen.get('/zato/users/').status_code == 302


def test_logging_out_takes_a_post(pages: Pages) -> None:
    client = pages.client('admin')
    assert client.get('/accounts/logout/').status_code == 405
    assert client.get('/zato/users/').status_code == 200


def test_no_page_may_be_framed(pages: Pages, user: Any) -> None:
    for answer in (pages.client().get(ADDRESS), log_in(pages.client()), log_in(pages.client(), password='wrong')):
        assert answer.headers['X-Frame-Options'] == 'DENY'
        assert "frame-ancestors 'none'" in answer.headers['Content-Security-Policy']


def test_a_large_body_without_a_session_is_not_read(pages: Pages) -> None:
    assert log_in(pages.client(), 'x' * 100_000).status_code == 413


def test_after_failures_in_a_row_even_the_right_password_has_to_wait(pages: Pages, user: Any) -> None:
    security(lockout_after=3, lockout_time=60)
    assert [log_in(pages.client(), password='wrong').status_code for _ in range(2)] == [403, 403]
    third = log_in(pages.client(), password='wrong')
    assert 'Wait 1 min before you try again.' in text_of(third)
    assert third.headers['Retry-After'] == '60'
    refused = log_in(pages.client())
    assert refused.status_code == 429
    assert 0 < int(refused.headers['Retry-After']) <= 60
    assert 'too many failed log-ins with this user name' in text_of(refused)


def test_a_name_that_nobody_has_is_locked_just_the_same(pages: Pages, user: Any) -> None:
    security(lockout_after=2)
    seen = []
    for name in ('nobody', 'the-admin', 'NOBODY', 'THE-ADMIN', 'nobody', 'the-admin'):
        answer = log_in(pages.client(), name, 'wrong')
        seen.append((answer.status_code, answer.headers.get('Retry-After')))
    assert seen[::2] == seen[1::2]
    assert [status for status, _ in seen[::2]] == [403, 403, 429]


def test_a_wrong_code_counts_as_a_failure(pages: Pages, with_totp: Any) -> None:
    security(lockout_after=2)
    for _ in range(2):
        log_in(pages.client(), code='000000')
    assert log_in(pages.client(), code=code()).status_code == 429


def test_a_log_in_ends_the_row_of_failures(pages: Pages, user: Any) -> None:
    security(lockout_after=2)
    for _ in range(4):
        log_in(pages.client(), password='wrong')
        assert log_in(pages.client()).status_code == 302


def test_one_address_may_not_try_without_end(pages: Pages, user: Any) -> None:
    security(log_ins_per_minute=3)
    answers = [log_in(pages.client(), f'user-{n}').status_code for n in range(3)]
    assert answers == [403, 403, 403]
    refused = log_in(pages.client())
    assert refused.status_code == 429
    assert 0 < int(refused.headers['Retry-After']) <= 60
    assert log_in(pages.client(), REMOTE_ADDR='192.0.2.1').status_code == 302


def test_failures_are_logged_without_secrets_and_without_made_up_lines(pages: Pages, user: Any, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    security(lockout_after=2, log_ins_per_minute=4)
    for name in ('the-admin', 'the-admin', 'the-admin', 'x\n2026-01-01 INFO made up', 'y', 'z'):
        log_in(pages.client(), name, 'hunter2-hunter2', '424242')
    found = [(record.levelname, record.action) for record in caplog.records if hasattr(record, 'action')]
    assert found == [
        ('WARNING', 'log_in.failed'),
        ('WARNING', 'log_in.failed'),
        ('WARNING', 'log_in.locked'),
        ('WARNING', 'log_in.locked'),
        ('WARNING', 'log_in.failed'),
        ('WARNING', 'log_in.limited'),
    ]
    assert "Log-in of user 'the-admin' from 127.0.0.1 failed" in caplog.text
    assert not any('\n' in record.getMessage() for record in caplog.records)
    assert 'hunter2' not in caplog.text
    assert '424242' not in caplog.text


def test_what_is_nobodys_name_is_not_logged_as_it_may_be_a_password(pages: Pages, user: Any, caplog: Any) -> None:
    security(lockout_after=1)
    for _ in range(2):
        log_in(pages.client(), 'hunter2-hunter2', '')
    assert 'Log-in of an unknown user from 127.0.0.1 failed' in caplog.text
    assert 'an unknown user is locked for' in caplog.text
    assert 'hunter2' not in caplog.text
