"""Code in the documentation runs.

Services of a page are deployed to a LocalServer, `zato` at prompts (>>>), which run in the order of the page; what stands
below them must come out, ... being anything. Tests of a page are run by a pytest of their own.
"""

from __future__ import annotations

import ast
import doctest
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documentation import ROOT, python_blocks, write_files
from zato.testing import LocalServer

PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]
PATIENCE = 60.0  #: seconds that the tests of a page may take
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

every_page = pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalServer]:
    local = LocalServer(tmp_path / 'zato')
    yield local
    local.stop()


@every_page
def test_lines_at_a_prompt_give_what_the_page_says(page: Path, tmp_path: Path, server: LocalServer) -> None:
    services, _ = write_files(page, tmp_path)
    server.deploy(*services)
    parser, names = doctest.DocTestParser(), {'zato': server}
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for line, block in python_blocks(page):
        test = parser.get_doctest(block, {}, page.name, str(page), line)
        test.globs = names  # of all blocks of the page
        runner.run(test, out=report.append, clear_globs=False)
    assert runner.failures == 0, ''.join(report)


@pytest.mark.parametrize('page', [page for page in PAGES if '\n# test_' in page.read_text()], ids=lambda page: page.stem)
def test_the_tests_of_a_page_pass(page: Path, tmp_path: Path) -> None:
    _, tests = write_files(page, tmp_path)
    command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--rootdir', tmp_path, *tests]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count('.') >= len(tests)


def test_a_program_of_the_testing_page_prints_what_it_should(tmp_path: Path) -> None:
    write_files(ROOT / 'docs' / 'testing.md', tmp_path)
    command = [sys.executable, tmp_path / 'try_it.py']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout == 'Hello Jane\n'


@every_page
def test_other_blocks_are_python(page: Path) -> None:
    for line, block in python_blocks(page):
        if '>>>' not in block:
            ast.parse(block, f'{page.name}, after line {line}')
