"""Everything that a server's processes read from its directory before they start."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zato.common.component import ServerDirectory, read_info
from zato.common.config.bind import parse_bind
from zato.common.config.pickup_conf import read_pickup_conf
from zato.common.config.reader import GetSecret, find_line, read_server_conf
from zato.common.config.secrets import Secrets
from zato.common.config.server_conf import ServerConf
from zato.common.config.simple_io_conf import read_simple_io_conf
from zato.common.crypto import Cipher
from zato.common.exception import ConfigError
from zato.common.ipc import socket_directory
from zato.common.odb.address import ODBAddress, address_from
from zato.common.tls import server_context
from zato.server.http.limits import Limits
from zato.server.security.basic_auth import AdminAuth, BasicAuth
from zato.server.service.compiled import CompileOptions
from zato.server.service.simpleio.names import rules_from

_REALM = 'API'


@dataclass(frozen=True, slots=True, kw_only=True)
class Development:
    """What `zato dev` asks for. debug_port: where a debugger attaches, 0 for none. is_waiting: is it waited for?"""

    debug_port: int
    is_waiting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """name: the server's own, in its cluster. deploy_directories: where services are picked up. sockets: directory of the
    processes' Unix sockets. own_secrets: all of secrets.conf.
    """

    directory: ServerDirectory
    name: str
    conf: ServerConf
    odb: ODBAddress
    cipher: Cipher
    pubapi: BasicAuth
    admin: AdminAuth
    tls: ssl.SSLContext | None
    deploy_directories: tuple[Path, ...]
    user_config: Mapping[str, Path]
    get_secret: GetSecret
    sockets: Path
    compile_options: CompileOptions
    own_secrets: tuple[str, ...] = field(default=(), repr=False)
    development: Development | None = None

    @property
    def limits(self) -> Limits:
        http = self.conf.http
        return Limits(
            request_line=http.max_request_line,
            head=http.max_head,
            headers=http.max_headers,
            body=http.max_body,
            head_timeout=http.head_timeout,
            block_timeout=http.block_timeout,
            keepalive=http.keepalive,
            connections=http.max_connections,
        )


def load_settings(directory: ServerDirectory, key: str = '') -> Settings:
    """key: the secret key, if not the one that secrets.conf has. Raises ConfigError, IPCError."""
    secrets = Secrets(directory.secrets_conf, os.environ, key)
    conf = read_server_conf(directory.server_conf, os.environ, secrets.get)
    os.environ.update(conf.os_environ)
    pickup = (directory.repo / conf.hot_deploy.pickup_dir).resolve()
    return Settings(
        directory=directory,
        name=read_info(directory.path).get('server_name') or directory.name,
        conf=conf,
        odb=address_from(conf.odb, directory.repo),
        cipher=secrets.cipher,
        pubapi=BasicAuth('pubapi', secrets.get('zato.pubapi_password'), _REALM),
        admin=AdminAuth(BasicAuth('admin.invoke', secrets.get('zato.admin_invoke_password'), _REALM)),
        tls=server_context(conf.crypto, directory.repo) if conf.crypto.use_tls else None,
        deploy_directories=(pickup, *read_pickup_conf(directory.pickup_conf)),
        get_secret=secrets.get,
        user_config={name: directory.repo / path for name, path in conf.user_config.items()},
        sockets=socket_directory(directory.work),
        own_secrets=tuple(secrets.all()),
        compile_options=CompileOptions(
            rules=rules_from(read_simple_io_conf(directory.repo / 'simple-io.conf')),
            schemas=directory.repo / 'schema' / 'json',
        ),
    )


def bind_address(conf: ServerConf, directory: ServerDirectory) -> tuple[str, int]:
    """Host and port of `gunicorn_bind`. Raises ConfigError."""
    try:
        return parse_bind(conf.main.gunicorn_bind)
    except ValueError as e:
        line = find_line(directory.server_conf, 'main', 'gunicorn_bind')
        raise ConfigError(str(e), path=str(directory.server_conf), line=line) from None
