"""A server whose port is HTTPS."""

from __future__ import annotations

import ssl
import urllib.request

from tests.support.certificate import make_certificate
from tests.support.environment import PATIENCE, Environment, service_file, zato


def test_a_server_with_tls_serves_clients_and_its_own_commands(environment: Environment) -> None:
    files = make_certificate(environment.server.repo, 'mine')
    conf = environment.server.server_conf
    text = conf.read_text().replace('use_tls=False', 'use_tls=True')
    text = text.replace('=zato-server-priv-key.pem', '=mine.key').replace('=zato-server-cert.pem', '=mine.pem')
    conf.write_text(text)
    assert zato('check-config', environment.path).out == 'OK\n'
    environment.start()

    context = ssl.create_default_context(cafile=files['certificate'])
    with urllib.request.urlopen(
        f'https://127.0.0.1:{environment.port}/zato/ping', None, PATIENCE, context=context
    ) as answer:
        assert b'"pong":"zato"' in answer.read()

    assert zato('ping', environment.path).code == 0
    assert zato('wait', '--path', environment.path).code == 0
    assert zato('service', 'invoke', environment.path, 'zato.ping').out == "{'pong': 'zato'}\n"
    assert environment.deploy('my.py', service_file(1)).code == 0
    environment.stop()
