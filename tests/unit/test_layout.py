"""The shape of the source tree: what keeps the packages importable and the modules small."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
ROOTS = [root for root in (TOP / name for name in ('common', 'server', 'code', 'web-admin')) if root.is_dir()]

MAX_MODULE_LINES = 600
MAX_FUNCTION_LINES = 80

# `upgrade` in them is generated from the tables, and what was once released never changes.
MIGRATIONS = [TOP / 'common' / 'zato' / 'common' / 'odb' / 'migrations' / 'versions']

# Migrations run outside servers, and servers make HTTP calls through their own pooled client.
NOT_IN_SERVERS = {'alembic', 'requests'}


def modules(root: Path) -> Iterator[Path]:
    """Every module under a root. Files under templates/ are data that is copied for users."""
    return (path for path in sorted(root.rglob('*.py')) if 'templates' not in path.parts)


ALL_MODULES = [path for root in ROOTS for path in modules(root)]


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), path)


def packages() -> list[Path]:
    return [path for root in ROOTS for path in (root / 'zato').iterdir() if any(modules(path))]


def name(path: Path) -> str:
    return str(path.relative_to(TOP))


def imported(path: Path) -> set[str]:
    """The top-level names of what a module imports."""
    names: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module or '')
    return {item.partition('.')[0] for item in names}


@pytest.mark.parametrize('root', ROOTS, ids=name)
def test_no_root_makes_zato_a_regular_package(root: Path) -> None:
    assert not (root / 'zato' / '__init__.py').exists(), 'it would hide the packages of the other roots'


def test_the_code_root_does_not_shadow_the_standard_library() -> None:
    assert not (TOP / 'code' / '__init__.py').exists(), 'pdb imports the standard module `code`'


@pytest.mark.parametrize('package', packages(), ids=name)
def test_each_package_is_typed(package: Path) -> None:
    assert (package / 'py.typed').is_file()


@pytest.mark.parametrize('package', packages(), ids=name)
def test_each_folder_with_modules_is_a_package(package: Path) -> None:
    folders = {path.parent for path in modules(package)}
    assert [name(folder) for folder in sorted(folders) if not (folder / '__init__.py').is_file()] == []


def test_no_module_is_too_long() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in ALL_MODULES}
    assert {path: lines for path, lines in lengths.items() if lines > MAX_MODULE_LINES} == {}


def test_no_function_is_too_long() -> None:
    too_long = {}
    written = [path for path in ALL_MODULES if path.parent not in MIGRATIONS]
    for path in written:
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    too_long[f'{name(path)}:{node.lineno} {node.name}'] = lines
    assert too_long == {}


def test_servers_do_not_import_what_they_must_not() -> None:
    found = {name(path): imported(path) & NOT_IN_SERVERS for path in modules(TOP / 'server')}
    assert {path: names for path, names in found.items() if names} == {}


def test_the_changelog_begins_with_the_version_of_the_code() -> None:
    version_module = parse(TOP / 'common' / 'zato' / 'common' / 'version.py')
    versions = [ast.literal_eval(node.value) for node in version_module.body if isinstance(node, ast.Assign)]
    headings = re.findall(r'^## \[(.+?)\]', (TOP / 'CHANGELOG.md').read_text(), re.MULTILINE)
    expected = 'Unreleased' if '.dev' in versions[0] else versions[0]
    assert headings[0] == expected
