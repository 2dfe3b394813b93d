"""Environments with a dashboard, a browser, and people with roles. Tests that share an environment must not harm it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.browser import Visitor, Watch, launch
from tests.support.environment import Environment, zato
from zato.common.config.kind import ROLES
from zato.common.config.secrets import Secrets

#: Of users other than admin. Jane is an admin, too.
PASSWORDS = {'viewer': 'Viewers-look-3f', 'operator': 'Operators-ping-9c', 'jane': 'Jane-may-all-77'}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--screenshots', type=Path, metavar='DIRECTORY', help='where pictures of the dashboard are put')


@dataclass
class Site:
    """An environment that runs. passwords: by users' names."""

    environment: Environment
    passwords: dict[str, str] = field(repr=False)
    sessions: dict[str, Any] = field(
        default_factory=dict, repr=False
    )  #: user → cookies of the first log-in, for further visits

    @property
    def origin(self) -> str:
        return f'http://127.0.0.1:{self.environment.web_admin_port}'

    def secrets(self) -> dict[str, str]:
        """Text → what it is."""
        found = {text: f'the password of {user}' for user, text in self.passwords.items()}
        for directory in (self.environment.server, self.environment.web_admin):
            known = Secrets(directory.secrets_conf, os.environ).all()
            found |= dict.fromkeys(known, f'a secret of {directory.secrets_conf}')
        return found


Visit = Callable[..., Visitor]


@pytest.fixture(scope='package')
def chromium() -> Iterator[Browser]:
    """Not for the whole session: while Playwright runs, no other event loop may in this thread."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


def open_site(path: Path, *, servers: int = 1, workers: int = 1) -> Site:
    environment = Environment(path, servers=servers, workers=workers, web_admin=True)
    shutil.copy(_database(servers, workers), environment.web_admin.database)
    site = Site(environment, {'admin': environment.admin_password, **PASSWORDS})
    try:
        at_once(
            lambda: _start_dashboard(environment),
            *(lambda number=number: _start_server(environment, number) for number in range(servers)),
        )
    except BaseException:
        environment.close()
        raise
    return site


def _start_dashboard(environment: Environment) -> None:
    started = zato('start', environment.web_admin.path)
    assert started.code == 0, started.err


def _start_server(environment: Environment, number: int) -> None:
    """Each has a variable that the others have not, ON_SERVER1 and so on."""
    environment.start(server=number, env={f'ON_SERVER{number + 1}': 'http://127.0.0.1:9'})


@cache
def _database(servers: int, workers: int) -> Path:
    """The dashboard's, with all users: it takes a second to make each of them."""
    root = Path(tempfile.mkdtemp(prefix='zato-users-'))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    environment = Environment(root / 'qs-1', servers=servers, workers=workers, web_admin=True)
    at_once(*(lambda user=user: _create_user(environment, user) for user in PASSWORDS))
    return environment.web_admin.database


def _create_user(environment: Environment, name: str) -> None:
    role = name if name in ROLES else 'admin'
    made = zato('create', 'user', environment.path, '--username', name, '--role', role, '--password', PASSWORDS[name])
    assert made.code == 0, made.err


def at_once(*functions: Callable[[], None]) -> None:
    """Raises what one of them has raised."""
    with ThreadPoolExecutor(len(functions)) as threads:
        for future in [threads.submit(function) for function in functions]:
            future.result()


@pytest.fixture(scope='package')
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two servers with one worker each, shared."""
    opened = open_site(tmp_path_factory.mktemp('site') / 'qs-1', servers=2)
    yield opened
    opened.environment.close()


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    """One server, which the test may harm."""
    opened = open_site(tmp_path / 'qs-1')
    yield opened
    opened.environment.close()


@dataclass
class People:
    """Who visits in one test. directory: for pictures of what they look at if the test fails."""

    directory: Path
    visitors: list[Visitor] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)

    def report(self) -> Iterator[tuple[str, str]]:
        for number, visitor in enumerate(self.visitors):
            yield f'Visitor {number}', visitor.save(self.directory, f'visitor-{number}')
        for site in self.sites:
            for component in (site.environment.web_admin, *site.environment.servers):
                yield f'The end of {component.log}', ''.join(component.log.read_text().splitlines(keepends=True)[-30:])


PEOPLE = pytest.StashKey[People]()


@pytest.fixture
def visit(request: pytest.FixtureRequest, chromium: Browser, tmp_path: Path) -> Iterator[Visit]:
    """Opens the dashboard for a user, logged in; '' is somebody who is not. Whatever is wrong on a page fails the test."""
    people = request.node.stash[PEOPLE] = People(tmp_path)

    def open_for(site: Site, user: str = 'admin', **options: Any) -> Visitor:
        watch = Watch(site.secrets())
        visitor = Visitor(chromium, site.origin, watch, storage_state=site.sessions.get(user), **options)
        people.visitors.append(visitor)
        if site not in people.sites:
            people.sites.append(site)
        if user and user not in site.sessions:
            visitor.go('/accounts/login/')
            visitor.log_in(user, site.passwords[user])
            visitor.page.wait_for_url('**/zato/')
            site.sessions[user] = visitor.context.storage_state()
        visitor.keep_session_secret()
        return visitor

    yield open_for
    for visitor in people.visitors:
        visitor.context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    result = yield
    if PEOPLE in item.stash:
        for visitor in item.stash[PEOPLE].visitors:
            visitor.check()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == 'call' and report.failed and PEOPLE in item.stash:
        report.sections += item.stash[PEOPLE].report()
    return report
