"""web-admin.conf: what it says, what is said of what is wrong with it, and how others on the host reach a component."""

from __future__ import annotations

import os
import re
import ssl
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from zato.common.component import ComponentDirectory, ServerDirectory, WebAdminDirectory, read_info, write_info
from zato.common.config.option import declared
from zato.common.config.reader import read_conf
from zato.common.config.secrets import Secrets, secrets_text
from zato.common.config.server_conf import template as server_template
from zato.common.config.web_admin_conf import (
    WEB_ADMIN_CONF,
    WebAdminConf,
    check_address,
    is_directory,
    read_web_admin_conf,
    template,
)
from zato.common.crypto import new_key
from zato.common.exception import ConfigError
from zato.common.reach import address_of, tls_of, url_of
from zato.common.tls import calling_context, own_context

TOP = Path(__file__).parents[2]
SERVERS = '[servers]\nserver1=http://127.0.0.1:17010\n'
PREFIX = 'Zato_Config_Dashboard_web__admin__conf_'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / 'web-admin.conf'
    path.write_text(text, encoding='utf-8')
    return path


def read(tmp_path: Path, text: str, environ: dict[str, str] | None = None, **kwargs: Any) -> WebAdminConf:
    return read_web_admin_conf(write(tmp_path, text), environ or {}, **kwargs)


def problems_of(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """What is wrong, without the directory."""
    with pytest.raises(ConfigError) as info:
        read(tmp_path, text, environ)
    return str(info.value).replace(f'{tmp_path}/', '').splitlines()


def test_the_template_reads_back_as_the_defaults_and_the_servers_given(tmp_path: Path) -> None:
    servers = {'server2': 'https://zato.example.com', 'server1': '../server1'}
    conf = read(tmp_path, template({'servers': servers}))
    assert list(conf.servers.items()) == list(servers.items()), 'in their order'
    values = asdict(conf)
    for stanza, cls in WEB_ADMIN_CONF.stanzas.items():
        assert values[stanza] == {key: default for key, (_, _, default) in declared(cls).items()}
    written = read_conf(write(tmp_path, template({'servers': servers})))
    assert list(written.sections) == [*WEB_ADMIN_CONF.stanzas, 'servers']


def test_values_given_to_the_template_are_the_ones_read(tmp_path: Path) -> None:
    origins = ('https://a.example.com', 'https://*.example.org:8443')
    text = template({'servers': {'a': 'http://b'}, 'security': {'csrf_trusted_origins': origins, 'lockout_after': 3}})
    conf = read(tmp_path, text)
    assert conf.security.csrf_trusted_origins == origins
    assert conf.security.lockout_after == 3
    assert conf.security.allowed_hosts == ('*',)


def test_every_key_is_read_by_some_code() -> None:
    texts = [path.read_text() for root in ('web-admin', 'code') for path in (TOP / root).rglob('*.py')]
    keys = [key for cls in WEB_ADMIN_CONF.stanzas.values() for key in declared(cls)]
    assert [key for key in keys if not any(re.search(rf'\.{key}\b', text) for text in texts)] == []


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('', '[servers] must have one at least, such as server1=http://127.0.0.1:17010'),
        (
            '[servers]\nserver1=127.0.0.1:17010\n',
            '[servers] server1 must be like http://127.0.0.1:17010, without a path, or the directory of a server '
            'on this host, not `127.0.0.1:17010`',
        ),
        (f'{SERVERS}[mian]\n', 'unknown stanza [mian]; did you mean `main`?'),
        (f'{SERVERS}[main]\ngunicorn_bnd=x\n', 'unknown key `gunicorn_bnd` in [main]; did you mean `gunicorn_bind`?'),
        (f'{SERVERS}[main]\ngunicorn_threads=0\n', '[main] gunicorn_threads must be a number from 1 to 256, not `0`'),
        (
            f'{SERVERS}[security]\nlockout_time=1d\n',
            '[security] lockout_time must be a number from 1 to 3,600 seconds, not `1d`',
        ),
        (
            f'{SERVERS}[security]\nallowed_hosts=https://zato.example.com\n',
            '[security] allowed_hosts must have names of hosts without scheme, port or path, such as zato.example.com, '
            'or *, not `https://zato.example.com`',
        ),
        (
            f'{SERVERS}[security]\ntrusted_proxies=nginx\n',
            '[security] trusted_proxies must have addresses or networks, such as 10.0.0.7 or 10.0.0.0/8, not `nginx`',
        ),
        (
            f'{SERVERS}[security]\ncsrf_trusted_origins=zato.example.com\n',
            '[security] csrf_trusted_origins must have origins such as https://zato.example.com, without a path, '
            'not `zato.example.com`',
        ),
    ],
    ids=['none', 'address', 'stanza', 'key', 'range', 'time', 'host', 'proxy', 'origin'],
)
def test_what_is_wrong_is_said_with_file_line_key_and_rule(tmp_path: Path, text: str, problem: str) -> None:
    [found] = problems_of(tmp_path, text)
    assert found.startswith('web-admin.conf:')
    assert found.endswith(problem)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = '[main]\ngunicorn_workers=x\n[servers]\na=ftp://x\nb=http://\nc=http://x:99999\nd=http://u:p@x\ne=http://x/y\n'
    assert [line.split(' ')[1:3] for line in problems_of(tmp_path, text)] == [
        ['[main]', 'gunicorn_workers'],
        *(['[servers]', name] for name in 'abcde'),
    ]


def test_the_json_of_classic_zato_is_refused_with_what_to_do(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, '\n{\n "host": "0.0.0.0",\n "port": 8183\n}\n')
    assert problem.startswith('web-admin.conf: it is the JSON of classic Zato')
    assert 'zato create web-admin' in problem


@pytest.mark.parametrize(
    'address',
    ['http://127.0.0.1:17010', 'https://zato.example.com', 'http://[::1]:17010/', '../server1', './server1', '/opt/zato/s'],
)
def test_a_server_is_named_by_its_address_or_its_directory(address: str) -> None:
    check_address(address)
    assert is_directory(address) == ('//' not in address)


def test_environment_variables_replace_keys_and_add_servers(tmp_path: Path) -> None:
    environ = {
        f'{PREFIX}main_gunicorn_bind': '127.0.0.1:1',
        f'{PREFIX}security_is_totp_required': 'yes',
        f'{PREFIX}servers_server2': 'http://b:1',
        'Zato_Config_Server_web__admin__conf_main_gunicorn_workers': '2',
    }
    conf = read(tmp_path, SERVERS, environ)
    assert conf.main.gunicorn_bind == '127.0.0.1:1'
    assert conf.main.gunicorn_workers == 1
    assert conf.security.is_totp_required is True
    assert conf.servers == {'server1': 'http://127.0.0.1:17010', 'server2': 'http://b:1'}


def test_variables_alone_may_name_the_servers(tmp_path: Path) -> None:
    assert read(tmp_path, '', {f'{PREFIX}servers_a': 'http://b'}).servers == {'a': 'http://b'}


def test_the_variables_that_classic_zato_knows_still_count(tmp_path: Path) -> None:
    environ = {
        'Zato_Dashboard_Session_Timeout': '120',
        'Zato_Dashboard_CSRF_Trusted_Origins': 'https://a.example.com, https://b.example.com:8443',
    }
    security = read(tmp_path, f'{SERVERS}[security]\nsession_timeout=60\n', environ).security
    assert security.session_timeout == 120
    assert security.csrf_trusted_origins == ('https://a.example.com', 'https://b.example.com:8443')
    assert problems_of(tmp_path, SERVERS, {'Zato_Dashboard_Session_Timeout': 'x'}) == [
        'environment variable Zato_Dashboard_Session_Timeout: [security] session_timeout must be a number of 10 seconds '
        'or more, not `x`'
    ]


def test_an_address_may_be_in_a_variable(tmp_path: Path) -> None:
    assert read(tmp_path, '[servers]\na=$ADDRESS\n', {'ADDRESS': 'http://b:1'}).servers == {'a': 'http://b:1'}
    [problem] = problems_of(tmp_path, '[servers]\na=$ADDRESS\n')
    assert 'not `$ADDRESS`' in problem


# How a component is reached


def component(tmp_path: Path, kind: type[ComponentDirectory], **values: Any) -> Any:
    path = tmp_path / 'component'
    (path / 'config' / 'repo').mkdir(parents=True)
    (path / 'work').mkdir()
    directory = kind(path)  # type: ignore[call-arg]
    text = template({'servers': {'a': 'http://b'}, **values}) if kind is WebAdminDirectory else server_template(values)
    directory.conf.write_text(text)
    return directory


@pytest.mark.parametrize('kind', [ServerDirectory, WebAdminDirectory])
def test_a_component_is_reached_where_it_listens_or_else_where_it_would(
    tmp_path: Path, kind: type[ComponentDirectory]
) -> None:
    directory = component(tmp_path, kind, main={'gunicorn_bind': '0.0.0.0:18000'})
    assert address_of(directory) == ('127.0.0.1', 18000)
    assert url_of(directory) == 'http://127.0.0.1:18000'
    directory.address.write_text('[::]:18001\n')
    assert address_of(directory) == ('::1', 18001)
    assert url_of(directory) == 'http://[::1]:18001'
    assert tls_of(directory) is None


def test_an_address_that_cannot_be_understood_names_the_file(tmp_path: Path) -> None:
    directory = component(tmp_path, ServerDirectory, main={'gunicorn_bind': 'nowhere'})
    with pytest.raises(ConfigError, match=r'server\.conf.*must be host:port'):
        address_of(directory)


@pytest.mark.parametrize('use', [lambda path: own_context(path, path), calling_context], ids=['own', 'calling'])
def test_tls_files_that_are_missing_or_broken_are_named(tmp_path: Path, use: Any) -> None:
    path = tmp_path / 'cert.pem'
    with pytest.raises(ConfigError, match=r'cert\.pem: .*it is missing'):
        use(path)
    path.write_text('no certificate')
    with pytest.raises(ConfigError, match=r'cert\.pem: .*cannot be loaded'):
        use(path)


def test_without_authorities_the_systems_own_verify() -> None:
    assert calling_context(None).verify_mode == ssl.CERT_REQUIRED


def test_a_directory_says_what_it_is_that_of(tmp_path: Path) -> None:
    write_info(tmp_path, 'WEB_ADMIN')
    assert read_info(tmp_path)['component'] == 'WEB_ADMIN'


def test_a_secret_that_is_written_is_read_again_and_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / 'secrets.conf'
    key = new_key()
    path.write_text(f'# Ours\n{secrets_text(key, {"a": "one", "b": "two"}, "$MY_KEY")}')
    path.chmod(0o600)
    before = path.read_text().splitlines()
    Secrets(path, {'MY_KEY': key}).write('zato.a', 'sésame')
    again = Secrets(path, {'MY_KEY': key})
    assert (again.get('zato.a'), again.get('zato.b')) == ('sésame', 'two')
    assert [line for line in path.read_text().splitlines() if not line.startswith('a=')] == [
        line for line in before if not line.startswith('a=')
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ['secrets.conf']
