"""What an import takes from the environment of whoever imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.enmasse import read
from zato.common.enmasse.environment import CallersEnvironment, MissingVariable

ENVIRON = {'A': 'one', 'B': 'two', 'EMPTY': '', 'DOLLAR': '$ecret', 'NESTED': 'Zato_Enmasse_Env.A'}


@pytest.mark.parametrize(
    ('text', 'filled'),
    [
        ('Zato_Enmasse_Env.A', 'one'),
        ('ZatoEnmasseEnv.B', 'two'),
        (' Zato_Enmasse_Env.A ', 'one'),
        ('Zato_Enmasse_Env.EMPTY', ''),
        ('https://{Zato_Enmasse_Env.A}.{ZatoEnmasseEnv.B}/x', 'https://one.two/x'),
        ('{Zato_Enmasse_Env.A}', 'one'),
        ('Zato_Enmasse_Env.NESTED', 'Zato_Enmasse_Env.A'),
        ('x Zato_Enmasse_Env.A', 'x Zato_Enmasse_Env.A'),
        ('Zato_Enmasse_Env_A', 'Zato_Enmasse_Env_A'),
        ('$A', '$A'),
    ],
)
def test_names_of_variables_become_their_values(text: str, filled: str) -> None:
    assert CallersEnvironment(ENVIRON).fill(text) == filled


@pytest.mark.parametrize('text', ['Zato_Enmasse_Env.C', 'x{ZatoEnmasseEnv.C}y', 'Zato_Enmasse_Env.a'])
def test_a_missing_variable_is_an_error(text: str) -> None:
    with pytest.raises(MissingVariable):
        CallersEnvironment(ENVIRON).fill(text)


def test_values_do_not_show_in_what_is_printed() -> None:
    assert 'ecret' not in repr(CallersEnvironment(ENVIRON))


ITEM = """
security:
  - name: My.Client
    type: basic_auth
    username: jane
    password: %s
"""


def test_a_missing_variable_is_told_with_file_line_object_and_key_and_nothing_else_is(tmp_path: Path) -> None:
    text = 'outgoing_rest: [{name: a, host: Zato_Enmasse_Env.A, timeout: "{Zato_Enmasse_Env.B}0", is_active: yes}]'
    assert read(tmp_path, ITEM % 'Zato_Enmasse_Env.C').problems == [
        'main.yaml:6: Basic Auth `My.Client`: `password`: there is no environment variable C'
    ]
    assert read(tmp_path, text).problems == [
        'main.yaml:1: Outgoing REST connection `a`: `host`: there is no environment variable A',
        'main.yaml:1: Outgoing REST connection `a`: `timeout`: there is no environment variable B',
    ]


def test_a_value_that_begins_with_a_dollar_sign_is_text_if_it_comes_from_the_callers_environment(tmp_path: Path) -> None:
    found = read(tmp_path, ITEM % 'Zato_Enmasse_Env.DOLLAR', environ=ENVIRON)
    assert found.settings[0]['password'] == '$$ecret'
    assert read(tmp_path, ITEM % '$ecret').settings[0]['password'] == '$ecret'
    assert read(tmp_path, ITEM % '$x{Zato_Enmasse_Env.A}', environ=ENVIRON).settings[0]['password'] == '$xone'


@pytest.mark.parametrize(
    'variable', ['Zato_Enmasse_Env_security_My__Client_username', 'Zato_Enmasse_Env_security_My.Client_username']
)
def test_a_variable_overrides_one_attribute_of_one_object(tmp_path: Path, variable: str) -> None:
    found = read(tmp_path, ITEM % 'x', environ={variable: '$joe', 'Zato_Enmasse_Env_security_My__Client_is_active': 'no'})
    assert found.settings == [{'username': '$$joe', 'password': 'x', 'is_active': 'no'}]
    assert found.environment.unused == []


def test_an_attribute_that_the_item_does_not_have_can_be_set_too_and_is_checked(tmp_path: Path) -> None:
    name = 'Zato_Enmasse_Env_outgoing_rest_my_crm_timeout'
    text = 'outgoing_rest: [{name: my crm, host: "http://a"}]'
    assert read(tmp_path, text, environ={name: '5'}).settings == [{'host': 'http://a', 'timeout': '5'}]
    assert read(tmp_path, text, environ={name: 'x'}).problems == [
        f'{name}: Outgoing REST connection `my crm`: `timeout` must be a number from 0.001 to 86,400 seconds; got `x`'
    ]


def test_variables_that_override_nothing_are_known(tmp_path: Path) -> None:
    names = ['Zato_Enmasse_Env_security_Other_username', 'Zato_Enmasse_Env_security_My__Client_user']
    found = read(tmp_path, ITEM % 'x', environ=dict.fromkeys(names, 'x'))
    assert found.environment.unused == sorted(names)


@pytest.mark.parametrize('value', ['http://b', 'Zato_Enmasse_Env.MISSING'])
def test_an_override_takes_the_place_of_the_file_s_value_under_whatever_key_that_is(tmp_path: Path, value: str) -> None:
    environ = {'Zato_Enmasse_Env_outgoing_rest_a_host': 'http://c'}
    found = read(tmp_path, f'outgoing_rest: [{{name: a, address: "{value}"}}]', environ=environ)
    assert (found.problems, found.settings) == ([], [{'host': 'http://c'}])


def test_a_secret_that_is_empty_in_the_environment_is_an_error_for_it_would_become_a_random_one(tmp_path: Path) -> None:
    assert read(tmp_path, ITEM % 'Zato_Enmasse_Env.EMPTY', environ=ENVIRON).problems == [
        'main.yaml:6: Basic Auth `My.Client`: `password`: `Zato_Enmasse_Env.EMPTY` is empty'
    ]
    assert read(tmp_path, ITEM % '').problems == []
