"""Other servers that the same request is sent to, one process each: the baseline, and two to compare with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.bench.processes import Server, free_port, started

GUNICORN, UVICORN, FASTAPI = 'gunicorn gevent', 'uvicorn bare ASGI', 'FastAPI'


@contextmanager
def peers(cpu: int) -> Iterator[list[Server]]:
    """All of them, the baseline first, up to the end of the block."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(started(GUNICORN, _gunicorn(port := free_port()), port, '/', cpu)),
            stack.enter_context(started(UVICORN, _uvicorn('asgi_echo', port := free_port()), port, '/', cpu)),
            stack.enter_context(started(FASTAPI, _uvicorn('fastapi_echo', port := free_port()), port, '/echo', cpu)),
        ]


def _gunicorn(port: int) -> list[str]:
    options = ['--worker-class=gevent', '--workers=1', f'--bind=127.0.0.1:{port}', '--no-control-socket']
    return [sys.executable, '-m', 'gunicorn', *options, '--log-level=error', 'tests.bench.apps.wsgi_echo:app']


def _uvicorn(module: str, port: int) -> list[str]:
    options = ['--loop=uvloop', '--http=httptools', '--host=127.0.0.1', f'--port={port}', '--no-access-log']
    return [sys.executable, '-m', 'uvicorn', *options, '--log-level=error', f'tests.bench.apps.{module}:app']
