"""Other servers that the same request is sent to, one process each, up to the end of a block."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Final

from tests.bench.processes import Server, free_port, started

GUNICORN: Final = 'gunicorn gevent'
UVICORN: Final = 'uvicorn bare ASGI'
FASTAPI: Final = 'FastAPI'


def gunicorn(cpu: int, module: str = 'wsgi_echo', name: str = GUNICORN, **variables: str) -> AbstractContextManager[Server]:
    """The baseline: a bare WSGI echo, or another module of tests/bench/apps. variables: of its environment."""
    port = free_port()
    options = [
        '--worker-class=gevent',
        '--workers=1',
        f'--bind=127.0.0.1:{port}',
        '--no-control-socket',
        '--log-level=error',
    ]
    command = [sys.executable, '-m', 'gunicorn', *options, f'tests.bench.apps.{module}:app']
    return started(name, command, port, '/', cpu, **variables)


def uvicorn(cpu: int) -> AbstractContextManager[Server]:
    """A bare ASGI echo."""
    return _uvicorn(UVICORN, 'asgi_echo', '/', cpu)


def fastapi(cpu: int, module: str, path: str) -> AbstractContextManager[Server]:
    """module: in tests/bench/apps. path: of the request."""
    return _uvicorn(FASTAPI, module, path, cpu)


def _uvicorn(name: str, module: str, path: str, cpu: int) -> AbstractContextManager[Server]:
    port = free_port()
    options = ['--loop=uvloop', '--http=httptools', '--host=127.0.0.1', f'--port={port}', '--no-access-log']
    command = [sys.executable, '-m', 'uvicorn', *options, '--log-level=error', f'tests.bench.apps.{module}:app']
    return started(name, command, port, path, cpu)
