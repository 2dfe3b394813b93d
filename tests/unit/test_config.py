"""Configuration files: how text becomes values, what replaces it, and what is said of what is wrong."""

from __future__ import annotations

import ast
import io
import logging
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.common.config.env_file import read_env_file
from zato.common.config.option import Option, convert, declared
from zato.common.config.pickup_conf import read_pickup_conf
from zato.common.config.reader import find_line, read_conf, read_server_conf, read_server_stanza
from zato.common.config.secrets import Secrets, secrets_text
from zato.common.config.server_conf import CLASSIC, OPEN_STANZAS, STANZAS, ServerConf, template
from zato.common.crypto import Cipher, new_key
from zato.common.exception import ConfigError

TOP = Path(__file__).parents[2]

LIST = tuple[str, ...]
BOUNDED = Option('', unit='seconds', minimum=1, maximum=256)
PREFIX = 'Zato_Config_Server_server__conf_'


# What text becomes


@pytest.mark.parametrize(
    ('raw', 'type_', 'expected'),
    [
        ('True', bool, True),
        ('yes', bool, True),
        ('ON', bool, True),
        ('1', bool, True),
        ('false', bool, False),
        (' No ', bool, False),
        ('off', bool, False),
        ('0', bool, False),
        ('12', int, 12),
        (' 10_000 ', int, 10_000),
        ('12', float, 12.0),
        ('1.5', float, 1.5),
        ('text', str, 'text'),
        ('', str, ''),
        (['Sorry', 'try again'], str, 'Sorry, try again'),
        (['a', ' b ', ''], LIST, ('a', 'b')),
        ('a, b,', LIST, ('a', 'b')),
        ('', LIST, ()),
        ([], LIST, ()),
    ],
)
def test_text_becomes_a_value_of_the_declared_type(raw: Any, type_: Any, expected: Any) -> None:
    value = convert(raw, type_, Option(''))
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ('raw', 'type_', 'option', 'rule'),
    [
        ('maybe', bool, Option(''), 'must be True or False'),
        ('', bool, Option(''), 'must be True or False'),
        ('x', int, Option(''), 'must be a number'),
        ('x', int, Option('', unit='bytes'), 'must be a number of bytes'),
        ('1.5', int, Option(''), 'must be a number'),
        ('', int, Option(''), 'must be a number'),
        (['1', '2'], int, Option(''), 'must be a number'),
        ('0', int, BOUNDED, 'must be a number from 1 to 256 seconds'),
        ('257', int, BOUNDED, 'must be a number from 1 to 256 seconds'),
        ('0', int, Option('', minimum=1, maximum=31_536_000), 'must be a number from 1 to 31,536,000'),
        ('0.05', float, Option('', unit='seconds', minimum=0.1), 'must be a number of 0.1 seconds or more'),
        ('nan', float, Option('', minimum=0.1), 'must be a number of 0.1 or more'),
        ('nan', float, Option(''), 'must be a number'),
        ('inf', float, Option('', minimum=0.1), 'must be a number of 0.1 or more'),
        ('-inf', float, Option(''), 'must be a number'),
        ('some', str, Option('', choices=('none', 'all')), 'must be one of: none, all'),
    ],
)
def test_text_that_is_no_such_value_is_refused_with_the_rule(raw: Any, type_: Any, option: Option, rule: str) -> None:
    with pytest.raises(ValueError, match=f'^{rule}$'):
        convert(raw, type_, option)


@given(st.integers(min_value=1, max_value=256))
def test_bounds_are_inclusive(number: int) -> None:
    assert convert(str(number), int, BOUNDED) == number


# server.conf: declaration, template, code


def defaults() -> dict[str, dict[str, Any]]:
    return {stanza: {key: default for key, (_, _, default) in declared(cls).items()} for stanza, cls in STANZAS.items()}


def write(tmp_path: Path, text: str, name: str = 'server.conf') -> Path:
    path = tmp_path / name
    path.write_text(text, encoding='utf-8')
    return path


def read(tmp_path: Path, text: str, environ: dict[str, str] | None = None, **kwargs: Any) -> ServerConf:
    return read_server_conf(write(tmp_path, text), environ or {}, **kwargs)


def problems_of(tmp_path: Path, text: str, environ: dict[str, str] | None = None, **kwargs: Any) -> list[str]:
    """What is wrong, without the directory."""
    with pytest.raises(ConfigError) as info:
        read(tmp_path, text, environ, **kwargs)
    return str(info.value).replace(f'{tmp_path}/', '').splitlines()


def test_the_template_reads_back_as_the_defaults(tmp_path: Path) -> None:
    values = asdict(read(tmp_path, template()))
    assert values.pop('user_config') == {'user': './user.conf'}
    assert values.pop('os_environ') == {}
    assert values == defaults()
    assert asdict(read(tmp_path, ''))['main'] == defaults()['main'], 'an empty file has the defaults too'


def test_the_template_has_every_declared_key_and_no_other(tmp_path: Path) -> None:
    conf = read_conf(write(tmp_path, template()))
    assert conf.scalars == []
    written = {stanza: list(conf[stanza]) for stanza in conf.sections}
    assert written.pop('user_config') == ['user']
    assert written.pop('os_environ') == []
    assert written == {stanza: list(keys) for stanza, keys in defaults().items()}


def test_the_template_tells_each_keys_unit_and_default() -> None:
    lines = template().splitlines()
    for cls in STANZAS.values():
        for key, (_, option, default) in declared(cls).items():
            [number] = [i for i, line in enumerate(lines) if line.startswith(f'{key}=')]
            comment = lines[number - 1]
            assert comment.startswith(f'# {option.help}')
            assert f'({option.unit})' in comment or not option.unit
            shown = ', '.join(default) if isinstance(default, tuple) else str(default)
            assert comment.endswith(f'Default: {shown or "empty"}')


def test_values_given_to_the_template_are_the_ones_read(tmp_path: Path) -> None:
    text = template({'main': {'gunicorn_workers': 4}, 'misc': {'service_invoker_allow_internal': ('a', 'b')}})
    conf = read(tmp_path, text)
    assert conf.main.gunicorn_workers == 4
    assert conf.misc.service_invoker_allow_internal == ('a', 'b')


def test_no_key_is_both_read_and_called_unused() -> None:
    for stanza, keys in CLASSIC.items():
        if stanza in STANZAS:
            assert keys & set(defaults()[stanza]) == set()
        else:
            assert stanza not in OPEN_STANZAS
            assert keys == {'*'}


def stanza_reads(tree: ast.Module) -> set[tuple[str, str]]:
    """(stanza, key) of each `….conf.<stanza>.<key>`, also where the stanza was given a name first."""
    declared_here = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == 'zato.common.config.server_conf'
        for alias in node.names
    }
    classes = {cls.__name__: stanza for stanza, cls in STANZAS.items() if cls.__name__ in declared_here}
    found = set()
    for scope in ast.walk(tree):
        if not isinstance(scope, ast.FunctionDef):
            continue
        names = {
            argument.arg: classes[argument.annotation.id]
            for argument in scope.args.args
            if isinstance(argument.annotation, ast.Name) and argument.annotation.id in classes
        }
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and (stanza := stanza_of(node.value)):
                names[node.targets[0].id] = stanza
        for node in ast.walk(scope):
            if isinstance(node, ast.Attribute):
                of = names.get(node.value.id, '') if isinstance(node.value, ast.Name) else stanza_of(node.value)
                if of and of not in OPEN_STANZAS:
                    found.add((of, node.attr))
    return found


def stanza_of(node: ast.expr) -> str:
    """'main' for `conf.main`, `x.conf.main` and `read_server_stanza(…, 'main')`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'read_server_stanza':
        return str(ast.literal_eval(node.args[-1]))
    if not isinstance(node, ast.Attribute) or node.attr not in {*STANZAS, *OPEN_STANZAS}:
        return ''
    owner = node.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ''
    return node.attr if name == 'conf' else ''


def all_reads() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for root in ('server', 'code', 'common'):
        for path in (TOP / root).rglob('*.py'):
            text = path.read_text()
            is_theirs = path.name == 'server_conf.py' or 'templates' in path.parts
            if not is_theirs and re.search(r'conf\b|read_server_stanza', text):
                found |= stanza_reads(ast.parse(text, path))
    return found


def test_every_declared_key_is_read_by_some_code_and_no_other_key_is() -> None:
    declared_keys = {(stanza, key) for stanza, keys in defaults().items() for key in keys}
    reads = all_reads()
    assert declared_keys - reads == set(), 'declared, written to server.conf, and read by nothing'
    assert reads - declared_keys == set(), 'read, but not declared'


def test_every_open_stanza_is_read_by_some_code() -> None:
    text = ''.join(path.read_text() for path in (TOP / 'server').rglob('*.py'))
    assert [stanza for stanza in OPEN_STANZAS if f'conf.{stanza}' not in text] == []


# What replaces values


def test_environment_variables_replace_and_add_keys(tmp_path: Path) -> None:
    environ = {
        f'{PREFIX}main_gunicorn_bind': '127.0.0.1:1',
        f'{PREFIX}hot_deploy_check_timeout': '2.5',
        f'{PREFIX}component_enabled_ibm_mq': 'True',
        f'{PREFIX}misc_service_invoker_allow_internal': 'a, b',
        f'{PREFIX}user_config_mine': './mine.conf',
        f'{PREFIX}os_environ_HTTP_PROXY': 'http://a, b',
    }
    conf = read(tmp_path, '[main]\ngunicorn_bind=0.0.0.0:2\n', environ)
    assert conf.main.gunicorn_bind == '127.0.0.1:1'
    assert conf.hot_deploy.check_timeout == 2.5
    assert conf.component_enabled.ibm_mq is True
    assert conf.misc.service_invoker_allow_internal == ('a', 'b')
    assert conf.user_config == {'mine': './mine.conf'}
    assert conf.os_environ == {'HTTP_PROXY': 'http://a, b'}


def test_an_override_of_another_file_or_component_changes_nothing(tmp_path: Path) -> None:
    environ = {
        'Zato_Config_Server_other__conf_main_gunicorn_workers': '2',
        'Zato_Config_Scheduler_server__conf_main_gunicorn_workers': '2',
    }
    assert read(tmp_path, '', environ).main.gunicorn_workers == 1


@pytest.mark.parametrize(
    ('environ', 'bind'),
    [
        ({'Zato_Config_Bind_Host': '127.0.0.1'}, '127.0.0.1:17011'),
        ({'Zato_Config_Bind_Port': '18000'}, '10.0.0.1:18000'),
        ({'Zato_Config_Bind_Host': '[::]', 'Zato_Config_Bind_Port': '1'}, '[::]:1'),
        ({'Zato_Config_Bind_Port': '1', f'{PREFIX}main_gunicorn_bind': '9.9.9.9:9'}, '9.9.9.9:1'),
    ],
)
def test_the_short_variables_replace_host_and_port_each(tmp_path: Path, environ: dict[str, str], bind: str) -> None:
    assert read(tmp_path, '[main]\ngunicorn_bind=10.0.0.1:17011\n', environ).main.gunicorn_bind == bind


def test_the_short_variables_need_no_bind_in_the_file_and_see_through_a_variable_in_it(tmp_path: Path) -> None:
    assert read(tmp_path, '', {'Zato_Config_Bind_Port': '1'}).main.gunicorn_bind == '0.0.0.0:1'
    conf = read(tmp_path, '[main]\ngunicorn_bind=$BIND\n', {'Zato_Config_Bind_Port': '1', 'BIND': '10.0.0.1:17'})
    assert conf.main.gunicorn_bind == '10.0.0.1:1'


def test_num_threads_is_the_number_of_workers(tmp_path: Path) -> None:
    environ = {'Zato_Config_Num_Threads': '7'}
    assert read(tmp_path, '[main]\ngunicorn_workers=2\n', environ).main.gunicorn_workers == 7


def test_what_is_wrong_in_a_variable_is_said_of_the_variable(tmp_path: Path) -> None:
    text = '[main]\ngunicorn_workers=2\n'
    for name in ('Zato_Config_Num_Threads', f'{PREFIX}main_gunicorn_workers'):
        assert problems_of(tmp_path, text, {name: 'x'}) == [
            f'environment variable {name}: [main] gunicorn_workers must be a number from 1 to 256, not `x`'
        ]


def test_a_dollar_names_a_variable_and_two_dollars_do_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = '[main]\ngunicorn_workers=$N\n[misc]\nhttp_server_header=$$N\ndefault_error_message=$MISSING\n'
    text += 'service_invoker_allow_internal=$A, b\n[os_environ]\nX=$N\nY=$\n'
    conf = read(tmp_path, text, {'N': '3', 'A': 'first'})
    assert conf.main.gunicorn_workers == 3
    assert conf.misc.http_server_header == '$$N'
    assert conf.misc.default_error_message == '$MISSING'
    assert conf.misc.service_invoker_allow_internal == ('first', 'b')
    assert conf.os_environ == {'X': '3', 'Y': '$'}
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        '[misc] default_error_message: environment variable MISSING is not set'
    ]


def test_a_missing_variable_where_a_number_must_be_is_an_error(tmp_path: Path) -> None:
    assert problems_of(tmp_path, '[main]\n\ngunicorn_workers=$N\n') == [
        'server.conf:3: [main] gunicorn_workers must be a number from 1 to 256, not `$N`'
    ]


def test_all_of_secrets_conf_is_known_but_for_what_cannot_be_decrypted(tmp_path: Path) -> None:
    key = new_key()
    text = f'{secrets_text(key, {"a": "x"})}bad=z\n[my]\nb={Cipher(key).encrypt("y")}\n'
    assert list(Secrets(write(tmp_path, text, 'secrets.conf'), {}).all()) == [key, 'x', 'y']


def test_secrets_are_read_from_secrets_conf(tmp_path: Path) -> None:
    key = new_key()
    secrets = Secrets(write(tmp_path, secrets_text(key, {'a.b': 'sésame'}), 'secrets.conf'), {})
    text = '[misc]\nhttp_server_header=zato+secret://zato.a.b\ndefault_error_message=$REF\n'
    text += '[os_environ]\nX=zato+secret://zato.a.b\n'
    conf = read(tmp_path, text, {'REF': 'zato+secret://zato.a.b'}, get_secret=secrets.get)
    assert conf.misc.http_server_header == conf.misc.default_error_message == conf.os_environ['X'] == 'sésame'


def test_commas_in_environment_variables_and_paths_are_kept_as_written(tmp_path: Path) -> None:
    conf = read(tmp_path, '[os_environ]\nNO_PROXY=localhost,10.0.0.1\nQUOTED="a, b"\n[user_config]\nuser=./a,b.conf\n')
    assert conf.os_environ == {'NO_PROXY': 'localhost,10.0.0.1', 'QUOTED': 'a, b'}
    assert conf.user_config == {'user': './a,b.conf'}


# What is wrong


def test_all_problems_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    def no_secret(name: str) -> str:
        raise ConfigError(f'{name} is missing', path='secrets.conf')

    text = (
        'early=1\n'
        '[main] # the processes\n'
        'gunicorn_workers=many\n'
        'gunicorn_wrokers=2\n'
        '[mian]\n'
        '[crypto]\n'
        '"use_tls" = perhaps\n'
        '[misc]\n'
        'default_error_message=zato+secret://zato.x\n'
        '[os_environ]\n'
        'X=zato+secret://zato.y\n'
        '[http]\n'
        '[[max_body]]\n'
    )
    assert problems_of(tmp_path, text, get_secret=no_secret) == [
        'server.conf:1: key `early` stands before the first stanza',
        'server.conf:5: unknown stanza [mian]; did you mean `main`?',
        'server.conf:3: [main] gunicorn_workers must be a number from 1 to 256, not `many`',
        'server.conf:4: unknown key `gunicorn_wrokers` in [main]; did you mean `gunicorn_workers`?',
        'server.conf:7: [crypto] use_tls must be True or False, not `perhaps`',
        'server.conf: [http] max_body: must be a value, not a stanza',
        'server.conf:9: [misc] default_error_message: secrets.conf: zato.x is missing',
        'server.conf:11: [os_environ] X: secrets.conf: zato.y is missing',
    ]


def test_a_key_before_the_first_stanza_may_have_a_stanzas_name(tmp_path: Path) -> None:
    text = 'main=1\n'
    assert problems_of(tmp_path, text, {'Zato_Config_Num_Threads': '2'}) == [
        'server.conf:1: key `main` stands before the first stanza'
    ]
    assert read_server_stanza(tmp_path / 'server.conf', {}, 'main').gunicorn_workers == 1


def test_classic_keys_are_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    conf = read(tmp_path, '[main]\ntoken=x\ngunicorn_worker_class=gevent\n[odb]\npool_size=9\n[kvdb]\nanything=$GOES\n')
    assert asdict(conf)['main'] == defaults()['main']
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    for name in ('[main] token', '[main] gunicorn_worker_class', '[odb] pool_size', '[kvdb]'):
        assert name in record.message


def test_one_stanza_can_be_read_whatever_is_wrong_with_the_others(tmp_path: Path) -> None:
    path = write(tmp_path, 'x=1\n[mian]\n[crypto]\nuse_tls=perhaps\n[main]\ngunicorn_workers=3\n')
    assert read_server_stanza(path, {f'{PREFIX}main_gunicorn_timeout': '9'}, 'main').gunicorn_workers == 3
    assert read_server_stanza(path, {f'{PREFIX}main_gunicorn_timeout': '9'}, 'main').gunicorn_timeout == 9
    with pytest.raises(ConfigError, match=r'server\.conf: use_tls must|\[crypto\] use_tls must be True or False'):
        read_server_stanza(path, {}, 'crypto')


def reads_secrets(path: Path) -> object:
    return Secrets(path, {})


def reads_server(path: Path) -> object:
    return read_server_conf(path, {})


@pytest.mark.parametrize('reader', [reads_server, read_env_file, reads_secrets, read_pickup_conf])
@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'[main]\na=1\n[oops\n', r'x\.conf:3: .*`\[oops`'),
        (b'[main]\na=1\nnonsense\n', r'x\.conf:3: .*`nonsense`'),
        (b'[main]\na=1\na=2\n', r'x\.conf:3: Duplicate keyword name: `a=2`'),
        (b'[main]\n\n[main]\n', r'x\.conf:3: Duplicate section name: `\[main\]`'),
        (b'[main]\na="1\n', r'x\.conf:2: .*`a="1`'),
        (b'[main]\na=\xff\xfe\n', r'x\.conf: the file cannot be read: .*utf-8'),
        (b'[main]\n[[[deep]]]\n', r'x\.conf:2: '),
    ],
)
def test_a_file_that_cannot_be_parsed_is_named_with_the_line(
    tmp_path: Path, reader: Callable[[Path], object], content: bytes, reason: str
) -> None:
    path = tmp_path / 'x.conf'
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=reason):
        reader(path)


@pytest.mark.parametrize('reader', [reads_server, read_env_file, reads_secrets])
def test_a_missing_file_and_a_directory_are_told_as_such(tmp_path: Path, reader: Callable[[Path], object]) -> None:
    with pytest.raises(ConfigError, match=r'nothing\.conf: the file is missing'):
        reader(tmp_path / 'nothing.conf')
    with pytest.raises(ConfigError, match=r'the file cannot be read: .*directory'):
        reader(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / 'server.conf'
    path.write_bytes(b'\xef\xbb\xbf[main]\r\ngunicorn_workers=2\r\n')
    assert read_server_conf(path, {}).main.gunicorn_workers == 2
    assert find_line(path, 'main') == 1


def test_a_line_is_found_below_its_own_stanza(tmp_path: Path) -> None:
    path = write(tmp_path, '# a=0\n[one]\na=1\n[ two ] # comment\n  a = 2\nab=3\n["three"]\na=4\n')
    assert find_line(path, 'one') == 2
    assert find_line(path, 'one', 'a') == 3
    assert find_line(path, 'two', 'a') == 5
    assert find_line(path, 'two', 'ab') == 6
    assert find_line(path, 'three', 'a') == 8
    assert find_line(path, 'two', 'b') == 0
    assert find_line(path, 'four', 'a') == 0


# pickup.conf, environment files


def test_directories_of_pickup_conf_are_absolute_and_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', '/home/me')
    text = '[hot-deploy.user.a]\npickup_from=/abs, ../rel/./x\n[hot-deploy.user.b]\npickup_from=~/mine\n'
    assert read_pickup_conf(write(tmp_path, text, 'pickup.conf')) == [
        Path('/abs'),
        (tmp_path / '../rel/x').resolve(),
        Path('/home/me/mine'),
    ]


def test_a_missing_pickup_conf_is_an_empty_one(tmp_path: Path) -> None:
    assert read_pickup_conf(tmp_path / 'pickup.conf') == []


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('[other]\npickup_from=/x\n', r'pickup\.conf:1: unknown stanza \[other\]; they begin with hot-deploy\.user\.'),
        ('\n[hot-deploy.user.a]\n', r'pickup\.conf:2: \[hot-deploy\.user\.a\] has no pickup_from'),
        ('[hot-deploy.user.a]\npickup_from=\n', r'pickup\.conf:1: .* has no pickup_from'),
        ('[hot-deploy.user.a]\npickup_from=/x\npatern=*\n', r'pickup\.conf:3: unknown key `patern`'),
        ('pickup_from=/x\n', r'pickup\.conf:1: key `pickup_from` stands before the first stanza'),
        ('[hot-deploy.user.a]\npickup_from=~no_such_user_/x\n', r'pickup\.conf:2: ~no_such_user_/x: .*home'),
    ],
)
def test_what_is_wrong_in_pickup_conf_is_told_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        read_pickup_conf(write(tmp_path, text, 'pickup.conf'))


def test_an_environment_file_is_taken_as_it_is_written(tmp_path: Path) -> None:
    path = write(tmp_path, '[env]\nA=1\nLIST=a,b , c\nQUOTED=" x "\nEMPTY=\nDOLLAR=$A\n[other]\nB=2\n')
    assert read_env_file(path) == {'A': '1', 'LIST': 'a,b , c', 'QUOTED': ' x ', 'EMPTY': '', 'DOLLAR': '$A'}
    with pytest.raises(ConfigError, match=r'no stanza \[env\]'):
        read_env_file(write(tmp_path, 'A=1\n'))


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('abc#def', 'abc#def'),
        ('http://a/#b#c  # the address', 'http://a/#b#c'),
        ('abc # def', 'abc'),
        ('"abc # def" # comment', 'abc # def'),
        ("it's", "it's"),
        ('say "hi"#1', 'say "hi"#1'),
        ('# nothing', ''),
        ('"""-----BEGIN\nA=#=\n-----END"""', '-----BEGIN\nA=#=\n-----END'),
    ],
)
def test_a_value_of_an_environment_file_may_have_a_hash_in_it(tmp_path: Path, text: str, value: str) -> None:
    assert read_env_file(write(tmp_path, f'[env]\nA = {text}\nB = 1\n')) == {'A': value, 'B': '1'}


def test_a_line_that_shells_would_understand_is_not_taken_for_a_variable_of_a_strange_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'server\.conf:2: a variable cannot be called `export A`'):
        read_env_file(write(tmp_path, '[env]\nexport A=1\n'))


@pytest.mark.parametrize('text', ['"a" and "b"', "'x"])
def test_a_value_with_quotes_that_do_not_go_together_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r'server\.conf:2: Parse error in value'):
        read_env_file(write(tmp_path, f'[env]\nA = {text}\n'))


# secrets.conf


def test_secrets_are_what_was_put_in(tmp_path: Path) -> None:
    key = new_key()
    path = write(tmp_path, secrets_text(key, {'password': 'p@ss, wörd'}))
    assert Secrets(path, {}).get('zato.password') == 'p@ss, wörd'
    assert 'wörd' not in path.read_text(encoding='utf-8')


def test_the_key_may_be_in_the_environment_on_standard_input_or_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key()
    path = write(tmp_path, secrets_text(key, {'x': 'y'}, key_source='$MY_KEY'))
    assert Secrets(path, {'MY_KEY': key}).get('zato.x') == 'y'
    assert Secrets(path, {}, key).get('zato.x') == 'y'
    path = write(tmp_path, secrets_text(key, {'x': 'y'}, key_source='zato+stdin:///'))
    monkeypatch.setattr('sys.stdin', io.StringIO(f'{key}\n'))
    assert Secrets(path, {}).get('zato.x') == 'y'


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        (lambda key, text: text.replace(key, new_key()), 'the secret key is wrong'),
        (lambda key, text: text.replace(key, 'not a key'), 'the secret key is wrong'),
        (lambda key, text: text.replace(key, 'ключ'), 'the secret key is wrong'),
        (lambda key, text: text.replace(key, '$MY_KEY'), 'environment variable MY_KEY is not set; it holds the secret key'),
        (lambda key, text: text.replace(f'key1={key}', ''), r'\[secret_keys\] key1 is missing'),
        (lambda key, text: text.replace('[secret_keys]', '').replace(f'key1={key}', ''), r'\[secret_keys\] key1 is missing'),
        (lambda key, text: text.replace('well_known_data', 'other'), r'\[zato\] well_known_data is missing'),
        (lambda key, text: text.split('[zato]')[0], r'\[zato\] well_known_data is missing'),
        (lambda key, text: 'zato=1\n' + text.split('[zato]')[0], r'\[zato\] well_known_data is missing'),
    ],
)
def test_a_wrong_key_and_missing_parts_are_told(tmp_path: Path, change: Callable[[str, str], str], reason: str) -> None:
    key = new_key()
    path = write(tmp_path, change(key, secrets_text(key, {})), 'secrets.conf')
    with pytest.raises(ConfigError, match=rf'secrets\.conf: {reason}'):
        Secrets(path, {})


@pytest.mark.parametrize(
    ('line', 'reason'),
    [
        ('', r'\[zato\] password is missing'),
        ('password=plain', r'\[zato\] password: .*not encrypted with this key'),
        ('password=plain, with commas', r'\[zato\] password: .*not encrypted with this key'),
        ('password=пароль', r'\[zato\] password: .*not encrypted with this key'),
        pytest.param(
            f'password={Cipher(new_key()).encrypt("x")}',
            r'\[zato\] password: .*not encrypted with this key',
            id='another-key',
        ),
    ],
)
def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path, line: str, reason: str) -> None:
    key = new_key()
    secrets = Secrets(write(tmp_path, f'{secrets_text(key, {})}{line}\n', 'secrets.conf'), {})
    with pytest.raises(ConfigError, match=rf'secrets\.conf: {reason}'):
        secrets.get('zato.password')
    with pytest.raises(ConfigError, match=r'\[other\] key is missing'):
        secrets.get('other.key')
