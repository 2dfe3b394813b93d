"""Uploading services."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.support.dashboard import Pages
from tests.unit.admin.service_answers import PATH, version
from zato.client.admin import ServerError, ServerUnreachable

ADDRESS = '/zato/service/upload/'


def uploaded(**changed: Any) -> dict[str, Any]:
    return {
        'is_ok': True,
        'error': '',
        **version(),
        'is_changed': True,
        'warnings': [],
        'pending': [],
        'failed': {},
        **changed,
    }


def refused(error: str, **changed: Any) -> dict[str, Any]:
    return {'is_ok': False, 'error': error, 'path': PATH, 'line': 3, 'details': 'Traceback', **changed}


def send(pages: Pages, *files: tuple[str, bytes]) -> str:
    data = {'files': [SimpleUploadedFile(name, text) for name, text in files]}
    answer = pages.client('admin').post(ADDRESS, data)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_each_file_is_sent_as_it_is_and_what_came_of_it_is_said(pages: Pages) -> None:
    sent: dict[str, bytes] = {}

    def deploy(payload: Any) -> Any:
        sent[payload['payload_name']] = b64decode(payload['payload'])
        if payload['payload_name'] == 'bad.py':
            return refused(f'{PATH}:3: SyntaxError: no', details='Traceback <of> it')
        return uploaded(warnings=['a warning'], pending=['server2:1'], failed={'server1:2': {'Module `crm`': 'no disk'}})

    pages.cluster.answers['zato.service.upload-package'] = deploy
    text = send(pages, ('crm.py', b'\xff\r\nx'), ('bad.py', b''))
    assert sent == {'crm.py': b'\xff\r\nx', 'bad.py': b''}
    for expected in ('crm.py: deployed', 'version 4 of module crm', '/zato/service/overview/crm.get-customer/', 'a warning'):
        assert expected in text
    assert 'server2:1' in text
    assert 'no disk' in text
    for expected in ('bad.py: not deployed', 'Line 3: SyntaxError: no', 'Traceback &lt;of&gt; it', 'Nothing has changed'):
        assert expected in text


def test_what_is_active_already_is_said_to_have_changed_nothing(pages: Pages) -> None:
    pages.cluster.answers['zato.service.upload-package'] = uploaded(is_changed=False)
    assert 'Nothing has changed: version 4 of module crm is active already.' in send(pages, ('crm.py', b''))


def test_a_file_that_imports_a_later_one_is_tried_again_once_that_is_deployed(pages: Pages) -> None:
    tried: list[str] = []

    def deploy(payload: Any) -> Any:
        tried.append(payload['payload_name'])
        is_missing = payload['payload_name'] == 'a.py' and 'b.py' not in tried
        return refused('No module named b') if is_missing else uploaded()

    pages.cluster.answers['zato.service.upload-package'] = deploy
    text = send(pages, ('a.py', b'import b'), ('b.py', b''))
    assert tried == ['a.py', 'b.py', 'a.py']
    assert 'not deployed' not in text


def test_files_that_cannot_be_deployed_are_not_tried_for_ever(pages: Pages) -> None:
    pages.cluster.answers['zato.service.upload-package'] = refused('broken')
    send(pages, ('a.py', b''), ('b.py', b''))
    assert len(pages.cluster.asked('zato.service.upload-package')) == 2


@pytest.mark.parametrize(
    ('error', 'text'),
    [
        (ServerError('c', 400, 'The name of the file must be'), 'The name of the file must be'),
        (ServerUnreachable('No answer from server1', was_sent=True), 'It may have been deployed nevertheless'),
        (ServerUnreachable('No answer from server1', was_sent=False), 'No answer from server1'),
    ],
    ids=['refused', 'sent', 'away'],
)
def test_a_failure_is_that_of_its_file_alone(pages: Pages, error: Exception, text: str) -> None:
    def deploy(payload: Any) -> Any:
        if payload['payload_name'] == 'a.py':
            raise error
        return uploaded()

    pages.cluster.answers['zato.service.upload-package'] = deploy
    shown = send(pages, ('a.py', b''), ('b.py', b''))
    assert text in shown
    assert 'b.py: deployed' in shown


def test_a_file_that_is_too_large_is_not_sent(pages: Pages) -> None:
    assert 'larger than 20,000,000 bytes' in send(pages, ('a.py', b'x' * 20_000_001))
    assert pages.cluster.calls == []


def test_without_a_file_the_form_says_so(pages: Pages) -> None:
    answer = pages.client('admin').post(ADDRESS)
    assert 'Choose at least one file' in answer.content.decode()
    assert 'aria-invalid="true"' in answer.content.decode()


def test_a_path_in_a_name_is_not_sent(pages: Pages) -> None:
    pages.cluster.answers['zato.service.upload-package'] = uploaded()
    send(pages, ('../../x.py', b''))
    assert [item['payload_name'] for item in pages.cluster.asked('zato.service.upload-package')] == ['x.py']
