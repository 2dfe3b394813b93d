"""Calls of the ODB from greenlets: what is killed or gives up in the middle of one ends, and harms no later call."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from tests.support.environment import PATIENCE
from zato.common.odb.address import ODBAddress

_PROGRAM = """
from gevent import monkey; monkey.patch_all()
import json, random, sys
import gevent
from sqlalchemy import text
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database, ODBUnavailable
from zato.server.propagate.odb import ODB

odb = ODB(Database(ODBAddress(**json.loads(sys.argv[1]))))
seed = random.randrange(1_000_000)
own = random.Random(seed)
errors, survivors = [], 0

def read(timeout=10.0):
    odb.read(lambda connection: connection.execute(text('SELECT 1')).scalar(), timeout=timeout)

def read_forever():
    while True:
        try:
            read(own.choice([10.0, 0.0005]))
        except ODBUnavailable as e:
            if 'no answer in 0.0005 s' not in str(e):
                errors.append(str(e))

for _ in range(200):
    greenlet = gevent.spawn(read_forever)
    gevent.sleep(own.uniform(0, 0.01))
    greenlet.kill(timeout=5)
    survivors += not greenlet.dead
    read()
print(json.dumps({'seed': seed, 'errors': errors, 'survivors': survivors}))
"""


def test_a_greenlet_that_is_killed_in_the_middle_of_a_call_ends_and_no_later_call_fails(odb_address: ODBAddress) -> None:
    done = _run(odb_address)
    print(done)
    assert done['errors'] == []
    assert done['survivors'] == 0


def _run(address: ODBAddress) -> Any:
    command = [sys.executable, '-c', _PROGRAM, json.dumps(asdict(address))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 3, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
