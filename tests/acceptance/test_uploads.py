"""Modules over the admin API: uploaded, read, listed with what is wrong with them, rolled back."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

import pytest

from tests.acceptance.test_deploy import versions
from tests.support.admin import alarms, invoke, pids, refusal
from tests.support.environment import Environment, eventually, service_file
from zato.cli.component import client_of
from zato.client.admin import ServerError
from zato.common.ipc import call_workers, socket_directory


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Two workers; each test has modules and services of its own."""
    created = Environment(tmp_path_factory.mktemp('uploads') / 'qs-1', workers=2)
    conf = created.server.server_conf
    conf.write_text(
        conf.read_text().replace('check_timeout=10.0', 'check_timeout=1').replace('max_size=', 'max_size=5000 #')
    )
    try:
        created.start()
        yield created
    finally:
        created.close()


def module(name: str, version: Any = 1, extra: str = '') -> str:
    """With one service, `name`.my."""
    return service_file(version, name=f'{name}.my', extra=extra)


def upload(environment: Environment, name: str, text: str | bytes, **options: Any) -> dict[str, Any]:
    source = text if isinstance(text, bytes) else text.encode()
    request = {'payload_name': name, 'payload': b64encode(source).decode()}
    return dict(invoke(environment, 'zato.service.upload-package', request, **options))


def uploaded(environment: Environment, name: str, text: str) -> dict[str, Any]:
    """What came of an upload that every worker has."""
    answer = upload(environment, name, text)
    assert (answer['is_ok'], answer['error'], answer['pending'], answer['failed']) == (True, '', [], {})
    return answer


def numbers(environment: Environment, name: str) -> list[int]:
    return [item['number'] for item in invoke(environment, 'zato.service.get-version-list', {'name': name})]


def deployment(environment: Environment, name: str) -> dict[str, Any]:
    """What is told of one file."""
    found = invoke(environment, 'zato.service.get-deployment-list')
    [item] = [item for item in found if item['path'].endswith(f'/{name}')]
    return dict(item)


def listed(environment: Environment, service: str, **request: Any) -> dict[str, Any]:
    [found] = [item for item in invoke(environment, 'zato.service.get-list', request) if item['name'] == service]
    return dict(found)


def wait_until_seen(environment: Environment, name: str, text: str | bytes) -> None:
    """Until whoever watches the folder has looked at this content."""
    digest = sha256(text if isinstance(text, bytes) else text.encode()).hexdigest()
    eventually(lambda: digest in {item['sha256'] for item in seen(environment, name)}, f'a look at {name}')


def seen(environment: Environment, name: str) -> list[dict[str, Any]]:
    path = str(environment.server.services / name)
    return list(call_workers(socket_directory(environment.server.work), 'deployment', path=path).values())


def test_an_upload_is_served_by_every_worker_when_it_is_answered_and_is_in_the_folder(server: Environment) -> None:
    for version in (1, 2, 3):
        text = module('one', version)
        answer = uploaded(server, 'one.py', text)
        assert (answer['number'], answer['module'], answer['services'], answer['who']) == (
            version,
            'one',
            ['one.my'],
            'admin.invoke',
        )
        assert answer['is_changed'] is True
        assert {worker.rpartition(':')[2] for worker in answer['applied']} == set(map(str, pids(server)))
        assert versions(server, 'one.my') == {version}
        assert (server.server.services / 'one.py').read_text() == text
    assert numbers(server, 'one') == [3, 2, 1], 'and those who watch the folder deploy nothing'
    assert seen(server, 'one.py')[0]['attempt'] == 3


def test_what_is_served_already_is_told_so(server: Environment) -> None:
    first = uploaded(server, 'same.py', module('same'))
    file = server.server.services / 'same.py'
    file.unlink()
    again = uploaded(server, 'same.py', module('same'))
    assert (again['is_changed'], again['number'], again['applied']) == (False, 1, first['applied'])
    assert file.read_text() == module('same'), 'but the file is there again'


def test_an_upload_brings_back_what_was_rolled_back_or_undeployed(server: Environment) -> None:
    for version in (1, 2):
        uploaded(server, 'back.py', module('back', version))
    invoke(server, 'zato.service.rollback', {'name': 'back'})
    assert versions(server, 'back.my') == {1}
    assert uploaded(server, 'back.py', module('back', 2))['number'] == 3
    assert versions(server, 'back.my') == {2}
    assert invoke(server, 'zato.service.undeploy', {'name': 'back.my'})['module'] == 'back'
    assert uploaded(server, 'back.py', module('back', 2))['number'] == 4


@pytest.mark.parametrize(
    ('name', 'text', 'error', 'line', 'details'),
    [
        ('syntax', 'x = (\n', "syntax.py:1: SyntaxError: '(' was never closed", 1, 'x = ('),
        ('lacking', 'import nothing_of_that_name\n', 'lacking.py:1: ModuleNotFoundError: No module', 1, 'Traceback'),
        ('raising', 'def f():\n    1 / 0\nf()\n', 'raising.py:2: ZeroDivisionError', 2, 'line 3, in <module>'),
        ('hanging', 'while True: pass\n', 'hanging.py: importing it took longer than 1 s', 0, ''),
        ('ending', 'import os\nos._exit(3)\n', 'importing it ended the process with exit code 3', 0, ''),
        ('taking', service_file(2, name='kept.my'), 'service `kept.my` exists already, in ', 4, ''),
        ('reserved', service_file(2, name='zato.mine'), '`zato.mine` is reserved for built-in services', 4, ''),
    ],
)
def test_what_cannot_be_deployed_changes_nothing_and_says_why(
    server: Environment, name: str, text: str, error: str, line: int, details: str
) -> None:
    uploaded(server, 'kept.py', module('kept'))
    answer = upload(server, f'{name}.py', text)
    assert answer['is_ok'] is False
    assert error in answer['error']
    assert answer['line'] == line
    assert details in answer['details']
    assert not (server.server.services / f'{name}.py').exists()
    assert server.log_has(rf'WARNING - .* - {name}\.py, which admin\.invoke has uploaded, is not deployed: ')
    assert not server.log_has(rf'ERROR - .*{name}\.py')
    assert not [subject for found in alarms(server).values() for subject in found if name in subject]


def test_a_refused_upload_does_not_touch_the_good_file_nor_what_is_served(server: Environment) -> None:
    uploaded(server, 'good.py', module('good'))
    assert upload(server, 'good.py', module('good', 2) + 'x = (')['is_ok'] is False
    assert upload(server, 'good.py', module('good', 2).replace('def handle', 'def handel'))['is_ok'] is False
    assert (server.server.services / 'good.py').read_text() == module('good')
    assert versions(server, 'good.my') == {1}
    assert numbers(server, 'good') == [1]
    assert deployment(server, 'good.py')['state'] == 'deployed'


@pytest.mark.parametrize(
    'name',
    [
        '../x.py',
        'a/x.py',
        '/tmp/x.py',
        '..',
        '.py',
        '.x.py',
        'x.txt',
        'x.py~',
        'x',
        'x.py/',
        'x\n.py',
        'x\0.py',
        'ä' * 100 + '.py',
    ],
    ids=ascii,
)
def test_only_the_plain_name_of_a_python_file_is_taken(server: Environment, name: str) -> None:
    before = sorted(server.server.services.iterdir())
    refused = refusal(server, 'zato.service.upload-package', {'payload_name': name, 'payload': ''})
    assert refused.status == 400
    assert 'must be that of a Python file, such as my_services.py' in refused.text
    assert sorted(server.server.services.iterdir()) == before


@pytest.mark.parametrize(
    ('request_', 'status', 'text'),
    [
        ({'payload': ''}, 400, 'Element missing: payload_name'),
        ({'payload_name': 7, 'payload': ''}, 400, '`payload_name` must be text'),
        ({'payload_name': 'x.py'}, 400, 'Element missing: payload'),
        ({'payload_name': 'x.py', 'payload': '???'}, 400, 'Element payload is not base64'),
        (
            {'payload_name': 'x.py', 'payload': b64encode(b'#' * 5001).decode()},
            413,
            'x.py has 5001 bytes, and [hot_deploy] max_size is 5000',
        ),
    ],
    ids=['no-name', 'name', 'no-payload', 'payload', 'size'],
)
def test_what_is_no_upload_is_refused(server: Environment, request_: dict[str, Any], status: int, text: str) -> None:
    assert refusal(server, 'zato.service.upload-package', request_) == (status, text)
    assert not (server.server.services / 'x.py').exists()


def test_any_python_file_name_will_do(server: Environment) -> None:
    for name in ('my-dash.py', 'ünï code.py', 'json.py'):
        assert uploaded(server, name, f'# {name}\n')['services'] == []
        assert deployment(server, name)['state'] == 'deployed'


def test_only_an_administrator_may(server: Environment) -> None:
    request = {'payload_name': 'role.py', 'payload': ''}
    as_jane = partial(replace, client_of(server.server), user='jane')
    for role in ('viewer', 'operator'):
        with pytest.raises(ServerError) as raised:
            as_jane(role=role).invoke('zato.service.upload-package', request)
        assert raised.value.http_status == 403
    answer = as_jane(role='admin').invoke('zato.service.upload-package', request)
    assert (answer['is_ok'], answer['who']) == (True, 'jane')
    for service in ('get-source', 'get-version-list', 'get-deployment-list', 'get-list'):
        as_jane(role='viewer').invoke(f'zato.service.{service}', {'name': 'role'})


def test_uploads_of_one_file_at_once_are_one_version_each_and_the_last_is_the_file(server: Environment) -> None:
    texts = [module('race', number) for number in range(6)]
    with ThreadPoolExecutor(len(texts)) as pool:
        answers = list(pool.map(lambda text: upload(server, 'race.py', text), texts))
    assert [answer['error'] for answer in answers] == [''] * len(texts)
    assert sorted(answer['number'] for answer in answers) == [1, 2, 3, 4, 5, 6]
    last = texts[max(range(len(texts)), key=lambda i: answers[i]['number'])]
    assert (server.server.services / 'race.py').read_text() == last
    assert invoke(server, 'zato.service.get-source', {'name': 'race'})['source'] == last
    wait_until_seen(server, 'race.py', last)
    assert versions(server, 'race.my') == {texts.index(last)}
    assert numbers(server, 'race') == [6, 5, 4, 3, 2, 1]


def test_uploads_of_different_files_at_once_are_all_deployed(server: Environment) -> None:
    names = [f'many{i}' for i in range(4)]
    with ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(lambda name: upload(server, f'{name}.py', module(name)), names))
    assert [(answer['error'], answer.get('number')) for answer in answers] == [('', 1)] * len(names)


def test_what_lacked_a_module_is_deployed_once_that_is_uploaded(server: Environment) -> None:
    server.save('user.py', module('user', extra='import helping'))
    eventually(lambda: deployment(server, 'user.py')['state'] == 'refused', 'its refusal')
    assert 'No module named' in deployment(server, 'user.py')['error']
    uploaded(server, 'helping.py', 'X = 1\n')
    eventually(lambda: deployment(server, 'user.py')['state'] == 'deployed', 'its deployment')
    eventually(lambda: not any('user.py' in subject for found in alarms(server).values() for subject in found), 'no alarm')
    assert versions(server, 'user.my') == {1}


def test_an_upload_ends_the_alarm_of_a_file_that_was_refused(server: Environment) -> None:
    server.save('mended.py', 'x = (\n')
    eventually(lambda: any('mended.py' in subject for found in alarms(server).values() for subject in found), 'the alarm')
    uploaded(server, 'mended.py', module('mended'))
    eventually(lambda: not any('mended.py' in subject for found in alarms(server).values() for subject in found), 'no alarm')
    assert numbers(server, 'mended') == [1]


def test_the_source_of_each_version_is_that_of_its_file(server: Environment) -> None:
    texts = [module('text', number) for number in (1, 2, 3)]
    for text in texts:
        uploaded(server, 'text.py', text)
    found = invoke(server, 'zato.service.get-version-list', {'name': 'text.my'})
    assert [(item['number'], item['is_active'], item['size']) for item in found] == [
        (3, True, len(texts[2])),
        (2, False, len(texts[1])),
        (1, False, len(texts[0])),
    ]
    assert [item['sha256'] for item in found] == [sha256(text.encode()).hexdigest() for text in reversed(texts)]
    for item in found:
        shown = invoke(server, 'zato.service.get-source', {'name': 'text', 'number': item['number']})
        assert shown == {**item, 'lines': {'text.my': 4}, 'source': texts[item['number'] - 1]}
    active = invoke(server, 'zato.service.get-source', {'name': 'text.my'})
    assert (active['number'], active['is_active'], active['path']) == (3, True, str(server.server.services / 'text.py'))


def test_the_source_of_an_undeployed_module_is_its_last_version(server: Environment) -> None:
    for number in (1, 2):
        uploaded(server, 'over.py', module('over', number))
    invoke(
        server,
        'zato.http-soap.create',
        {
            'connection': 'channel',
            'transport': 'plain_http',
            'name': 'over',
            'url_path': '/over',
            'service': 'over.my',
        },
    )
    refused = refusal(server, 'zato.service.undeploy', {'name': 'over'})
    assert refused.status == 409
    invoke(server, 'zato.channel-rest.delete', {'name': 'over'})
    invoke(server, 'zato.service.undeploy', {'name': 'over'})
    shown = invoke(server, 'zato.service.get-source', {'name': 'over'})
    assert (shown['number'], shown['is_active'], shown['source']) == (2, False, module('over', 2))
    assert deployment(server, 'over.py')['state'] == 'undeployed'


def test_what_is_not_utf_8_in_a_source_is_marked(server: Environment) -> None:
    source = b'# coding: latin-1\nX = "\xe4"\n'
    assert upload(server, 'latin.py', source)['is_ok'] is True
    assert invoke(server, 'zato.service.get-source', {'name': 'latin'})['source'] == '# coding: latin-1\nX = "\ufffd"\n'
    assert (server.server.services / 'latin.py').read_bytes() == source


@pytest.mark.parametrize(
    ('request_', 'refused'),
    [
        ({'name': 'nothing'}, (404, 'There is no module `nothing`')),
        ({'name': 'text', 'number': 99}, (404, 'Module `text` has no version 99; it has: ')),
        ({'name': 'text', 'number': 'x'}, (400, '`number` must be a number from 1 to ')),
        ({'name': 'zato.ping'}, (404, 'Service `zato.ping` is built in: no module of yours has it')),
        ({}, (400, 'Element missing: name')),
    ],
)
def test_a_source_that_there_is_not_is_refused(server: Environment, request_: Any, refused: tuple[int, str]) -> None:
    uploaded(server, 'text.py', module('text', 3))
    found = refusal(server, 'zato.service.get-source', request_)
    assert found.status == refused[0]
    assert found.text.startswith(refused[1])


def test_a_rollback_names_the_workers_that_have_it(server: Environment) -> None:
    for number in (1, 2):
        uploaded(server, 'roll.py', module('roll', number))
    answer = invoke(server, 'zato.service.rollback', {'name': 'roll.my', 'number': 1})
    assert (answer['number'], len(answer['applied']), answer['pending']) == (1, 2, [])
    state = deployment(server, 'roll.py')
    assert (state['state'], state['number'], state['module']) == ('replaced', 1, 'roll')
    assert refusal(server, 'zato.service.rollback', {'name': 'roll', 'number': 'x'}).status == 400
    assert refusal(server, 'zato.service.rollback', {'name': 'roll', 'number': 7}).status == 404
    assert refusal(server, 'zato.service.rollback', {'name': 'zato.ping'}).status == 404


def test_the_list_of_files_says_what_came_of_each_over_a_restart(environment: Environment) -> None:
    environment.start()
    files = {'fine': module('fine'), 'broken': 'x = (\n', 'changed': module('changed'), 'moved': module('moved')}
    for name, text in files.items():
        environment.save(f'{name}.py', text)
    (environment.server.services / 'folder.py').mkdir()
    environment.save('warned.py', module('warned') + 'class Base(Service): pass\n')
    eventually(lambda: deployment(environment, 'warned.py')['state'] == 'deployed', 'the last one')
    environment.save('broken.py', 'x = [\n')
    eventually(lambda: "'[' was never" in deployment(environment, 'broken.py')['error'], 'the other error')
    environment.save('changed.py', module('changed', 2) + 'x = {\n')
    eventually(lambda: deployment(environment, 'changed.py')['state'] == 'refused', 'another one')
    (environment.server.services / 'moved.py').unlink()
    environment.stop()
    environment.start()
    states = {item['path'].rpartition('/')[2]: item for item in invoke(environment, 'zato.service.get-deployment-list')}
    assert {name: item['state'] for name, item in states.items() if name != 'demo.py'} == {
        'fine.py': 'deployed',
        'broken.py': 'refused',
        'changed.py': 'refused',
        'moved.py': 'gone',
        'folder.py': 'refused',
        'warned.py': 'deployed',
    }
    assert states['folder.py']['error'].endswith('/folder.py: it is not a regular file')
    assert "changed.py:8: SyntaxError: '{' was never closed" in states['changed.py']['error']
    assert (states['changed.py']['number'], states['broken.py']['number']) == (1, 0)
    assert states['fine.py']['saved'] <= states['fine.py']['deployed']
    assert 'class Base has no method `handle`' in states['warned.py']['warnings'][0]
    services = {item['name']: item for item in invoke(environment, 'zato.service.get-list')}
    assert services['fine.my']['problem'] == ''
    assert "SyntaxError: '{' was never closed; version 1 goes on" in services['changed.my']['problem']


def test_services_are_listed_with_where_they_come_from(server: Environment) -> None:
    text = module('where').replace('    name =', '    """Says where.\n\n    More of it.\n    """\n    name =')
    answer = uploaded(server, 'where.py', text)
    found = listed(server, 'where.my')
    assert found['id'] > 0
    assert found == {
        'id': found['id'],
        'name': 'where.my',
        'impl_name': 'where.MyService',
        'is_internal': False,
        'is_active': True,
        'is_deployed': True,
        'version': found['version'],
        'module': 'where',
        'number': 1,
        'path': str(server.server.services / 'where.py'),
        'line': 4,
        'deployed': answer['deployed'],
        'docs': 'Says where.',
        'problem': '',
    }
    assert invoke(server, 'zato.service.get-list', {'name': 'where.my'}) == [found]
    assert invoke(server, 'zato.service.get-list', {'name': 'where'}) == []
    internal = listed(server, 'zato.ping')
    assert (internal['is_internal'], internal['module'], internal['problem']) == (True, '', '')
    assert internal['docs'] == 'Answers `{"pong": "zato"}`.'
    names = [item['name'] for item in invoke(server, 'zato.service.get-list', {'should_include_internal': False})]
    assert 'where.my' in names
    assert not [name for name in names if name.startswith('zato.')]


def test_what_only_workers_cannot_load_is_a_problem_of_its_services(server: Environment) -> None:
    uploaded(server, 'picky.py', module('picky'))
    only_here = 'if open("/proc/self/stat").read().split()[3] == PARENT:\n    1 / 0\n'
    text = module('picky', 2) + only_here.replace('PARENT', repr(str(server.arbiter)))
    answer = upload(server, 'picky.py', text)
    assert (answer['is_ok'], answer['number'], len(answer['failed'])) == (True, 2, 2)
    problem = 'This worker cannot load it: ZeroDivisionError: division by zero; version 1 goes on'
    assert listed(server, 'picky.my')['problem'] == problem
    uploaded(server, 'picky.py', module('picky', 3))
    assert listed(server, 'picky.my')['problem'] == ''


def test_services_are_found_and_listed_a_page_at_a_time(server: Environment) -> None:
    for number in range(3):
        uploaded(server, f'page{number}.py', module(f'page{number}'))
    request = {'paginate': True, 'query': 'PAGE my', 'sort': '-name', 'page_size': 2, 'should_include_internal': False}
    first = invoke(server, 'zato.service.get-list', request)
    assert [item['name'] for item in first['response']] == ['page2.my', 'page1.my']
    assert (first['_meta']['total'], first['_meta']['num_pages']) == (3, 2)
    second = invoke(server, 'zato.service.get-list', {**request, 'cur_page': 2})
    assert [item['name'] for item in second['response']] == ['page0.my']
    down = invoke(server, 'zato.service.get-list', {'paginate': True, 'is_down': True, 'should_include_internal': False})
    assert [item['name'] for item in down['response'] if not item['problem']] == []
    assert refusal(server, 'zato.service.get-list', {'paginate': True, 'sort': 'colour'}).status == 400
