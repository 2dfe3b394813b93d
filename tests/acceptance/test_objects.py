"""Commands for objects and for versions of services, against servers that run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.admin import create, invoke, refusal
from tests.support.environment import PATIENCE, ZATO, Environment, Result, eventually, service_file, zato
from tests.support.html_form import HTMLForm
from tests.support.visitor import Visitor
from zato.cli.error import FAILED, INVALID_INPUT, NO_FILE

TOP = Path(__file__).parents[2]
ROOTS = ('common', 'server', 'code', 'web-admin')


@pytest.fixture(scope='module')
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Two servers, running, shared by the tests of this module; each has objects of its own names."""
    created = Environment(tmp_path_factory.mktemp('pair') / 'qs-1', servers=2)
    try:
        created.start()
        yield created
    finally:
        created.close()


def answer_of(result: Result) -> Any:
    """What a command that succeeded printed."""
    assert (result.code, result.err) == (0, '')
    return json.loads(result.out)


def listed(environment: Environment, kind: str) -> dict[str, Any]:
    found = answer_of(zato('object', 'list', environment.path, kind, '--format', 'json'))
    return {item['name']: item for item in found}


def status_of(environment: Environment, path: str, user: str = '', password: str = '') -> list[int]:
    """What each server answers with."""
    return [
        environment.request('GET', path, user=user, password=password, server=server).status
        for server in range(len(environment.servers))
    ]


def test_classic_services_that_kinds_share_are_told_by_the_connection_the_id_or_the_name(pair: Environment) -> None:
    service = 'zato.http-soap'
    channel = create(pair, service, 'shared', connection='channel', transport='plain_http', url_path='/shared')
    outgoing = create(pair, service, 'shared', connection='outgoing', host='http://127.0.0.1:1')
    create(pair, service, 'only one', connection='outgoing', host='http://127.0.0.1:1')
    assert invoke(pair, f'{service}.get', {'name': 'shared', 'connection': 'outgoing'})['id'] == outgoing['id']
    assert invoke(pair, f'{service}.get', {'id': channel['id']})['kind'] == 'channel_rest'
    assert invoke(pair, f'{service}.get', {'name': 'only one'})['kind'] == 'outgoing_rest'
    listed_names = [item['name'] for item in invoke(pair, f'{service}.get-list', {'connection': 'outgoing'})]
    assert listed_names == ['only one', 'shared']
    text = 'The request must say which kind of object it is about: '
    for operation, request in (('get', {'name': 'shared'}), ('get-list', {}), ('create', {'name': 'x', 'url_path': '/x'})):
        refused = refusal(pair, f'{service}.{operation}', request)
        assert (refused.status, refused.text.startswith(text)) == (400, True), refused
    for which in ({'id': channel['id']}, {'id': outgoing['id']}, {'name': 'only one'}):
        invoke(pair, f'{service}.delete', which)


def test_an_object_is_created_shown_changed_renamed_and_deleted(pair: Environment) -> None:
    created = zato('object', 'create', pair.path, 'channel_rest', '--name', 'life', '--url-path', '/life')
    assert answer_of(created) | {'id': 0, 'event': 0} == {
        'id': 0,
        'name': 'life',
        'version': 1,
        'event': 0,
        'pending': [],
        'failed': {},
    }
    assert status_of(pair, '/life') == [200, 200]
    shown = zato('object', 'get', pair.servers[1].path, 'channel-rest', 'life')
    assert (shown.code, shown.err) == (0, '')
    assert ['url_path', '/life'] in [line.split() for line in shown.out.splitlines()]

    edited = zato(
        'object', 'edit', pair.path, 'channel_rest', 'life', '--new-name', 'new.life', '--url-path', '/new', '--version', 1
    )
    assert answer_of(edited)['version'] == 2
    assert status_of(pair, '/new') == [200, 200]
    assert status_of(pair, '/life') == [404, 404]
    assert listed(pair, 'channel_rest')['new.life']['service'] == 'pub.zato.ping'

    deleted = zato('object', 'delete', pair.path, 'channel_rest', 'new.life')
    assert answer_of(deleted)['name'] == 'new.life'
    assert status_of(pair, '/new') == [404, 404]
    history = zato('object', 'history', pair.path, 'channel_rest', 'life', '--format', 'json')
    assert [entry['action'] for entry in answer_of(history)] == ['delete', 'edit', 'create']
    assert 'url_path: `/life` → `/new`' in zato('object', 'history', pair.path, 'channel_rest', 'life').out


def test_a_version_that_is_not_current_is_refused_and_the_error_says_by_whom(pair: Environment) -> None:
    answer_of(zato('object', 'create', pair.path, 'channel_rest', '--name', 'conflict', '--url-path', '/conflict'))
    edit = ('object', 'edit', pair.path, 'channel_rest', 'conflict', '--version', 1)
    answer_of(zato(*edit, '--method', 'GET'))
    refused = zato(*edit, '--method', 'POST')
    assert (refused.code, refused.out) == (FAILED, '')
    assert 'version 1 was edited, and it is version 2 now, last changed by admin.invoke' in refused.err
    assert listed(pair, 'channel_rest')['conflict']['method'] == 'GET'


def test_everything_that_is_wrong_is_told_at_once(pair: Environment) -> None:
    wrong = ('--url-path', 'no-slash', '--service', 'demo.get-prise', '--method', 'FETCH', '--is-active', 'maybe')
    refused = zato('object', 'create', pair.path, 'channel_rest', '--name', 'wrong', *wrong)
    assert (refused.code, refused.out) == (FAILED, '')
    assert refused.err.startswith('Error: 400: ')
    for text in (
        '`url_path` must begin with a slash; got `no-slash`',
        '`service`: there is no Service `demo.get-prise`; did you mean `demo.get-price`?',
        '`method` must be one of: (empty), GET',
        '`is_active` must be True or False; got `maybe`',
    ):
        assert text in refused.err
    assert 'wrong' not in listed(pair, 'channel_rest')


def test_what_is_mistyped_has_its_nearest_name_told(pair: Environment) -> None:
    kind = zato('object', 'list', pair.path, 'chanel_rest')
    assert (kind.code, kind.err) == (INVALID_INPUT, 'Error: There is no kind `chanel_rest`; did you mean `channel_rest`?\n')
    option = zato('object', 'create', pair.path, 'channel_rest', '--url-pat', '/x')
    assert option.code == 2
    assert '--url-path' in option.err
    name = zato('object', 'delete', pair.path, 'service', 'demo.get-price')
    assert (name.code, 'there is no delete of objects of this kind' in name.err) == (INVALID_INPUT, True)
    missing = zato('object', 'get', pair.path, 'service', 'no.such')
    assert (missing.code, missing.err) == (FAILED, 'Error: 404: There is no Service `no.such`\n')


def test_a_channel_is_created_with_its_credentials_all_or_nothing(pair: Environment) -> None:
    channel = ('--path', pair.path, '--name', 'secured', '--url-path', '/secured/{id}', '--service', 'demo.get-price')
    created = answer_of(zato('create-rest-channel', *channel, '--data-format', 'json', '--basic-auth', 'jane,se,cret'))
    assert [item['kind'] for item in created['results']] == ['security_basic_auth', 'channel_rest']
    assert created['id'] == listed(pair, 'channel_rest')['secured']['id']
    assert listed(pair, 'channel_rest')['secured']['security'] == 'secured'
    answer = pair.request('POST', '/secured/1', b'{"sku": "A-100"}', user='jane', password='se,cret', server=1)
    assert (answer.status, answer.json['sku']) == (200, 'A-100')
    assert status_of(pair, '/secured/1') == [401, 401]

    definitions = listed(pair, 'security_basic_auth')
    again = zato('create-rest-channel', *channel, '--basic-auth', 'jane,other')
    assert (again.code, again.err) == (FAILED, '')
    error = json.loads(again.out)
    assert (error['result'], bool(error['cid'])) == ('Error', True)
    assert 'REST channel `secured` already exists in this cluster' in error['details']
    assert 'Basic Auth `secured` already exists in this cluster' in error['details']
    same_path = zato('create-rest-channel', pair.path, '--name', 'z', '--url-path', '/secured/{x}', '--basic-auth', 'a,b')
    assert (same_path.code, '`url_path`' in same_path.out) == (FAILED, True)
    assert listed(pair, 'security_basic_auth') == definitions

    used = zato('delete', 'basic-auth', '--path', pair.path, '--name', 'secured')
    assert used.code == FAILED
    assert 'cannot be deleted: it is used by REST channel `secured`' in json.loads(used.out)['details']
    answer_of(zato('delete-rest-channel', '--path', pair.path, '--id', created['id']))
    answer_of(zato('delete', 'basic-auth', '--path', pair.path, '--name', 'secured'))
    assert status_of(pair, '/secured/1') == [404, 404]


def test_a_password_is_set_and_changed_without_being_seen(pair: Environment) -> None:
    def with_stdin(text: str, *arguments: Any) -> Result:
        done = subprocess.run(
            [ZATO, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)

    definition = ('--name', 'jack', '--username', 'jack', '--realm', 'CRM')
    answer_of(with_stdin('first\n', 'create', 'basic-auth', '--path', pair.path, *definition, '--password', '-'))
    channel = ('--name', 'for.jack', '--url-path', '/for-jack', '--security', 'jack')
    answer_of(zato('create-rest-channel', pair.path, *channel))
    assert status_of(pair, '/for-jack', 'jack', 'first') == [200, 200]
    answer_of(with_stdin('second\n', 'change-password', pair.path, '--name', 'jack', '--password', '-'))
    assert status_of(pair, '/for-jack', 'jack', 'first') == [401, 401]
    assert status_of(pair, '/for-jack', 'jack', 'second') == [200, 200]
    kind = ('--kind', 'security_basic_auth', '--name', 'jack', '--password', 'third')
    answer_of(zato('change-password', '--path', pair.path, *kind))
    assert status_of(pair, '/for-jack', 'jack', 'third') == [200, 200]
    shown = zato('object', 'get', pair.path, 'security_basic_auth', 'jack', '--format', 'yaml').out
    assert "password: '******'" in shown
    history = zato('object', 'history', pair.path, 'security_basic_auth', 'jack').out
    assert not [word for word in ('first', 'second', 'third') if word in shown + history]


def test_an_object_that_cannot_be_used_is_told_when_it_is_created(pair: Environment) -> None:
    definition = ('--name', 'down', '--username', '$NO_SUCH_VARIABLE_HERE')
    created = zato('create', 'basic-auth', pair.path, *definition)
    assert created.code == 0
    assert json.loads(created.out)['failed']
    assert created.err.startswith('Warning: workers server1:')
    assert 'the server has no environment variable NO_SUCH_VARIABLE_HERE' in created.err
    text = zato('object', 'list', pair.path, 'security_basic_auth').out
    assert 'NO_SUCH_VARIABLE_HERE' in text
    assert answer_of(zato('delete', 'basic-auth', pair.path, '--name', 'down'))['failed'] == {}


def test_a_service_may_be_made_inactive_and_active_again(pair: Environment) -> None:
    answer_of(zato('object', 'edit', pair.path, 'service', 'demo.get-price', '--is-active', 'false'))
    assert pair.invoke('demo.get-price', {'sku': 'A-100'}, server=1).status == 404
    answer_of(zato('object', 'edit', pair.path, 'service', 'demo.get-price', '--is-active', 'true'))
    assert pair.invoke('demo.get-price', {'sku': 'A-100'}, server=1).status == 200


def test_versions_of_a_service_are_listed_rolled_back_to_and_undeployed(pair: Environment) -> None:
    for version in (1, 2, 3):
        assert pair.deploy('rolled.py', service_file(version, name='rolled.service')).code == 0
    answer_of(zato('create-rest-channel', pair.path, '--name', 'r', '--url-path', '/r', '--service', 'rolled.service'))
    versions = answer_of(zato('service', 'versions', pair.path, 'rolled.service', '--format', 'json'))
    assert [(item['number'], item['is_active']) for item in versions] == [(3, True), (2, False), (1, False)]
    text = zato('service', 'versions', pair.path, 'rolled').out.splitlines()
    assert text[1].split()[:2] == ['3', 'active']
    assert [line.split()[0] for line in text[2:]] == ['2', '1']

    back = zato('service', 'rollback', pair.path, 'rolled.service')
    assert (back.code, back.out) == (0, 'Version 2 of module rolled is served: rolled.service\n')
    assert [pair.invoke('rolled.service', server=server).json['version'] for server in (0, 1)] == [2, 2]
    to = answer_of(zato('service', 'rollback', pair.path, 'rolled', '--to', 1, '--format', 'json'))
    assert (to['number'], to['pending']) == (1, [])
    assert [pair.invoke('rolled.service', server=server).json['version'] for server in (0, 1)] == [1, 1]
    unknown = zato('service', 'rollback', pair.path, 'rolled', '--to', 9)
    assert (unknown.code, unknown.out) == (FAILED, '')
    assert 'has no version 9' in unknown.err

    used = zato('service', 'undeploy', pair.path, 'rolled')
    assert (used.code, 'it is used by REST channel `r`' in used.err) == (FAILED, True)
    answer_of(zato('delete-rest-channel', pair.path, '--name', 'r'))
    gone = zato('service', 'undeploy', pair.path, 'rolled')
    assert (gone.code, f'zato service rollback {pair.path} rolled' in gone.out) == (0, True)
    assert [pair.invoke('rolled.service', server=server).status for server in (0, 1)] == [404, 404]
    services = [item['name'] for item in answer_of(zato('service', 'list', pair.path, '--format', 'json'))]
    assert services == ['demo.add-tax', 'demo.get-price', 'demo.place-order']
    assert 'zato.ping' in zato('service', 'list', pair.path, '--with-internal').out
    assert zato('service', 'rollback', pair.path, 'rolled').code == 0
    assert [pair.invoke('rolled.service', server=server).status for server in (0, 1)] == [200, 200]


def test_any_server_that_runs_will_do(tmp_path: Path) -> None:
    environment = Environment(tmp_path / 'qs-1', servers=2)
    try:
        stopped = zato('object', 'list', environment.path, 'channel_rest')
        assert (stopped.code, f'start it with: zato start {environment.path}' in stopped.err) == (NO_FILE, True)
        environment.start(server=1)
        answer_of(zato('create-rest-channel', environment.path, '--name', 'x', '--url-path', '/x'))
        environment.start(server=0)
        assert status_of(environment, '/x') == [200, 200]
    finally:
        environment.close()


KIND = '''
"""Samples."""

from __future__ import annotations

from dataclasses import dataclass

from zato.common.config.audit_log import Audited
from zato.common.config.field import reference, secret, setting
from zato.common.config.kind import kind


@kind(
    'sample',
    label='Sample',
    command='sample',
    enmasse=('sample',),
    operations=('get-list', 'get', 'create', 'edit', 'delete', 'change-password', 'ping'),
    connects=True,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Audited):
    """Something that answers."""

    address: str = setting(label='Address', help='Where it is')
    port: int = setting(1414, label='Port', help='Of the address', minimum=1, maximum=65_535)
    service: int = reference('service', label='Service', help='What is invoked', default='pub.zato.ping')
    password: str = secret(label='Password', help='What it asks for')
'''

HALF = '''
"""Samples."""

from __future__ import annotations

from typing import Any

from zato.server.audit_log.recorder import Recorder
from zato.server.config.runtime import ConfigObject, Runtime, runtime
from zato.server.connection.registry import OutgoingConnections


class SampleConnection:
    def __init__(self, item: ConfigObject, recorder: Recorder) -> None:
        self._item = item
        self._recorder = recorder

    def send(self, data: str) -> str:
        settings = self._item.settings
        where = f'{settings.address}:{settings.port}'
        if settings.is_audit_log_sent_active:
            self._recorder.record(self._item, direction='sent', cid='c1', remote=where, what='SEND', data=data)
        return where

    def close(self) -> None:
        pass


@runtime('sample')
class Samples(Runtime):
    def __init__(self, connections: OutgoingConnections, recorder: Recorder) -> None:
        self._connections = connections
        self._recorder = recorder

    def start(self, item: ConfigObject) -> None:
        self._connections.put(item.id, SampleConnection(item, self._recorder))

    def stop(self, item: ConfigObject) -> None:
        connection = self._connections.remove(item.id)
        if connection is not None:
            connection.close()

    def ping(self, item: ConfigObject) -> dict[str, Any]:
        password = item.settings.password
        connection = self._connections.get(item.kind, item.name)
        assert isinstance(connection, SampleConnection)
        return {'pong': connection.send(f'ping with {password}'), 'password': password}
'''


class Copy:
    """The source tree, copied, with a kind more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for root in ROOTS:
            shutil.copytree(TOP / root, path / root, ignore=shutil.ignore_patterns('__pycache__'))
        (path / 'common/zato/common/config/kinds/sample.py').write_text(KIND)
        half = path / 'server/zato/server/connection/types/sample.py'
        half.parent.mkdir(parents=True, exist_ok=True)
        for package in (half.parent.parent, half.parent):
            (package / '__init__.py').touch()
        half.write_text(HALF)
        self.env = {**os.environ, 'PYTHONPATH': ':'.join(str(path / root) for root in ROOTS)}

    def python(self, *arguments: Any, **env: str) -> Result:
        command = [sys.executable, '-P', *map(str, arguments)]
        done = subprocess.run(
            command, env=self.env | env, cwd=self.path, capture_output=True, text=True, timeout=PATIENCE * 3, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def zato(self, *arguments: Any, **env: str) -> Result:
        return self.python('-m', 'zato.cli.main', *arguments, **env)


def sources(path: Path) -> set[str]:
    return {str(file.relative_to(path)) for root in ROOTS for file in (path / root).rglob('*.py')}


def test_a_kind_takes_two_files(tmp_path: Path) -> None:
    copy = Copy(tmp_path / 'copy')
    mine = {name for name in sources(copy.path) - sources(TOP) if not name.endswith('/__init__.py')}
    assert mine == {'common/zato/common/config/kinds/sample.py', 'server/zato/server/connection/types/sample.py'}
    imported = copy.python('-c', 'import zato.cli, zato.common, zato.server as s; print(zato.cli, zato.common, s)').out
    assert imported.count(str(copy.path)) == 3, imported

    assert 'sample ' in copy.zato('object', 'create', '--help').out
    assert '--port INTEGER' in copy.zato('create', 'sample', '--help').out
    port = answer_of(copy.zato('object', 'schema', 'sample'))['properties']['port']
    assert (port['default'], port['anyOf'][0]) == (1414, {'type': 'integer', 'minimum': 1, 'maximum': 65_535})
    assert copy.python('-m', 'zato.common.config.reference', copy.path / 'docs').code == 0
    page = (copy.path / 'docs/kinds.md').read_text()
    assert '| `port` | Port | integer | 1414 | 1 to 65,535 | Of the address |' in page
    assert '| `zato.sample.ping` |' in page
    assert (copy.path / 'docs/schema/sample.json').exists()

    environment = Environment(tmp_path / 'qs-1')
    try:
        started = copy.zato('start', environment.path, SAMPLE_ADDRESS='wire', SAMPLE_PORT='99')
        assert started.code == 0, started.err
        check_that_samples_work(copy, environment)
    finally:
        environment.close()


def test_a_new_kind_is_in_the_dashboard_without_a_line_of_it(tmp_path: Path) -> None:
    copy = Copy(tmp_path / 'copy')
    environment = Environment(tmp_path / 'qs-1', web_admin=True)
    try:
        started = copy.zato('start', environment.path, SAMPLE_ADDRESS='wire')
        assert started.code == 0, started.err
        visitor = Visitor(environment)
        assert '<a href="/zato/kind/sample/">Sample</a>' in visitor.get('/zato/')
        text = visitor.get('/zato/kind/sample/')
        assert 'Something that answers.' in text
        assert 'Create a new Sample' in text
        create_sample(visitor)
        edit_sample(visitor)
        delete_sample(visitor)
        assert copy.zato('stop', environment.path).code == 0
    finally:
        environment.close()


def create_sample(visitor: Visitor) -> None:
    path = '/zato/kind/sample/create/'
    form = visitor.form(path)
    assert (form.values['port'], form.values['service'], form.values['name']) == ('1414', 'pub.zato.ping', '')
    wrong = visitor.post(path, {**form.values, 'port': '65536'})
    assert visitor.status == 400
    assert 'There are 3 problems' in wrong
    assert 'must be a number from 1 to 65,535; got `65536`' in wrong
    again = HTMLForm(wrong).values
    settings = {'name': 's1', 'address': '$SAMPLE_ADDRESS', 'port': '$SAMPLE_PORT', 'password': 'planted'}
    text = visitor.post(path, {**again, **settings})
    assert visitor.url.startswith('/zato/kind/sample/?highlight=')
    assert 'Sample `s1` has been created.' in text
    assert 'It is down on server1: “Port” is $SAMPLE_PORT' in text


def edit_sample(visitor: Visitor) -> None:
    path = f'/zato/kind/sample/{visitor.url.rpartition("=")[2]}/'
    text = visitor.get(path)
    assert 'id="field-port-notes">Missing on server1<' in text
    form = HTMLForm(text)
    assert 'password' not in form.inputs
    assert 'Sample `s1` has been saved.' in visitor.post(path, {**form.values, 'port': '7'})
    passwords = {**visitor.form(f'{path}password/', 'class').values, 'password1': 'new-secret', 'password2': 'new-secret'}
    assert 'Password of Sample `s1` has been changed.' in visitor.post(f'{path}password/', passwords)
    text = visitor.post(f'{path}ping/', {**form.values, 'back': 'object'})
    assert 'Response time: ' in text
    assert 'new-secret' not in text
    assert 'address: $SAMPLE_ADDRESS' in visitor.get(f'{path}yaml/')
    history = visitor.get(f'{path}history/')
    assert '$SAMPLE_PORT</del>' in history
    assert 'planted' not in history


def delete_sample(visitor: Visitor) -> None:
    path = visitor.url.replace('history', 'delete')
    text = visitor.post(path, visitor.form(path, 'data-plan').values)
    assert 'Sample `s1` has been deleted.' in text
    assert 'There is none yet.' in text


def check_that_samples_work(copy: Copy, environment: Environment) -> None:
    def invoke(service: str, **request: Any) -> Result:
        return copy.zato('service', 'invoke', environment.path, service, '--payload', json.dumps(request))

    settings = ('--address', '$SAMPLE_ADDRESS', '--port', '$SAMPLE_PORT', '--password', 'secret')
    answer_of(copy.zato('create', 'sample', environment.path, '--name', 's1', *settings))
    expected = {'pong': 'wire:99', 'password': 'secret'}
    assert answer_of(copy.zato('object', 'ping', environment.path, 'sample', 's1')) == expected
    assert invoke('zato.sample.ping', name='s1').out == f'{expected}\n'
    answer_of(copy.zato('object', 'edit', environment.path, 'sample', 's1', '--port', '7'))
    answer_of(copy.zato('change-password', environment.path, '--name', 's1', '--password', 'new'))
    expected = {'pong': 'wire:7', 'password': 'new'}
    assert answer_of(copy.zato('object', 'ping', environment.path, 'sample', 's1')) == expected
    wrong = copy.zato('object', 'edit', environment.path, 'sample', 's1', '--port', '65536')
    assert 'Sample `s1`: `port` must be a number from 1 to 65,535; got `65536`' in wrong.err
    check_that_it_is_audited_and_planned(copy, environment)

    assert invoke('zato.sample.create', name='s2', address='other').code == 0
    names = [item['name'] for item in answer_of(copy.zato('object', 'list', environment.path, 'sample', '--format', 'json'))]
    assert names == ['s1', 's2']
    for name in names:
        answer_of(copy.zato('delete', 'sample', environment.path, '--name', name))
    assert 'There is no Sample `s1`' in copy.zato('object', 'ping', environment.path, 'sample', 's1').err
    assert copy.zato('stop', environment.path).code == 0


def check_that_it_is_audited_and_planned(copy: Copy, environment: Environment) -> None:
    answer_of(copy.zato('change-password', environment.path, '--name', 's1', '--password', 'planted'))
    answer_of(copy.zato('object', 'edit', environment.path, 'sample', 's1', '--is-audit-log-sent-active', 'true'))
    answer_of(copy.zato('object', 'ping', environment.path, 'sample', 's1'))
    asked = ('audit-log', environment.path, '--kind', 'sample', '--name', 's1', '--format', 'json')
    (message,) = eventually(lambda: answer_of(copy.zato(*asked)), 'the message in the audit log')
    assert (message['remote'], message['what'], message['data']) == ('wire:7', 'SEND', 'ping with ******')

    exported = copy.zato('enmasse', environment.path, '--export', '--output', '-').out
    assert '    port: 7\n' in exported
    file = copy.path / 'samples.yaml'
    file.write_text(exported.replace('port: 7', 'port: 8'))
    planned = copy.zato('enmasse', environment.path, '--import', '--dry-run', '--input', file)
    assert '~ change Sample `s1`   (reconnects)' in planned.out, planned
    assert '    port: 7 → 8\n' in planned.out


def test_a_service_that_left_its_module_stays_as_long_as_a_channel_refers_to_it_and_can_be_deleted_then(
    pair: Environment,
) -> None:
    two = service_file(name='left.a') + service_file(name='left.b').replace('MyService', 'Other')
    assert pair.deploy('left.py', two).code == 0
    create(pair, 'zato.channel-rest', 'left', url_path='/left', service='left.b')
    refused = refusal(pair, 'zato.service.delete', {'name': 'left.a'})
    assert refused == (409, 'Module `left` of service `left.a` has others too: left.b; undeploy the module')
    deployed = pair.deploy('left.py', service_file(name='left.a'))
    assert (deployed.code, 'no longer deployed' in deployed.err) == (0, True)
    assert status_of(pair, '/left') == [503, 503]
    refused = refusal(pair, 'zato.service.delete', {'name': 'left.b'})
    assert refused == (409, 'Service `left.b` cannot be deleted: it is used by REST channel `left`')
    invoke(pair, 'zato.channel-rest.delete', {'name': 'left'})
    invoke(pair, 'zato.service.delete', {'name': 'left.b'})
    assert 'left.b' not in listed(pair, 'service')
    invoke(pair, 'zato.service.delete', {'id': listed(pair, 'service')['left.a']['id']})
    assert 'left.a' not in listed(pair, 'service')
    assert refusal(pair, 'zato.service.delete', {'name': 'left.a'}).status == 404
    assert refusal(pair, 'zato.service.delete', {'name': 'helpers.echo'}).status == 409


def as_user(environment: Environment, role: str, service: str, payload: Any, user: str = 'jane') -> tuple[int, Any]:
    """What admin.invoke is answered with, on behalf of a user."""
    body = {'name': service, 'payload': b64encode(json.dumps(payload).encode()).decode()}
    answer = environment.request(
        'POST',
        '/zato/admin/invoke',
        json.dumps(body).encode(),
        user='admin.invoke',
        password=environment.password('admin_invoke'),
        headers={'X-Zato-Admin-User': user, 'X-Zato-Admin-Role': role},
    )
    return answer.status, answer.json.get('details')


def test_a_role_limits_what_is_done_on_behalf_of_a_user_who_is_named_in_the_audit_trail(pair: Environment) -> None:
    create_one = {'name': 'of.jane', 'username': 'jane'}
    for role in ('viewer', 'operator'):
        status, details = as_user(pair, role, 'zato.security.basic-auth.create', create_one)
        assert (status, details.startswith(f'User `jane` has role {role}')) == (403, True)
        assert as_user(pair, role, 'zato.security.basic-auth.get-list', {})[0] == 200
    assert as_user(pair, 'viewer', 'helpers.echo', {})[0] == 403
    assert as_user(pair, 'operator', 'helpers.echo', {})[0] == 200
    assert as_user(pair, 'root', 'zato.ping', {})[0] == 400
    assert as_user(pair, 'admin', 'zato.ping', {}, user='')[0] == 400
    assert as_user(pair, 'admin', 'zato.security.basic-auth.create', create_one)[0] == 200
    found = invoke(pair, 'zato.audit.get-list', {'name': 'of.jane'})
    assert [(row['who'], row['role'], row['action']) for row in found] == [('jane', 'admin', 'create')]


def test_an_admin_service_keeps_its_role_whatever_channel_it_is_mounted_on(pair: Environment) -> None:
    create(pair, 'zato.security.basic-auth', 'mounted', username='bob', password='secret')
    create(pair, 'zato.channel-rest', 'mounted', url_path='/mounted', service='zato.config.apply', data_format='json')
    change = {'action': 'create', 'kind': 'security_basic_auth', 'name': 'evil', 'username': 'evil'}
    body = json.dumps({'changes': [change]}).encode()
    assert pair.request('POST', '/mounted', body).status == 403
    invoke(pair, 'zato.channel-rest.edit', {'name': 'mounted', 'security': 'mounted'})
    own = {'X-Zato-Admin-User': 'bob', 'X-Zato-Admin-Role': 'admin'}
    assert pair.request('POST', '/mounted', body, user='bob', password='secret', headers=own).status == 403
    assert 'evil' not in listed(pair, 'security_basic_auth')


def test_a_password_that_is_given_as_empty_stays_as_it_was(pair: Environment) -> None:
    create(pair, 'zato.security.basic-auth', 'empty', username='eve', password='secret')
    create(pair, 'zato.channel-rest', 'empty', url_path='/empty', security='empty')
    invoke(pair, 'zato.security.basic-auth.edit', {'name': 'empty', 'password': '', 'realm': 'R'})
    assert status_of(pair, '/empty', 'eve', '') == [401, 401]
    assert status_of(pair, '/empty', 'eve', 'secret') == [200, 200]
