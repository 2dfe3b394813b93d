"""Lines of logs/http_access.log, and what hostile clients would write into them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from tests.support.http_client import Server, request
from zato.common.log.writers import BufferedLines
from zato.server.http.access_log import AccessLog
from zato.server.http.message import Request, Response

LINE = re.compile(
    r'127\.0\.0\.1 cid/\d+\.\d{6} "(?P<channel>[^"]*)" \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<size>\d+) "-" "(?P<agent>(?:[^"\\]|\\.)*)"'
).fullmatch


def logged(folder: Path, *sent: bytes) -> list[dict[str, str]]:
    """The fields of the lines that requests, each on a connection of its own, have left."""
    path = folder / 'http_access.log'
    with Server(log=str(path)) as server:
        for data in sent:
            with server.connect() as client:
                client.send(data)
                client.final_answer(is_head=data.startswith(b'HEAD'))
        assert server.drain(50) == 0
    text = path.read_text()
    assert text.endswith('\n')
    assert text.isascii()
    lines = [LINE(line) for line in text[:-1].split('\n')]
    assert all(lines), text
    return [line.groupdict() for line in lines if line]


def test_each_request_has_a_line_and_cannot_break_out_of_it(tmp_path: Path) -> None:
    lines = logged(
        tmp_path,
        request('/a/b?secret=1', 'User-Agent: curl/8.0 (x)') + request('/big/12', 'Connection: close'),
        request('/', 'Content-Length: 5', method='POST') + b'hello',
        request('/x', method='HEAD'),
        b'GET / HTTP/1.0\r\n\r\n',
        request('/"\\%0a%22'),
        request('/fail/exception'),
        b'BREW / HTTP/1.1\r\nHost: a\r\nUser-Agent: "forged"\r\n\r\n',
    )
    assert [tuple(line.values()) for line in lines] == [
        ('echo', 'GET /a/b HTTP/1.1', '200', '0', 'curl/8.0 (x)'),
        ('-', 'GET /big/12 HTTP/1.1', '200', '12', '-'),
        ('echo', 'POST / HTTP/1.1', '200', '5', '-'),
        ('echo', 'HEAD /x HTTP/1.1', '200', '0', '-'),
        ('echo', 'GET / HTTP/1.0', '200', '0', '-'),
        ('echo', r'GET /\"\\%0a%22 HTTP/1.1', '200', '0', '-'),
        ('-', 'GET /fail/exception HTTP/1.1', '500', '14', '-'),
        ('-', '-', '501', '29', '-'),
    ]


def test_user_agents_cannot_break_out_of_their_field(tmp_path: Path) -> None:
    agents = {
        'a" 200 5 "-" "b': r'a\" 200 5 \"-\" \"b',
        'a\\': r'a\\',
        'a\\"': r'a\\\"',
        '\tb\tc': r'b\x09c',
        '\x80\x85\x9b31m\xff': r'\x80\x85\x9b31m\xff',
        'é': r'\xe9',
        "' OR 1=1 -- $(x) `x` ${jndi:ldap://x} %s {0}": "' OR 1=1 -- $(x) `x` ${jndi:ldap://x} %s {0}",
    }
    lines = logged(tmp_path, *(request('/', f'User-Agent: {agent}') for agent in agents))
    assert [line['agent'] for line in lines] == list(agents.values())


def test_of_a_path_that_has_secrets_only_what_may_be_shown_is_logged() -> None:
    lines = _Lines()
    asked = Request(b'GET', b'/reset/abc', b'', b'HTTP/1.1', {}, '127.0.0.1')
    asked.shown_path = b'/reset/{token}'
    AccessLog(cast(BufferedLines, lines)).add(asked, Response(200, b'', 'cid'), 0, 0.1)
    assert '"GET /reset/{token} HTTP/1.1"' in lines.added[0]


class _Lines:
    def __init__(self) -> None:
        self.added: list[str] = []

    def add(self, line: str) -> None:
        self.added.append(line)
