"""Types of elements that are declared by name alone, how simple-io.conf changes them, and what becomes of secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.service.invoking import call_of
from zato.common.config.simple_io_conf import SimpleIOConf, read_simple_io_conf
from zato.common.crypto import Cipher, new_key
from zato.common.exception import ConfigError
from zato.server.service import AsIs, Service
from zato.server.service.compiled import CompileOptions, compile_service
from zato.server.service.data import Request
from zato.server.service.facade.crypto import Crypto
from zato.server.service.facades import Facades
from zato.server.service.invoker import Invoker
from zato.server.service.simpleio.element import Bool, Elem, Int, Secret, Text
from zato.server.service.simpleio.names import DEFAULT_RULES, NameRules, rules_from
from zato.server.service.store import ServiceStore

SECRETS = (
    'api_key',
    'apiKey',
    'auth_data',
    'auth_token',
    'password',
    'password1',
    'password2',
    'secret_key',
    'tls_pem_passphrase',
    'token',
    'xApiKey',
)

NAMES: list[tuple[str, type[Elem]]] = [
    ('by_name', Bool),
    ('has_children', Bool),
    ('is_active', Bool),
    ('may_edit', Bool),
    ('needs_reply', Bool),
    ('should_retry', Bool),
    ('is_', Bool),
    ('id', Int),
    ('user_id', Int),
    ('retry_count', Int),
    ('pool_size', Int),
    ('pool_size_min', Int),
    ('pool_size_max', Int),
    ('ping_timeout', Int),
    ('_id', Int),
    *((name, Secret) for name in SECRETS),
    ('name', Text),
    ('island', Text),
    ('this_is_it', Text),
    ('Is_active', Text),
    ('id2', Text),
    ('ID', Text),
    ('userid', Text),
    ('user_ids', Text),
    ('count', Text),
    ('timeout', Text),
    ('size', Text),
    ('password3', Text),
    ('my_password', Text),
    ('token_type', Text),
    ('übung', Text),
]

#: Names that two types claim: booleans go first, then integers.
CLAIMED_TWICE: list[tuple[str, type[Elem]]] = [
    ('is_id', Bool),
    ('has_user_id', Bool),
    ('by_token_count', Bool),
    ('token_id', Int),
    ('password_timeout', Int),
]


@pytest.mark.parametrize(('name', 'expected'), [*NAMES, *CLAIMED_TWICE])
@pytest.mark.parametrize('dash', ['', '-'])
def test_a_name_tells_the_type_of_its_element_and_a_dash_does_not_change_it(
    name: str, expected: type[Elem], dash: str
) -> None:
    elem = DEFAULT_RULES.element(f'{dash}{name}')
    assert type(elem) is expected
    assert (elem.name, elem.is_optional) == (name, bool(dash))


@given(st.text(min_size=1))
def test_any_name_but_a_dash_has_a_type(name: str) -> None:
    if name == '-':
        with pytest.raises(ValueError, match='the name of an element'):
            DEFAULT_RULES.element(name)
    else:
        assert DEFAULT_RULES.element(name).name == name.removeprefix('-')


def test_an_explicit_element_goes_over_its_name() -> None:
    class MyService(Service):
        input = AsIs('user_id'), 'other_id'

        def handle(self) -> None: ...

    io = compile_service(MyService).io
    assert io is not None
    assert io.parse is not None
    nobody: Any = None
    assert io.parse({'user_id': 'abc', 'other_id': '5'}, nobody) == {'user_id': 'abc', 'other_id': 5}


# simple-io.conf


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'simple-io.conf'


def rules_of(path: Path, text: str) -> NameRules:
    path.write_text(text)
    return rules_from(read_simple_io_conf(path))


def test_without_a_file_or_in_an_empty_one_the_rules_are_the_default_ones(path: Path) -> None:
    assert rules_from(read_simple_io_conf(path)) == DEFAULT_RULES
    assert rules_of(path, '') == DEFAULT_RULES
    assert rules_from(SimpleIOConf()) == DEFAULT_RULES


def test_what_the_file_says_stands_for_the_default_of_the_same_type_and_way_only(path: Path) -> None:
    rules = rules_of(path, '[int]\nexact=id, number\n[secret]\nprefix=secret_,\n')
    expected = {
        'id': Int,
        'number': Int,
        'user_id': Int,
        'is_active': Bool,
        'secret_one': Secret,
        'password': Secret,
        'secrets': Text,
    }
    assert {name: type(rules.element(name)) for name in expected} == expected


def test_an_empty_value_turns_a_rule_off(path: Path) -> None:
    rules = rules_of(path, '[bool]\nprefix=\n[int]\nsuffix=\n')
    assert [type(rules.element(name)) for name in ('is_active', 'user_id', 'id')] == [Text, Text, Int]


@pytest.mark.parametrize('text', ['[bool]\nprefix=is_,has_', '[bool]\nprefix = is_ , has_ ,', '[bool]\nprefix=is_,"has_"'])
def test_names_are_separated_by_commas_and_spaces_around_them_are_no_part_of_them(path: Path, text: str) -> None:
    rules = rules_of(path, text)
    assert [type(rules.element(name)) for name in ('is_a', 'has_a', 'may_a')] == [Bool, Bool, Text]


@pytest.mark.parametrize(
    ('text', 'elem'),
    [('', 'response'), ('[default]\nresponse_elem=answer', 'answer'), ('[default]\nresponse_elem=', '')],
)
def test_the_file_says_what_wraps_responses(path: Path, text: str, elem: str) -> None:
    class MyService(Service):
        class SimpleIO:
            output_required = 'name'

        def handle(self) -> None: ...

    io = compile_service(MyService, options=CompileOptions(rules=rules_of(path, text))).io
    assert io is not None
    assert io.render is not None
    assert io.render({'name': 'a'}) == ({elem: {'name': 'a'}} if elem else {'name': 'a'})


@pytest.mark.parametrize(
    ('text', 'error'),
    [
        ('exact=id\n', ':1: key `exact` stands before the first stanza'),
        ('[int]\nexact=id\n\n[bol]\nprefix=is_\n', ':4: unknown stanza [bol]; did you mean `bool`?'),
        ('[int]\nexakt=id\n', ':2: unknown key `exakt`; did you mean `exact`?'),
        ('[default]\nexact=id\n', ':2: unknown key `exact`'),
        ('[int]\n[[exact]]\na=b\n', '`exact` must be a value, not a stanza'),
    ],
)
def test_what_is_wrong_in_the_file_is_an_error_with_file_and_line(path: Path, text: str, error: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError) as info:
        read_simple_io_conf(path)
    assert str(path) in str(info.value)
    assert error in str(info.value)


# Secrets


def answer(cls: type[Service], payload: Any) -> Any:
    """What a service answers that has `self.crypto`."""
    crypto = Crypto(Cipher(new_key()))
    compiled = compile_service(cls)
    store = ServiceStore()
    store.add_internal({compiled.name: compiled})
    invoker = Invoker(store, Facades({'crypto': lambda service: crypto}))
    return invoker.run(call_of(invoker, compiled.name), Request(payload, payload)).payload


def test_a_service_gets_secrets_encrypted_and_can_decrypt_them() -> None:
    class MyService(Service):
        input = 'name', 'password', '-token', Secret('-pin'), '-secret_key'

        def handle(self) -> None:
            input_ = self.request.input
            self.response.payload = input_, self.crypto.decrypt(input_.password), self.crypto.decrypt(input_['pin'])

    payload = {'name': 'alice', 'password': 'p4ss', 'pin': 1234, 'token': ''}
    input_, password, pin = answer(MyService, payload)
    assert (password, pin) == ('p4ss', '1234')
    assert (input_.name, input_.token, input_.secret_key) == ('alice', '', ''), 'there is nothing to encrypt'
    assert 'p4ss' not in str(input_)
    assert input_.password.startswith('zato.secf.')
    assert payload['password'] == 'p4ss', 'what was received is not changed'


def test_secrets_of_a_list_are_encrypted_in_each_item() -> None:
    class MyService(Service):
        input = ('password',)

        def handle(self) -> None:
            items: Any = self.request.input
            self.response.payload = [self.crypto.decrypt(item.password) for item in items]

    assert answer(MyService, [{'password': 'a'}, {'password': 'b'}]) == ['a', 'b']
