"""A user of a dashboard that runs, without a browser: pages are asked for and forms sent over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from tests.support.environment import PATIENCE, Environment
from tests.support.html_form import HTMLForm


class Visitor:
    """Logged in as the environment's admin. url, status: of the last page."""

    def __init__(self, environment: Environment) -> None:
        self._base = f'http://127.0.0.1:{environment.web_admin_port}'
        self._opener = build_opener(HTTPCookieProcessor())
        self.url = ''
        self.status = 0
        form = self.form('/accounts/login/', 'class')
        self.post('/accounts/login/', {**form.values, 'username': 'admin', 'password': environment.admin_password})
        assert 'login' not in self.url, 'the password is not accepted'

    def get(self, path: str, **headers: str) -> str:
        return self._open(Request(self._base + path, headers=headers))

    def form(self, path: str, marker: str = 'data-keep') -> HTMLForm:
        """The form of a page that has this attribute."""
        return HTMLForm(self.get(path), marker)

    def post(self, path: str, values: dict[str, Any], **headers: str) -> str:
        """The page that it leads to."""
        return self._open(Request(self._base + path, urlencode(values, doseq=True).encode(), headers))

    def _open(self, request: Request) -> str:
        try:
            answer = self._opener.open(request, timeout=PATIENCE)
        except HTTPError as e:
            answer = e
        with answer:
            self.url, self.status = answer.url.removeprefix(self._base), answer.status
            return str(answer.read().decode())
