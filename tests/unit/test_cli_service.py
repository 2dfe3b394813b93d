"""`zato service cancel`: which servers it asks, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from zato.cli.error import FAILED, NO_FILE, CommandError
from zato.cli.main import cli
from zato.client.admin import ServerError, ServerUnreachable
from zato.common.component import ServerDirectory

NOT_RUNNING = ServerError('c', 404, 'No call with cid 5 is running on this server')


class FakeClient:
    def __init__(self, answer: int | Exception, asked: list[tuple[str, Any]]) -> None:
        self._answer = answer
        self._asked = asked

    def invoke(self, service: str, payload: Any) -> Any:
        self._asked.append((service, payload))
        if isinstance(self._answer, Exception):
            raise self._answer
        return {'cid': payload['cid'], 'cancelled': self._answer}


class Environment:
    """Servers by name: what they answer; None of a server that does not run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path, **servers: int | Exception | None) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._path = path
        directories = [ServerDirectory(path / name) for name in servers]

        def pid(server: ServerDirectory) -> int:
            return 0 if servers[server.name] is None else 7

        def client_of(server: ServerDirectory) -> FakeClient:
            answer = servers[server.name]
            assert answer is not None, 'it does not run'
            return FakeClient(answer, self.asked)

        for module in ('component', 'service'):
            monkeypatch.setattr(f'zato.cli.{module}.servers_of', lambda path: directories)
        monkeypatch.setattr('zato.cli.service.client_of', client_of)
        monkeypatch.setattr(ServerDirectory, 'running_pid', pid)

    def cancel(self, cid: str = '5') -> Result:
        return CliRunner().invoke(cli, ['service', 'cancel', cid, str(self._path)])


def test_all_servers_that_run_are_asked_and_those_that_had_such_calls_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = Environment(monkeypatch, tmp_path, server1=NOT_RUNNING, server2=None, server3=2, server4=1)
    result = environment.cancel()
    assert (result.exit_code, result.output) == (0, 'server3: 2 cancelled\nserver4: 1 cancelled\n')
    assert environment.asked == [('zato.service.cancel', {'cid': '5'})] * 3


def test_it_fails_if_nothing_was_running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = Environment(monkeypatch, tmp_path, server1=NOT_RUNNING, server2=NOT_RUNNING).cancel().exception
    assert isinstance(error, CommandError)
    assert (str(error), error.exit_code) == ('No call with cid 5 is running', FAILED)


def test_it_fails_if_no_server_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = Environment(monkeypatch, tmp_path, server1=None).cancel().exception
    assert isinstance(error, CommandError)
    assert error.exit_code == NO_FILE


def test_a_server_that_does_not_answer_does_not_keep_the_others_from_being_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    away = ServerUnreachable('No answer from localhost:1', was_sent=False)
    result = Environment(monkeypatch, tmp_path, server1=away, server2=1).cancel()
    assert (result.exit_code, result.stdout) == (0, 'server2: 1 cancelled\n')
    assert 'Warning: No answer from localhost:1; see ' in result.stderr


def test_other_errors_of_a_server_are_shown_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = ServerError('c', 403, 'User `admin.invoke` may not')
    assert Environment(monkeypatch, tmp_path, server1=error).cancel().exception is error


def test_the_path_is_the_current_directory_by_default() -> None:
    text = CliRunner().invoke(cli, ['service', 'cancel', '--help']).output
    assert 'service cancel [OPTIONS] CID [PATH]' in text
    assert 'by default the current directory' in ' '.join(text.split())
