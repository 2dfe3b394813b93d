"""The dashboard's pages in this very process, in front of servers that answer what tests tell them to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import time
from typing import Any

from zato.admin.cluster import Cluster, Server
from zato.admin.runtime import Runtime, set_runtime
from zato.client.admin import AdminClient, Answer
from zato.common.config.web_admin_conf import Crypto, Main, Security, WebAdminConf
from zato.common.crypto import Cipher, new_key

#: What a service answers, what it raises, or what makes either of the payload.
Told = Any | Exception | Callable[[Any], Any]


class FakeCluster(Cluster):
    """Servers server1, server2, …; `answers` are those of all, `answers_of` those of one. `calls`: what was asked."""

    def __init__(self, servers: int = 1) -> None:
        super().__init__([Server(f'server{i + 1}', 'http://127.0.0.1:1', _nowhere) for i in range(servers)], 'secret')
        self.answers: dict[str, Told] = {}
        self.answers_of: dict[tuple[str, str], Told] = {}
        self.calls: list[tuple[str, str, Any, str, str]] = []  #: server, service, payload, user, role
        self.options: list[Mapping[str, Any]] = []

    def call(self, server: Server, client: AdminClient, service: str, payload: Any, options: Mapping[str, Any]) -> Answer:
        self.calls.append((server.name, service, payload, client.user, client.role))
        self.options.append(options)
        told = self.answers_of.get((server.name, service), self.answers.get(service))
        if (server.name, service) not in self.answers_of and service not in self.answers:
            raise AssertionError(f'nobody has said what {service} answers')
        if callable(told) and not isinstance(told, Exception):
            told = told(payload)
        if isinstance(told, Exception):
            raise told
        if isinstance(told, Answer):
            return told
        return Answer(payload=told, text=json.dumps(told), cid='0123', seconds=0.001, headers={}, environment={})

    def asked(self, service: str) -> list[Any]:
        """Payloads of the calls of a service."""
        return [payload for _, name, payload, _, _ in self.calls if name == service]


def _nowhere() -> Any:
    raise AssertionError('a fake server has no address')


class Pages:
    """What tests have of the dashboard. cluster: its servers."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster

    def user(self, role: str = 'admin', name: str = '', password: str = 'correct-horse-9') -> Any:
        from zato.admin.accounts.models import User

        user, _ = User.objects.get_or_create(username=name or f'the-{role}', defaults={'role': role})
        user.set_password(password)
        user.save()
        return user

    def client(self, role: str = '', *, user: Any = None, enforce_csrf_checks: bool = False) -> Any:
        """A browser with a session of a user with that role, or of nobody."""
        from django.test import Client

        from zato.admin.accounts.sessions import BEGAN, SEEN

        client = Client(raise_request_exception=False)
        client.handler = _handler(enforce_csrf_checks)
        if role or user is not None:
            client.force_login(user or self.user(role))
            session = client.session
            session[BEGAN] = session[SEEN] = time()
            session.save()
        return client


@cache
def _handler(enforce_csrf_checks: bool) -> Any:
    """One for all clients: each would look through the static files anew."""
    from django.test.client import ClientHandler

    return ClientHandler(enforce_csrf_checks)


@contextmanager
def pages(*, servers: int = 1, security: Security | None = None) -> Iterator[Pages]:
    """The dashboard with an empty database."""
    set_up_once()
    from django.apps import apps

    cluster = FakeCluster(servers)
    conf = WebAdminConf(main=Main(), crypto=Crypto(), security=security or Security(), servers={})
    set_runtime(Runtime(conf, cluster, Cipher(new_key())))
    try:
        yield Pages(cluster)
    finally:
        for model in apps.get_models():
            if model._meta.app_label in ('accounts', 'sessions'):
                model._default_manager.all().delete()


@cache
def set_up_once() -> None:
    """Django can be set up once in a process."""
    from zato.admin import django_settings

    conf = WebAdminConf(main=Main(), crypto=Crypto(), security=Security(), servers={})
    django_settings.set_up(conf, Path(':memory:'), 'for tests')
    from django.conf import settings
    from django.core.management import call_command

    settings.PASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']  # quick
    call_command('migrate', verbosity=0, interactive=False)
