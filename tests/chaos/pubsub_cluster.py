"""A cluster whose services publish and get messages, what they wrote of that, and what its store has."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.support.admin import create, pids
from tests.support.environment import Answer, Environment, eventually
from tests.support.pubsub_store import check_store
from zato.cli.odb import address_of_server
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database
from zato.common.pubsub.schema import store_address

_SERVICES = Path(__file__).with_name('pubsub_services.py')
TOPIC = '/chaos/topic'
LOOSE = '/chaos/loose'  #: what is published to it may fail, and its subscribers' errors do not block


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """That a service began or ended with a message. at: monotonic. publisher, number: from the message's data."""

    what: str
    service: str
    pid: int
    at: float
    msg_id: str
    priority: int
    attempts: int
    publisher: Any
    number: Any


class Cluster:
    """environment: with the services deployed, on ports that stay the same. directory: of the journal."""

    def __init__(self, environment: Environment, directory: Path) -> None:
        self.environment = environment
        self.directory = directory
        self.odb = address_of_server(environment.server)
        self.address = store_address(self.odb)
        self.database = Database(self.address)
        self._passwords = {'pubapi': environment.password()}

    @property
    def ports(self) -> list[int]:
        return [self.environment.port_of(number) for number in range(len(self.environment.servers))]

    @property
    def password(self) -> str:
        """Of user pubapi."""
        return self._passwords['pubapi']

    @property
    def workers(self) -> set[int]:
        """Of all servers, those that are ready."""
        return {pid for number in range(len(self.environment.servers)) for pid in pids(self.environment, server=number)}

    # Publishing

    def publish(self, to: str, *, server: int = 0, options: dict[str, Any] | None = None, **data: Any) -> str:
        """A message's ID."""
        answer = self.try_to_publish(to, server=server, options=options, **data)
        assert answer.status == 200, answer
        return str(answer.json['id'])

    def try_to_publish(self, to: str, *, server: int = 0, options: dict[str, Any] | None = None, **data: Any) -> Answer:
        return self._invoke('chaos.publish', {'to': to, 'data': data, 'options': options or {}}, server)

    def publish_many(self, to: str, count: int, *, server: int = 0, **data: Any) -> list[str]:
        """IDs of so many messages, numbered from 0 on."""
        answer = self._invoke('chaos.publish-many', {'to': to, 'count': count, 'data': data}, server)
        assert answer.status == 200, answer
        return list(answer.json['ids'])

    def _invoke(self, service: str, payload: Any, server: int) -> Answer:
        path, body = f'/zato/api/invoke/{service}', json.dumps(payload).encode()
        return self.environment.request('POST', path, body, user='pubapi', password=self.password, server=server)

    def subscribe(self, service: str, *, topic: str = TOPIC, **settings: Any) -> None:
        """Have a service get what is published to the topic."""
        create(self.environment, 'zato.pubsub.endpoint', service, endpoint_type='service', service=service)
        create(self.environment, 'zato.pubsub.subscription', service, topic=topic, endpoint=service, **settings)

    def publish_through(self, pid: int) -> None:
        """What that worker began to write before is written when this returns."""
        eventually(lambda: self.try_to_publish('chaos.target.7').json['pid'] == pid, f'worker {pid} to answer')

    # What targets do

    def say(self, what: str, to: int | None = None) -> None:
        """To all targets: `hold` or `fail`; the latter to those of one process, if it is named."""
        (self.directory / what).write_text('' if to is None else str(to))

    def take_back(self, what: str) -> None:
        (self.directory / what).unlink(missing_ok=True)

    def lines(self, what: str = 'end', *, service: str = '') -> list[Line]:
        """In the order in which they were written; the last one may be missing as it is being written."""
        journal = self.directory / 'journal'
        if not journal.exists():
            return []
        whole = journal.read_bytes().rpartition(b'\n')[0].splitlines()
        found = [Line(**json.loads(line)) for line in whole]
        return [line for line in found if line.what == what and service in ('', line.service)]

    def owner(self, service: str) -> int:
        """The process that has got its last message."""
        return self.lines('begin', service=service)[-1].pid

    # The store

    def rows(self, sql: str, **parameters: Any) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(text(sql), parameters))

    def value(self, sql: str, **parameters: Any) -> Any:
        ((found,),) = self.rows(sql, **parameters)
        return found

    def undelivered(self) -> int:
        return int(self.value('SELECT (SELECT count(*) FROM ps_queue) + (SELECT count(*) FROM ps_retry)'))

    def wait_until_empty(self) -> None:
        """Everything is delivered and acknowledged. Fails if it takes too long in which nothing is."""
        left = self.undelivered()
        while left:
            before = left

            def is_less(before: int = before) -> bool:
                return self.undelivered() < before

            eventually(is_less, f'fewer than {before} messages to be undelivered; {self.state()}')
            left = self.undelivered()

    def check(self) -> None:
        """Fails if anything in the store contradicts anything else."""
        check_store(self.odb)

    def state(self) -> str:
        """For whoever wants to know why nothing goes on."""
        queue = self.rows('SELECT sub_id, rank, seq, attempts, crashes, not_before FROM ps_queue ORDER BY 1, 2, 3 LIMIT 3')
        leases = self.rows("SELECT name, owner, epoch, expires FROM lease WHERE name LIKE 'pubsub:%' LIMIT 5")
        files = [server.path / 'logs' / name for server in self.environment.servers for name in ('server.log', 'pubsub.log')]
        logs = '\n'.join(file.read_text(encoding='utf-8')[-1_500:] for file in files if file.exists())
        return f'queue: {queue}; leases: {leases}; workers: {self.workers}; logs: {logs}'

    def close(self) -> None:
        self.database.close()


@contextmanager
def cluster(
    path: Path, odb: ODBAddress | None = None, *, workers: int = 2, servers: int = 1, disk: Path | None = None
) -> Iterator[Cluster]:
    """disk: where the environment is, `path` by default; the journal is not."""
    environment = Environment((disk or path) / 'qs-1', servers=servers, workers=workers, odb=odb)
    made = Cluster(environment, path)
    try:
        _keep_ports(environment)
        text = _SERVICES.read_text(encoding='utf-8').replace("Path('journal')", f'Path({str(path)!r})')
        environment.save('chaos_pubsub.py', text)
        environment.start()
        eventually(lambda: len(made.workers) == workers * servers, 'all workers')
        yield made
    finally:
        made.close()
        environment.close()


def _keep_ports(environment: Environment) -> None:
    """The same over restarts."""
    probes = [socket.socket() for _ in environment.servers]
    for server, probe in zip(environment.servers, probes, strict=True):
        probe.bind(('127.0.0.1', 0))
        conf, port = server.server_conf, probe.getsockname()[1]
        conf.write_text(conf.read_text().replace('gunicorn_bind=0.0.0.0:0', f'gunicorn_bind=127.0.0.1:{port}'))
    for probe in probes:
        probe.close()


def kill(pids: Sequence[int], what: signal.Signals = signal.SIGKILL) -> None:
    for pid in pids:
        try:
            os.kill(pid, what)
        except ProcessLookupError:
            continue


def first_ones(lines: Sequence[Line]) -> list[Line]:
    """Of each service and message the first."""
    found: dict[tuple[str, str], Line] = {}
    for line in lines:
        found.setdefault((line.service, line.msg_id), line)
    return list(found.values())


def repeated(lines: Sequence[Line]) -> dict[str, int]:
    """By service, how many deliveries there were beyond the first one of each attempt."""
    counts: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    for line in lines:
        counts[line.service][line.msg_id, line.attempts] += 1
    return {service: attempts.total() - len(attempts) for service, attempts in counts.items()}
