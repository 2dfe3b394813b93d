"""Hot deployment as a user sees it: files in a folder, answers over HTTP, errors in the log."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.admin import invoke
from tests.support.environment import Environment, eventually, service_file, zato


def versions(environment: Environment, service: str = 'my.service') -> set[Any]:
    """What each worker answers."""
    workers = {worker['pid'] for worker in environment.info()['workers']}
    found: dict[int, Any] = {}

    def ask() -> bool:
        answer = environment.invoke(service)
        found[answer.json.get('pid', 0)] = answer.json.get('version', answer.status)
        return workers <= set(found) or answer.status != 200

    eventually(ask, f'an answer from each of {workers}')
    return set(found.values())


def test_a_saved_file_is_served_by_every_worker_and_so_is_its_next_version(two_workers: Environment) -> None:
    two_workers.save('my.py', service_file(1))
    eventually(lambda: two_workers.invoke('my.service').status == 200, 'the service')
    eventually(lambda: versions(two_workers) == {1}, 'version 1 on both')
    two_workers.save('my.py', service_file(2))
    eventually(lambda: versions(two_workers) == {2}, 'version 2 on both')
    assert two_workers.log_has(r"INFO - .* - Deployed 1 service\(s\) from `.*/my\.py` -> \['my\.service'\]")


def test_a_receipt_says_what_each_worker_serves(two_workers: Environment) -> None:
    receipt = two_workers.deploy('my.py', service_file(1))
    assert receipt.code == 0, receipt.err
    for worker in two_workers.info()['workers']:
        assert str(worker['pid']) in receipt.out
    assert 'my.service' in receipt.out
    assert versions(two_workers) == {1}
    assert two_workers.deploy('my.py', service_file(1)).code == 0, 'the same file again is no error'


def test_an_object_that_is_down_does_not_fail_a_hot_deploy(environment: Environment) -> None:
    environment.start()
    assert environment.deploy('my.py', service_file(1)).code == 0
    invoke(environment, 'zato.outgoing-rest.create', {'name': 'crm', 'host': '$NOT_THERE'})
    again = environment.deploy('my.py', service_file(1))
    assert (again.code, 'served' in again.out, 'cannot load' in again.err) == (0, True, False), again.err
    assert 'cannot use Outgoing REST connection `crm`' in again.err


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        pytest.param(service_file(2) + 'x = (\n', r"my\.py:8: SyntaxError: '\(' was never closed", id='syntax'),
        pytest.param('import nothing_of_that_name\n', r'my\.py:1: ModuleNotFoundError', id='import'),
        pytest.param('import os\nos.abort()\n', r'my\.py: importing it aborted the interpreter \(SIGABRT\)', id='abort'),
        pytest.param('import os\nos._exit(3)\n', r'importing it ended the process with exit code 3', id='exit'),
        pytest.param('import sys\nsys.exit(3)\n', r'my\.py:2: SystemExit: 3', id='sys.exit'),
        pytest.param('while True: pass\n', r'importing it took longer than 1 s', id='loop'),
        pytest.param('import time\ntime.sleep(600)\n', r'importing it took longer than 1 s', id='sleep'),
        pytest.param(b'\x00\x01\xff' * 100, r'my\.py: SyntaxError|my\.py:\d+: SyntaxError', id='binary'),
        pytest.param('import json\njson.dumps = None\n1 / 0\n', r'my\.py:3: ZeroDivisionError', id='patched-json'),
        pytest.param(
            'class Odd(Exception):\n    def __str__(self): raise self\nraise Odd\n',
            r'my\.py: it could not be checked: Odd',
            id='unprintable-exception',
        ),
        pytest.param('1 / 0\n', r'my\.py:1: ZeroDivisionError: division by zero', id='exception'),
        pytest.param(
            service_file(2).replace('def handle', 'def handel'),
            r'my\.py:4: class MyService no longer has a method `handle`',
            id='no-handle',
        ),
        pytest.param(
            service_file(2, name='zato.mine'), r'my\.py:4: `zato\.mine` is reserved for built-in services', id='reserved'
        ),
        pytest.param(
            service_file(2) + service_file(3).replace('class MyService', 'class Other'),
            r'classes MyService and Other are both called `my\.service`',
            id='twice-in-one-file',
        ),
    ],
)
def test_a_broken_file_is_one_clear_error_and_the_old_version_stays(
    environment: Environment, text: str | bytes, reason: str
) -> None:
    conf = environment.server.server_conf
    conf.write_text(conf.read_text().replace('check_timeout=10.0', 'check_timeout=1'))
    environment.start()
    assert environment.deploy('my.py', service_file(1)).code == 0
    receipt = environment.deploy('my.py', text)
    assert receipt.code != 0
    assert 'Not deployed' in receipt.err
    assert environment.log_has(reason), environment.log()
    assert environment.log().count(' - ERROR - ') == 1
    assert environment.invoke('my.service').json['version'] == 1
    [alarm] = environment.info()['workers'][0]['alarms']
    assert alarm['subject'].endswith('my.py')

    environment.kill_all()
    environment.start()
    assert environment.invoke('my.service').json['version'] == 1, 'the old version must survive a restart'
    assert [alarm['subject'] for alarm in environment.info()['workers'][0]['alarms']] == [alarm['subject']]

    assert environment.deploy('my.py', service_file(4)).code == 0
    assert environment.invoke('my.service').json['version'] == 4
    assert environment.info()['workers'][0]['alarms'] == []


def test_two_files_with_one_service_name_the_second_is_refused_with_the_first_named(environment: Environment) -> None:
    environment.start()
    assert environment.deploy('first.py', service_file(1)).code == 0
    receipt = environment.deploy('second.py', service_file(2))
    assert receipt.code != 0
    assert 'service `my.service` exists already' in receipt.err
    assert 'first.py:4 (class MyService)' in receipt.err
    assert environment.invoke('my.service').json['version'] == 1


def test_a_renamed_file_takes_its_services_with_it(environment: Environment) -> None:
    environment.start()
    first = environment.save('first.py', service_file(1))
    eventually(lambda: environment.invoke('my.service').status == 200, 'the service')
    first.rename(first.with_name('second.py'))
    eventually(lambda: [m['module'] for m in environment.info()['workers'][0]['modules']].count('second'), 'the move')
    assert environment.invoke('my.service').json['version'] == 1
    assert 'first' not in [m['module'] for m in environment.info()['workers'][0]['modules']]


@pytest.mark.parametrize('name', ['json.py', 'my-dash.py', 'ünï.py', '2fast.py', 'class.py', 'gevent.py', 'MyModule.py'])
def test_any_file_name_that_ends_with_py_is_a_module(running: Environment, name: str) -> None:
    text = service_file(name).replace(f'    name = {"my.service"!r}\n', '')
    assert running.deploy(name, text).code == 0
    stem = {'MyModule.py': 'my-module'}.get(name, name.removesuffix('.py'))
    invoked = zato('service', 'invoke', running.path, f'{stem}.my-service')
    assert invoked.code == 0, invoked.err
    assert repr(name) in invoked.out


def test_a_half_written_file_is_deployed_only_when_it_is_closed(running: Environment) -> None:
    text = service_file(1, name='half.written')
    with (running.server.services / 'half.py').open('w') as file:
        file.write(text[:60])
        file.flush()
        assert running.deploy('other.py', service_file(1, name='half.other')).code == 0, 'a later file goes first'
        assert not running.log_has('half.py')
        file.write(text[60:])
    eventually(lambda: running.invoke('half.written').status == 200, 'the service')


def test_changing_a_module_redeploys_the_modules_that_import_it(two_workers: Environment) -> None:
    user = 'import rates\n' + service_file(0).replace("'version': 0", "'version': rates.VALUE")
    assert two_workers.deploy('rates.py', 'VALUE = 1\n').code == 0
    assert two_workers.deploy('user.py', user).code == 0
    assert versions(two_workers) == {1}
    assert two_workers.deploy('rates.py', 'VALUE = 2\n').code == 0
    assert versions(two_workers) == {2}
    receipt = two_workers.deploy('rates.py', 'OTHER = 3\ndel OTHER\n')
    assert receipt.code == 0, 'the attribute is missed only when the service runs'
    broken = user.replace('import rates', 'from rates import VALUE')
    assert two_workers.deploy('rates.py', 'VALUE = 4\n').code == 0
    assert two_workers.deploy('user.py', broken.replace('rates.VALUE', 'VALUE')).code == 0
    receipt = two_workers.deploy('rates.py', 'OTHER = 5\n')
    assert receipt.code != 0
    assert 'user.py:1: ImportError' in receipt.err, 'what would break a dependant is refused'
    assert versions(two_workers) == {4}


def test_a_module_that_lacked_another_is_deployed_once_the_other_is(environment: Environment) -> None:
    environment.start()
    receipt = environment.deploy('user.py', 'import rates\n' + service_file(1))
    assert receipt.code != 0
    assert environment.deploy('rates.py', 'VALUE = 1\n').code == 0
    eventually(lambda: environment.invoke('my.service').status == 200, 'the service that imports it')


def test_files_changed_while_the_server_was_down_are_deployed_at_its_start(environment: Environment) -> None:
    environment.save('my.py', service_file(1))
    environment.start()
    assert environment.invoke('my.service').json['version'] == 1
    environment.stop()
    environment.save('my.py', service_file(2))
    environment.start()
    assert environment.invoke('my.service').json['version'] == 2


def test_a_deleted_file_goes_on_being_served(environment: Environment) -> None:
    environment.start()
    path = environment.save('my.py', service_file(1))
    eventually(lambda: environment.invoke('my.service').status == 200, 'the service')
    path.unlink()
    environment.stop()
    environment.start()
    assert environment.invoke('my.service').json['version'] == 1


def test_running_calls_finish_on_the_old_class(environment: Environment) -> None:
    slow = service_file(1).replace(
        '    def handle(self):\n',
        '    def handle(self):\n        import time\n        open("started", "w").close()\n'
        '        while not os.path.exists("go"): time.sleep(0.01)\n',
    )
    environment.start()
    assert environment.deploy('my.py', slow).code == 0
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(environment.invoke('my.service').json['version']))
    caller.start()
    eventually((environment.server.path / 'started').exists, 'the call')
    assert environment.deploy('my.py', service_file(2)).code == 0
    assert environment.invoke('my.service').json['version'] == 2
    (environment.server.path / 'go').touch()
    caller.join()
    assert answers == [1]


def test_an_extra_directory_of_pickup_conf_is_deployed_in_place(environment: Environment) -> None:
    project = environment.path / 'project' / 'src' / 'crm'
    project.mkdir(parents=True)
    (project / 'cust.py').write_text(service_file(1).replace(f'    name = {"my.service"!r}\n', ''))
    environment.server.pickup_conf.write_text(f'[hot-deploy.user.crm]\npickup_from={project}\n')
    environment.start()
    assert environment.invoke('crm.cust.my-service').json['version'] == 1
    (project / 'cust.py').write_text(service_file(2).replace(f'    name = {"my.service"!r}\n', ''))
    eventually(lambda: environment.invoke('crm.cust.my-service').json['version'] == 2, 'version 2')


def test_hot_deploy_to_a_stopped_server_says_how_to_start_it(environment: Environment) -> None:
    receipt = environment.deploy('my.py', service_file(1))
    assert receipt.code == 2
    assert 'is not running; start it with: zato start' in receipt.err


def test_a_deployment_during_which_the_checker_dies_is_checked_by_the_next_one(environment: Environment) -> None:
    environment.start()
    workers = {worker['pid'] for worker in environment.info()['workers']}
    [checker] = set(environment.processes()) - workers - {environment.arbiter}
    slow = 'import time\nopen("importing", "w").close()\ntime.sleep(1)\n' + service_file(1)
    environment.save('my.py', slow)
    eventually((environment.server.path / 'importing').exists, 'the check')
    os.kill(checker, signal.SIGKILL)
    eventually(lambda: environment.invoke('my.service').status == 200, 'the service')


def spoil(path: Path) -> None:
    path.write_bytes(b'x = (')


def empty(path: Path) -> None:
    path.write_bytes(b'')


@pytest.mark.parametrize('damage', [Path.unlink, spoil, empty])
def test_a_lost_or_damaged_copy_of_a_text_comes_back_from_the_odb(
    environment: Environment, damage: Callable[[Path], object]
) -> None:
    environment.start()
    assert environment.deploy('my.py', service_file(1)).code == 0
    environment.stop()
    (environment.server.services / 'my.py').unlink()
    for text in (environment.server.hot_deploy / 'versions').iterdir():
        damage(text)
    environment.start()
    assert environment.invoke('my.service').json['version'] == 1


def test_links_are_deployed_like_files(environment: Environment) -> None:
    environment.start()
    for link, name in ((os.link, 'hard'), (os.symlink, 'soft')):
        source = environment.path / f'{name}-source.py'
        source.write_text(service_file(name, name=f'{name}.service'))
        link(source, environment.server.services / f'{name}.py')
        eventually(lambda name=name: environment.invoke(f'{name}.service').status == 200, name)


def test_a_damaged_odb_fails_a_hot_deploy_at_once_and_what_is_loaded_is_served_on(environment: Environment) -> None:
    environment.start()
    assert environment.deploy('my.py', service_file(1)).code == 0
    odb = environment.path / 'zato.db'
    for name, size in (('zato.db', 57_344), ('zato.db-wal', 57_344), ('zato.db-shm', 96)):
        with odb.with_name(name).open('r+b') as file:  # the last one so that no connection goes on with pages it remembers
            file.write(b'not a database'.ljust(size, b'!'))
    receipt = environment.deploy('my.py', service_file(2))
    assert receipt.code == 16
    assert 'zato.db' in receipt.err
    assert environment.invoke('my.service').json['version'] == 1
