"""Files, and those that they include."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.enmasse import read, write

GROUPS = 'security_groups: [{name: %s}]\n'


def test_included_files_come_after_those_that_include_them_each_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            'a.yaml': 'include: [conf/c.json]\n' + GROUPS % 'a',
            'b.yml': GROUPS % 'b',
            'conf/c.json': '{"security_groups": [{"name": "c"}], "include": "b.yml"}',
        },
    )
    found = read(tmp_path, 'include: [a.yaml, file://b.yml]\n' + GROUPS % 'main')
    assert not found.problems
    assert [item.name for item in found.items] == ['main', 'a', 'c', 'b']


def test_paths_are_relative_to_the_main_file_and_may_have_variables(tmp_path: Path) -> None:
    write(tmp_path, {'conf/a.yaml': 'include: [test.yaml]\n', 'test.yaml': GROUPS % 'x'})
    found = read(tmp_path, 'include: ["conf/{Zato_Enmasse_Env.WHICH}.yaml"]', environ={'WHICH': 'a'})
    assert not found.problems
    assert [item.name for item in found.items] == ['x']
    assert found.changes[0]['place'] == f'{tmp_path}/test.yaml:1'


def test_a_circle_of_includes_is_told_even_through_a_link(tmp_path: Path) -> None:
    write(tmp_path, {'a.yaml': '\ninclude: [link.yaml]\n'})
    (tmp_path / 'link.yaml').symlink_to('main.yaml')
    assert read(tmp_path, 'include: [a.yaml]').problems == ['a.yaml:2: link.yaml includes itself']
    assert read(tmp_path, 'include: [main.yaml]').problems == ['main.yaml:1: main.yaml includes itself']


def test_an_include_that_is_not_there_is_an_error_unless_it_may_be_missing(tmp_path: Path) -> None:
    text = GROUPS % 'a' + 'include:\n  - b.yaml\n'
    assert read(tmp_path, text).problems == ['main.yaml:3: there is no file b.yaml']
    found = read(tmp_path, text, may_miss_includes=True)
    assert not found.problems
    assert found.skipped == ['main.yaml:3: there is no file b.yaml']


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('', 'main.yaml: there is no section in it'),
        ('# nothing', 'main.yaml: there is no section in it'),
        ('- a', 'main.yaml:1: the file must be a mapping of sections'),
        ('text', 'main.yaml:1: the file must be a mapping of sections'),
        ('security: {}', 'main.yaml:1: section `security` must be a list of items'),
        ('security:\n  name: a', 'main.yaml:2: section `security` must be a list of items'),
        ('security: text', 'main.yaml:1: section `security` must be a list of items'),
        ('include: {a: b}', 'main.yaml:1: `include` must be a list of files'),
        ('include:\n- [a]', 'main.yaml:2: `include` must be a list of files'),
        ('include: [a.txt]', 'main.yaml:1: there is no file a.txt'),
        ('include: [Zato_Enmasse_Env.A]', 'main.yaml:1: there is no environment variable A'),
        (b'a: \xff', 'main.yaml:1: it is not UTF-8'),
        (b'a: 1\nb: \xe4\n', 'main.yaml:2: it is not UTF-8'),
        ('a: 1\nb: ]\n', 'main.yaml:2:4: while parsing a block node: did not find expected node content'),
        ('security: []\nsecurity: []', 'main.yaml:2: the key `security` is in line 1 already'),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(tmp_path: Path, text: str | bytes, problem: str) -> None:
    assert read(tmp_path, text).problems == [problem]


@pytest.mark.parametrize('text', ['security:\n', 'security: []', 'security: ~'])
def test_a_section_may_be_empty(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)
    assert (found.items, found.problems) == ([], [])


@pytest.mark.parametrize('text', ['{}', '# Made by zato enmasse --export\n{}\n'])
def test_a_file_may_say_that_there_is_nothing_as_an_export_of_nothing_does(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).problems == []
    assert read(tmp_path, '{}', name='main.json').problems == []


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbf' + (GROUPS % 'a').encode()
    assert [item.name for item in read(tmp_path, text).items] == ['a']


def test_other_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {'a.txt': ''})
    assert read(tmp_path, 'include: [a.txt]').problems == ['main.yaml:1: a.txt: the name must end in .yaml, .yml, .json']
    os.mkfifo(tmp_path / 'fifo.yaml')
    (tmp_path / 'directory.yaml').mkdir()
    assert read(tmp_path, 'include: [fifo.yaml, directory.yaml]').problems == [
        'main.yaml:1: fifo.yaml: it is not a file',
        'main.yaml:1: directory.yaml: it is not a file',
    ]


def test_all_files_problems_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, {'a.yaml': 'b: ]', 'b.yaml': 'x: []\n', 'c.yaml': GROUPS % 'c'})
    found = read(tmp_path, 'include: [a.yaml, b.yaml, missing.yaml, c.yaml]\ny: []')
    assert [problem.partition(': ')[0] for problem in found.problems] == [
        'a.yaml:1:4',
        'main.yaml:1',
        'main.yaml:2',
        'b.yaml:1',
    ]
    assert [item.name for item in found.items] == ['c']
