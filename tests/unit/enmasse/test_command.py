"""`zato enmasse`: what it asks of a server, what it prints, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.enmasse import write
from zato.cli.enmasse import DRIFT
from zato.cli.error import CONFLICTING_OPTIONS, FAILED, INVALID_INPUT, NO_FILE, NO_OPTIONS, TIMEOUT, CommandError
from zato.cli.main import cli
from zato.client.admin import ServerError, ServerUnreachable
from zato.common.component import ServerDirectory

FILE = """
security:
  - {name: b, type: basic_auth, username: jane, password: secret}
outgoing_rest:
  - name: CRM
    host: $CRM
    security_name: b
"""
CRM = {'kind': 'outgoing_rest', 'name': 'CRM', 'is_active': True, 'version': 1, 'error': '', 'settings': {'host': '$CRM'}}


@dataclass
class FakeServer:
    """Answers with what `answers` has for a service, and keeps what it was asked."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def invoke(self, service: str, payload: Any = None) -> Any:
        self.calls.append((service, payload))
        answer = self.answers[service]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get(self, path: str) -> tuple[int, bytes]:
        return 200, b''

    def result(self, action: str, kind: str, name: str, **other: Any) -> dict[str, Any]:
        return {'action': action, 'kind': kind, 'name': name, 'is_changed': True, **other}

    def answer_changes(self, *results: Mapping[str, Any], **other: Any) -> None:
        self.answers['zato.config.apply'] = {
            'results': list(results),
            'reconnects': [],
            'pending': [],
            'failed': {},
            **other,
        }

    @property
    def changes(self) -> list[dict[str, Any]]:
        """What it was asked to change last."""
        found: list[dict[str, Any]] = [payload for service, payload in self.calls if service == 'zato.config.apply'][-1][
            'changes'
        ]
        return found


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer({'zato.config.export': {'objects': []}})
    fake.answer_changes()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('zato.cli.component.servers_of', lambda path: [])
    monkeypatch.setattr('zato.cli.component.running_server', lambda path: ServerDirectory(tmp_path))
    monkeypatch.setattr('zato.cli.component.client_of', lambda server, timeout: fake)
    monkeypatch.setattr('zato.cli.enmasse_server.sleep', lambda seconds: None)
    write(tmp_path, {'file.yaml': FILE})
    return fake


@dataclass(frozen=True)
class Done:
    """How a command ended. text: what it failed with, or printed."""

    code: int
    text: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(server: FakeServer) -> Run:
    def run(*arguments: str) -> Done:
        result = CliRunner().invoke(cli, ['enmasse', 'PATH', *arguments], prog_name='zato')
        if isinstance(result.exception, CommandError):
            return Done(result.exception.exit_code, str(result.exception), result.stderr)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


IMPORT = ('--import', '--input', 'file.yaml')


@pytest.mark.parametrize(
    ('arguments', 'code'),
    [
        ('', NO_OPTIONS),
        ('--input file.yaml', NO_OPTIONS),
        ('--import', NO_OPTIONS),
        ('--import --export --input file.yaml', CONFLICTING_OPTIONS),
        ('--import --input file.yaml --drift file.yaml', CONFLICTING_OPTIONS),
        ('--export --dry-run', CONFLICTING_OPTIONS),
        ('--export --delete-missing', CONFLICTING_OPTIONS),
        ('--drift file.yaml --input file.yaml', CONFLICTING_OPTIONS),
        ('--import --input file.yaml --output x.yaml', CONFLICTING_OPTIONS),
        ('--import --input missing.yaml', NO_FILE),
        ('--drift missing.yaml', NO_FILE),
        ('--import --input wrong.yaml', INVALID_INPUT),
        ('--drift wrong.yaml', INVALID_INPUT),
        ('--import --input file.txt', INVALID_INPUT),
        ('--import --input later.yaml', INVALID_INPUT),
        ('--import --input file.yaml --include-type rest,nonsense', 2),
        ('--import --input file.yaml --initial-wait-time soon', 2),
    ],
)
def test_each_failure_has_its_exit_code_and_asks_for_no_change(
    run: Run, server: FakeServer, tmp_path: Path, arguments: str, code: int
) -> None:
    write(tmp_path, {'wrong.yaml': 'security: ]', 'file.txt': FILE, 'later.yaml': 'scheduler: []'})
    assert run(*arguments.split()).code == code
    assert 'zato.config.apply' not in dict(server.calls)


def test_an_import_is_one_request_that_has_the_whole_file_in_its_order(run: Run, server: FakeServer) -> None:
    results = [server.result('create', 'security_basic_auth', 'b'), server.result('edit', 'outgoing_rest', 'CRM')]
    server.answer_changes(*results, {**results[0], 'is_changed': False})
    done = run(*IMPORT, '--replace-odb-objects', '--exit-on-missing-file')
    assert (done.code, done.err) == (0, '')
    assert (
        done.text == '+ Basic Auth `b`\n~ Outgoing REST connection `CRM`\n1 created, 1 changed, 0 deleted, 1 as they were\n'
    )
    assert [(change['action'], change['name'], change['place']) for change in server.changes] == [
        ('put', 'b', 'file.yaml:3'),
        ('put', 'CRM', 'file.yaml:5'),
    ]
    assert [payload for service, payload in server.calls if service == 'zato.config.apply'] == [{'changes': server.changes}]


def test_what_the_server_refuses_is_told_line_by_line(run: Run, server: FakeServer) -> None:
    server.answers['zato.config.apply'] = ServerError('cid', 409, 'file.yaml:3: one\nfile.yaml:5: two')
    done = run(*IMPORT)
    assert (done.code, done.text.splitlines()[1:]) == (FAILED, ['file.yaml:3: one', 'file.yaml:5: two'])
    server.answers['zato.config.apply'] = ServerError('cid', 413, 'too long')
    assert 'max_body' in run(*IMPORT).text


def test_a_server_that_does_not_answer_leaves_it_open_what_was_done(run: Run, server: FakeServer) -> None:
    server.answers['zato.config.apply'] = ServerUnreachable('No answer from x', was_sent=False)
    done = run(*IMPORT)
    assert (done.code, 'all of it was, or nothing' in done.text) == (FAILED, True)


def test_objects_that_are_down_are_told_and_it_is_no_failure(run: Run, server: FakeServer) -> None:
    server.answers['zato.config.export'] = {
        'objects': [{**CRM, 'error': 'no variable'}, {**CRM, 'name': 'other', 'error': 'also none'}]
    }
    assert (run(*IMPORT).code, run(*IMPORT).err) == (0, 'Warning: no variable; it is down\n')
    server.answer_changes(failed={'server1:1': {'Outgoing REST connection `CRM`': 'no variable'}}, pending=['server2:2'])
    assert run(*IMPORT).err == (
        'Warning: worker server1:1 cannot use Outgoing REST connection `CRM`: no variable\n'
        'Warning: it is done, but not yet on workers: server2:2\n'
    )


def test_variables_come_from_the_caller_and_from_a_file_of_them(
    run: Run, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        tmp_path,
        {
            'file.yaml': 'apikey: [{name: a, password: "{Zato_Enmasse_Env.A}{Zato_Enmasse_Env.B}"}]',
            'env.ini': '[env]\nB=2\n',
        },
    )
    monkeypatch.setenv('A', '1')
    monkeypatch.setenv('B', '0')
    monkeypatch.setenv('Zato_Enmasse_Env_apikey_a_heade', 'x')
    done = run(*IMPORT, '--env-file', 'env.ini')
    assert server.changes[0]['password'] == '12'
    assert done.err == 'Warning: Zato_Enmasse_Env_apikey_a_heade is set, and no object in the file has what it names\n'


def test_includes_may_be_missing(run: Run, tmp_path: Path) -> None:
    write(tmp_path, {'file.yaml': 'include: [other.yaml]\napikey: [{name: a}]'})
    assert run(*IMPORT).text == 'file.yaml cannot be used\nfile.yaml:1: there is no file other.yaml'
    done = run(*IMPORT, '--ignore-missing-includes')
    assert (done.code, done.err) == (0, 'Warning: file.yaml:1: there is no file other.yaml\n')


def test_what_sections_do_not_have_is_deleted_if_that_is_wanted(run: Run, server: FakeServer) -> None:
    others = [
        ('outgoing_rest', 'other'),
        ('security_apikey', 'key of CRM'),
        ('channel_rest', 'of a section that is not there'),
    ]
    server.answers['zato.config.export'] = {
        'objects': [CRM, *({**CRM, 'kind': kind, 'name': name} for kind, name in others)]
    }
    run(*IMPORT, '--delete-missing')
    assert server.changes[2:] == [
        {'action': 'delete', 'kind': 'outgoing_rest', 'name': 'other'},
        {'action': 'delete', 'kind': 'security_apikey', 'name': 'key of CRM'},
    ]
    run(*IMPORT, '--delete-missing', '--include-type', 'security', '--include-name', 'crm')
    assert [change['name'] for change in server.changes] == ['key of CRM']
    run(*IMPORT)
    assert len(server.changes) == 2


def test_an_object_that_gets_another_name_from_the_file_is_not_deleted(server: FakeServer, run: Run, tmp_path: Path) -> None:
    """Subscriptions would lose their messages."""
    text = 'pubsub_subscription: [{name: s, topic_list: [/a, /b], endpoint_name: e, delivery_method: pull}]'
    write(tmp_path, {'file.yaml': text})
    server.answers['zato.config.export'] = {
        'objects': [
            {**CRM, 'kind': 'pubsub_subscription', 'name': name, 'settings': {'topic': topic, 'endpoint': endpoint}}
            for name, topic, endpoint in (('s', '/a', 'e'), ('t', '/b', 'f'))
        ]
    }
    run(*IMPORT, '--delete-missing')
    assert [(change['action'], change['name']) for change in server.changes] == [
        ('put', 's /a'),
        ('put', 's /b'),
        ('delete', 't'),
    ]


@pytest.mark.parametrize(('rest', 'deleted'), [('', []), (' []', ['other'])])
def test_a_section_without_a_list_deletes_nothing(
    server: FakeServer, run: Run, tmp_path: Path, rest: str, deleted: list[str]
) -> None:
    server.answers['zato.config.export'] = {'objects': [{**CRM, 'kind': 'security_apikey', 'name': 'other'}]}
    write(tmp_path, {'sections.yaml': f'security:{rest}\noutgoing_rest: []\n'})
    run('--import', '--input', 'sections.yaml', '--delete-missing')
    assert [change['name'] for change in server.changes] == deleted


PLAN = """\
+ create Basic Auth `b`   file.yaml:3
    is_active: False
    username: jane
    password: ******
~ change Outgoing REST connection `CRM`   (reconnects)   file.yaml:5
    is_active: True → False
    host: http://a → $CRM
    timeout: 15 → 10
    password: ****** → (new)
    ping_method: (empty) → a\\nb
- delete Security group `g`
  Outgoing REST connection `ERP` reconnects, for what it refers to changes
1 to create, 1 to change, 1 to delete, 1 as they are
"""


def test_a_dry_run_shows_field_by_field_what_would_be(run: Run, server: FakeServer) -> None:
    before = {
        'is_active': True,
        'host': 'http://a',
        'timeout': 15.0,
        'pool_size': 20,
        'password': '******',
        'ping_method': '',
    }
    after = {**before, 'is_active': False, 'host': '$CRM', 'timeout': 10.0, 'ping_method': 'a\nb'}
    created = {'is_active': False, 'username': 'jane', 'realm': 'API', 'password': '******', 'rate_limit_def': ''}
    changed = ['host', 'timeout', 'password', 'ping_method']
    server.answers['zato.config.export'] = {'objects': [{**CRM, 'kind': 'security_group', 'name': 'g'}]}
    server.answer_changes(
        server.result('create', 'security_basic_auth', 'b', before=None, after=created, changed=[]),
        server.result('edit', 'outgoing_rest', 'CRM', before=before, after=after, changed=changed),
        {'action': 'edit', 'kind': 'security_group', 'name': 'same', 'is_changed': False},
        server.result('delete', 'security_group', 'g', before={'members': []}, after=None, changed=[]),
        reconnects=['Outgoing REST connection `CRM`', 'Outgoing REST connection `ERP`'],
    )
    write(Path(), {'file.yaml': FILE + 'security_groups: [{name: same}]\n'})
    done = run(*IMPORT, '--dry-run', '--delete-missing')
    assert (done.code, done.text) == (0, PLAN)
    assert dict(server.calls)['zato.config.apply']['dry_run'] is True


def test_secrets_that_the_server_makes_up_are_told_so_that_nobody_calls_others_with_them(
    run: Run, server: FakeServer
) -> None:
    after = {'is_active': True, 'username': 'jane', 'password': '******'}
    results = [server.result('create', 'security_basic_auth', name, before=None, after=after, changed=[]) for name in 'bc']
    server.answer_changes(*results)
    write(Path(), {'file.yaml': 'basic_auth: [{name: b, username: jane, password: ~}, {name: c, username: x, password: y}]'})
    warning = 'Warning: Basic Auth `b`: `password` is a random one, since the file has none\n'
    assert run(*IMPORT).err == warning
    lines = [line.strip() for line in run(*IMPORT, '--dry-run').text.splitlines() if 'password' in line]
    assert lines == ['password: (random)', 'password: ******']


def test_drift_is_told_and_is_a_failure(run: Run, server: FakeServer) -> None:
    server.answers['zato.config.export'] = {'objects': [{**CRM, 'error': 'no variable'}, {**CRM, 'name': 'ERP'}]}
    before, after = {'is_active': True, 'timeout': 15.0}, {'is_active': True, 'timeout': 10.0}
    server.answer_changes(
        server.result('create', 'security_basic_auth', 'b', before=None, after={}, changed=[]),
        server.result('edit', 'outgoing_rest', 'CRM', before=before, after=after, changed=['timeout']),
    )
    done = run('--drift', 'file.yaml')
    assert done.code == DRIFT
    assert done.text == (
        'Only in the file: Basic Auth `b`   file.yaml:3\n'
        'Different: Outgoing REST connection `CRM`   file.yaml:5\n'
        '    timeout: server 15, file 10\n'
        'Only on the server: Outgoing REST connection `ERP`\n'
        'Down: no variable\n'
    )
    assert dict(server.calls)['zato.config.apply']['dry_run'] is True


def test_no_drift_is_a_success(run: Run, server: FakeServer) -> None:
    same = {'action': 'edit', 'kind': 'outgoing_rest', 'name': 'CRM', 'is_changed': False}
    server.answer_changes(same, same)
    done = run('--drift', 'file.yaml')
    assert (done.code, done.text) == (0, 'The running configuration is what file.yaml says\n')


def test_an_export_goes_to_a_file_that_only_its_owner_may_read(run: Run, server: FakeServer, tmp_path: Path) -> None:
    server.answers['zato.config.export'] = {'objects': [CRM]}
    assert run('--export', '--output', 'a.yaml').text == 'Written to a.yaml: 1 object(s)\n'
    assert (tmp_path / 'a.yaml').read_text().endswith('outgoing_rest:\n  - name: CRM\n    host: $CRM\n')
    assert (tmp_path / 'a.yaml').stat().st_mode & 0o777 == 0o600
    run('--export-odb', '--dump-format', 'json')
    (made,) = tmp_path.glob('zato-export-*.json')
    assert json.loads(made.read_text()) == {'outgoing_rest': [{'name': 'CRM', 'host': '$CRM'}]}
    assert run('--export', '--output', '-', '--include-type', 'security', '--format', 'json').text == '{}\n'
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.yaml', 'file.yaml', made.name]


def test_an_export_to_where_there_is_no_directory_is_told(run: Run, tmp_path: Path) -> None:
    done = run('--export', '--output', str(tmp_path / 'nowhere' / 'x.yaml'))
    assert (done.code, done.text) == (NO_FILE, f'There is no directory {tmp_path / "nowhere"}')


def test_services_are_waited_for_if_that_is_wanted(run: Run, server: FakeServer, tmp_path: Path) -> None:
    write(tmp_path, {'file.yaml': 'channel_rest: [{name: a, url_path: /a, service: my.service}]'})
    there = [{'name': 'my.service', 'is_deployed': True}]
    server.answers['zato.service.get-list'] = [[], [{'name': 'my.service', 'is_deployed': False}], there]
    run(*IMPORT)
    assert 'zato.service.get-list' not in dict(server.calls)
    run(*IMPORT, '--missing-wait-time', '100')
    assert [service for service, _ in server.calls].count('zato.service.get-list') == 3


def test_the_server_is_waited_for_if_that_is_wanted(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tries: list[Path] = []

    def running_server(path: Path) -> ServerDirectory:
        tries.append(path)
        if len(tries) < 3:
            raise CommandError('it is not running')
        return ServerDirectory(tmp_path)

    monkeypatch.setattr('zato.cli.component.running_server', running_server)
    assert run('--export', '--output', '-', '--initial-wait-time', '100').code == 0
    tries.clear()
    assert run('--export', '--initial-wait-time', '0.000001').code == TIMEOUT
