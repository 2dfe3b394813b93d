"""`self.static_config`: files by name and as attributes, read again when they change, none from elsewhere."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import pytest

from zato.common.exception import ConfigError
from zato.server.service.facade.static_config import StaticConfig


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / 'static'
    path.mkdir()
    (tmp_path / 'outside.txt').write_text('outside')
    return path


@pytest.fixture
def config(directory: Path) -> StaticConfig:
    return StaticConfig(directory)


@pytest.mark.parametrize(
    ('name', 'attribute'),
    [
        ('message.xml', 'message_xml'),
        ('my-message v2.tar.xml', 'my_message_v2_tar_xml'),
        ('plain', 'plain'),
        ('.hidden', '_hidden'),
        ('übung.txt', 'übung_txt'),
        ('1.txt', '1_txt'),
    ],
)
def test_a_file_is_there_by_its_name_and_as_an_attribute(
    config: StaticConfig, directory: Path, name: str, attribute: str
) -> None:
    (directory / name).write_bytes('zażółć\r\n'.encode())
    assert config[name] == 'zażółć\r\n'
    assert getattr(config, attribute) == 'zażółć\r\n'
    assert name in config
    assert hasattr(config, attribute)


def test_a_byte_order_mark_is_no_text(config: StaticConfig, directory: Path) -> None:
    (directory / 'a.xml').write_bytes(b'\xef\xbb\xbf<a/>')
    assert config['a.xml'] == '<a/>'


def test_a_file_that_changes_is_read_again(config: StaticConfig, directory: Path) -> None:
    path = directory / 'a.txt'
    path.write_text('first')
    assert config.a_txt == 'first'
    path.write_text('second')
    assert config.a_txt == config['a.txt'] == 'second'
    os.utime(path, ns=(1, 1))
    assert config['a.txt'] == 'second'
    path.write_text('SECOND')
    os.utime(path, ns=(2, 2))
    assert config['a.txt'] == 'SECOND'
    new = directory / 'new'
    new.write_text('second')
    os.utime(new, ns=(2, 2))
    new.rename(path)
    assert config['a.txt'] == 'second'


def test_a_file_that_does_not_change_is_read_once(config: StaticConfig, directory: Path) -> None:
    (directory / 'a.txt').write_text('first')
    text = config['a.txt']
    assert config['a.txt'] is text
    assert config.a_txt is text


def test_a_file_that_is_gone_is_missing_and_comes_back(config: StaticConfig, directory: Path) -> None:
    path = directory / 'a.txt'
    path.write_text('first')
    assert config['a.txt'] == 'first'
    path.unlink()
    with pytest.raises(KeyError):
        config['a.txt']
    path.write_text('again')
    assert config['a.txt'] == 'again'


def test_a_missing_file_is_an_error_that_names_it(config: StaticConfig, directory: Path) -> None:
    with pytest.raises(KeyError, match=r'There is no file `x\.xml` in .*static'):
        config['x.xml']
    with pytest.raises(AttributeError, match=r'There is no file for `x_xml` in .*static'):
        _ = config.x_xml
    assert 'x.xml' not in config
    assert not hasattr(config, 'x_xml')


def test_a_missing_directory_has_no_files(tmp_path: Path) -> None:
    config = StaticConfig(tmp_path / 'none')
    assert list(config) == []
    with pytest.raises(KeyError):
        config['a.txt']
    with pytest.raises(AttributeError):
        _ = config.a_txt


def test_an_attribute_that_two_files_would_be_is_an_error_that_names_both(config: StaticConfig, directory: Path) -> None:
    (directory / 'a.b').write_text('1')
    (directory / 'a-b').write_text('2')
    with pytest.raises(AttributeError, match=r'`a_b` may be each of a-b, a\.b'):
        _ = config.a_b
    assert (config['a.b'], config['a-b']) == ('1', '2')


@pytest.mark.parametrize('name', ['', '.', '..', '../outside.txt', 'below/a.txt', './a.txt', 'a.txt/', 'a\0b', 'below'])
def test_what_is_not_the_name_of_a_file_in_the_directory_is_refused(
    config: StaticConfig, directory: Path, name: str
) -> None:
    (directory / 'a.txt').write_text('a')
    (directory / 'below').mkdir()
    (directory / 'below' / 'a.txt').write_text('below')
    with pytest.raises(KeyError):
        config[name]


def test_an_absolute_name_is_refused(config: StaticConfig, directory: Path) -> None:
    (directory / 'a.txt').write_text('a')
    with pytest.raises(KeyError):
        config[str(directory / 'a.txt')]


def test_a_link_that_leads_out_is_refused(config: StaticConfig, directory: Path) -> None:
    (directory / 'out').symlink_to(directory.parent / 'outside.txt')
    (directory / 'relative').symlink_to('../outside.txt')
    (directory / 'twice').symlink_to('out')
    (directory / 'loop').symlink_to('loop')
    (directory / 'dangling').symlink_to('nothing')
    for name in ('out', 'relative', 'twice', 'loop', 'dangling'):
        with pytest.raises(KeyError):
            config[name]
        assert not hasattr(config, name)
    assert list(config) == []


def test_a_link_within_the_directory_is_followed_also_through_one_of_a_directory(
    config: StaticConfig, directory: Path
) -> None:
    (directory / '..v1').mkdir()
    (directory / '..v1' / 'a.txt').write_text('one')
    (directory / '..v2').mkdir()
    (directory / '..v2' / 'a.txt').write_text('two')
    (directory / '..data').symlink_to('..v1')
    (directory / 'a.txt').symlink_to('..data/a.txt')
    assert config.a_txt == 'one'
    (directory / '..data').unlink()
    (directory / '..data').symlink_to('..v2')
    assert config.a_txt == 'two'
    assert list(config) == ['a.txt']


def test_a_directory_that_is_a_link_is_one(directory: Path) -> None:
    link = directory.parent / 'link'
    link.symlink_to(directory)
    (directory / 'a.txt').write_text('a')
    assert StaticConfig(link)['a.txt'] == 'a'


def test_a_pipe_is_no_file(config: StaticConfig, directory: Path) -> None:
    os.mkfifo(directory / 'pipe')
    with pytest.raises(KeyError):
        config['pipe']


def test_a_file_that_is_no_text_is_an_error_that_names_it(config: StaticConfig, directory: Path) -> None:
    (directory / 'a.bin').write_bytes(b'ab\xff')
    with pytest.raises(ConfigError, match=r'a\.bin: the file is not text in UTF-8: invalid start byte at byte 2'):
        config['a.bin']


def test_its_files_are_listed_by_name(config: StaticConfig, directory: Path) -> None:
    for name in ('b', 'a', 'c'):
        (directory / name).write_text(name)
    (directory / 'below').mkdir()
    assert list(config) == ['a', 'b', 'c']


def test_a_copy_of_it_works(config: StaticConfig, directory: Path) -> None:
    (directory / 'a.txt').write_text('a')
    assert copy.copy(config).a_txt == 'a'
