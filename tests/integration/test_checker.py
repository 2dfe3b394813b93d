"""What the checker's child finds out about a module, in a process of its own as it is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SERVICE = 'from zato.server.service import Service\nclass MyService(Service):\n    def handle(self): pass\n'

CHILD = """
import json, sys
from zato.server.deploy.checker import _import_all
answer = _import_all(json.load(sys.stdin), None)
print(json.dumps(answer))
"""


def check(
    tmp_path: Path, changed: dict[str, str | bytes], others: dict[str, str | None] | None = None, directory: str = '/s'
) -> Any:
    """The answer about modules given as name → text. A text of None is a file that is lost. directory: of users' files."""

    def texts(modules: Any) -> list[dict[str, str]]:
        found = []
        for name, text in modules.items():
            copy = tmp_path / f'{name}.copy'
            if text is not None:
                copy.write_bytes(text if isinstance(text, bytes) else text.encode())
            found.append({'module': name, 'path': f'{directory}/{name}.py', 'text_path': str(copy)})
        return found

    request = {'changed': texts(changed), 'others': texts(others or {}), 'limit': 10}
    done = subprocess.run(
        [sys.executable, '-c', CHILD], input=json.dumps(request), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_good_module_is_described_with_its_services_and_imports(tmp_path: Path) -> None:
    text = SERVICE + 'class Half(Service): pass\nimport rates\n'
    [checked] = check(tmp_path, {'user': text}, {'rates': 'VALUE = 1\n', 'bad': '1 / 0\n'})['checked']
    assert checked == {
        'module': 'user',
        'services': [{'name': 'user.my-service', 'class_name': 'MyService', 'line': 2}],
        'without_handler': [['Half', 4]],
        'imports': ['rates', 'zato', 'zato.server', 'zato.server.service', 'zato.server.service.Service'],
        'is_shadowed': False,
    }


def test_a_base_class_without_a_handler_is_not_complained_of(tmp_path: Path) -> None:
    text = 'from zato.server.service import Service\nclass Base(Service): pass\nclass A(Base):\n    def handle(self): pass\n'
    [checked] = check(tmp_path, {'m': text})['checked']
    assert checked['without_handler'] == []


def test_dependants_are_imported_with_the_new_text(tmp_path: Path) -> None:
    changed = {'rates': 'VALUE = 2\n', 'user': 'import rates\nassert rates.VALUE == 2\n'}
    assert [item['module'] for item in check(tmp_path, changed)['checked']] == ['rates', 'user']
    failure = check(tmp_path, {'rates': 'OTHER = 2\n', 'user': '\nfrom rates import VALUE\n'})['failure']
    assert (failure['path'], failure['line'], failure['missing']) == ('/s/user.py', 2, 'rates')


def test_a_lost_text_of_another_module_does_not_keep_this_one_from_being_deployed(tmp_path: Path) -> None:
    assert 'checked' in check(tmp_path, {'a': SERVICE}, {'lost': None})


@pytest.mark.parametrize(
    ('text', 'line', 'error'),
    [
        ('x = (\n', 1, "SyntaxError: '(' was never closed"),
        ('\nimport nowhere\n', 2, "ModuleNotFoundError: No module named 'nowhere'"),
        ('def f():\n    1 / 0\nf()\n', 2, 'ZeroDivisionError: division by zero'),
        ('raise ValueError\n', 1, 'ValueError'),
        ('import sys\nsys.exit("no")\n', 2, 'SystemExit: no'),
        ('# -*- coding: nonsense -*-\n', 0, 'SyntaxError: '),
        (b'\xff = 1\n', 0, 'SyntaxError: '),
        (b'x = 1\0\n', 0, 'SyntaxError: '),
        ('x' + '.x' * 100_000, 0, 'RecursionError: '),
        ('-' * 100_000 + '1\n', 0, 'MemoryError'),
        (SERVICE.replace('    def', '    name = 5\n    def'), 0, 'attribute `name` of class'),
    ],
    ids=['syntax', 'import', 'deep', 'bare', 'exit', 'coding', 'no-utf8', 'null', 'nested', 'parser', 'name'],
)
def test_what_fails_is_told_with_the_users_own_line(tmp_path: Path, text: str | bytes, line: int, error: str) -> None:
    failure = check(tmp_path, {'m': text})['failure']
    assert failure['path'] == '/s/m.py'
    assert failure['error'].startswith(error)
    assert failure['line'] == line or not line
    assert 'importlib' not in failure['details'], 'a traceback begins with the file itself'


def test_a_traceback_has_the_lines_that_were_imported_and_not_those_that_lie_at_their_path(tmp_path: Path) -> None:
    for name in ('rates', 'user'):
        (tmp_path / f'{name}.py').write_text('an_earlier_version()\n' * 3)
    changed = {'rates': 'def rate():\n    return 1 / 0\n', 'user': 'import rates\nRATE = rates.rate()\n'}
    details = check(tmp_path, changed, directory=str(tmp_path))['failure']['details']
    assert 'RATE = rates.rate()' in details
    assert 'return 1 / 0' in details
    assert 'an_earlier_version' not in details
