"""What the documentation says is what happens: commands of the tutorial, names of options, targets of links."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.documentation import ROOT, write_files
from tests.support.environment import PATIENCE, ZATO
from tests.support.ports import free_ports
from zato.common.config import web_admin_conf
from zato.common.config.server_conf import template

DOCUMENTS = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').rglob('*.md'))]


def console_steps(text: str) -> list[tuple[str, str]]:
    """(command, expected output) of all console blocks; a here-document belongs to its command."""
    steps: list[tuple[str, str]] = []
    for block in re.findall(r'```console\n(.*?)```', text, re.DOTALL):
        for part in re.split(r'^\$ ', block, flags=re.MULTILINE)[1:]:
            head, _, rest = part.partition('\n')
            if "<<'EOF'" in head:
                body, _, rest = rest.partition('EOF\n')
                head = f'{head}\n{body}EOF'
            steps.append((head, rest))
    return steps


def matches(expected: str, output: str) -> bool:
    """'…' stands for anything."""
    pattern = '.*'.join(re.escape(piece) for piece in expected.strip().split('…'))
    return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


@pytest.mark.parametrize(
    'name',
    [
        'tutorial',
        'configuration',
        'rest-channels',
        'outgoing-rest',
        'security',
        'enmasse',
        'environment-variables',
        'rate-limits',
        'audit-log',
        'development',
        'dashboard',
        'publish-subscribe',
    ],
)
def test_the_commands_of_a_page_do_what_it_says(name: str, tmp_path: Path) -> None:
    first = free_ports(6)
    write_files(ROOT / 'docs' / f'{name}.md', tmp_path)
    env = {
        **os.environ,
        'HOME': str(tmp_path),
        'PATH': f'{ZATO.parent}:{os.environ["PATH"]}',
        'COLUMNS': '120',
    }
    password = 'PASSWORD'
    try:
        for command, expected in console_steps((ROOT / 'docs' / f'{name}.md').read_text()):
            options = f'--http-port {first} --web-admin-port {first + 4}'
            command = re.sub(r'quickstart create \S+', rf'\g<0> {options}', command)
            command = re.sub(r'zato dev \S+', rf'\g<0> --debug-port {first + 3}', command)
            command = re.sub(r'\b1701(\d)\b', lambda found: str(first + int(found[1])), command)
            command = re.sub(r'\b818([34])\b', lambda found: str(first + 1 + int(found[1])), command)
            command = command.replace('PASSWORD', password)
            done = subprocess.run(
                ['bash', '-c', command],
                cwd=tmp_path,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE * 3,
                check=False,
            )
            assert matches(expected, done.stdout), f'$ {command}\n{done.stdout}\nexpected:\n{expected}'
            if found := re.search(r'password: (\S+)', done.stdout):
                password = found[1]
    finally:
        for path in (tmp_path / 'env').glob('*'):
            subprocess.run([ZATO, 'stop', path], capture_output=True, check=False)


def test_the_sample_server_conf_is_the_one_that_servers_get() -> None:
    assert (ROOT / 'etc' / 'server.conf').read_text() == template()


def test_the_sample_web_admin_conf_is_the_one_that_dashboards_get() -> None:
    text = web_admin_conf.template({'servers': {'server1': 'http://127.0.0.1:17010'}})
    assert (ROOT / 'etc' / 'web-admin.conf').read_text() == text


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r'\]\((?!https?:)([^)#]+)', document.read_text()):
        assert (document.parent / target).exists(), target


def test_every_make_target_is_in_the_readme() -> None:
    targets = re.findall(r'^([a-z]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    readme = (ROOT / 'README.md').read_text()
    assert [target for target in targets if f'make {target}' not in readme] == []


def test_every_command_is_in_the_operations_page() -> None:
    """Those that a kind brings are in the reference of kinds, which is made with them."""
    shown = subprocess.run([ZATO, '--help'], capture_output=True, text=True, check=True).stdout
    commands = re.findall(r'^  ([a-z-]+)  ', shown.partition('Commands:')[2], re.MULTILINE)
    text = ''.join((ROOT / 'docs' / name).read_text() for name in ('operations.md', 'reference/kinds.md'))
    assert len(commands) > 10
    assert [command for command in commands if f'zato {command}' not in text] == []
