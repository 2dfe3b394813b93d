"""Secrets are planted wherever a server has or meets any; no log, database, answer, export or command shows one."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.support.admin import create, invoke
from tests.support.environment import Answer, Environment, eventually, zato
from zato.common.config.secrets import Secrets

#: Characters that JSON, URLs and XML escape are in all of them.
TAIL = '/&"<ö+%'

USER = f'PlantedUser-4cb1{TAIL}'
KEY = 'PlantedKey-97ae/+='
LOG_IN = f'PlantedLogIn-2f60{TAIL}'
CLIENT = f'PlantedClient-b83d{TAIL}'
FORMER = f'PlantedFormer-8d12{TAIL}'
VARIABLE = 'PlantedVariable-51c7'
ACCESS = 'PlantedAccess-e06a'
WRONG = 'PlantedWrong-d4f9'
IN_BODY = 'PlantedBody-6a25'
IN_PATH = 'PlantedPath-77d0'
MISPLACED = 'PlantedMisplaced-19ce'
OWN = 'PlantedOwn-c2b4'

SERVICES = """
from zato.common.exception import BadRequest
from zato.server.service import Service

class Echo(Service):
    def handle(self):
        self.response.payload = {'ok': True, 'size': len(self.request.raw_request or b'')}

class Fail(Service):
    input = 'username', 'password'

    def handle(self):
        raise Exception('It fails')

class LogInput(Service):
    input = 'username', 'password'
    log_input = True

    def handle(self):
        self.log_input()
        self.logger.info('Input is %s', self.request.input)

class CallOut(Service):
    def handle(self):
        answers = {}
        for name in ('basic', 'key', 'bearer', 'refused', 'nobody', 'path', 'misplaced'):
            try:
                conn = self.out.rest[name].conn
                secret = '-'.join(['PlantedBody', '6a25'])  # not in the text of this module, which is kept as it is
                params = {'token': secret if name != 'path' else '-'.join(['PlantedPath', '77d0'])}
                response = conn.post(self.cid, {'user': 'joe', 'password': secret}, params)
                answers[name] = response.status_code
            except Exception as e:
                self.logger.warning('%s: %s', name, e, exc_info=True)
                answers[name] = type(e).__name__
        self.response.payload = answers
"""


class _Target(BaseHTTPRequestHandler):
    """Gives tokens at /token, refuses everybody at /refused, and tells below /seen who has called."""

    server: Target

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        self.server.seen.append((self.path, dict(self.headers), body))
        answer: dict[str, Any] = {'token': IN_BODY}
        if self.path == '/token':
            answer = {'access_token': ACCESS, 'token_type': 'Bearer', 'expires_in': 3_600}
        raw = json.dumps(answer).encode()
        self.send_response(401 if self.path.startswith('/refused') else 200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests are quiet."""


class Target(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Target)
        self.seen: list[tuple[str, dict[str, str], bytes]] = []


@dataclass
class Place:
    """shown: by what showed it."""

    environment: Environment
    target: Target
    secrets: list[str]
    shown: list[tuple[str, str]] = field(default_factory=list)

    def ask(self, path: str, body: bytes = b'{}', **options: Any) -> Answer:
        answer = self.environment.request('POST', path, body, **options)
        self.shown.append((f'answer of {path}', f'{answer.headers}\n{answer.body.decode("utf-8", "replace")}'))
        return answer

    def run(self, *arguments: Any) -> str:
        done = zato(*arguments)
        self.shown.append((f'zato {" ".join(map(str, arguments))}', done.out + done.err))
        assert done.code == 0, done.err
        return done.out

    def found(self) -> list[tuple[str, str]]:
        """Where which secret is."""
        forms = {form: secret for secret in self.secrets for form in forms_of(secret)}
        pattern = re.compile(b'|'.join(sorted(map(re.escape, forms), key=len, reverse=True)))
        files = [path for path in self.environment.path.rglob('*') if path.is_file()]
        everywhere = [(str(path), path.read_bytes()) for path in files]
        everywhere += [(name, text.encode()) for name, text in self.shown]
        return [(where, forms[found]) for where, raw in everywhere for found in set(pattern.findall(raw))]


def forms_of(secret: str) -> set[bytes]:
    """As it is, its unmistakable beginning, and what becomes of it in JSON, URLs, base64 and Basic Auth."""
    encoded = {json.dumps(secret)[1:-1], quote(secret, safe=''), urlencode({'': secret})[1:], secret, secret[:16]}
    raw = [secret[:16].encode(), f'jane:{secret}'.encode(), f'joe:{secret}'.encode(), b'x' + secret.encode()]
    return {form.encode() for form in encoded} | {b64encode(each)[4:20] for each in raw}


@pytest.fixture
def place(environment: Environment) -> Iterator[Place]:
    conf = environment.server.repo / 'logging.conf'
    text = conf.read_text()
    assert 'level: INFO' in text
    conf.write_text(text.replace('level: INFO', 'level: DEBUG'))
    environment.save('planted.py', SERVICES)
    with environment.server.secrets_conf.open('a') as secrets:
        cipher = Secrets(environment.server.secrets_conf, {}).cipher
        secrets.write(f'own={cipher.encrypt(OWN)}\n')
    environment.start(env={'PLANTED': VARIABLE, 'PLANTED_TOO': MISPLACED})
    target = Target()
    threading.Thread(target=target.serve_forever, daemon=True).start()
    own = [environment.password(name) for name in ('pubapi', 'admin_invoke')]
    planted = [USER, KEY, LOG_IN, CLIENT, FORMER, VARIABLE, ACCESS, WRONG, IN_BODY, IN_PATH, MISPLACED, OWN]
    yield Place(environment, target, [*planted, *own])
    target.shutdown()
    target.server_close()


def configure(place: Place) -> None:
    environment, target = place.environment, f'http://127.0.0.1:{place.target.server_port}'
    create(environment, 'zato.security.basic-auth', 'users', username='jane', password=FORMER)
    create(environment, 'zato.security.basic-auth', 'variable', username='joe', password='$PLANTED')
    create(environment, 'zato.security.apikey', 'keys', password=KEY)
    create(environment, 'zato.security.jwt', 'tokens', username='joe', password=LOG_IN)
    bearer = {'username': 'client', 'password': CLIENT, 'auth_server_url': f'{target}/token'}
    create(environment, 'zato.security.oauth', 'bearer', **bearer)
    on = {'is_audit_log_received_active': True, 'is_audit_log_sent_active': True}
    options = {'url_path': '/reset/{token}', 'service': 'planted.echo', 'data_format': 'json', **on}
    create(environment, 'zato.channel-rest', 'reset', **options)
    closed = {'users': 'users', 'keys': 'keys', 'tokens': 'tokens', 'variable': 'variable'}
    for name, service in {'open': 'echo', 'fail': 'fail', 'log': 'log-input', 'out': 'call-out'}.items():
        options = {'url_path': f'/{name}', 'service': f'planted.{service}', 'data_format': 'json', **on}
        create(environment, 'zato.channel-rest', name, **options)
    for name, security in closed.items():
        options = {'url_path': f'/{name}', 'service': 'planted.echo', 'data_format': 'json', 'security': security, **on}
        create(environment, 'zato.channel-rest', f'channel.{name}', **options)
    for name, (path, security) in {
        'basic': ('/seen', 'users'),
        'key': ('/seen', 'keys'),
        'bearer': ('/seen', 'bearer'),
        'refused': ('/refused', 'users'),
        'path': ('/seen/{token}', 'users'),
    }.items():
        options = {'host': target, 'url_path': path, 'security': security, 'data_format': 'json', **on}
        create(environment, 'zato.outgoing-rest', name, **options)
    misplaced = {'name': 'misplaced', 'host': target, 'pool_size': '$PLANTED_TOO'}
    assert invoke(environment, 'zato.outgoing-rest.create', misplaced)['failed'] != {}
    create(
        environment, 'zato.outgoing-rest', 'nobody', host='http://127.0.0.1:9', security='users', data_format='json', **on
    )


def send(place: Place, secret: str) -> None:
    """Where no name says that it is one."""
    note = {'note': f'It is {secret}', 'x': b64encode(f'joe:{secret}'.encode()).decode()}
    place.ask('/open', json.dumps(note).encode())
    place.ask(f'/open?q={quote(secret)}', urlencode({'q': secret}).encode())


def wait_for(place: Place, channel: str) -> None:
    """Until what it was sent last is in the audit log."""
    cid = place.ask(f'/{channel}').headers['x-zato-cid']
    eventually(lambda: len(invoke(place.environment, 'zato.audit-log.event.get-list', {'cid': cid})) >= 2, cid)


def call(place: Place) -> None:
    """In and out, well and badly."""
    body = json.dumps({'username': 'joe', 'password': IN_BODY, 'a': {'api_key': [IN_BODY]}, 'pin': IN_BODY}).encode()
    for path in ('/open', '/fail', '/log'):
        place.ask(f'{path}?token={IN_BODY}', body)
        place.ask(path, body[:-8])
    send(place, FORMER)
    wait_for(place, 'open')
    change = {'name': 'users', 'password1': USER, 'password2': USER}
    invoke(place.environment, 'zato.security.basic-auth.change-password', change)
    for secret in (USER, KEY, LOG_IN, CLIENT, FORMER, VARIABLE, OWN):
        send(place, secret)
    assert place.environment.request('POST', f'/reset/{IN_PATH}', body).status == 200
    assert place.ask('/users', body, user='jane', password=FORMER).status == 401
    assert place.ask('/users', body, user='jane', password=USER).status == 200
    assert place.ask('/users', body, user='jane', password=WRONG).status == 401
    assert place.ask('/variable', body, user='joe', password=VARIABLE).status == 200
    assert place.ask('/keys', body, headers={'X-API-Key': KEY}).status == 200
    assert place.ask('/keys', body, headers={'X-API-Key': WRONG}).status == 401
    assert place.ask('/tokens', body, headers={'Authorization': f'Bearer {WRONG}'}).status == 401
    assert place.ask('/zato/jwt/log-in', json.dumps({'username': 'joe', 'password': WRONG}).encode()).status == 401
    given = place.environment.request(
        'POST', '/zato/jwt/log-in', json.dumps({'username': 'joe', 'password': LOG_IN}).encode()
    )
    token = given.headers['authorization'].removeprefix('Bearer ')
    assert given.status == 200
    assert place.ask('/tokens', body, headers={'Authorization': f'Bearer {token}'}).status == 200
    place.secrets.append(token)
    own = place.environment.password('pubapi')
    assert place.ask('/zato/api/invoke/planted.echo', body, user='pubapi', password=own).status == 200
    assert place.ask('/zato/api/invoke/planted.fail', body, user='pubapi', password=own).status == 500
    assert place.ask('/zato/api/invoke/planted.echo', body, user='pubapi', password=WRONG).status == 401
    assert place.ask('/zato/admin/invoke', body, user='admin.invoke', password=WRONG).status == 401
    out = place.ask('/out')
    assert {'basic': 200, 'key': 200, 'bearer': 200, 'refused': 401, 'path': 200}.items() <= out.json.items()


def show(place: Place, output: Path) -> None:
    """With all commands that show anything."""
    environment = place.environment.path
    kinds = {
        'channel_rest': 'open',
        'outgoing_rest': 'basic',
        'security_apikey': 'keys',
        'security_basic_auth': 'users',
        'security_bearer_token': 'bearer',
        'security_jwt': 'tokens',
    }
    for kind, name in kinds.items():
        for format_ in ('text', 'json', 'yaml'):
            place.run('object', 'list', environment, kind, '--format', format_)
            place.run('object', 'get', environment, kind, name, '--format', format_)
        place.run('object', 'history', environment, kind, '--format', 'json')
    for kind, name in (('channel_rest', 'open'), ('channel_rest', 'channel.users'), ('outgoing_rest', 'bearer')):
        assert '******' in place.run('audit-log', environment, '--kind', kind, '--name', name, '--format', 'json')
    place.run('info', environment)
    place.run('info', environment, '--format', 'json')
    place.run('check-config', environment)
    place.run('enmasse', environment, '--export', '--output', output)
    place.shown.append(('the export', output.read_text()))


def test_secrets_that_are_planted_everywhere_are_found_nowhere(place: Place, tmp_path: Path) -> None:
    configure(place)
    call(place)
    credentials = [headers for path, headers, _ in place.target.seen if path.startswith(('/seen', '/refused'))]
    assert len(credentials) >= 4  # so that there was something to leak
    wait_for(place, 'out')
    show(place, tmp_path / 'export.yaml')
    assert place.found() == []
    assert place.environment.log_has('DEBUG')
    place.environment.stop()
    assert place.found() == []
    place.shown.append(('a check of the check', f'x{USER}'))
    assert place.found() != []
