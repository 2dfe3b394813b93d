"""Processes of a server are killed at random while files are deployed and requests made; then the books are balanced.

What must hold: no answer is from a version that was never saved; a version, once served, is not followed by an older one on
the same worker; a broken file is never served; after the storm every worker serves the last good version and the server is
whole. Bounded in time; everything random comes from one seed, which is printed.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field

from tests.support.environment import PATIENCE, Environment, eventually, service_file, zato

_BROKEN = 'import os\nfrom zato.server.service import Service\nclass MyService(Service:\n'


@dataclass
class Books:
    """What was done and what was seen."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Storm:
    def __init__(self, environment: Environment, seed: int) -> None:
        self.books = Books()
        self._environment = environment
        self._random = random.Random(seed)
        self._saved = 0  # the newest good version that was saved
        self._stop = threading.Event()
        self._port = environment.port
        self._credentials = b64encode(f'pubapi:{environment.password()}'.encode()).decode()
        print(f'seed {seed}')

    def rage(self, rounds: int) -> None:
        """Each round saves a version, good or broken, and kills a process; clients ask all the while."""
        clients = [threading.Thread(target=self._ask_forever) for _ in range(4)]
        for client in clients:
            client.start()
        try:
            for _ in range(rounds):
                self._save()
                time.sleep(self._random.uniform(0, 0.2))  # kills are to hit any moment of a deployment
                self._kill()
        finally:
            self._stop.set()
            for client in clients:
                client.join()

    def settle(self) -> None:
        """Bring the server back if it is down, save the last good version, and wait until all workers serve it."""
        environment = self._environment
        environment.save('my.py', service_file(self._saved))
        eventually(self._is_settled, f'version {self._saved} on every worker; log:\n{environment.log()[-3000:]}')

    def _is_settled(self) -> bool:
        if not self._environment.server.running_pid():
            self._start()
        workers = self._environment.info().get('workers', [])
        served = [module for worker in workers for module in worker.get('modules', []) if module['module'] == 'my']
        if len(workers) != 2 or len(served) != 2 or any(module['error'] for module in served):
            return False
        return all(self._ask()[1] == self._saved for _ in range(10))

    def _save(self) -> None:
        if self._random.random() < 0.3:
            self._environment.save('my.py', _BROKEN + f'# {self._random.random()}\n')
            self.books.counts['broken files'] += 1
        else:
            self._saved += 1
            self._environment.save('my.py', service_file(self._saved))
            self.books.counts['good files'] += 1

    def _kill(self) -> None:
        """Any one of the processes, or all of them and a start after it."""
        processes = self._environment.processes()
        what = self._random.choice(['one', 'one', 'one', 'all', 'arbiter', 'reload'])
        arbiter = self._environment.server.running_pid()
        if what == 'reload' and arbiter:
            os.kill(arbiter, signal.SIGHUP)
        elif what == 'arbiter' and arbiter:
            os.kill(arbiter, signal.SIGKILL)
        elif what == 'all' or not processes:
            what = 'all'
            for pid in processes:
                _kill(pid)
        else:
            _kill(self._random.choice(processes))
        self.books.counts[f'kill {what}'] += 1
        if not self._environment.server.running_pid():
            self._start()

    def _start(self) -> None:
        started = zato('start', self._environment.path)
        assert started.code == 0, started.err
        self.books.counts['starts'] += 1

    def _ask_forever(self) -> None:
        newest: dict[int, int] = {}
        while not self._stop.is_set():
            try:
                pid, version = self._ask()
            except (OSError, http.client.HTTPException):
                self.books.counts['connections lost'] += 1
                self._stop.wait(0.02)
                continue
            self.books.counts['answers'] += 1
            if version > self._saved or version < newest.get(pid, 0):
                self.books.wrong.append(f'worker {pid}: {version} after {newest.get(pid)}, saved: {self._saved}')
            newest[pid] = version

    def _ask(self) -> tuple[int, int]:
        """(pid, version) of an answer; version 0 as long as there is no service."""
        connection = http.client.HTTPConnection('127.0.0.1', self._port, timeout=PATIENCE)
        try:
            headers = {'Authorization': f'Basic {self._credentials}'}
            connection.request('POST', '/zato/api/invoke/my.service', b'{}', headers)
            response = connection.getresponse()
            body = json.loads(response.read())
        finally:
            connection.close()
        if response.status == 404:
            return 0, 0
        if response.status != 200:
            self.books.wrong.append(f'{response.status}: {body}')
            return 0, 0
        return body['pid'], body['version']


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
