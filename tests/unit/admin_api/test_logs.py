"""`zato.log.*`: who may read logs, which files, and what requests may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.admin_services import AdminServices
from zato.common.exception import BadRequest, Forbidden, HTTPException, NotFound, ServiceUnavailable
from zato.common.log.record import MOST_TEXT
from zato.server.admin_api.log_files import LogFiles
from zato.server.security.principal import Principal
from zato.server.service import Service
from zato.server.service.compiled import compile_service

READ, LIST = 'zato.log.read', 'zato.log.get-list'
CID = 'a' * 24
TIME = '2026-11-22 11:15:53,141'


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    directory = tmp_path / 'logs'
    directory.mkdir()
    (tmp_path / 'secrets.conf').write_text('the secret key')
    (directory / 'server.log').write_text(
        f'{TIME} - INFO - 7:{CID} - my.service:14 - from its own logger\n'
        f'{TIME} - WARNING - 7:{CID} - my_mod:3 - from its module\n'
        f'{TIME} - ERROR - 7:Dummy-3 - zato.server:9 - Service my.service failed (cid: {CID})\nTraceback\n'
        f'{TIME} - INFO - 7:MainThread - zato.server:9 - Service my.service.other is something else\n'
    )
    return directory


@pytest.fixture
def api(logs: Path) -> Iterator[AdminServices]:
    own = type('Own', (Service,), {'name': 'my.service', '__module__': 'my_mod', 'handle': lambda self: None})
    files = LogFiles(logs)
    yield AdminServices(compile_service(own), logs=files)
    files.close()


def texts(api: AdminServices, **request: Any) -> list[str]:
    return [record['text'].partition('\n')[0] for record in api.call(READ, request)['records']]


def refused(api: AdminServices, error: type[HTTPException], **request: Any) -> str:
    with pytest.raises(error) as info:
        api.call(READ, request)
    return info.value.msg


@pytest.mark.parametrize('service', [READ, LIST])
def test_logs_are_for_operators(api: AdminServices, service: str) -> None:
    assert api.call(service, principal=Principal('op', 'operator'))
    with pytest.raises(Forbidden, match='User `bob` has role viewer'):
        api.call(service, principal=Principal('bob', 'viewer'))


def test_files_are_listed_with_size_and_time(api: AdminServices, logs: Path) -> None:
    (logs / 'server.log.1').write_bytes(b'12345')
    os.utime(logs / 'server.log.1', (0, 0))
    (logs / 'server.log.lock').touch()
    (logs / 'link').symlink_to('../secrets.conf')
    found = api.call(LIST)
    assert [file['name'] for file in found] == ['server.log', 'server.log.1']
    assert found[1] == {'name': 'server.log.1', 'size': 5, 'modified': '1970-01-01T00:00:00+00:00'}


def test_a_record_has_the_parts_of_its_line(api: AdminServices) -> None:
    answer = api.call(READ, {'limit': 2, 'level': 'warning'})
    first, second = answer['records']
    assert first.pop('position') == answer['first']
    assert first.pop('at').endswith(':53.141000+00:00')
    assert first == {
        'level': 'WARNING',
        'process': 7,
        'cid': CID,
        'logger': 'my_mod',
        'line': 3,
        'text': 'from its module',
    }
    assert second['text'] == f'Service my.service failed (cid: {CID})\nTraceback'
    assert second['cid'] == ''
    assert (answer['file'], answer['was_reset']) == ('server.log', False)


def test_a_services_records_are_those_of_its_logger_of_its_module_and_about_it(api: AdminServices) -> None:
    own, module, failed = 'from its own logger', 'from its module', f'Service my.service failed (cid: {CID})'
    assert texts(api, service='my.service') == [own, module, failed]
    assert texts(api, cid=CID) == [own, module, failed]
    assert texts(api, cid=CID, service='my.service', query='FROM', level='INFO') == [own, module]
    assert texts(api, service='unknown') == []
    assert texts(api, service='my.service.other') == ['Service my.service.other is something else']
    assert texts(api, cid=CID[1:]) == []


def test_positions_lead_back_and_on(api: AdminServices, logs: Path) -> None:
    answer = api.call(READ, {'limit': 1})
    assert not answer['is_complete']
    assert texts(api, before=answer['first'], limit=1) == [f'Service my.service failed (cid: {CID})']
    assert api.call(READ, {'before': answer['first']})['is_complete']
    assert texts(api, after=answer['last']) == []
    with (logs / 'server.log').open('a') as file:
        file.write(f'{TIME} - INFO - 7:x - y:1 - new\n')
    assert texts(api, after=answer['last']) == ['new']


def test_lines_of_the_access_log_have_their_time_and_cid(api: AdminServices, logs: Path) -> None:
    line = f'127.0.0.1 {CID}/0.004464 "my.channel" [22/Nov/2026:12:40:08 +0100] "GET /x HTTP/1.1" 200 27 "-" "curl"'
    (logs / 'http_access.log').write_text(f'{line}\n{line.replace("22/Nov", "32/Nov")}\n')
    first, second = api.call(READ, {'file': 'http_access.log'})['records']
    assert (first['at'], first['cid'], first['text']) == ('2026-11-22T11:40:08+00:00', CID, line)
    assert (second['at'], second['cid']) == ('', CID)
    assert len(texts(api, file='http_access.log', cid=CID)) == 2


@pytest.mark.parametrize(
    ('request_', 'text'),
    [
        ({'level': 'LOUD'}, 'There is no level `LOUD`; there are '),
        ({'limit': 1_001}, '`limit` must be a number from 1 to 1,000; got `1001`'),
        ({'limit': -1}, '`limit` must be a number from 1 to 1,000; got `-1`'),
        ({'before': 'x'}, '`before` must be a position from an earlier answer; got `x`'),
        ({'after': '1-2'}, '`after` must be a position from an earlier answer; got `1-2`'),
        ({'before': '1-2-3-4', 'after': '1-2-3-4'}, '`before` and `after` cannot be given together'),
        ({'query': ['x']}, "`query` must be text; got `['x']`"),
        ({'file': 7}, '`file` must be text; got `7`'),
    ],
)
def test_a_request_that_is_wrong_is_refused_with_what_is_wrong(
    api: AdminServices, request_: dict[str, Any], text: str
) -> None:
    assert refused(api, BadRequest, **request_).startswith(text)


def test_records_with_a_text_can_be_left_out(api: AdminServices, logs: Path) -> None:
    lines = [f'127.0.0.1 c{n}/0.1 "{channel}" [x] "GET / HTTP/1.1" 200 1 "-" "-"\n' for n, channel in enumerate('abab')]
    (logs / 'http_access.log').write_text(''.join(lines))
    assert [text.split()[2] for text in texts(api, file='http_access.log', without='"a"')] == ['"b"', '"b"']


@pytest.mark.parametrize('name', ['../secrets.conf', 'link', 'pipe', 'x\ny', '..', 'server.log.lock', '\ud800'])
def test_nothing_but_log_files_can_be_read(api: AdminServices, logs: Path, name: str) -> None:
    (logs / 'link').symlink_to('../secrets.conf')
    os.mkfifo(logs / 'pipe')
    (logs / 'server.log.lock').write_text('x')
    assert refused(api, NotFound, file=name).startswith('There is no log file `')


def test_what_no_text_can_be_is_not_found(api: AdminServices) -> None:
    assert texts(api, query='\ud800') == texts(api, cid='\ud800') == texts(api, service='\ud800') == []


def test_a_log_that_cannot_be_read_says_why(api: AdminServices, logs: Path) -> None:
    for file in logs.iterdir():
        file.unlink()
    logs.rmdir()
    assert 'No such file or directory' in refused(api, ServiceUnavailable)


def test_hostile_lines_take_no_time_and_break_nothing(api: AdminServices, logs: Path) -> None:
    head = f'{TIME} - A - 1:'.encode()
    lines = [head + b' - ' * MOST_TEXT, head + b':1 - ' * MOST_TEXT, head + b'x' * MOST_TEXT, b'\x00\xff"[' * 9_999]
    access = [b'1.1.1.1 c\xff/0.1 "x" [\xff] "', b'1 ' + b'2/3 "' * 9_999]
    with (logs / 'server.log').open('wb') as file:
        file.write(f'{TIME} - INFO - 7:x - y:1 - one\n'.encode() + b'\n'.join([*lines, *access]) + b'\n')
    assert texts(api)[0] == 'one'
    (logs / 'plain.log').write_bytes(b'\n'.join([*lines, *access]) + b'\n')
    assert len(texts(api, file='plain.log')) == len(lines) + len(access)
