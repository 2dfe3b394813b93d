"""People in front of the dashboard: Chromium, a context of its own for each of them, and a watch over what they are sent.

A page must not make the browser complain (it does where the Content-Security-Policy is broken), no request may fail that a
test does not expect to, no page may show a traceback, and neither a response nor an address may have a secret.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Playwright, Request, Response, expect
from playwright.sync_api import Error as PlaywrightError

from tests.support.environment import PATIENCE

WIDE = {'width': 1280, 'height': 800}
PHONE = {'width': 390, 'height': 844}

_ARGUMENTS = (
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
)
_TEXTS = ('text/', 'application/json', 'application/yaml')
#: What is said of statuses, which are looked at by themselves, and of polls that end where their page is left.
_HARMLESS = ('Failed to load resource', 'Response Status Error Code', 'htmx:sendAbort', 'htmx:afterRequest')
_TRACEBACK = 'Traceback (most recent call last)'

expect.set_options(timeout=PATIENCE * 1000)


def launch(playwright: Playwright) -> Browser:
    """Headless, with an empty profile."""
    path = shutil.which('chromium')
    assert path, 'Chromium is missing: scripts/system-packages test'
    return playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))


@dataclass
class Watch:
    """secrets: text → what it is. expected: statuses above 399 that are no problem.

    may_show_tracebacks: do pages show those of users' own code?
    """

    secrets: dict[str, str]
    expected: set[int] = field(default_factory=set)
    may_show_tracebacks: bool = False
    problems: list[str] = field(default_factory=list)
    texts: int = 0  #: how many responses were read

    def over(self, context: BrowserContext) -> None:
        context.on('console', self._console)
        context.on('weberror', lambda error: self.problems.append(f'JavaScript: {error.error}'))
        context.on('requestfailed', self._failed)
        context.on('response', self._response)
        context.on('requestfinished', self._finished)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ('error', 'warning') and not message.text.startswith(_HARMLESS):
            self.problems.append(f'The browser complains: {message.text} ({message.location})')

    def _failed(self, request: Request) -> None:
        """What is under way when a page is left is aborted."""
        if request.failure != 'net::ERR_ABORTED':
            self.problems.append(f'{request.method} {request.url}: {request.failure}')

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.problems.append(f'{response.request.method} {response.url}: status {response.status}')
        self._look('The address', unquote_plus(response.url))

    def _finished(self, request: Request) -> None:
        try:
            response = request.response()
            if response is None or not response.headers.get('content-type', '').startswith(_TEXTS):
                return
            if 300 <= response.status < 400 or '/static/' in request.url:
                return
            text = response.text()
        except PlaywrightError:
            return  # the page has been left meanwhile
        self.texts += 1
        where = f'{request.method} {request.url}'
        self._look(where, text)
        if _TRACEBACK in text and not self.may_show_tracebacks:
            self.problems.append(f'{where} shows a traceback')

    def _look(self, where: str, text: str) -> None:
        self.problems += [f'{where} has {what}' for secret, what in self.secrets.items() if secret in text]


class Visitor:
    """One person. page: the window that they look at first."""

    def __init__(self, browser: Browser, origin: str, watch: Watch, **options: Any) -> None:
        """origin: of the dashboard, http://HOST:PORT. options: of the context."""
        defaults: dict[str, Any] = {'viewport': WIDE, 'color_scheme': 'light', 'reduced_motion': 'reduce'}
        self.context = browser.new_context(base_url=origin, **{**defaults, **options})
        self.context.set_default_timeout(PATIENCE * 1000)
        self.watch = watch
        watch.over(self.context)
        self.page = self.context.new_page()

    def go(self, path: str, status: int = 200) -> None:
        """status: that the page must come with; above 399 it is no problem."""
        with self.expecting(*([status] if status >= 400 else [])):
            response = self.page.goto(path)
        assert response is not None
        assert response.status == status, (path, response.status, self.page.inner_text('body')[:2000])

    def log_in(self, username: str, password: str, totp_code: str = '') -> None:
        """On the log-in page. Whether it was successful is for the caller to see."""
        self.page.get_by_label('User name').fill(username)
        self.page.get_by_label('Password').fill(password)
        self.page.get_by_label('TOTP code').fill(totp_code)
        self.press('Log in')

    def keep_session_secret(self) -> None:
        """The session that they have now is not to be seen either."""
        for cookie in self.context.cookies():
            if cookie.get('name') == 'zato_session':
                self.watch.secrets[cookie.get('value', '')] = 'the session cookie'

    def fill(self, name: str, text: str) -> None:
        """The input of exactly that name, which is its label."""
        self.page.get_by_role('textbox', name=name, exact=True).fill(text)

    def press(self, name: str) -> None:
        """The button of exactly that name."""
        self.page.get_by_role('button', name=name, exact=True).click()

    def follow(self, name: str) -> None:
        """The first link of exactly that name in the page's main part."""
        self.page.get_by_role('main').get_by_role('link', name=name, exact=True).first.click()

    def choose(self, *names: str) -> None:
        """In the menu: open menus up to the last name, which is a link."""
        place: Locator = self.page.get_by_role('navigation', name='Main')
        *menus, link = names
        for name in menus:
            place = place.locator(f'li > details:has(> summary:text-is("{name}"))')
            if not place.evaluate('menu => menu.open'):
                place.locator('> summary').click()
        place.get_by_role('link', name=link, exact=True).click()

    def sees(self, text: str) -> None:
        """In the page's main part, now or soon."""
        expect(self.page.get_by_role('main')).to_contain_text(text, use_inner_text=True)

    def heading(self, name: str) -> None:
        """The page's is this one, now or soon."""
        expect(self.page.get_by_role('heading', level=1, name=name, exact=True)).to_be_visible()

    @contextmanager
    def expecting(self, *statuses: int) -> Iterator[None]:
        before = set(self.watch.expected)
        self.watch.expected |= set(statuses)
        try:
            yield
            self.flush()
        finally:
            self.watch.expected = before

    def flush(self) -> None:
        """Let all events that have happened so far be seen."""
        for page in self.context.pages:
            page.evaluate('null')

    def check(self) -> None:
        """Raises AssertionError with all that was wrong so far."""
        self.flush()
        assert not self.watch.problems, '\n'.join(dict.fromkeys(self.watch.problems))

    def save(self, directory: Path, name: str) -> str:
        """Pictures and HTML of what they look at; returns where these are."""
        lines = []
        for number, page in enumerate(self.context.pages):
            path = directory / f'{name}-{number}'
            try:
                page.screenshot(path=path.with_suffix('.png'), full_page=True)
                path.with_suffix('.html').write_text(page.content(), encoding='utf-8')
            except PlaywrightError as e:
                lines.append(f'{page.url}: {e}')
            else:
                lines.append(f'{page.url}: {path}.png, {path}.html')
        return '\n'.join([*lines, *self.watch.problems])
