"""The reference pages say what the declarations say, and are made anew whenever those change."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest

from zato.cli.main import cli
from zato.common.config import reference
from zato.common.config.kind import kinds
from zato.server.admin_api.objects import object_services

DIRECTORY = Path(__file__).parents[2] / 'docs' / 'reference'
PAGE = reference.pages()['kinds.md']


def test_the_pages_are_what_the_declarations_give() -> None:
    todo = 'run: .venv/bin/python -m zato.common.config.reference docs/reference'
    assert reference.outdated(DIRECTORY) == [], todo


def test_what_is_outdated_missing_or_left_over_is_seen_and_put_right(tmp_path: Path) -> None:
    assert reference.outdated(tmp_path) == sorted(reference.pages())
    reference.write(tmp_path)
    assert reference.outdated(tmp_path) == []
    (tmp_path / 'kinds.md').write_text('old')
    (tmp_path / 'schema/channel_rest.json').unlink()
    (tmp_path / 'schema/no_more.json').write_text('{}')
    assert reference.outdated(tmp_path) == ['kinds.md', 'schema/channel_rest.json', 'schema/no_more.json']
    reference.write(tmp_path)
    assert reference.outdated(tmp_path) == []


def test_every_setting_is_there_with_what_it_may_be() -> None:
    for name, kind in kinds().items():
        section = re.split(rf'^## {name}$', PAGE, flags=re.MULTILINE)[1].partition('\n## ')[0]
        for key, declared in kind.fields.items():
            assert f'| `{key}` | {declared.label} | {reference.type_of(declared)} |' in section
        assert all(f'[{target}](#{target})' in section for each in kind.references.values() for target in each.refers_to)
    assert '| `url_path` | URL path | text | required |  |' in PAGE
    assert '(empty), GET, POST' in PAGE
    assert '`name`, `url_path` with `method`' in PAGE


def test_every_service_is_there_with_the_role_it_needs() -> None:
    for name, service in object_services().items():
        assert re.search(rf'^\|.*`{re.escape(name)}` \|(.* \|)? {service.role} \|$', PAGE, re.MULTILINE), name


def test_the_commands_are_those_that_there_are() -> None:
    named = re.findall(r'`zato ((?!object)[a-z -]+?)(?: --kind \w+)?`', PAGE)
    assert {'create-rest-channel', 'delete basic-auth', 'change-password'} <= set(named)
    for command in named:
        found: click.Command | None = cli
        for word in command.split():
            assert isinstance(found, click.Group)
            found = found.get_command(click.Context(found), word)
        assert found is not None, command


def test_all_tables_have_as_many_cells_in_each_row() -> None:
    for table in re.findall(r'(?:^\|.*\n)+', PAGE, re.MULTILINE):
        assert len({len(re.findall(r'(?<!\\)\|', row)) for row in table.splitlines()}) == 1, table


@pytest.mark.parametrize('path', sorted(DIRECTORY.glob('schema/*.json')), ids=lambda path: path.name)
def test_schemas_are_json(path: Path) -> None:
    assert json.loads(path.read_text())['type'] == 'object'


def test_the_page_of_security_says_where_definitions_are_used() -> None:
    page = (DIRECTORY.parent / 'security.md').read_text(encoding='utf-8')
    assert reference.security_table('reference/kinds.md').strip() in page
