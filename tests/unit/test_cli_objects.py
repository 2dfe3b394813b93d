"""Commands for objects: options and subcommands made from declarations, and what they send to a server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from zato.cli.error import CONFLICTING_OPTIONS, FAILED, INVALID_INPUT, NO_OPTIONS, CommandError
from zato.cli.kind_option import options_of, settings_from
from zato.cli.main import cli
from zato.client.admin import ServerError, ServerUnreachable
from zato.common.component import ServerDirectory
from zato.common.config.field import is_variable, reference, secret, setting
from zato.common.config.json_schema import schema_of, schema_of_all
from zato.common.config.kind import Kind, kind, kinds

CHANGED = {'id': 7, 'name': 'x', 'version': 1, 'event': 9, 'pending': [], 'failed': {}}


@kind('sample', label='Sample', unique=(('address',),), fixed={'transport': 'wire'})
@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Something that has settings of all types."""

    address: str = setting(label='Address', help='Where it is')
    ping_interval: float = setting(
        30.0, label='Ping interval', help='Between two', unit='seconds', minimum=1, maximum=3600, aliases=('interval',)
    )
    queue_size: int = setting(1_000, label='Queue size', help='How many wait', minimum=1)
    level: str = setting('low', label='Level', help='How loud', choices=('low', 'high'))
    is_quiet: bool = setting(False, label='Quiet', help='Say nothing?')
    service: int = reference('service', label='Service', help='What is invoked', default='pub.zato.ping')
    security: int | None = reference('security_basic_auth', label='Security', help='Who may', default=None)
    state: str = setting('', label='State', help='How it is', is_read_only=True)
    password: str = secret(label='Password', help='What it asks for')


SAMPLE: Kind = Sample.__zato_kind__  # type: ignore[attr-defined]  # set by the decorator


@dataclass
class FakeServer:
    """Answers with what `answers` has for a service, and keeps what it was asked."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def invoke(self, service: str, payload: Any = None) -> Any:
        self.calls.append((service, payload))
        answer = self.answers.get(service, CHANGED)
        if isinstance(answer, Exception):
            raise answer
        return answer(payload) if callable(answer) else answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr('zato.cli.component.running_server', lambda path: ServerDirectory(tmp_path))
    monkeypatch.setattr('zato.cli.component.client_of', lambda server: fake)
    return fake


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run() -> Run:
    """Runs a command; its exit code, and all it printed or failed with."""

    def run(*arguments: str, stdin: str = '') -> tuple[int, str]:
        result = CliRunner().invoke(cli, arguments, prog_name='zato', input=stdin)
        if isinstance(result.exception, CommandError):
            return result.exception.exit_code, str(result.exception)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return run


def help_of(options: list[click.Option], name: str) -> str:
    return str(next(option for option in options if option.name == name).help)


# Options


def test_each_setting_that_users_may_give_has_an_option() -> None:
    options = list(options_of(SAMPLE, is_new=True))
    flags = [flag for option in options for flag in option.opts]
    assert flags == [
        '--is-active',
        '--address',
        '--ping-interval',
        '--interval',
        '--queue-size',
        '--level',
        '--is-quiet',
        '--service',
        '--security',
        '--password',
    ]
    assert {option.metavar for option in options} == {'BOOLEAN', 'TEXT', 'NUMBER', 'INTEGER', 'CHOICE', 'NAME'}


def test_help_has_what_a_value_may_be() -> None:
    options = list(options_of(SAMPLE, is_new=True))
    assert help_of(options, 'address') == 'Where it is [required]'
    assert help_of(options, 'ping_interval') == 'Between two [default: 30.0; 1 to 3,600 seconds]'
    assert help_of(options, 'queue_size') == 'How many wait [default: 1000; 1 or more]'
    assert help_of(options, 'level') == 'How loud [default: low; low, high]'
    assert help_of(options, 'password') == 'What it asks for [default: random; - reads it from standard input]'


def test_options_of_an_edit_have_no_defaults_for_what_is_not_given_stays() -> None:
    options = list(options_of(SAMPLE, is_new=False))
    assert help_of(options, 'address') == 'Where it is'
    assert help_of(options, 'ping_interval') == 'Between two [1 to 3,600 seconds]'
    assert {option.default for option in options} == {click.Option(['--x']).default}


def test_only_what_was_given_is_sent_and_numbers_stay_text() -> None:
    given = settings_from(
        SAMPLE, {'address': '', 'ping_interval': '$PING', 'queue_size': '5', 'level': None, 'security': ''}
    )
    assert given == {'address': '', 'ping_interval': '$PING', 'queue_size': '5', 'security': None}


# Commands for all kinds


def test_creating_sends_what_options_say(server: FakeServer, run: Run) -> None:
    code, out = run(
        'object', 'create', 'PATH', 'channel-rest', '--url-path', '/x', '--name', 'x', '--is-active', 'no', '--sec-def', 'y'
    )
    assert (code, json.loads(out)) == (0, CHANGED)
    expected = {'url_path': '/x', 'name': 'x', 'is_active': 'no', 'security': 'y'}
    assert server.calls == [('zato.channel-rest.create', expected)]


def test_a_rename_finds_the_id_first(server: FakeServer, run: Run) -> None:
    server.answers['zato.channel-rest.get'] = {'id': 7, 'name': 'x'}
    assert run('object', 'edit', 'PATH', 'channel_rest', 'x', '--new-name', 'y', '--version', '3')[0] == 0
    assert server.calls[1:] == [('zato.channel-rest.edit', {'id': 7, 'name': 'y', 'version': '3'})]


def test_an_edit_without_options_is_refused(server: FakeServer, run: Run) -> None:
    assert run('object', 'edit', 'PATH', 'channel_rest', 'x') == (
        NO_OPTIONS,
        'Give at least one option that says what changes',
    )
    assert server.calls == []


def test_what_cannot_be_renamed_has_no_option_for_it(run: Run) -> None:
    code, out = run('object', 'edit', 'PATH', 'service', 'x', '--new-name', 'y')
    assert code == 2
    assert "No such option '--new-name'" in out


@pytest.mark.parametrize('command', ['list', 'get', 'create', 'edit', 'delete', 'history'])
def test_an_unknown_kind_has_its_nearest_name_told(server: FakeServer, run: Run, command: str) -> None:
    code, out = run('object', command, 'PATH', 'chanel_rest', *(['x'] if command in ('get', 'delete') else []))
    assert (code, out) == (INVALID_INPUT, 'There is no kind `chanel_rest`; did you mean `channel_rest`?')


def test_what_a_kind_cannot_do_is_refused(server: FakeServer, run: Run) -> None:
    expected = 'Service: there is no create of objects of this kind, only get-list, get, edit'
    assert run('object', 'create', 'PATH', 'service') == (INVALID_INPUT, expected)
    assert server.calls == []


@pytest.mark.parametrize('option', ['--url-pat', '--metod'])
def test_an_unknown_option_has_its_nearest_name_told(run: Run, option: str) -> None:
    code, out = run('object', 'create', 'PATH', 'channel_rest', option, 'x')
    assert code == 2
    nearest = {'--url-pat': '--url-path', '--metod': '--method'}[option]
    assert re.search(rf"No such option '?{option}'?.*{nearest}", out)


def test_the_path_and_the_kind_come_before_the_options_of_the_kind(run: Run) -> None:
    assert 'KIND must come before --name' in run('object', 'create', 'PATH', '--name', 'x', 'channel_rest')[1]
    assert "Missing argument 'KIND'" in run('object', 'create', 'PATH')[1]


@pytest.mark.parametrize('arguments', [(), ('PATH',)])
def test_help_before_the_kind_lists_kinds_and_after_it_their_options(run: Run, arguments: tuple[str, ...]) -> None:
    code, out = run('object', 'create', *arguments, '--help')
    assert code == 0
    assert 'channel_rest' in out
    assert 'security_basic_auth' in out
    assert '--url-path' not in out
    code, out = run('object', 'create', 'PATH', 'channel_rest', '--help')
    assert code == 0
    assert '--url-path' in out


def test_a_list_is_a_table_or_has_everything(server: FakeServer, run: Run) -> None:
    item = {'id': 1, 'name': '[red]x', 'is_active': True, 'url_path': '/x', 'security': None, 'service_id': 3, 'error': ''}
    server.answers['zato.channel-rest.get-list'] = [item]
    head, row = run('object', 'list', 'PATH', 'channel_rest')[1].splitlines()
    columns = ['url_path', 'service', 'method', 'security', 'data_format', 'match_slash']
    assert head.split() == ['id', 'name', 'is_active', *columns]
    assert row.split() == ['1', '[red]x', 'True', '/x']
    assert json.loads(run('object', 'list', 'PATH', 'channel_rest', '--format', 'json')[1]) == [item]
    assert 'service_id: 3' in run('object', 'list', 'PATH', 'channel_rest', '--format', 'yaml')[1]
    server.answers['zato.channel-rest.get-list'] = [{**item, 'error': 'no $PATH'}]
    assert 'no $PATH' in run('object', 'list', 'PATH', 'channel_rest')[1]


def test_history_follows_an_object_through_its_names(server: FakeServer, run: Run) -> None:
    created = {'event': 1, 'at': '2026-01-02T03:04:05.678+00:00', 'who': 'jane', 'action': 'create', 'name': 'x'}
    created |= {'object_id': 7, 'before': None, 'after': {'name': 'x', 'url_path': '/x'}}
    renamed = {**created, 'event': 2, 'action': 'edit', 'name': 'y', 'before': created['after']}
    renamed['after'] = {'name': 'y', 'url_path': '/x'}
    server.answers['zato.audit.get-list'] = lambda request: [renamed, created] if 'object_id' in request else [created]
    code, out = run('object', 'history', 'PATH', 'channel_rest', 'x')
    assert code == 0
    assert re.search(r'2 +2026-01-02T03:04:05 +jane +edit +y +name: `x` → `y`\s*\n1 .*create +x +name: `x`', out)


def test_workers_that_do_not_have_a_change_or_cannot_use_it_are_told(server: FakeServer, run: Run) -> None:
    failed = {'server1:12': {'Basic Auth `x`': 'no $USER'}}
    server.answers['zato.security-basic-auth.create'] = {**CHANGED, 'pending': ['server2:34'], 'failed': failed}
    code, out = run('object', 'create', 'PATH', 'security_basic_auth', '--name', 'x', '--username', '$USER')
    assert code == 0
    assert 'Warning: worker server1:12 cannot use Basic Auth `x`: no $USER' in out
    assert 'Warning: it is done, but not yet on workers: server2:34' in out


def test_workers_that_say_the_same_are_told_of_in_one_line(server: FakeServer, run: Run) -> None:
    failed = {
        name: {'Basic Auth `x`': 'Basic Auth `x`: no $A\nBasic Auth `x`: no $B'} for name in ('server1:12', 'server1:13')
    }
    server.answers['zato.security-basic-auth.create'] = {**CHANGED, 'failed': failed}
    _, out = run('object', 'create', 'PATH', 'security_basic_auth', '--name', 'x', '--username', '$A')
    assert [line for line in out.splitlines() if 'Warning' in line] == [
        'Warning: workers server1:12, server1:13 cannot use Basic Auth `x`: no $A; no $B'
    ]


def test_no_answer_is_an_error_that_names_the_log(server: FakeServer, run: Run) -> None:
    server.answers['zato.channel-rest.get-list'] = ServerUnreachable('No answer from 127.0.0.1:1', was_sent=False)
    code, out = run('object', 'list', 'PATH', 'channel_rest')
    assert code == FAILED
    assert re.fullmatch(r'No answer from 127.0.0.1:1; see .*server\.log', out)


# Secrets


def test_a_secret_may_come_from_standard_input(server: FakeServer, run: Run) -> None:
    run('object', 'edit', 'PATH', 'security_basic_auth', 'x', '--password', '-', stdin='from stdin \n')
    assert server.calls == [('zato.security-basic-auth.edit', {'name': 'x', 'password': 'from stdin '})]


def test_a_secret_that_should_come_from_standard_input_and_does_not_is_an_error(server: FakeServer, run: Run) -> None:
    code, out = run('object', 'edit', 'PATH', 'security_basic_auth', 'x', '--password', '-')
    assert (code, out) == (INVALID_INPUT, 'There is no password on standard input')
    assert server.calls == []


# Classic commands


def test_kinds_have_the_commands_that_they_declare(run: Run) -> None:
    top = run('--help')[1]
    assert re.search(r'^  create-rest-channel +Create a new REST channel', top, re.MULTILINE)
    assert re.search(r'^  delete-rest-channel ', top, re.MULTILINE)
    assert 'create-basic-auth' not in top
    assert re.search(r'^  basic-auth ', run('create', '--help')[1], re.MULTILINE)
    assert re.search(r'^  server ', run('create', '--help')[1], re.MULTILINE)
    assert re.search(r'^  basic-auth ', run('delete', '--help')[1], re.MULTILINE)


def test_a_mistyped_command_has_its_nearest_name_told(run: Run) -> None:
    assert 'did you mean `create-rest-channel`?' in run('create-rest-chanel')[1]
    assert 'did you mean `basic-auth`?' in run('create', 'basic-aut')[1]
    assert 'did you mean `list`?' in run('object', 'lst')[1]


@pytest.mark.parametrize('where', [('--path', 'PATH'), ('PATH',)])
def test_the_path_is_an_option_or_an_argument(server: FakeServer, run: Run, where: tuple[str, ...]) -> None:
    code, out = run('create-rest-channel', *where, '--name', 'x', '--url-path', '/x', '--service', 'my.service')
    assert (code, json.loads(out)) == (0, CHANGED)
    assert server.calls == [('zato.channel-rest.create', {'name': 'x', 'url_path': '/x', 'service': 'my.service'})]


def test_a_security_definition_is_created_with_the_channel(server: FakeServer, run: Run) -> None:
    results = [{'id': 1, 'name': 'x', 'version': 1}, {'id': 2, 'name': 'x', 'version': 1}]
    server.answers['zato.config.apply'] = {'results': results, 'event': 2, 'pending': [], 'failed': {}}
    code, out = run('create-rest-channel', 'PATH', '--name', 'x', '--url-path', '/x', '--basic-auth', 'jane,se,cret')
    assert code == 0
    assert json.loads(out)['id'] == 2
    definition = {'action': 'create', 'kind': 'security_basic_auth', 'name': 'x', 'username': 'jane', 'password': 'se,cret'}
    channel = {'action': 'create', 'kind': 'channel_rest', 'name': 'x', 'url_path': '/x'}
    changes = [definition, {**channel, 'security': 'security_basic_auth/x'}]
    assert server.calls == [('zato.config.apply', {'changes': changes})]


def test_a_security_definition_without_a_password_gets_a_random_one(server: FakeServer, run: Run) -> None:
    server.answers['zato.config.apply'] = {'results': [{'id': 2, 'name': 'x', 'version': 1}]}
    assert run('create-rest-channel', 'PATH', '--name', 'x', '--url-path', '/x', '--basic-auth', 'jane')[0] == 0
    assert 'password' not in server.calls[0][1]['changes'][0]


def test_an_error_of_the_server_is_printed_as_it_answered(server: FakeServer, run: Run) -> None:
    server.answers['zato.channel-rest.create'] = ServerError('c1', 409, 'REST channel `x` already exists in this cluster')
    code, out = run('create-rest-channel', 'PATH', '--name', 'x', '--url-path', '/x')
    assert code == FAILED
    expected = {'cid': 'c1', 'result': 'Error', 'details': 'REST channel `x` already exists in this cluster'}
    assert json.loads(out) == expected


def test_a_password_is_changed_without_naming_the_kind(server: FakeServer, run: Run) -> None:
    for declared in kinds().values():
        server.answers[f'{declared.derived_services}.get-list'] = []
    server.answers['zato.security-basic-auth.get-list'] = [{'id': 7, 'name': 'x'}]
    assert run('change-password', 'PATH', '--name', 'x', '--password', '-', stdin='new\n')[0] == 0
    request = {'name': 'x', 'password1': 'new', 'password2': 'new'}
    assert server.calls[-1] == ('zato.security-basic-auth.change-password', request)
    code, out = run('change-password', 'PATH', '--name', 'y', '--password', 'new')
    assert code == INVALID_INPUT
    assert out.startswith('There is no object with a password with name y; say --kind ')


@pytest.mark.parametrize(
    ('arguments', 'code'),
    [
        (['create-rest-channel', '--name', 'x'], NO_OPTIONS),
        (['create-rest-channel', 'PATH', '--path', 'PATH', '--name', 'x'], CONFLICTING_OPTIONS),
        (['create-rest-channel', 'PATH', '--name', 'x', '--security', 'y', '--basic-auth', 'a,b'], CONFLICTING_OPTIONS),
        (['delete-rest-channel', 'PATH'], NO_OPTIONS),
        (['delete-rest-channel', 'PATH', '--id', '1', '--name', 'x'], CONFLICTING_OPTIONS),
        (['change-password', 'PATH', '--name', 'x'], NO_OPTIONS),
        (['change-password', 'PATH', '--kind', 'channel_rest', '--name', 'x', '--password', 'y'], INVALID_INPUT),
        (['create-rest-channel', 'PATH', '--name', 'x', '--store-requests', '0'], 2),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_sent(
    server: FakeServer, run: Run, arguments: list[str], code: int
) -> None:
    assert run(*arguments)[0] == code
    assert server.calls == []


@pytest.mark.parametrize('arguments', [['--version'], ['create', 'secret-key']])
def test_commands_that_need_no_kinds_do_not_import_them(arguments: list[str]) -> None:
    code = (
        'import sys\nfrom zato.cli.main import main\n'
        'try: main(sys.argv[1:])\n'
        'finally: assert not [name for name in sys.modules if name.startswith("zato.common.config.kinds")]'
    )
    done = subprocess.run([sys.executable, '-c', code, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')


# JSON Schema


def test_a_schema_has_what_the_declaration_says() -> None:
    schema = schema_of(SAMPLE)
    properties = schema['properties']
    assert schema['$schema'] == 'https://json-schema.org/draft/2020-12/schema'
    assert schema['required'] == ['name', 'address']
    assert schema['additionalProperties'] is False
    assert schema['x-unique'] == [['address']]
    assert properties['transport'] == {'const': 'wire'}
    assert list(properties) == ['name', 'is_active', 'transport', *SAMPLE.fields]
    assert properties['address'] == {
        'title': 'Address',
        'description': 'Where it is',
        'type': 'string',
        'minLength': 1,
        'maxLength': 2_000,
    }
    number = {'type': 'number', 'minimum': 1, 'maximum': 3600}
    assert properties['ping_interval']['anyOf'][0] == number
    assert properties['ping_interval']['x-unit'] == 'seconds'
    assert properties['ping_interval']['x-aliases'] == ['interval']
    assert properties['queue_size']['anyOf'][0] == {'type': 'integer', 'minimum': 1}
    assert properties['level']['anyOf'][0] == {'enum': ['low', 'high']}
    assert (properties['is_quiet']['type'], properties['is_quiet']['default']) == ('boolean', False)
    assert (properties['service']['type'], properties['service']['x-refers-to']) == ('string', ['service'])
    assert (properties['security']['type'], properties['security']['default']) == (['string', 'null'], None)
    assert properties['state']['readOnly'] is True
    assert properties['password']['writeOnly'] is True
    assert 'default' not in properties['password']


@pytest.mark.parametrize('text', ['$NAME', '$n', '$', '$$', '$$NAME', 'NAME', '', 'x$NAME'])
def test_a_schema_takes_for_a_variable_what_servers_do(text: str) -> None:
    pattern = schema_of(SAMPLE)['properties']['queue_size']['anyOf'][1]['pattern']
    assert bool(re.search(pattern, text)) == is_variable(text)


def test_the_schema_of_all_kinds_has_each_of_them(run: Run) -> None:
    code, out = run('object', 'schema')
    assert code == 0
    assert json.loads(out) == schema_of_all()
    assert schema_of_all()['$defs'].keys() == kinds().keys()
    for name, declared in kinds().items():
        assert {'$schema': schema_of_all()['$schema'], **schema_of_all()['$defs'][name]} == schema_of(declared)
        assert json.loads(run('object', 'schema', name)[1]) == schema_of(declared)
