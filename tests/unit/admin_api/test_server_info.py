"""`zato.server.get-info`: answers with what there is, whatever is away."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.admin_services import ADMIN, AdminServices
from zato.common.component import ServerDirectory
from zato.common.exception import BadRequest
from zato.common.odb.database import ODBUnavailable
from zato.common.version import version
from zato.server.admin_api.context import ServerFacts
from zato.server.process.worker_info import resident_memory, summary
from zato.server.security.principal import Principal

GET_INFO = 'zato.server.get-info'


class ODBStandIn:
    def __init__(self, error: str = '') -> None:
        self._error = error

    def read(self, work: Callable[[Any], Any], *, timeout: float) -> int:
        if self._error:
            raise ODBUnavailable(msg=self._error)
        return 17


class Workers:
    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = answers
        self.with_modules = False

    def summaries(self, *, with_modules: bool) -> list[dict[str, Any]]:
        self.with_modules = with_modules
        return list(self.answers)


def services(directory: Path, *answers: dict[str, Any], odb_error: str = '') -> tuple[AdminServices, Workers]:
    facts = ServerFacts(name='server1', cluster='main', directory=ServerDirectory(directory))
    workers = Workers(*answers)
    return AdminServices(facts=facts, calls=workers, odb=ODBStandIn(odb_error)), workers


def call(seconds: float, cid: str = 'other') -> dict[str, Any]:
    return {'service': 'x', 'cid': cid, 'seconds': seconds}


def test_it_has_what_the_workers_say_but_for_the_call_itself(tmp_path: Path) -> None:
    (tmp_path / 'work').mkdir()
    (tmp_path / 'work' / 'address').write_text('0.0.0.0:17010\n')
    (tmp_path / 'pidfile').write_text('1')
    os.utime(tmp_path / 'pidfile', (0, 0))
    hung = {'pid': 2, 'error': 'No answer from worker-2.sock: timed out'}
    api, workers = services(
        tmp_path, {'pid': 1, 'running': [call(0, 'c1'), call(9), call(0, 'c1')], 'running_count': 3}, hung
    )
    info = api.call(GET_INFO, principal=Principal('bob', 'viewer'))
    assert info['workers'] == [{'pid': 1, 'running': [call(9)], 'running_count': 1}, hung]
    assert not workers.with_modules
    assert (info['server'], info['cluster'], info['version'], info['address']) == (
        'server1',
        'main',
        version,
        '0.0.0.0:17010',
    )
    assert (info['started'], info['pid'], info['last_event']) == ('1970-01-01T00:00:00+00:00', os.getppid(), 17)
    assert info['uptime_seconds'] > 0
    assert api.call(GET_INFO, {'with_modules': True}, principal=ADMIN)
    assert workers.with_modules


def test_it_answers_without_the_odb_and_while_the_server_stops(tmp_path: Path) -> None:
    api, _ = services(tmp_path, odb_error='no answer in 2 s')
    info = api.call(GET_INFO)
    assert (info['last_event'], info['odb_error']) == (None, 'no answer in 2 s')
    assert (info['started'], info['uptime_seconds'], info['address']) == (None, None, '')


def test_what_is_no_boolean_is_refused(tmp_path: Path) -> None:
    api, _ = services(tmp_path)
    with pytest.raises(BadRequest, match=r'`with_modules` .*; got `perhaps`'):
        api.call(GET_INFO, {'with_modules': 'perhaps'})


def module(number: int, error: str = '') -> dict[str, Any]:
    return {'module': f'm{number}', 'services': ['a', 'b'], 'error': error}


def test_a_summary_counts_everything_and_lists_what_matters() -> None:
    info = {
        'pid': 1,
        'modules': [*(module(number) for number in range(300)), module(300, 'no')],
        'running': [call(number) for number in range(300)],
        'alarms': [{'subject': str(number)} for number in range(300)],
    }
    found = summary(info, with_modules=False)
    assert (found['pid'], found['module_count'], found['service_count']) == (1, 301, 602)
    assert found['modules'] == [module(300, 'no')]
    assert (found['running_count'], len(found['running']), found['running'][0]) == (300, 100, call(299))
    assert (found['alarm_count'], len(found['alarms']), found['alarms'][-1]) == (300, 100, {'subject': '299'})
    assert summary(info, with_modules=True)['modules'] == info['modules']


def test_memory_is_what_the_process_has_now() -> None:
    assert 1_000_000 < resident_memory() < 100_000_000_000
