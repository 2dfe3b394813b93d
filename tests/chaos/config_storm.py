"""Clients change configuration at random through both servers of a cluster while processes are killed; then the books are
balanced.

What must hold: what was answered with OK is in the ODB, what was refused is not, and of what got no answer either all or
nothing is; a change that was answered is seen on all live workers; no update of a counter is lost; events have no gap and
one row of the audit trail each; after the storm every worker has what the ODB has, and its channels answer so. Bounded in
time; everything random comes from one seed, which is printed.
"""

from __future__ import annotations

import os
import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, update

from tests.chaos.config_books import AUTH, CHANNEL, PREFIXES, Attempt, Believer, Books, Thing, is_as
from tests.chaos.config_harm import Harm
from tests.support.admin import difference
from tests.support.environment import Environment, eventually
from tests.support.postgresql import PostgreSQL
from zato.cli.component import client_of
from zato.cli.odb import address_of_server
from zato.client.admin import ServerError, ServerUnreachable
from zato.common.config.secrets import Secrets
from zato.common.config.stored import StoredObject
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database, ODBUnavailable
from zato.common.odb.tables import audit, config_counter, config_event
from zato.server.propagate.objects import all_objects

CLIENTS, SERVERS, WORKERS = 4, 2, 2
_SHARED = ('shared-1', 'shared-2')
_COUNTERS = ('counter-1', 'counter-2')
_TRIES = 50  #: of an increment that others were faster than
_UNKNOWN = 'not known whether'
_UNEXPECTED = ('Traceback', 'cannot be used', 'Operation `', 'understood')  #: in server.log


class Unknown(Exception):
    """There was no answer, or one that says that nothing is known."""


class Unreachable(Exception):
    """Nothing was sent, or the server says that nothing was written."""


@dataclass
class Tally:
    """Of a counter: increments that were answered with OK, and those of which nobody knows."""

    done: int = 0
    unknown: int = 0


class ConfigStorm:
    """postgresql: the server that has the ODB, to be restarted too."""

    def __init__(self, environment: Environment, seed: int, postgresql: PostgreSQL | None = None) -> None:
        self.books = Books()
        self._environment = environment
        self._random = random.Random(seed)
        self._harm = Harm(environment, postgresql, random.Random(f'{seed}/harm'), self._count, self.books.wrong)
        self._database = Database(address_of_server(environment.server))
        self._decrypt = Secrets(environment.server.secrets_conf, os.environ).cipher.decrypt
        self._clients = [client_of(server) for server in environment.servers]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._is_settled = False
        self._believers = [Believer(number, random.Random(f'{seed}/{number}')) for number in range(CLIENTS)]
        self._tallies = {name: Tally() for name in _COUNTERS}
        self._written: dict[str, dict[int, str]] = {name: {} for name in _SHARED}  # version → realm, of what was answered
        self._lost: dict[str, set[str]] = {name: set() for name in _SHARED}  # realms of which nobody knows
        with self._database.read() as connection:
            stored = all_objects(connection, 'service')
        self._services = {item.name: item.id for item in stored}
        print(f'seed {seed}')

    def rage(self, *, changes: int, rounds: int, most: float) -> None:
        """Until there were so many changes and kills, or for `most` seconds."""
        for name in (*_SHARED, *_COUNTERS):
            self._clients[0].invoke(f'{PREFIXES[AUTH]}.create', {'name': name, 'username': name, 'realm': '0'})
        end = time.monotonic() + most
        with ThreadPoolExecutor(CLIENTS) as pool:
            futures = [pool.submit(self._change_forever, believer) for believer in self._believers]
            try:
                done = 0
                while (done < rounds or self._changes < changes) and time.monotonic() < end:
                    time.sleep(self._random.uniform(0, 0.5))  # kills are to hit any moment of a change
                    done += 1
                    self._harm.strike(is_middle=done == rounds // 2)
            finally:
                self._stop.set()
            for future in futures:
                future.result()

    def settle(self) -> None:
        """Bring back what is down, and wait until every worker has what the ODB has."""
        self._harm.bring_back()
        begin = time.monotonic()
        try:
            eventually(lambda: self._difference() == '', 'all workers to have what the ODB has')
        except AssertionError as e:
            self.books.wrong.append(f'{e}: {self._difference()}')
        else:
            self._is_settled = True
        self.books.counts['ms until all are equal'] = round((time.monotonic() - begin) * 1_000)

    def balance(self) -> None:
        """Compare what the ODB has and how channels answer with what was answered. What is not as it must be is `wrong`."""
        with self._database.read() as connection:
            stored = {item.id: item for item in all_objects(connection)}
            self._check_log(connection)
        believed = [thing for believer in self._believers for thing in believer.things]
        for thing in believed:
            if not self._is_now(stored.get(thing.id), thing):
                self.books.wrong.append(f'believed: {thing.id} {thing.state}; stored: {stored.get(thing.id)}')
        known = {thing.id for thing in believed}
        by_name = {item.name: item for item in stored.values() if item.kind in (AUTH, CHANNEL) and item.id not in known}
        self.books.wrong += [f'nobody made {name}' for name in by_name.keys() - {*_SHARED, *_COUNTERS}]
        self._check_shared(by_name)
        for thing in believed:
            if thing.kind == CHANNEL and self._is_settled:
                self._check_channel(thing)
        self._check_servers()
        self.books.counts['objects at the end'] = len(believed)
        print(dict(sorted(self.books.counts.items())), f'slowest answer: {self.books.slowest:.2f} s')
        print('\n'.join(self.books.wrong))

    def close(self) -> None:
        self._database.close()

    # Clients

    @property
    def _changes(self) -> int:
        return sum(self.books.counts[f'changes {what}'] for what in ('ok', 'refused', 'unknown'))

    def _count(self, what: str) -> None:
        with self._lock:
            self.books.counts[what] += 1

    def _change_forever(self, believer: Believer) -> None:
        own = random.Random(self._random.random())
        while not self._stop.is_set():
            try:
                chosen = own.random()
                if chosen < 0.15:
                    self._increment(own.choice(_COUNTERS), own)
                elif chosen < 0.25:
                    self._write_shared(own.choice(_SHARED), own)
                else:
                    self._attempt(believer, believer.attempt(), own)
            except Unreachable:
                self._count('not reached')
            self._stop.wait(own.uniform(0, 0.03))

    def _call(self, service: str, payload: Any, own: random.Random, *, is_change: bool = True) -> Any:
        """Raises Unknown, Unreachable, ServerError for refusals."""
        begin = time.monotonic()
        try:
            answer = own.choice(self._clients).invoke(service, payload)
        except ServerUnreachable as e:
            if not is_change or isinstance(e.__cause__, ConnectionRefusedError):
                raise Unreachable from e
            self._count('changes unknown')
            raise Unknown(e.msg) from e
        except ServerError as e:
            if status_of(e) == 503 and _UNKNOWN in e.msg:
                self._count('changes unknown')
                raise Unknown(e.msg) from e
            if status_of(e) == 503:
                self._count('refused for now')
                raise Unreachable from e
            if status_of(e) >= 500 or status_of(e) in (401, 403):
                self.books.wrong.append(f'{service} {payload}: {e.msg}')
            if is_change:
                self._count('changes refused')
            raise
        finally:
            self.books.slowest = max(self.books.slowest, time.monotonic() - begin)
        if is_change:
            self._count('changes ok')
            self._look_at(service, payload, answer)
        return answer

    def _look_at(self, service: str, payload: Any, answer: dict[str, Any]) -> None:
        if answer['pending']:
            self._count('answers with pending workers')
        if answer['failed']:
            self.books.wrong.append(f'{service} {payload}: failed: {answer["failed"]}')

    def _attempt(self, believer: Believer, attempt: Attempt, own: random.Random) -> None:
        service, payload = _request(attempt, own)
        try:
            answer = self._call(service, payload, own)
        except Unknown:
            self._resolve(believer, attempt)
            return
        except ServerError as e:
            if status_of(e) != attempt.refusal:
                self.books.wrong.append(f'{attempt.what} {payload}: {e.msg}')
            return
        if attempt.refusal:
            self.books.wrong.append(f'not refused: {attempt.what} {payload}: {answer}')
            return
        self._count(attempt.what)
        results = answer.get('results', [answer])
        for edit, result in zip(attempt.edits, results, strict=True):
            if edit.thing.id and edit.thing.id != result['id']:
                self.books.wrong.append(f'{edit.raw}: {edit.thing.id} was meant, not {result}')
            edit.thing.id = result['id']
            if edit.after is not None and (edit.after.name, edit.after.version) != (result['name'], result['version']):
                self.books.wrong.append(f'{edit.raw}: {result} instead of {edit.after}')
        believer.take(attempt.edits)
        if not answer['pending']:
            self._look_again(own.choice(attempt.edits).thing, own)

    def _look_again(self, thing: Thing, own: random.Random) -> None:
        """An answer says that all workers have it: so any of them shows it."""
        try:
            shown = self._call(f'{PREFIXES[thing.kind]}.get', {'id': thing.id}, own, is_change=False)
        except ServerError as e:
            shown = status_of(e)
        except Unreachable:
            return
        found = (shown['name'], shown['version']) if isinstance(shown, dict) else shown
        expected = (thing.name, thing.now.version) if thing.state is not None else 404
        if found != expected:
            self.books.wrong.append(f'{thing.kind} {thing.id} was answered to be {expected}, and is shown as {found}')
        self._count('looks')

    def _resolve(self, believer: Believer, attempt: Attempt) -> None:
        """Was it made? All of it or nothing."""
        if not attempt.edits:
            return  # if it was made, the end will show
        stored = self._stored()
        by_name = {(item.kind, item.name): item for item in stored.values()}
        before, after = [], []
        for edit in attempt.edits:
            thing = edit.thing
            if not thing.id and edit.after is not None and (found := by_name.get((thing.kind, edit.after.name))):
                thing.id = found.id
        for edit in attempt.edits:
            found = stored.get(edit.thing.id)
            before.append(self._is_now(found, edit.thing))
            after.append(is_as(found, edit.thing, edit.after, self._services, self._decrypt))
        if all(after):
            believer.take(attempt.edits)
            self._count('unknown, made')
        elif not all(before):
            self.books.wrong.append(f'neither made nor not: {attempt.what} {attempt.changes}: {before} {after}')

    def _increment(self, name: str, own: random.Random) -> None:
        for _ in range(_TRIES):
            shown = self._call(f'{PREFIXES[AUTH]}.get', {'name': name}, own, is_change=False)
            change = {'id': shown['id'], 'realm': int(shown['realm']) + 1, 'version': shown['version']}
            try:
                self._call(f'{PREFIXES[AUTH]}.edit', change, own)
            except Unknown:
                with self._lock:
                    self._tallies[name].unknown += 1
                return
            except ServerError as e:
                if status_of(e) != 409 or 'has been changed meanwhile' not in e.msg:
                    self.books.wrong.append(f'{name}: {e.msg}')
                    return
                self._count('increments tried again')
                continue
            with self._lock:
                self._tallies[name].done += 1
            return

    def _write_shared(self, name: str, own: random.Random) -> None:
        """No version: the last one wins."""
        realm = f'{own.random()}'
        try:
            answer = self._call(f'{PREFIXES[AUTH]}.edit', {'name': name, 'realm': realm}, own)
        except Unknown:
            self._lost[name].add(realm)
            return
        with self._lock:
            if answer['version'] in self._written[name]:
                self.books.wrong.append(f'{name}: version {answer["version"]} was given twice')
            self._written[name][answer['version']] = realm

    # The end

    def _stored(self) -> dict[int, StoredObject]:
        """Once everything that was being written is, or is not: writers take turns, and this is one."""

        def read() -> dict[int, StoredObject] | None:
            try:
                with self._database.write() as connection:
                    connection.execute(update(config_counter).values(event=config_counter.c.event))
                    return {item.id: item for item in all_objects(connection)}
            except ODBUnavailable:
                return None

        found: dict[int, StoredObject] = eventually(read, 'the ODB')
        return found

    def _is_now(self, stored: StoredObject | None, thing: Thing) -> bool:
        return is_as(stored, thing, thing.state, self._services, self._decrypt)

    def _difference(self) -> str:
        with self._database.read() as connection:
            return difference(self._environment, connection, workers=WORKERS)

    def _check_log(self, connection: Connection) -> None:
        counter = connection.execute(select(config_counter.c.event)).scalar_one()
        events = connection.execute(select(config_event.c.id, config_event.c.object_id)).all()
        audited = connection.execute(select(audit.c.event, audit.c.object_id)).all()
        self.books.counts['events'] = len(events)
        if sorted(id for id, _ in events) != list(range(1, counter + 1)):
            self.books.wrong.append(f'{len(events)} events, and the counter says {counter}')
        if sorted(map(tuple, audited)) != sorted(map(tuple, events)):
            self.books.wrong.append(f'{len(events)} events, and {len(audited)} rows in the audit trail')

    def _check_shared(self, by_name: dict[str, StoredObject]) -> None:
        for name, tally in self._tallies.items():
            stored = by_name[name]
            number = int(stored.settings['realm'])
            print(f'{name} is {number}; {tally}')
            if not tally.done <= number <= tally.done + tally.unknown or stored.version != number + 1:
                self.books.wrong.append(f'{name} is {number} in version {stored.version}; {tally}')
        for name, written in self._written.items():
            stored = by_name[name]
            realm = stored.settings['realm']
            is_right = written.get(stored.version) == realm or (stored.version not in written and realm in self._lost[name])
            if not is_right and written:
                self.books.wrong.append(f'{name}: {realm} in version {stored.version}; it was {written}')

    def _check_channel(self, thing: Thing) -> None:
        """Each server answers at its path as it must, several times since it has several workers."""
        settings = thing.now.settings
        auth: Thing | None = settings['security']
        path = re.sub(r'\{\w+\}', 'x', settings['url_path'])
        user = {} if auth is None else {name: auth.now.settings[to] for name, to in _CREDENTIALS}
        expected = 404 if not thing.now.is_active else 401 if auth is not None and not auth.now.is_active else 200
        for number in range(SERVERS):
            for _ in range(2 * WORKERS):
                answer = self._environment.request(settings['method'] or 'PUT', path, b'{}', server=number, **user)
                if answer.status != expected:
                    self.books.wrong.append(f'{thing.id} {thing.state}: {answer.status}, not {expected}: {answer.body!r}')
                    return

    def _check_servers(self) -> None:
        """Nothing happened that they did not expect."""
        for number in range(SERVERS):
            log = self._environment.log(number)
            for text in _UNEXPECTED:
                if text in log:
                    at = log.index(text)
                    self.books.wrong.append(f'server {number} logged: {log[max(0, at - 500) : at + 4_000]}')


_CREDENTIALS = (('user', 'username'), ('password', 'password'))


def _request(attempt: Attempt, own: random.Random) -> tuple[str, Any]:
    """By the service of its own for a single change, at times."""
    if len(attempt.changes) > 1 or own.random() < 0.3:
        return 'zato.config.apply', {'changes': attempt.changes}
    change = dict(attempt.changes[0])
    return f'{PREFIXES[change.pop("kind")]}.{change.pop("action")}', change


def status_of(e: ServerError) -> int:
    return int(e.msg.partition(':')[0])


@contextmanager
def storm_cluster(path: Path, odb: ODBAddress | None) -> Iterator[Environment]:
    """Running, on ports that stay the same over restarts."""
    environment = Environment(path, servers=SERVERS, workers=WORKERS, odb=odb)
    try:
        with socket.socket() as one, socket.socket() as other:
            for server, probe in zip(environment.servers, (one, other), strict=True):
                probe.bind(('127.0.0.1', 0))
                port = probe.getsockname()[1]
                conf = server.server_conf
                conf.write_text(conf.read_text().replace('gunicorn_bind=0.0.0.0:0', f'gunicorn_bind=127.0.0.1:{port}'))
        environment.start()
        yield environment
    finally:
        environment.close()
