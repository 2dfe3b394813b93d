"""A RabbitMQ broker from Debian's package, apart from any other one: own directory, name, cookie, ports on 127.0.0.1."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from tests.bench.processes import BenchError, Server, environment, free_port, is_listening, started

NAME: Final = 'RabbitMQ'
PROGRAM: Final = Path('/usr/lib/rabbitmq/bin/rabbitmq-server')  #: the one in PATH changes to another user and directory

_END_WITH_US: Final = ('setpriv', '--pdeathsig', 'TERM', '--')
_NULL: Final = subprocess.DEVNULL
_HOST: Final = '127.0.0.1'
_TIMEOUT: Final = 10.0  #: seconds that the name server of Erlang may take


@contextmanager
def rabbitmq() -> Iterator[Server]:
    """A broker with its defaults and without plugins, up to the end of the block. Raises BenchError.

    Its processes use all CPUs, as those of whoever talks to it.
    """
    with tempfile.TemporaryDirectory(prefix='zato-bench-rabbitmq-', ignore_cleanup_errors=True) as name:
        directory = Path(name)
        names, port = free_port(), free_port()
        variables = _variables(directory, names, port)
        with _name_server(names), started(NAME, [*_END_WITH_US, str(PROGRAM)], port, '', None, **variables) as server:
            yield server


@contextmanager
def _name_server(port: int) -> Iterator[None]:
    """Erlang's, which a broker starts by itself otherwise and leaves running."""
    variables = {**environment(), 'ERL_EPMD_PORT': str(port), 'ERL_EPMD_ADDRESS': _HOST}
    process = subprocess.Popen([*_END_WITH_US, 'epmd'], env=variables, stdin=_NULL, stdout=_NULL, stderr=_NULL)
    try:
        end = monotonic() + _TIMEOUT
        while not is_listening(port):
            if process.poll() is not None or monotonic() > end:
                raise BenchError('epmd, of the package erlang-base, does not start')
            sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


def _variables(directory: Path, names: int, port: int) -> dict[str, str]:
    """Of the broker's environment, the files that they name made. names: port of the name server."""
    (directory / 'rabbitmq.conf').write_text(f'listeners.tcp.1 = {_HOST}:{port}\nlog.console = false\n')
    (directory / 'enabled_plugins').write_text('[].\n')
    (directory / 'env').touch()
    return {
        'HOME': str(directory),
        'ERL_EPMD_PORT': str(names),
        'ERL_EPMD_ADDRESS': _HOST,
        'RABBITMQ_NODENAME': f'bench-{os.getpid()}@localhost',
        'RABBITMQ_DIST_PORT': str(free_port()),
        'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': '-kernel inet_dist_use_interface {127,0,0,1}',
        'RABBITMQ_CONF_ENV_FILE': str(directory / 'env'),
        'RABBITMQ_CONFIG_FILE': str(directory / 'rabbitmq.conf'),
        'RABBITMQ_ENABLED_PLUGINS_FILE': str(directory / 'enabled_plugins'),
        'RABBITMQ_MNESIA_BASE': str(directory / 'mnesia'),
        'RABBITMQ_LOG_BASE': str(directory / 'log'),
        'RABBITMQ_PID_FILE': str(directory / 'pid'),
    }
