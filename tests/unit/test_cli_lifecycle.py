"""Which processes commands start and stop, in which order, and what they make of those that fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zato.cli import lifecycle
from zato.cli.component import components_of, servers_of, web_admin_of
from zato.cli.error import ALREADY_RUNNING, FAILED_TO_START, CommandError
from zato.cli.process import Launch
from zato.cli.web_admin import entry_of
from zato.common.component import Component, ComponentDirectory, ServerDirectory, write_info
from zato.common.config.server_conf import template


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Directories of two servers, of a dashboard, and of something else."""
    add(tmp_path, '', 'QUICKSTART')
    add(tmp_path, 'web-admin', 'WEB_ADMIN')
    add(tmp_path, 'server2', 'SERVER')
    add(tmp_path, 'server1', 'SERVER')
    (tmp_path / 'outbox').mkdir()
    return tmp_path


def add(path: Path, name: str, component: Component) -> None:
    (path / name).mkdir(exist_ok=True)
    write_info(path / name, component)


class Fake:
    """In place of a started process."""

    def __init__(self, component: ComponentDirectory, failure: CommandError | None) -> None:
        self.component = component
        self._failure = failure

    def wait_until_ready(self) -> None:
        if self._failure is not None:
            raise self._failure


def spawning(failures: dict[str, CommandError], spawned: list[str]) -> Callable[[ComponentDirectory, Launch], Any]:
    def spawn(component: ComponentDirectory, launch: Launch) -> Fake:
        spawned.append(component.name)
        return Fake(component, failures.get(component.name))

    return spawn


def test_an_environment_is_its_servers_and_its_dashboard_after_them(environment: Path) -> None:
    assert [item.name for item in components_of(environment)] == ['server1', 'server2', 'web-admin']
    assert [item.name for item in servers_of(environment)] == ['server1', 'server2']
    assert [item.name for item in components_of(environment / 'web-admin')] == ['web-admin']
    assert web_admin_of(environment).path == web_admin_of(environment / 'web-admin').path


def test_what_is_no_dashboard_or_has_several_is_told(environment: Path) -> None:
    with pytest.raises(CommandError, match=r'There is no dashboard in .*server1; zato create web-admin makes one'):
        web_admin_of(environment / 'server1')
    add(environment, 'other', 'WEB_ADMIN')
    with pytest.raises(CommandError, match=r'has several dashboards, name one of them: .*other, .*web-admin'):
        web_admin_of(environment)


def test_all_is_started_and_all_that_fails_is_told(
    environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spawned: list[str] = []
    failures: dict[str, CommandError] = {}
    monkeypatch.setattr(lifecycle, 'spawn', spawning(failures, spawned))
    lifecycle.start_all(environment, Launch())
    assert spawned == ['server1', 'server2', 'web-admin']
    assert capsys.readouterr().out == 'OK\n'

    failures['server2'] = CommandError('server2 did not start: it is running already', ALREADY_RUNNING)
    failures['web-admin'] = CommandError('web-admin did not start: no port', FAILED_TO_START)
    monkeypatch.setattr(ComponentDirectory, 'running_pid', lambda self: int(self.name == 'server2'))
    with pytest.raises(CommandError) as info:
        lifecycle.start_all(environment, Launch())
    assert str(info.value).splitlines() == [*map(str, failures.values()), 'Running: server2']
    assert info.value.exit_code == ALREADY_RUNNING


def test_what_cannot_be_run_at_all_keeps_nothing_else_from_starting(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawned: list[str] = []

    def spawn(component: ComponentDirectory, launch: Launch) -> Any:
        if component.name == 'server1':
            raise CommandError('server1 did not start: no permission')
        return spawning({}, spawned)(component, launch)

    monkeypatch.setattr(lifecycle, 'spawn', spawn)
    with pytest.raises(CommandError, match='server1 did not start: no permission'):
        lifecycle.start_all(environment, Launch())
    assert spawned == ['server2', 'web-admin']


def test_the_dashboard_is_stopped_first_and_one_that_hangs_does_not_keep_servers_running(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []

    def stop(component: ComponentDirectory) -> bool:
        stopped.append(component.name)
        if component.name == 'web-admin':
            raise CommandError('web-admin has not stopped')
        return True

    monkeypatch.setattr(lifecycle, 'stop_component', stop)
    with pytest.raises(CommandError, match=r'^web-admin has not stopped$'):
        lifecycle.stop_all(environment)
    assert stopped == ['web-admin', 'server2', 'server1']


@pytest.mark.parametrize(
    ('values', 'entry'),
    [
        ({'main': {'gunicorn_bind': '0.0.0.0:17010'}}, 'http://127.0.0.1:17010'),
        ({'main': {'gunicorn_bind': '10.0.0.7:17010'}}, 'http://10.0.0.7:17010'),
        ({'main': {'gunicorn_bind': '[::]:17010'}}, 'http://[::1]:17010'),
        ({'main': {'gunicorn_bind': '0.0.0.0:0'}}, '../server1'),
        ({'crypto': {'use_tls': True}}, '../server1'),
    ],
    ids=['any', 'one', 'ipv6', 'no-port', 'tls'],
)
def test_a_server_is_called_by_its_address_unless_that_says_too_little(
    environment: Path, values: dict[str, dict[str, Any]], entry: str
) -> None:
    server = ServerDirectory(environment / 'server1')
    server.repo.mkdir(parents=True)
    server.server_conf.write_text(template(values))
    assert entry_of(server, environment / 'web-admin') == entry


def test_a_server_in_another_place_is_named_by_its_whole_path(environment: Path, tmp_path_factory: Any) -> None:
    server = ServerDirectory(environment / 'server1')
    server.repo.mkdir(parents=True)
    server.server_conf.write_text(template({'main': {'gunicorn_bind': '0.0.0.0:0'}}))
    assert entry_of(server, tmp_path_factory.mktemp('other') / 'web-admin') == str(server.path)
