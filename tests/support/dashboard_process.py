"""A dashboard of its own process and directory, which no server belongs to."""

from __future__ import annotations

import http.client
import os
import re
import ssl
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

from zato.cli.directory import make_empty, make_web_admin
from zato.common.component import WebAdminDirectory
from zato.common.crypto import new_key

PASSWORD = 'correct-horse-9'
PATIENCE = 60.0  #: seconds


class DashboardProcess:
    """Of one directory; `start` and `stop` may be repeated."""

    def __init__(self, path: Path) -> None:
        self.directory = WebAdminDirectory(path)
        make_empty(path)
        make_web_admin(path, {'server1': 'http://127.0.0.1:1'}, port=0, key=new_key(), admin_invoke_password='secret')
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str, given: str = PASSWORD, **more: object) -> subprocess.CompletedProcess[str]:
        name, *others = arguments
        command = [sys.executable, '-P', '-m', 'zato.admin', name, str(self.directory.path), *others]
        return subprocess.run(  # type: ignore[call-overload,no-any-return]
            command, input=f'{given}\n', capture_output=True, text=True, timeout=PATIENCE, check=False, **more
        )

    def create_user(self, name: str = 'jane') -> None:
        done = self.command('create-user', '--username', name)
        assert done.returncode == 0, done.stderr

    def configure(self, **values: object) -> None:
        """Options of web-admin.conf."""
        text = self.directory.conf.read_text()
        for key, value in values.items():
            text, count = re.subn(f'(?m)^#? ?{key}=.*$', f'{key}={value}', text)
            assert count == 1, key
        self.directory.conf.write_text(text)

    def start(self) -> None:
        reading, writing = os.pipe()
        command = [sys.executable, '-P', '-m', 'zato.admin', 'serve', str(self.directory.path), '--ready-fd', str(writing)]
        self._process = subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as report:
            assert report.readline() == 'ready\n'

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    @property
    def port(self) -> int:
        return int(self.directory.address.read_text().strip().rpartition(':')[2])

    def request(self, method: str, path: str, body: str = '', **headers: str) -> tuple[int, http.client.HTTPMessage]:
        with closing(self._connection()) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers

    def _connection(self) -> http.client.HTTPConnection:
        if 'use_tls=True' not in self.directory.conf.read_text():
            return http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        return http.client.HTTPSConnection(
            '127.0.0.1', self.port, timeout=PATIENCE, context=ssl._create_unverified_context()
        )

    def log_in(self, username: str = 'jane', password: str = PASSWORD, code: str = '') -> tuple[int, str]:
        """(status, key of the session)."""
        token = 'x' * 32
        given = {'username': username, 'password': password, 'totp_code': code, 'csrfmiddlewaretoken': token}
        headers = {'Cookie': f'zato_csrf={token}', 'Content-Type': 'application/x-www-form-urlencoded'}
        status, found = self.request('POST', '/accounts/login/', urlencode(given), **headers)
        session = re.search(r'zato_session=([^;]+)', '\n'.join(found.get_all('Set-Cookie') or []))
        return status, session[1] if session else ''

    def has_session(self, session: str) -> bool:
        status, _ = self.request('GET', '/zato/users/', Cookie=f'zato_session={session}')
        assert status in (200, 302)
        return status == 200

    def log(self) -> str:
        return self.directory.log.read_text()
