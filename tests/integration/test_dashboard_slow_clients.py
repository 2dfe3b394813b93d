"""Clients of the dashboard that send slowly, not all, or take no answer. None of them has a session."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.certificate import make_certificate
from tests.support.dashboard_process import PATIENCE, DashboardProcess
from zato.common.version import version

_HEAD = b'POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nCookie: zato_csrf=' + b'x' * 32 + b'\r\n'
_FORM = b'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\ncsrfmiddlewaretoken=' + b'x' * 32
_LARGE = f'GET /static/{version}/django_htmx/htmx-2.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode()
_LAST = b'GET /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
_MANY = 300  #: more than there are threads


@pytest.fixture(scope='module')
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardProcess]:
    made = DashboardProcess(tmp_path_factory.mktemp('dashboard') / 'web-admin')
    made.start()
    yield made
    made.stop()


def connect(dashboard: DashboardProcess) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    found.settimeout(PATIENCE)
    found.connect(('127.0.0.1', dashboard.port))
    return found


@pytest.mark.parametrize(
    'sent',
    [b'', b'G', _HEAD, _HEAD + _FORM % 1_000, _HEAD + _FORM % 16_000, _LARGE * 500, _LAST],
    ids=['nothing', 'a byte', 'no end of the head', 'half a form', 'the beginning of a form', 'takes no answer', 'stays'],
)
def test_clients_that_send_slowly_or_take_no_answer_keep_nobody_out(dashboard: DashboardProcess, sent: bytes) -> None:
    with ExitStack() as clients:
        for _ in range(_MANY):
            client = clients.enter_context(connect(dashboard))
            client.setblocking(False)
            client.send(sent) if sent else None
        assert dashboard.request('GET', '/accounts/login/')[0] == 200


def test_a_client_that_sends_nothing_more_is_let_go(dashboard: DashboardProcess) -> None:
    with connect(dashboard) as client:
        client.sendall(_HEAD)
        with suppress(ConnectionResetError):
            assert client.recv(1) == b''


@pytest.mark.parametrize('size', [1_000, 16_000])
def test_half_a_form_is_not_taken_for_a_whole_one(dashboard: DashboardProcess, size: int) -> None:
    before = dashboard.log().count('Log-in of')
    with connect(dashboard) as client:
        client.sendall(_HEAD + _FORM % size + b'&username=jane&password=correct-hor')
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b''
    assert dashboard.log_in('joe')[0] == 403
    assert dashboard.log().count('Log-in of') == before + 1, 'that of joe alone'


def test_slow_clients_keep_nobody_out_of_a_port_with_tls(tmp_path: Path) -> None:
    dashboard = DashboardProcess(tmp_path / 'web-admin')
    paths = make_certificate(tmp_path, 'localhost')
    dashboard.configure(use_tls=True, cert_location=paths['certificate'], priv_key_location=paths['key'])
    dashboard.start()
    try:
        with ExitStack() as clients:
            for sent in (b'', b'\x16\x03\x01') * 30:
                clients.enter_context(connect(dashboard)).sendall(sent)
            assert dashboard.request('GET', '/accounts/login/')[0] == 200
    finally:
        dashboard.stop()
