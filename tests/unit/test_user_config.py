"""`self.user_config`: values as what they are, files read again when they change, broken ones harmless."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from zato.common.alarm import Alarms
from zato.server.config.user_config import UserConfig


class Setup:
    def __init__(self, tmp_path: Path) -> None:
        self.user = tmp_path / 'repo' / 'user.conf'
        self.directory = tmp_path / 'user-conf'
        self.user.parent.mkdir()
        self.directory.mkdir()
        self.user.write_text('')
        self.alarms = Alarms()
        self.config = UserConfig({'user': self.user}, [self.directory], self.alarms)

    def save(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text, encoding='utf-8')
        return path


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


@pytest.mark.parametrize(
    ('raw', 'value'),
    [
        ('text', 'text'),
        ('', ''),
        ('12', 12),
        ('-3', -3),
        ('0', 0),
        ('True', True),
        ('False', False),
        ('true', 'true'),
        ('1.5', '1.5'),
        ('007', '007'),  # a code, which as a number would lose its zeros
        ('+48123', '+48123'),
        ('1_000', '1_000'),
        ('٣', '٣'),
        ('a, 2, True', ['a', 2, True]),
        ('"a, 2"', 'a, 2'),
        ('$MY_NUMBER', 5),
        ('$MY_MISSING', '$MY_MISSING'),
        ('$$MY_NUMBER', '$$MY_NUMBER'),
        ('x, $MY_NUMBER', ['x', 5]),
    ],
)
def test_values_are_what_they_look_like(setup: Setup, monkeypatch: pytest.MonkeyPatch, raw: str, value: object) -> None:
    monkeypatch.setenv('MY_NUMBER', '5')
    setup.user.write_text(f'[a]\nkey={raw}\n', encoding='utf-8')
    setup.config.load()
    found = setup.config.values.user.a.key
    assert found == value
    assert type(found) is type(value)


def test_stanzas_in_stanzas_are_attributes_all_the_way_down(setup: Setup) -> None:
    setup.user.write_text('top=1\n[a]\n[[b]]\n[[[c]]]\nkey=2\n')
    setup.config.load()
    assert setup.config.values.user.top == 1
    assert setup.config.values.user.a.b.c.key == 2
    assert setup.config.values['user']['a']['b']['c']['key'] == 2


def test_files_of_the_directory_are_read_by_their_names_up_to_a_dot(setup: Setup) -> None:
    for name in ('my.conf', 'other.eu.ini', 'env.ini', 'notes.txt', 'my.conf~'):
        setup.save(name, f'[a]\nfile={name}\n')
    setup.config.load()
    assert set(setup.config.values) == {'user', 'my', 'other'}
    assert setup.config.values.other.a.file == 'other.eu.ini'


def test_a_changed_file_is_read_again_and_a_new_one_too(setup: Setup) -> None:
    setup.config.load()
    setup.user.write_text('[a]\nkey=1\n')
    setup.config.changed(setup.user)
    setup.config.changed(setup.save('my.conf', '[a]\nkey=2\n'))
    assert (setup.config.values.user.a.key, setup.config.values.my.a.key) == (1, 2)
    setup.save('third.conf', '[a]\nkey=3\n')
    setup.config.changed(setup.directory)
    assert setup.config.values.third.a.key == 3


def test_a_file_elsewhere_changes_nothing(setup: Setup) -> None:
    setup.config.load()
    other = setup.user.with_name('other.conf')
    other.write_text('[a]\nkey=1\n')
    setup.config.changed(other)
    assert set(setup.config.values) == {'user'}


def test_a_broken_file_changes_nothing_and_is_an_alarm_until_it_is_mended(
    setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    path = setup.save('my.conf', '[a]\nkey=1\n')
    setup.config.load()
    path.write_text('[a]\nkey=2\n[oops\n')
    setup.config.changed(path)
    setup.config.changed(path)
    assert setup.config.values.my.a.key == 1
    [alarm] = setup.alarms.as_list()
    assert f'{path}:3: ' in alarm['what']
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
    path.write_text('[a]\nkey=3\n')
    setup.config.changed(path)
    assert setup.config.values.my.a.key == 3
    assert setup.alarms.as_list() == []


def test_a_broken_file_at_the_start_does_not_keep_the_others_from_being_read(setup: Setup) -> None:
    setup.user.write_bytes(b'\xff')
    setup.save('my.conf', '[a]\nkey=1\n')
    setup.config.load()
    assert setup.config.values.my.a.key == 1
    assert len(setup.alarms.as_list()) == 1


def test_a_key_that_is_gone_from_the_file_is_gone(setup: Setup) -> None:
    setup.user.write_text('[a]\nkey=1\n')
    setup.config.load()
    setup.user.write_text('[a]\nother=1\n')
    setup.config.changed(setup.user)
    assert 'key' not in setup.config.values.user.a


def test_who_took_the_values_of_a_file_keeps_them_whole_while_it_changes(setup: Setup) -> None:
    setup.user.write_text('[a]\nkey=1\n')
    setup.config.load()
    taken = setup.config.values.user
    setup.user.write_text('[a]\nkey=2\n')
    setup.config.changed(setup.user)
    assert (taken.a.key, setup.config.values.user.a.key) == (1, 2)


def test_environment_variables_override_keys(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('Zato_Config_User_Config_my__file__conf_a_key', '7')
    monkeypatch.setenv('Zato_Config_User_Config_my__file__conf_a_new', 'x')
    setup.save('my-file.conf', '[a]\nkey=1\n')
    setup.config.load()
    assert setup.config.values['my-file'].a == {'key': 7, 'new': 'x'}


def test_directories_to_watch_are_those_of_all_files_each_once(setup: Setup) -> None:
    assert setup.config.watched == [setup.user.parent, setup.directory]
    twice = UserConfig({'a': setup.user, 'b': setup.user.with_name('b.conf')}, [setup.user.parent], setup.alarms)
    assert twice.watched == [setup.user.parent]
