"""Databases of every kind that an ODB can be in, and processes that use them."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

from tests.support.postgresql import PostgreSQL
from zato.common.odb.address import ODBAddress
from zato.common.odb.migrations import runner
from zato.common.pubsub.schema import store_address

PREAMBLE = """
import json, sys
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database, ODBUnavailable
from zato.common.odb.tables import *

address = ODBAddress(**json.loads(sys.argv[1]))
arguments = sys.argv[2:]
database = Database(address)
"""

# Each run looks at other examples, and there are many runs a day; a slow machine is no error.
settings.register_profile('zato', max_examples=50, deadline=None)
settings.load_profile('zato')


def pytest_collection_finish() -> None:
    """Thousands of tests are looked through by each garbage collection unless they are put aside."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='session')
def postgresql() -> Iterator[PostgreSQL]:
    """A running server. Whoever stops it starts it again."""
    server = PostgreSQL()
    yield server
    server.close()


@pytest.fixture(scope='session')
def postgresql_template(postgresql: PostgreSQL) -> str:
    """The name of a database that has the schema."""
    address = postgresql.database('with_schema')
    runner.upgrade(address)
    return address.db_name


@pytest.fixture(scope='session')
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that has the schema; beside it is the one that messages are in."""
    path = tmp_path_factory.mktemp('odb') / 'with_schema.db'
    runner.upgrade(ODBAddress(engine='sqlite', db_name=str(path)))
    return path


@pytest.fixture(params=['sqlite', 'postgresql'])
def odb_engine(request: pytest.FixtureRequest) -> str:
    """Runs a test once over each kind of database."""
    return str(request.param)


@pytest.fixture
def odb_address(odb_engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ODBAddress]:
    """A new ODB with its schema."""
    if odb_engine == 'sqlite':
        template = ODBAddress(engine='sqlite', db_name=str(request.getfixturevalue('sqlite_template')))
        address = ODBAddress(engine='sqlite', db_name=str(tmp_path / 'zato.db'))
        for made, copy in ((template, address), (store_address(template), store_address(address))):
            shutil.copy(made.db_name, copy.db_name)
        yield address
    else:
        template = request.getfixturevalue('postgresql_template')
        yield from _in_postgresql(request.getfixturevalue('postgresql'), template)


@pytest.fixture
def empty_odb_address(odb_engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ODBAddress]:
    """A new database without a schema; of SQLite, a file that is not there yet."""
    if odb_engine == 'sqlite':
        yield ODBAddress(engine='sqlite', db_name=str(tmp_path / 'empty.db'))
    else:
        yield from _in_postgresql(request.getfixturevalue('postgresql'), 'template1')


@pytest.fixture
def environment_odb(odb_engine: str, request: pytest.FixtureRequest) -> ODBAddress | None:
    """For an environment that is to be made: an empty database, None for SQLite, which it makes by itself."""
    return request.getfixturevalue('empty_odb_address') if odb_engine == 'postgresql' else None


def _in_postgresql(server: PostgreSQL, template: str) -> Iterator[ODBAddress]:
    address = server.database(f'odb_{uuid4().hex}', template=template)
    yield address
    server.start()
    server.drop(address.db_name)


@pytest.fixture
def odb_process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python processes that have `address`, `database` and the other arguments in `arguments`, all text.

    They end with the test at the latest.
    """
    started: list[subprocess.Popen[str]] = []

    def start(address: ODBAddress, code: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, '-c', PREAMBLE + code, json.dumps(asdict(address)), *map(str, arguments)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
