"""Subscriptions shared out among processes that are stopped, killed and started, whichever database their leases are in."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select

from tests.support.environment import PATIENCE, eventually
from zato.common.lock import is_locked
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database
from zato.common.odb.lease import Leases
from zato.common.odb.tables import config_event
from zato.server.pubsub.lease_names import lease_name
from zato.server.pubsub.placement import Placement

SUBS = range(1, 13)
FOR_EVER = 600.0  #: seconds; no lease expires in a test
SHORT = 3.0  #: seconds
RAGE = 8.0  #: seconds
BACK_AFTER = 15.0  #: seconds in which each subscription is delivered again

PROCESS = """
from gevent import monkey; monkey.patch_all()
import json, os, random, signal, sys, time
from pathlib import Path
import gevent
from gevent.event import Event
from sqlalchemy import insert, select, text, update
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database, ODBUnavailable
from zato.common.odb.lease import LeaseLost, Leases
from zato.common.odb.tables import config_counter, config_event
from zato.server.propagate.odb import ODB
from zato.server.propagate.presence import HEARTBEAT, Presence, Progress, died_alone, known_workers
from zato.server.propagate.wake import WakeSocket, send
from zato.server.pubsub.assign import Assignment

address, name, directory = ODBAddress(**json.loads(sys.argv[1])), sys.argv[2], Path(sys.argv[3])
subs, ttl = map(json.loads, sys.argv[4:])
odb = ODB(Database(address))
presence = Presence(odb, 'server1', directory, lambda: Progress(applied=0, loaded=0, failed={}))
journal = os.open(directory / f'{name}.journal', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
leases = Leases(odb.database, odb.write, odb.read)
delivers = {}

def note(what, sub_id=0, epoch=0, is_clean=True):
    os.write(journal, (json.dumps([time.monotonic(), presence.id, what, sub_id, epoch, is_clean]) + '\\n').encode())

class Tasks:
    def wanted(self):
        return dict.fromkeys(subs, '')
    def on_claimed(self, sub_id, lease, *, is_clean):
        delivers[sub_id] = lease
        note('claimed', sub_id, lease.epoch, is_clean)
    def on_release(self, sub_id):
        note('let go', sub_id, delivers.pop(sub_id).epoch)
    def on_lost(self, sub_id):
        note('lost', sub_id, delivers.pop(sub_id).epoch)
    def peers(self):
        return known_workers(odb)
    def died_alone(self, peer):
        return died_alone(peer)
    def tell(self, peers):
        send([peer.socket for peer in peers if peer.id != presence.id], {'leases': True})

tasks = Tasks()
assignment = Assignment(leases, presence.id, tasks, others=tasks, ttl=ttl)
socket = WakeSocket(presence.socket, lambda message: assignment.wake())

def beat():
    while True:
        gevent.sleep(HEARTBEAT)
        try:
            presence.beat()
        except ODBUnavailable:
            pass

def write(lease):
    def run(connection):
        if not address.is_sqlite:
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '2s'"))
        leases.check(connection, lease)
        value = connection.execute(select(config_counter.c.event)).scalar_one() + 1
        connection.execute(update(config_counter).values(event=value))
        values = {'id': value, 'at': 0, 'kind': f'{lease.name} {name}', 'object_id': lease.epoch}
        connection.execute(insert(config_event).values(values))
    return run

def work():
    while True:
        gevent.sleep(0.02)
        if delivers:
            try:
                odb.write(write(random.choice(list(delivers.values()))))
            except (LeaseLost, ODBUnavailable):
                pass

stopped = Event()
gevent.signal_handler(signal.SIGTERM, stopped.set)
socket.start()
presence.appear()
assignment.start()
gevent.spawn(beat)
gevent.spawn(work)
note('started')
stopped.wait()
assignment.stop(5)
note('stopped')
os._exit(0)
"""


class Note(NamedTuple):
    """A line of what a process wrote down. at: monotonic seconds, of all processes."""

    at: float
    worker: str
    what: str
    sub_id: int
    epoch: int
    is_clean: bool


class Party:
    """Processes that share out the subscriptions."""

    def __init__(self, address: ODBAddress, directory: Path, ttl: float) -> None:
        self.address = address
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.paused: set[str] = set()
        self._directory = directory
        self._ttl = ttl
        self._numbers = count(1)

    def join(self) -> str:
        name = f'process{next(self._numbers)}'
        arguments = [json.dumps(asdict(self.address)), name, str(self._directory), json.dumps(list(SUBS)), str(self._ttl)]
        self.running[name] = subprocess.Popen([sys.executable, '-c', PROCESS, *arguments])
        return name

    def send(self, name: str, number: int) -> None:
        process = self.running[name]
        process.send_signal(number)
        if number == signal.SIGSTOP:
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)  # its threads take some time
            self.paused.add(name)
        elif number == signal.SIGCONT:
            self.paused.discard(name)

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        self.paused.discard(name)
        process.kill()
        process.wait(PATIENCE)

    def close(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def journals(self) -> dict[str, list[Note]]:
        """Whole lines only: one may be written just now, or have been when its process was killed."""
        found = {}
        for path in self._directory.glob('*.journal'):
            lines = path.read_bytes().split(b'\n')[:-1]
            found[path.stem] = [Note(*json.loads(line)) for line in lines]
        return found

    def delivered_by(self) -> dict[int, list[str]]:
        """Subscription → those running processes that believe to deliver it."""
        found: dict[int, list[str]] = {sub_id: [] for sub_id in SUBS}
        for name, notes in self.journals().items():
            if name in self.running:
                delivers = {note.sub_id: note.what == 'claimed' for note in notes}
                for sub_id in SUBS:
                    if delivers.get(sub_id):
                        found[sub_id].append(name)
        return found

    def is_whole(self) -> bool:
        """Is each subscription delivered by one running process that holds its lease, and by nobody else?"""
        claims: dict[int, list[Note]] = {sub_id: [] for sub_id in SUBS}
        for name, notes in self.journals().items():
            last = {note.sub_id: note for note in notes if note.sub_id} if name in self.running else {}
            for sub_id, note in last.items():
                if note.what == 'claimed':
                    claims[sub_id].append(note)
        database = Database(self.address)
        states = Leases(database).find([lease_name(sub_id) for sub_id in SUBS])
        database.close()
        held = {name: [(state.owner, state.epoch)] for name, state in states.items() if state.is_held}
        return all([(note.worker, note.epoch) for note in claims[sub_id]] == held.get(lease_name(sub_id)) for sub_id in SUBS)

    def is_complete(self, *names: str) -> bool:
        """Is each subscription delivered by its home among these processes, and by nobody else?"""
        workers = {notes[0].worker: name for name, notes in self.journals().items() if name in names and notes}
        placement = Placement(dict.fromkeys(workers, 'server1'))
        homes = {sub_id: [workers.get(placement.home_of(sub_id), '')] for sub_id in SUBS}
        return len(workers) == len(names) and self.delivered_by() == homes


@pytest.fixture
def party(odb_address: ODBAddress, tmp_path: Path) -> Iterator[Callable[[float], Party]]:
    made: list[Party] = []

    def make(ttl: float) -> Party:
        made.append(Party(odb_address, tmp_path, ttl))
        return made[-1]

    yield make
    for one in made:
        one.close()


def is_claim_after(at: float, note: Note) -> bool:
    return note.what == 'claimed' and note.at > at


def test_what_a_killed_process_had_others_have_before_its_lease_expires_and_know_that_it_did_not_let_go(
    party: Callable[[float], Party],
) -> None:
    processes = party(FOR_EVER)
    one, two, three = processes.join(), processes.join(), processes.join()
    eventually(lambda: processes.is_complete(one, two, three), 'all subscriptions delivered by three')
    had = [sub_id for sub_id, (name,) in processes.delivered_by().items() if name == one]
    killed_at = time.monotonic()
    processes.kill(one)
    eventually(lambda: processes.is_complete(two, three), 'all subscriptions delivered by two')
    again = [note for notes in processes.journals().values() for note in notes if is_claim_after(killed_at, note)]
    print(f'{processes.address.engine}: all taken over {max(note.at for note in again) - killed_at:.3f} s after the kill')
    assert sorted(note.sub_id for note in again) == had
    assert not any(note.is_clean for note in again)


def test_what_a_process_that_stops_had_others_have_before_its_lease_expires_in_good_order(
    party: Callable[[float], Party],
) -> None:
    processes = party(FOR_EVER)
    one, two = processes.join(), processes.join()
    eventually(lambda: processes.is_complete(one, two), 'all subscriptions delivered by two')
    had = [sub_id for sub_id, (name,) in processes.delivered_by().items() if name == one]
    stopped_at = time.monotonic()
    processes.send(one, signal.SIGTERM)
    eventually(lambda: processes.is_complete(two), 'all subscriptions delivered by one')
    again = [note for notes in processes.journals().values() for note in notes if is_claim_after(stopped_at, note)]
    print(f'{processes.address.engine}: all taken over {max(note.at for note in again) - stopped_at:.3f} s after the stop')
    assert sorted(note.sub_id for note in again) == had
    assert all(note.is_clean for note in again)
    assert processes.running[one].wait(PATIENCE) == 0


def test_what_a_paused_process_had_others_have_when_its_lease_has_expired_and_it_drops_that_when_it_goes_on(
    party: Callable[[float], Party],
) -> None:
    processes = party(SHORT)
    one, two = processes.join(), processes.join()
    eventually(lambda: processes.is_complete(one, two), 'all subscriptions delivered by two')
    had = {sub_id for sub_id, (name,) in processes.delivered_by().items() if name == one}
    pause(processes, one)
    eventually(lambda: all(two in names for names in processes.delivered_by().values()), 'all delivered by the other one')
    processes.send(one, signal.SIGCONT)
    eventually(lambda: had <= lost_by(processes, one), 'the former holder that drops them')
    eventually(processes.is_whole, 'all subscriptions delivered by two again')
    check_ledger(processes)


def test_whoever_is_paused_killed_or_started_no_two_have_one_epoch_and_each_subscription_is_soon_delivered_again(
    party: Callable[[float], Party],
) -> None:
    processes, seed = party(SHORT), 7
    chance = random.Random(seed)
    for _ in range(4):
        processes.join()
    eventually(lambda: processes.is_complete(*processes.running), 'all subscriptions delivered by four')
    done = rage(processes, chance)
    for name in list(processes.paused):
        processes.send(name, signal.SIGCONT)
    calm = time.monotonic()
    eventually(processes.is_whole, 'all subscriptions delivered')
    seconds = time.monotonic() - calm
    epochs, writes = check_journals(processes), check_ledger(processes)
    lost = sum(len(lost_by(processes, name)) for name in processes.journals())
    print(f'{processes.address.engine}: seed {seed}, {done}, all delivered after {seconds:.1f} s')
    print(f'{epochs} epochs, {lost} subscriptions lost by paused processes, {writes} writes')
    assert seconds < BACK_AFTER


def lost_by(processes: Party, name: str) -> set[int]:
    return {note.sub_id for note in processes.journals()[name] if note.what == 'lost'}


def rage(processes: Party, chance: random.Random) -> dict[str, int]:
    """Two processes are paused at most, some for longer than leases last. One is killed in the end."""
    done, until = defaultdict[str, int](int), dict[str, float]()
    end = time.monotonic() + RAGE
    while time.monotonic() < end:
        time.sleep(chance.uniform(0, 0.4))  # any moment is to be hit
        for name in sorted(processes.paused):
            if time.monotonic() > until[name]:
                processes.send(name, signal.SIGCONT)
        name, what = chance.choice(sorted(processes.running)), chance.choice(('pause', 'pause', 'kill', 'stop'))
        if what == 'pause' and name not in processes.paused and len(processes.paused) < 2:
            pause(processes, name)
            until[name] = time.monotonic() + chance.uniform(0, 2 * SHORT)
        elif what == 'kill' and done['kill'] < 4:
            processes.kill(name)
            processes.join()
        elif what == 'stop' and name not in processes.paused and done['stop'] < 2:
            processes.send(name, signal.SIGTERM)
            processes.running.pop(name).wait(PATIENCE)
            processes.join()
        else:
            continue
        done[what] += 1
    processes.kill(chance.choice(sorted(processes.running)))
    return dict(done)


def pause(processes: Party, name: str) -> None:
    """Not where it has the writers' lock of SQLite: nobody else could go on until it does."""
    lock = Path(f'{processes.address.db_name}.lock')

    def is_paused() -> bool:
        processes.send(name, signal.SIGSTOP)
        if not processes.address.is_sqlite or not is_held_for_long(lock):
            return True
        processes.send(name, signal.SIGCONT)
        return False

    eventually(is_paused, 'a pause without the lock')


def is_held_for_long(lock: Path) -> bool:
    for _ in range(100):
        if not is_locked(lock):
            return False
        time.sleep(0.002)
    return True


def check_journals(processes: Party) -> int:
    """No epoch has two holders. Returns how many there were."""
    holders: dict[tuple[int, int], set[str]] = defaultdict(set)
    for name, notes in processes.journals().items():
        for note in notes:
            if note.what == 'claimed':
                holders[note.sub_id, note.epoch].add(name)
    assert {epoch: names for epoch, names in holders.items() if len(names) > 1} == {}
    return len(holders)


def check_ledger(processes: Party) -> int:
    """What was written under a lease was not written after what its next holder wrote. Returns how many there were."""
    database = Database(processes.address)
    with database.read() as connection:
        rows: Sequence[Any] = connection.execute(select(config_event).order_by(config_event.c.id)).all()
    database.close()
    written: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in rows:
        lease, _, name = row.kind.partition(' ')
        written[lease].append((row.object_id, name))
    for lease, epochs in written.items():
        assert [epoch for epoch, _ in epochs] == sorted(epoch for epoch, _ in epochs), lease
        assert len(set(epochs)) == len({epoch for epoch, _ in epochs}), lease
    return len(rows)
