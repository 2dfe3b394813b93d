"""The reference page of services says what the code says, and is made anew whenever that changes."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from zato.server import service
from zato.server.service import Service, reference
from zato.server.service.facades import OPTIONAL, Member
from zato.server.service.simpleio.element import Elem

PAGE = reference.page()
SIGNATURES = [line for block in re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL) for line in block.splitlines()]


def section(title: str) -> str:
    """Up to the next one of any level."""
    return re.split(rf'^##+ {re.escape(title)}$', PAGE, flags=re.MULTILINE)[1].partition('\n## ')[0]


def test_the_page_is_what_the_code_gives() -> None:
    todo = 'run: .venv/bin/python -m zato.server.service.reference docs/reference'
    path = Path(__file__).parents[3] / 'docs' / 'reference' / reference.PAGE
    assert path.read_text(encoding='utf-8') == PAGE, todo


def test_every_public_name_of_services_is_there() -> None:
    text = section('Service')
    there = {*re.findall(r'^\| `(\w+)` \|', text, re.MULTILINE), *re.findall(r'^(\w+)\(', text, re.MULTILINE)}
    names = {name for name in dir(Service) if not name.startswith('_')} - OPTIONAL.keys()
    assert names - there == {'config'}, 'which is the same as user_config'
    assert [name for name in OPTIONAL if f'| `self.{name}` |' not in text] == []


def test_hooks_stand_apart_from_what_services_call() -> None:
    before, _, after = section('Service').partition('### What a service has')
    assert 'before_handle() -> None' in before
    assert 'validate_output() -> None' in before
    assert '| `call_hooks` | `True` |' in before
    assert 'invoke(name: str | type[Service]' in after
    assert '| `chan` |  | The same as `channel`. |' in after


def test_every_facade_has_a_section() -> None:
    there = [name for name, value in vars(Service).items() if isinstance(value, Member) and name not in OPTIONAL]
    assert [name for name in there if name not in ('config', 'user_config') and f'\n## self.{name}\n' not in PAGE] == []
    assert 'EACH WORKER PROCESS' in section('self.cache'), 'what the module says of it'


def test_every_element_is_there_under_all_its_names() -> None:
    names = [name for name in service.__all__ if is_element(getattr(service, name))]
    assert [name for name in names if f'`{name}`' not in section('Elements')] == []


def is_element(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Elem) and value is not Elem


def test_defaults_of_all_kinds_of_attributes_are_shown() -> None:
    assert '| `status_code` | `200` |' in section('self.response')
    assert "| `type` | `'invoke'` |" in section('self.channel'), 'of a dataclass'
    assert "| `params` |  | from the URL path's pattern |" in section('self.request.http'), 'set in __init__'


@pytest.mark.parametrize('name', ['look_in', 'merged', 'take_header_lines', 'set_message'])
def test_what_is_not_for_services_is_left_out(name: str) -> None:
    assert name not in PAGE


def test_signatures_are_on_lines_of_their_own_that_are_not_too_long() -> None:
    assert 'set(key: Key, value: Any, expiry: float = 0.0, details: bool = False) -> Any' in SIGNATURES
    assert (
        'set_by_prefix(key: str, value: Any, expiry: float = 0.0, return_found: bool = False, details: bool = False,'
        in SIGNATURES
    )
    assert max(map(len, SIGNATURES)) <= 110


def test_all_tables_have_as_many_cells_in_each_row() -> None:
    for table in re.findall(r'(?:^\|.*\n)+', PAGE, re.MULTILINE):
        assert len({len(re.findall(r'(?<!\\)\|', row)) for row in table.splitlines()}) == 1, table
