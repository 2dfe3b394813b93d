"""Code in the documentation. A block of Python whose first line is a comment with the name of a file is that file, whole."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def python_blocks(page: Path) -> list[tuple[int, str]]:
    """Each with the number of lines before it."""
    text = page.read_text(encoding='utf-8')
    found = re.finditer(r'^```python\n(.*?)^```', text, re.MULTILINE | re.DOTALL)
    return [(text.count('\n', 0, block.start(1)), block[1]) for block in found]


def write_files(page: Path, directory: Path) -> tuple[list[Path], list[Path]]:
    """The files of a page: modules of services, and of tests, whose names begin with test_."""
    written: list[Path] = []
    for _, block in python_blocks(page):
        if found := re.match(r'# (\w+\.py)\n', block):
            path = directory / found[1]
            assert path not in written, f'{page.name} has two files {path.name}'
            path.write_text(block, encoding='utf-8')
            written.append(path)
    tests = [path for path in written if path.name.startswith('test_')]
    return [path for path in written if path not in tests], tests
