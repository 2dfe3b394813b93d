"""What pages of the documentation name is there, and what there is they name."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import click
import pytest

from tests.support.documentation import ROOT, python_blocks
from zato.cli.main import cli
from zato.common import exception
from zato.common.config.kind import find_kind
from zato.common.config.pickup_conf import read_pickup_conf
from zato.common.config.simple_io_conf import read_simple_io_conf
from zato.server import service
from zato.server.pattern.facade import Patterns
from zato.server.pattern.fanout import Fanout, Parallel
from zato.server.pattern.invoke_retry import InvokeRetry
from zato.server.service import Service
from zato.server.service.channel_info import ChannelInfo, ChannelSecurityInfo
from zato.server.service.data import HTTPData, Request, Response
from zato.server.service.facade.cache import Cache, Caches
from zato.server.service.facade.crypto import Crypto
from zato.server.service.facade.server import ServerFacade
from zato.server.service.facade.time import Time
from zato.server.service.facades import OPTIONAL, Member, Outgoing
from zato.server.service.naming import service_name
from zato.server.service.simpleio.names import rules_from
from zato.testing import LocalServer

PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]

#: What is found under an attribute of a class.
BELOW: dict[tuple[type[Any], str], type[Any]] = {
    (Service, 'cache'): Caches,
    (Service, 'channel'): ChannelInfo,
    (Service, 'crypto'): Crypto,
    (Service, 'out'): Outgoing,
    (Service, 'patterns'): Patterns,
    (Service, 'request'): Request,
    (Service, 'response'): Response,
    (Service, 'server'): ServerFacade,
    (Service, 'time'): Time,
    (Caches, 'default'): Cache,
    (ChannelInfo, 'security'): ChannelSecurityInfo,
    (Patterns, 'fanout'): Fanout,
    (Patterns, 'invoke_retry'): InvokeRetry,
    (Patterns, 'parallel'): Parallel,
    (Request, 'http'): HTTPData,
}

every_page = pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)


def page_named(name: str) -> str:
    return (ROOT / 'docs' / f'{name}.md').read_text(encoding='utf-8')


def rows_of(text: str) -> list[list[str]]:
    """Cells of all tables."""
    return [
        [cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]] for line in text.splitlines() if line.startswith('|')
    ]


def blocks_of(text: str, language: str) -> list[str]:
    return re.findall(rf'^```{language}\n(.*?)^```', text, re.MULTILINE | re.DOTALL)


def code_of(page: Path) -> str:
    """Blocks of Python, and what stands between backticks in the text."""
    rest = re.sub(r'^```.*?^```', '', page.read_text(encoding='utf-8'), flags=re.MULTILINE | re.DOTALL)
    return '\n'.join([*(block for _, block in python_blocks(page)), *re.findall(r'`([^`\n]+)`', rest)])


def names_of(cls: type[Any]) -> set[str]:
    """Attributes of the class and of its instances."""
    own = (name for each in cls.__mro__[:-1] for name in re.findall(r'self\.(\w+)(?:: [^=]+)? = ', inspect.getsource(each)))
    annotated = (name for each in cls.__mro__ for name in inspect.get_annotations(each))
    return {*dir(cls), *annotated, *own}


def is_of(value: Any, cls: type[Any]) -> bool:
    """Is it a class derived from this one?"""
    return isinstance(value, type) and issubclass(value, cls) and value is not cls


def command_of(words: list[str]) -> click.Command:
    """The command that they begin with."""
    found: click.Command = cli
    for word in words:
        if not isinstance(found, click.Group):
            break
        inner = found.get_command(click.Context(found), word)
        assert inner is not None, f'zato {" ".join(words)}'
        found = inner
    return found


def http_exceptions() -> list[type[Any]]:
    return [value for value in vars(exception).values() if is_of(value, exception.HTTPException)]


@every_page
def test_what_stands_after_self_is_there(page: Path) -> None:
    code = code_of(page)
    own = {*re.findall(r'def (\w+)\(self', code), *re.findall(r'^    (\w+): ', code, re.MULTILINE)}
    for chain in re.findall(r'\bself((?:\.[A-Za-z]\w*)+)', code):
        owner: type[Any] | None = Service
        for name in chain.strip('.').split('.'):
            if owner is None or (owner is Service and name in own):
                break
            assert name in names_of(owner), f'self{chain}'
            owner = BELOW.get((owner, name))


def test_everything_in_the_test_kit_is_on_its_page() -> None:
    named = set(re.findall(r'`zato\.(\w+)', page_named('testing')))
    assert named - {'testing'} == {name for name in dir(LocalServer) if not name.startswith('_')}


@pytest.mark.parametrize('cls', http_exceptions(), ids=lambda cls: cls.__name__)
def test_every_error_that_clients_see_is_in_the_table(cls: type[exception.HTTPException]) -> None:
    (row,) = (row for row in rows_of(page_named('services')) if re.search(rf'`{cls.__name__}[(`]', row[0]))
    assert row[1] == str(cls.status)
    if arguments := re.search(rf'{cls.__name__}\((.*?)\)', row[0]):
        named = arguments[1].split(', ')
        assert named == list(inspect.signature(cls).parameters)[: len(named)]


def test_the_facades_that_there_are_are_on_the_page_of_services() -> None:
    """Those of the worker, which the test kit has too; what there is not raises NotAvailable."""
    there = {name for name, value in vars(Service).items() if isinstance(value, Member) and name not in OPTIONAL}
    assert [name for name in there if f'`self.{name}`' not in page_named('services')] == []


def test_names_are_made_as_the_table_says() -> None:
    rows = [row for row in rows_of(page_named('services')) if re.fullmatch(r'`[a-z0-9.-]+\.[a-z0-9_-]+`', row[-1])]
    names = [tuple(cell.strip('`') for cell in row) for row in rows if len(row) == 3]
    assert len(names) > 5
    assert [(module, cls, service_name(module, cls)) for module, cls, _ in names] == names


def test_every_element_is_on_the_page_of_input_and_output() -> None:
    names = {name: value for name in service.__all__ if is_of(value := getattr(service, name), service.Elem)}
    text = page_named('input-output')
    assert [name for name in names if f'`{name}`' not in text and f'{name} is' not in text] == []
    assert [cls.__name__ for cls in set(names.values()) if f'| `{cls.__name__}` |' not in text] == []


def test_every_setting_of_a_rest_channel_is_on_its_page() -> None:
    named = set(re.findall(r'`--([a-z-]+)', page_named('rest-channels').partition('## Options')[2]))
    fields = find_kind('channel_rest').fields
    assert {name.replace('-', '_') for name in named} == {*fields, 'name', 'is_active', 'basic_auth', 'api_key'}


@every_page
def test_options_stand_beside_commands_that_have_them(page: Path) -> None:
    """Those of `zato object` depend on the kind."""
    for line in page.read_text(encoding='utf-8').splitlines():
        commands = [words.split() for words in re.findall(r'(?:`|^\$ )zato ([a-z][^`|]*)', line)]
        if len(commands) == 1 and commands[0][0] != 'object':
            params = [*command_of(commands[0]).params, *cli.params]
            options = {name for param in params for name in (*param.opts, *param.secondary_opts, '--help')}
            text = ' '.join(commands[0]) if line.startswith('$') else line
            assert set(re.findall(r'(?<![\w-])--[a-z][a-z-]*', text)) <= options, line


@pytest.mark.parametrize('page', [*PAGES, *sorted((ROOT / 'docs' / 'reference').glob('*.md'))], ids=lambda page: page.stem)
def test_links_to_headings_lead_to_one(page: Path) -> None:
    for target, heading in re.findall(r'\]\(([\w./-]*)#([^)]+)\)', page.read_text(encoding='utf-8')):
        if '//' not in target:
            text = (page.parent / target if target else page).read_text(encoding='utf-8')
            slugs = [
                re.sub(r'[^\w -]', '', line.lower()).replace(' ', '-')
                for line in re.findall(r'^#+ (.+)$', text, re.MULTILINE)
            ]
            assert heading in slugs, f'{target}#{heading}'


def test_configuration_files_of_pages_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / 'some.conf'
    (simple_io,) = blocks_of(page_named('input-output'), 'ini')
    path.write_text(simple_io)
    rules = rules_from(read_simple_io_conf(path))
    assert (rules.element('has_paid').__class__, rules.element('by_mail').__class__) == (service.Bool, service.Text)
    (pickup,) = blocks_of(page_named('development'), 'ini')
    path.write_text(pickup)
    assert read_pickup_conf(path) == [Path('/home/me/my-project/services')]


@every_page
def test_blocks_of_json_are_json(page: Path) -> None:
    for block in blocks_of(page.read_text(encoding='utf-8'), 'json'):
        assert json.loads(block)
