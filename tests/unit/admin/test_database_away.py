"""The dashboard's own database, while it cannot be written, or not even read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.db.backends.sqlite3.base import SQLiteCursorWrapper

from tests.support.dashboard import Pages

_LIST = 'zato.channel-rest.get-list'
_NOTHING = {'response': [], '_meta': {'total': 0}}


def make_unwritable(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.contrib.sessions.models import Session

    def save(*arguments: Any, **options: Any) -> None:
        raise OperationalError('attempt to write a readonly database')

    monkeypatch.setattr(Session, 'save', save)


def test_what_was_done_is_told_though_the_session_cannot_be_written(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pages.cluster.answers['zato.channel-rest.edit'] = {'id': 1, 'name': 'orders'}
    client = pages.client('admin')
    make_unwritable(monkeypatch)
    answer = client.post('/zato/kind/channel-rest/1/active/', {'is_active': 'no'})
    assert answer.status_code == 302
    assert 'readonly' in caplog.text


def test_a_page_is_shown_though_it_cannot_be_written_when_its_user_was_last_there(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zato.admin.accounts.sessions import SEEN

    pages.cluster.answers[_LIST] = _NOTHING
    client = pages.client('viewer')
    session = client.session
    session[SEEN] -= 100
    session.save()
    make_unwritable(monkeypatch)
    assert client.get('/zato/kind/channel-rest/').status_code == 200


def test_a_session_that_was_ended_meanwhile_is_not_written(pages: Pages) -> None:
    from django.contrib.sessions.models import Session

    def end(payload: Any) -> Any:
        Session.objects.all().delete()
        return {'id': 1, 'name': 'orders'}

    pages.cluster.answers['zato.channel-rest.edit'] = end
    client = pages.client('admin')
    assert client.post('/zato/kind/channel-rest/1/active/', {'is_active': 'no'}).status_code == 400
    assert client.get('/zato/kind/channel-rest/').status_code == 302
    assert Session.objects.count() == 0


@pytest.mark.parametrize('headers', [{}, {'HX-Request': 'true'}], ids=['page', 'part'])
@pytest.mark.parametrize('path', ['/zato/', '/accounts/login/', '/account/settings/basic/', '/zato/kind/channel-rest/'])
def test_without_its_database_the_dashboard_says_what_is_wrong(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, path: str, headers: dict[str, str]
) -> None:
    client = pages.client('admin')

    def execute(*arguments: Any) -> None:
        raise OperationalError('no such table: django_session')

    monkeypatch.setattr(SQLiteCursorWrapper, 'execute', execute)
    answer = client.get(path, headers=headers)
    text = answer.content.decode()
    monkeypatch.undo()
    assert answer.status_code == 503
    assert 'database' in text
    assert ('<html' in text) is (not headers)


def test_what_sqlite_needs_to_read_stays_there_for_when_the_disk_is_full(pages: Pages, tmp_path: Path) -> None:
    from zato.admin.accounts.database import keep_open

    file, needed = tmp_path / 'web-admin.db', tmp_path / 'web-admin.db-shm'
    with closing(sqlite3.connect(file)) as made:
        made.execute('PRAGMA journal_mode = WAL')
        made.execute('CREATE TABLE users (name)')
    assert not needed.exists()
    held = keep_open(file)
    assert held is not None
    with closing(held), closing(sqlite3.connect(file)) as other:
        other.execute('SELECT name FROM users')
        other.close()
        assert needed.exists()
    assert keep_open(tmp_path) is None
