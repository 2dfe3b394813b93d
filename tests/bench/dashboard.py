"""The dashboard: how soon the page of a long list comes, what its polls cost a server, how much memory it takes."""

from __future__ import annotations

import html
import http.client
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from itertools import cycle, islice
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlencode

from tests.bench.options import Options
from tests.bench.processes import BenchError, CPUMeter, Server
from tests.bench.report import QUIET, Figure, Report, exactly, over_rounds
from tests.bench.zato_server import ZATO, Environment
from tests.bench.zato_server import run as run_command

NAME = 'dashboard'

_OBJECTS = 1_000
_LIST = '/zato/kind/channel-rest/'
_POLLED = {'list': _LIST, 'home page': '/zato/', 'live log': '/zato/logs/', 'list of servers': '/zato/servers/'}
_WARM_UP, _PAGES = 10, 100  #: requests
_TIMEOUT = 30.0
_POLL = re.compile(r'<[^>]*hx-trigger="[^"]*every (\d+)s[^>]*>')
_ADDRESS = re.compile(r'hx-get="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Page:
    """seconds: up to the first byte of the body's answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float


class Browser:
    """A logged-in user's, with one keep-alive connection. Raises BenchError where a page does not come."""

    def __init__(self, port: int, password: str) -> None:
        self._port = port
        self._cookies: dict[str, str] = {}
        self._connection = http.client.HTTPConnection('127.0.0.1', port, timeout=_TIMEOUT)
        page = self.get('/accounts/login/')
        token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body)
        form = {'username': 'admin', 'password': password, 'csrfmiddlewaretoken': token[1].decode() if token else ''}
        if self._ask('POST', '/accounts/login/', urlencode(form)).status != 302:
            raise BenchError('The dashboard does not let admin in')

    def get(self, path: str, **headers: str) -> Page:
        page = self._ask('GET', path, **headers)
        if page.status not in (200, 204):
            raise BenchError(f'{path} is answered with {page.status}')
        return page

    def _ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Page:
        headers['Cookie'] = '; '.join(f'{name}={value}' for name, value in self._cookies.items())
        if body is not None:
            headers['Content-Type'] = 'application/x-www-form-urlencoded'
        start = monotonic()
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):  # idle for too long
            self._connection.close()
            start = monotonic()
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
        seconds = monotonic() - start
        for line in response.headers.get_all('Set-Cookie', []):
            self._cookies |= {name: item.value for name, item in SimpleCookie(line).items()}
        return Page(response.status, response.headers, response.read(), seconds)


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'one server with one worker and {_OBJECTS:,} REST channels')
    with Environment(workers=1, web_admin=True) as environment:
        server = environment.start()
        environment.admin('zato.config.apply', {'changes': list(_channels())})
        browser = Browser(_port(environment), environment.admin_password)
        dashboard = _dashboard(environment)
        pages, foreign = _pages(browser, CPUMeter(server, dashboard))
        report.add(*_page_figures(pages, is_clean=foreign < QUIET))
        polls = {name: _poll(browser, server, path, options.polling) for name, path in {'nothing': '', **_POLLED}.items()}
        report.add(*_poll_figures(polls))
        memory = {process.pid: process.memory_full_info().pss / 1e6 for process in dashboard.processes()}
        report.add(exactly('PSS of the dashboard', sum(memory.values()), 'MB', must=90, note=f'{len(memory)} processes'))
    starts = _starts(min(3, options.starts))
    report.add(*(over_rounds(f'start of an environment {name}', times, 's') for name, times in starts.items()))
    report.rounds(NAME, {'pages': [page.seconds for page in pages], 'polls': polls, 'memory': memory, 'starts': starts})


def _channels() -> Iterator[dict[str, Any]]:
    for number in range(_OBJECTS):
        name = f'Channel number {number:04}'
        yield {
            'action': 'create',
            'kind': 'channel_rest',
            'name': name,
            'url_path': f'/bench/{number:04}/{{customer_id}}',
            'service': 'helpers.echo',
            'data_format': 'json',
        }


def _port(environment: Environment) -> int:
    return int(environment.web_admin.address.read_text().rpartition(':')[2])


def _pages(browser: Browser, meter: CPUMeter) -> tuple[list[Page], float]:
    """The list's pages, some of them searched and sorted, and what share of the machine others used."""
    last = _OBJECTS // 50
    asked = cycle(
        [
            *(f'{_LIST}?cur_page={number}' for number in range(1, last + 1)),
            f'{_LIST}?query=number+07',
            f'{_LIST}?sort=-url_path',
        ]
    )
    for path in islice(asked, _WARM_UP):
        browser.get(path)
    meter.reset()
    return [browser.get(path) for path in islice(asked, _PAGES)], meter.foreign()


def _page_figures(pages: list[Page], *, is_clean: bool) -> list[Figure]:
    times = [page.seconds * 1e3 for page in pages]
    largest = max(len(page.body) for page in pages) / 1e3
    percentiles = statistics.quantiles(times, n=100, method='inclusive')
    spread: dict[str, Any] = {'low': min(times), 'high': max(times), 'is_clean': is_clean, 'unit': 'ms'}
    note = f'{len(pages)} pages of 50 objects'
    return [
        Figure(name='first byte of a page of the list, p50', value=percentiles[49], must=150, note=note, **spread),
        Figure(name='the same, p95', value=percentiles[94], must=150, **spread),
        exactly('largest page of the list, not compressed', largest, 'kB', must=200),
    ]


def _poll(browser: Browser, server: Server, path: str, seconds: int) -> dict[str, float]:
    """What share of a CPU the server takes while a page is open, and how often that asks. path: '' for no page."""
    waiting = _polls(browser.get(path).body, monotonic()) if path else []
    busy, start = server.cpu_seconds(), monotonic()
    requests = 0
    while (now := monotonic()) < start + seconds:
        due = [poll for poll in waiting if poll[0] <= now]
        for poll in due:
            waiting.remove(poll)
            _, every, address = poll
            body = browser.get(address, **{'HX-Request': 'true'}).body
            waiting += _polls(body, now) or [(now + every, every, address)]
            requests += 1
        sleep(0.01)
    wall = monotonic() - start
    if path and not requests:
        raise BenchError(f'{path} asks for nothing by itself')
    return {'share': (server.cpu_seconds() - busy) / wall, 'requests': requests, 'seconds': wall}


def _polls(body: bytes, now: float) -> list[tuple[float, float, str]]:
    """When it is asked for next, how many seconds later each time, and the address: of each part that renews itself."""
    found = []
    for match in _POLL.finditer(body.decode()):
        address = _ADDRESS.search(match[0])
        if address is not None:
            found.append((now + float(match[1]), float(match[1]), html.unescape(address[1])))
    return found


def _poll_figures(polls: dict[str, dict[str, float]]) -> Iterator[Figure]:
    idle = polls['nothing']['share'] * 100
    yield exactly('CPU of the server while no page is open', idle, '%')
    for name, poll in polls.items():
        if name != 'nothing':
            note = f'{poll["requests"]:.0f} polls in {poll["seconds"]:.0f} s'
            more = max(0.0, poll['share'] * 100 - idle)
            yield exactly(f'what an open {name} adds', more, '%', must=1, note=note)


def _dashboard(environment: Environment) -> Server:
    pid = environment.web_admin.running_pid()
    if not pid:
        raise BenchError('The dashboard does not run')
    return Server('dashboard', pid, _port(environment), _LIST)


def _starts(times: int) -> dict[str, list[float]]:
    """Seconds that `zato start` takes, in turn without and with a dashboard."""
    found: dict[str, list[float]] = {'without a dashboard': [], 'with a dashboard': []}
    with Environment(workers=1) as without, Environment(workers=1, web_admin=True) as with_dashboard:
        for _ in range(times):
            for environment, seconds in zip((without, with_dashboard), found.values(), strict=True):
                start = monotonic()
                run_command([ZATO, 'start', str(environment.path)])
                seconds.append(monotonic() - start)
                environment.stop()
    return found
