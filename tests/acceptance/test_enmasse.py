"""`zato enmasse` with real servers: files are imported whole or not at all, repeated, exported, compared."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.admin import invoke, refusal
from tests.support.documentation import ROOT
from tests.support.enmasse import write
from tests.support.environment import PATIENCE, ZATO, Environment, Result, eventually, service_file, zato
from zato.common.enmasse.sections import kinds_in

EXAMPLES = ROOT / 'tests' / 'support' / 'enmasse_examples'
VARIABLES = {'CRM_CLIENT_PASSWORD': 'client-pw', 'PARTNER_KEY': '$partner-pw', 'BILLING_PW': 'billing-pw'}
SERVERS = {'KEY': 'a-key'}  #: variables of servers

EVERYTHING = """
security:
  - {name: jane, type: basic_auth, username: jane, realm: on, password: a-password, rate_limit_def: "# none\\n*=1/m"}
  - {name: key, type: apikey, header: X-Key, password: $KEY}
  - {name: token, type: jwt, username: joe, ttl: "10", is_active: no}
  - {name: bearer, type: oauth, username: me, auth_endpoint: "https://127.0.0.1/token", scopes: [a, b], password: b-password}
security_groups:
  - {name: caf\u00e9 😀, members: [key, jane]}
channel_rest:
  - {name: 0123, url_path: "/a/{b}", service_name: helpers.echo, sec_def: basic_auth/jane, security_groups: [caf\u00e9 😀]}
  - {name: open, url_path: /open, security: zato-no-security, data_format: json, cors_origins: "https://a.example\\nnull"}
outgoing_rest:
  - {name: crm, address: "http://127.0.0.1:1", security_name: bearer, timeout: 1.5, tls_verify: "False"}
"""
SECTIONS = 'security security_groups channel_rest outgoing_rest pubsub_subscription pubsub_endpoint pubsub_topic'
EMPTY = ''.join(f'{section}: []\n' for section in SECTIONS.split())


def enmasse(environment: Environment, *arguments: Any, code: int = 0, env: dict[str, str] | None = None) -> Result:
    done = zato('enmasse', environment.path, *arguments, env=env)
    assert done.code == code, (done.out, done.err)
    return done


def import_(
    environment: Environment, file: Path, *arguments: Any, code: int = 0, env: dict[str, str] | None = None
) -> Result:
    return enmasse(environment, '--import', '--input', file, *arguments, code=code, env=env)


def export(environment: Environment) -> str:
    return enmasse(environment, '--export', '--output', '-').out


@pytest.fixture(scope='module')
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """One worker with the variable that these files need, shared by the tests."""
    created = Environment(tmp_path_factory.mktemp('shared') / 'qs-1')
    try:
        created.start(env=SERVERS)
        yield created
    finally:
        created.close()


@pytest.fixture
def empty(running: Environment, tmp_path: Path) -> Environment:
    """Running, and without any object that an export would have."""
    write(tmp_path, {'empty.yaml': EMPTY})
    import_(running, tmp_path / 'empty.yaml', '--delete-missing')
    assert yaml.safe_load(export(running)) == {}
    return running


ARTICLE = """
%s:
  - connection: outgoing
    name: CRM
    address: "$CRM_ADDRESS"
    url_path: /api
"""


def test_the_item_that_users_were_shown_is_the_same_under_each_name_of_its_section(
    empty: Environment, tmp_path: Path
) -> None:
    texts = []
    for section in ('outgoing_rest', 'outconn_plain_http', 'http_soap'):
        write(tmp_path, {f'{section}.yaml': ARTICLE % section})
        done = import_(empty, tmp_path / f'{section}.yaml')
        assert 'the server has no environment variable CRM_ADDRESS' in done.err
        texts.append(export(empty))
    assert '0 created, 0 changed, 0 deleted, 1 as they were' in done.out
    assert yaml.safe_load(texts[0]) == {'outgoing_rest': [{'name': 'CRM', 'host': '$CRM_ADDRESS', 'url_path': '/api'}]}
    assert texts == texts[:1] * 3


def test_the_servers_own_environment_fills_a_variable_in(environment: Environment, tmp_path: Path) -> None:
    write(tmp_path, {'crm.yaml': ARTICLE % 'outgoing_rest'})
    environment.start(env={'CRM_ADDRESS': 'http://127.0.0.1:1'})
    assert import_(environment, tmp_path / 'crm.yaml', env={'CRM_ADDRESS': ''}).err == ''
    assert enmasse(environment, '--drift', tmp_path / 'crm.yaml').out.startswith('The running configuration is what')
    environment.stop()
    environment.start()
    assert 'Down: Outgoing REST connection `CRM`' in enmasse(environment, '--drift', tmp_path / 'crm.yaml', code=1).out


@pytest.mark.parametrize('name', ['rest.yaml', 'wsx-pubsub.yaml', 'mq-jobs.yaml'])
def test_an_example_is_refused_whole_and_imports_twice_without_sections_of_later_versions(
    empty: Environment, tmp_path: Path, name: str
) -> None:
    """Later versions have more of the sections, until nothing is cut off."""
    shutil.copytree(EXAMPLES, tmp_path / 'whole')
    later, kept = set(), set()
    for path in EXAMPLES.glob('*.yaml'):
        document = yaml.safe_load(path.read_text())
        is_read = path.name in (name, *(yaml.safe_load((EXAMPLES / name).read_text()).get('include', ())))
        cut = {section for section in document if section != 'include' and not kinds_in(section)}
        later |= cut if is_read else set()
        kept |= document.keys() - cut - {'include'} if path.name == name else set()
        write(tmp_path, {f'cut/{path.name}': yaml.safe_dump({k: v for k, v in document.items() if k not in cut})})
    before = export(empty)
    refused = import_(empty, tmp_path / 'whole' / name, code=15 if later else 0, env=VARIABLES)
    assert set(re.findall(r'section `(\w+)` .* is not in this version', refused.err)) == later
    if later:
        assert export(empty) == before
    empty.deploy('crm.py', service_file(name='api.user.get-details'))
    empty.deploy('audit.py', service_file(name='audit.store'))
    import_(empty, tmp_path / 'cut' / name, env=VARIABLES)
    first = export(empty)
    assert set(yaml.safe_load(first)) == kept  # nothing of a file of which nothing is left
    again = import_(empty, tmp_path / 'cut' / name, env=VARIABLES)
    assert again.out.startswith('0 created, 0 changed, 0 deleted')
    assert export(empty) == first
    assert not any(password in first for password in [*VARIABLES.values(), 'peer-pw'])


def test_a_channel_from_a_file_is_served_with_the_key_that_the_caller_had(empty: Environment, tmp_path: Path) -> None:
    text = """
apikey: [{name: partner, header: X-Partner-Key, password: Zato_Enmasse_Env.PARTNER_KEY}]
channel_rest: [{name: echo, url_path: /enmasse/echo, service: helpers.echo, security_name: partner, data_format: json}]
"""
    write(tmp_path, {'a.yaml': text})
    import_(empty, tmp_path / 'a.yaml', env=VARIABLES)
    for key, status in (('$partner-pw', 200), ('partner-pw', 401)):
        answer = empty.request('POST', '/enmasse/echo', b'{"a": 1}', headers={'X-Partner-Key': key})
        assert answer.status == status


@pytest.mark.parametrize('ending', ['yaml', 'json'])
def test_what_one_environment_exports_another_one_imports_and_exports_as_the_same_text(
    empty: Environment, environment: Environment, tmp_path: Path, ending: str
) -> None:
    write(tmp_path, {'all.yaml': EVERYTHING})
    import_(empty, tmp_path / 'all.yaml')
    first, second = (tmp_path / f'{number}.{ending}' for number in (1, 2))
    enmasse(empty, '--export', '--output', first, '--format', ending)
    environment.start(env=SERVERS)
    import_(environment, first)
    enmasse(environment, '--export', '--output', second, '--format', ending)
    assert first.read_text() == second.read_text()
    assert first.stat().st_mode & 0o777 == 0o600
    assert '$KEY' in first.read_text()
    assert 'a-password' not in first.read_text()
    assert 'b-password' not in first.read_text()
    import_(environment, second, '--delete-missing')
    assert enmasse(environment, '--drift', first).code == 0


def test_an_import_without_passwords_leaves_them_as_they_are(empty: Environment, tmp_path: Path) -> None:
    write(tmp_path, {'a.yaml': EVERYTHING, 'b.yaml': ''})
    import_(empty, tmp_path / 'a.yaml')
    (tmp_path / 'b.yaml').write_text(export(empty))
    assert import_(empty, tmp_path / 'b.yaml').out.startswith('0 created, 0 changed, 0 deleted')
    answer = empty.request('POST', '/a/x', b'{}', user='jane', password='a-password')
    assert answer.status == 200, answer.body


def test_a_dry_run_changes_nothing_and_says_what_an_import_then_does(empty: Environment, tmp_path: Path) -> None:
    write(tmp_path, {'a.yaml': EVERYTHING})
    before = export(empty)
    plan = import_(empty, tmp_path / 'a.yaml', '--dry-run').out
    assert export(empty) == before
    assert '8 to create, 0 to change, 0 to delete, 0 as they are' in plan
    assert '    password: ******\n' in plan
    assert not any(password in plan for password in ('a-password', 'b-password'))
    done = import_(empty, tmp_path / 'a.yaml').out
    titles = re.findall(r'^\+ create (.*`)', plan, re.MULTILINE)
    assert (len(titles), titles) == (8, re.findall(r'^\+ (.*`)', done, re.MULTILINE))
    write(
        tmp_path,
        {
            'a.yaml': EVERYTHING.replace('1.5', '2.5')
            .replace('b-password', 'c')
            .replace('type: basic', 'is_active: no, type: basic')
        },
    )
    plan = import_(empty, tmp_path / 'a.yaml', '--dry-run').out
    assert plan == (
        f'~ change Basic Auth `jane`   {tmp_path}/a.yaml:3\n'
        '    is_active: True → False\n'
        f'~ change Bearer token `bearer`   {tmp_path}/a.yaml:6\n'
        '    password: ****** → (new)\n'
        f'~ change Outgoing REST connection `crm`   (reconnects)   {tmp_path}/a.yaml:13\n'
        '    timeout: 1.5 → 2.5\n'
        '0 to create, 3 to change, 0 to delete, 5 as they are\n'
    )


@pytest.mark.parametrize(('said', 'status'), [('false', 200), (False, 200), ('maybe', 400)])
def test_a_dry_run_is_what_requests_say_in_whatever_form(empty: Environment, said: Any, status: int) -> None:
    """Text that says no is no, or else nobody would see that nothing was done."""
    change = {'action': 'put', 'kind': 'security_basic_auth', 'name': 'dry', 'username': 'x', 'realm': str(said)}
    if status == 200:
        assert invoke(empty, 'zato.config.apply', {'changes': [change], 'dry_run': said})['event']
    else:
        refused = refusal(empty, 'zato.config.apply', {'changes': [change], 'dry_run': said})
        assert (refused.status, refused.text) == (400, '`dry_run` must be True or False; got `maybe`')


def test_where_the_running_configuration_differs_is_told(empty: Environment, tmp_path: Path) -> None:
    write(tmp_path, {'a.yaml': EVERYTHING})
    import_(empty, tmp_path / 'a.yaml')
    assert (
        enmasse(empty, '--drift', tmp_path / 'a.yaml').out == f'The running configuration is what {tmp_path}/a.yaml says\n'
    )
    edited = zato('object', 'edit', empty.path, 'outgoing_rest', 'crm', '--timeout', '9', '--security', '')
    assert edited.code == 0, edited.err
    assert zato('object', 'delete', empty.path, 'channel_rest', 'open').code == 0
    assert zato('object', 'create', empty.path, 'security_apikey', '--name', 'new').code == 0
    assert enmasse(empty, '--drift', tmp_path / 'a.yaml', code=1).out == (
        f'Only in the file: REST channel `open`   {tmp_path}/a.yaml:11\n'
        f'Different: Outgoing REST connection `crm`   {tmp_path}/a.yaml:13\n'
        '    security: server (empty), file bearer\n'
        '    timeout: server 9, file 1.5\n'
        'Only on the server: API key `new`\n'
    )


def test_everything_that_the_server_refuses_is_told_with_its_line_and_nothing_is_done(
    empty: Environment, tmp_path: Path
) -> None:
    text = """
channel_rest:
  - {name: a, url_path: /a, service: helpers.echo}
  - name: b
    url_path: /a
    service: helpers.ech
    security: nobody
outgoing_rest:
  - {name: c, host: http://127.0.0.1, security: later}
security: [{name: later, type: basic_auth, username: x}]
"""
    write(tmp_path, {'a.yaml': text})
    main = tmp_path / 'a.yaml'
    before = export(empty)
    refused = import_(empty, main, code=16).err.splitlines()
    assert sorted(line.partition(': ')[0] for line in refused[1:]) == [f'{main}:4', f'{main}:6', f'{main}:7']
    assert 'did you mean `helpers.echo`?' in '\n'.join(refused)
    assert export(empty) == before


def admin_requests(environment: Environment) -> int:
    return (environment.server.logs / 'http_access.log').read_text().count('/zato/admin/invoke')


def test_a_service_may_be_deployed_while_an_import_waits_for_it(empty: Environment, tmp_path: Path) -> None:
    write(tmp_path, {'a.yaml': 'channel_rest: [{name: late, url_path: /late, service: late.service}]'})
    assert 'late.service' in import_(empty, tmp_path / 'a.yaml', code=16).err
    before = admin_requests(empty)
    command = [ZATO, 'enmasse', empty.path, '--import', '--input', tmp_path / 'a.yaml', '--missing-wait-time', str(PATIENCE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
        eventually(lambda: admin_requests(empty) > before, 'a look at the services')
        assert waiting.poll() is None
        empty.deploy('late.py', service_file(name='late.service'))
        assert waiting.wait(PATIENCE) == 0
    assert empty.request('GET', '/late').status == 200


def test_a_server_that_is_not_running_is_told_of_or_waited_for(environment: Environment, tmp_path: Path) -> None:
    write(tmp_path, {'a.yaml': EVERYTHING})
    assert 'is not running' in import_(environment, tmp_path / 'a.yaml', code=2).err
    command = [
        ZATO,
        'enmasse',
        environment.path,
        '--import',
        '--input',
        tmp_path / 'a.yaml',
        '--initial-wait-time',
        str(PATIENCE),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
        environment.start()
        assert waiting.wait(PATIENCE) == 0
    assert 'name: bearer' in export(environment)


def many(count: int, timeout: int) -> str:
    items = (f'  - {{name: "{i}", host: "http://127.0.0.1:{i + 1}", timeout: {timeout}}}\n' for i in range(count))
    return 'outgoing_rest:\n' + ''.join(items)


def test_of_two_imports_at_once_one_is_made_after_the_other(two_workers: Environment, tmp_path: Path) -> None:
    write(tmp_path, {'1.yaml': many(500, 1), '2.yaml': many(500, 2)})
    commands = [[ZATO, 'enmasse', two_workers.path, '--import', '--input', tmp_path / f'{number}.yaml'] for number in (1, 2)]
    started = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    assert [process.wait(PATIENCE) for process in started] == [0, 0]
    (section,) = yaml.safe_load(export(two_workers)).values()
    assert len(section) == 500
    assert len({item['timeout'] for item in section}) == 1


def test_an_import_into_a_server_that_is_killed_is_made_whole_or_not_at_all(
    environment: Environment, tmp_path: Path
) -> None:
    write(tmp_path, {'a.yaml': many(5_000, 1)})
    environment.start()
    command = [ZATO, 'enmasse', environment.path, '--import', '--input', tmp_path / 'a.yaml']
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as importing:
        eventually(lambda: 'zato.config.apply' in str(environment.info()) or importing.poll() is not None, 'the request')
        environment.kill_all()
        _, err = importing.communicate(timeout=PATIENCE)
    assert importing.returncode in (0, 2, 16), err
    environment.start()
    assert len(yaml.safe_load(export(environment)).get('outgoing_rest', [])) in (0, 5_000)
    import_(environment, tmp_path / 'a.yaml')
    assert len(yaml.safe_load(export(environment))['outgoing_rest']) == 5_000


def test_files_that_may_not_be_read_are_told_of(empty: Environment, tmp_path: Path) -> None:
    write(tmp_path, {'a.yaml': 'include: [b.yaml, .]'})
    (tmp_path / 'b.yaml').symlink_to('b.yaml')
    err = import_(empty, tmp_path / 'a.yaml', code=15).err
    assert f'{tmp_path}/a.yaml:1: {tmp_path}/b.yaml: {os.strerror(40)}' in err
    assert 'the name must end in' in err


TOPICS = """
pubsub_topic: [{name: /a}, {name: /b}, {name: /c}]
pubsub_endpoint: [{name: e, topic_patterns: "sub=/*"}]
pubsub_subscription: [{name: s, endpoint_name: e, delivery_method: pull, topic_list: [%s]}]
"""


def test_subscriptions_stay_what_they_are_when_their_item_gets_more_topics_or_fewer(
    empty: Environment, tmp_path: Path
) -> None:
    """Their messages are theirs."""
    keys: dict[str, str] = {}
    for topics, names in (
        ('/a', {'s': '/a'}),
        ('/a, /b', {'s /a': '/a', 's /b': '/b'}),
        ('/b, /a, /c', {'s /a': '/a', 's /b': '/b', 's /c': '/c'}),
        ('/c', {'s': '/c'}),
    ):
        write(tmp_path, {'topics.yaml': TOPICS % topics})
        import_(empty, tmp_path / 'topics.yaml', '--delete-missing')
        found = yaml.safe_load(export(empty))['pubsub_subscription']
        assert {item['name']: item['topic'] for item in found} == names
        for item in found:
            assert keys.setdefault(item['topic'], item['sub_key']) == item['sub_key']
        assert enmasse(empty, '--drift', tmp_path / 'topics.yaml').out.startswith('The running configuration is what')
