"""Telling those who deliver that there is something new."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import gevent
import pytest

from zato.server.propagate.presence import Peer, Progress
from zato.server.pubsub import pokes as module
from zato.server.pubsub.pokes import Pokes

MINE, NEIGHBOURS, AWAY, NOBODYS = 1, 2, 3, 4


def peer(id: str, *, is_here: bool = True) -> Peer:
    progress = Progress(applied=0, loaded=0, failed={})
    return Peer(id=id, server='s', pid=1, is_here=is_here, socket=f'/sockets/{id}', lock='', progress=progress)


class Owners:
    def __init__(self) -> None:
        self.peers: Sequence[Peer] = [peer('me'), peer('neighbour'), peer('away', is_here=False)]
        self.owners = {MINE: ('me', 1), NEIGHBOURS: ('neighbour', 1), AWAY: ('away', 1)}
        self.woken = 0

    def owner_of(self, sub_id: int) -> tuple[str, int] | None:
        return self.owners.get(sub_id)

    def wake(self) -> None:
        self.woken += 1


class Bench:
    """looked: at which queues this worker has looked. sent: to sockets. notified: what other hosts were told."""

    def __init__(self) -> None:
        self.looked: list[tuple[int, int | None]] = []
        self.sent: list[tuple[list[str], Any]] = []
        self.notified: list[Any] = []
        self.error: Exception | None = None
        self.owners = Owners()
        self.pokes = Pokes('me', self._look, self._notify)
        self.pokes.use(self.owners)

    def _look(self, sub_id: int, rank: int | None) -> bool:
        self.looked.append((sub_id, rank))
        return sub_id == MINE

    def _notify(self, text: str) -> None:
        self.notified.append(json.loads(text))
        if self.error is not None:
            raise self.error


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench()

    def send(paths: Sequence[str], message: Mapping[str, Any]) -> None:
        made.sent.append((list(paths), dict(message)))

    monkeypatch.setattr(module, 'send', send)
    monkeypatch.setattr(module, '_OFTEN', 0.001)
    yield made
    made.pokes.stop()


def until(condition: Callable[[], object]) -> None:
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.001)


def test_what_is_delivered_here_needs_no_message(bench: Bench) -> None:
    bench.pokes.tell({MINE: 4})
    assert (bench.looked, bench.sent, bench.notified) == ([(MINE, 4)], [], [])


def test_the_owner_is_told_by_the_way_that_leads_there(bench: Bench) -> None:
    bench.pokes.tell({MINE: 4, NEIGHBOURS: 0, AWAY: 8})
    assert bench.sent == [(['/sockets/neighbour'], {'pubsub': [(NEIGHBOURS, 0)]})]
    until(lambda: bench.notified)
    assert bench.notified == [{'pubsub': [[AWAY, 8]]}]


def test_everybody_is_told_where_the_owner_is_not_known(bench: Bench) -> None:
    bench.pokes.changed([NOBODYS])
    assert bench.sent == [(['/sockets/neighbour'], {'pubsub': [(NOBODYS, None)]})]
    until(lambda: bench.notified)
    assert bench.notified == [{'pubsub': [[NOBODYS, None]]}]


def test_other_hosts_are_told_of_all_of_a_while_at_once(bench: Bench) -> None:
    """The most urgent rank of each, and any change covers a new message."""
    bench.owners.owners.update({5: ('away', 1), 6: ('away', 1)})
    bench.pokes.tell({AWAY: 8, 5: 3})
    bench.pokes.tell({AWAY: 2, 6: None})
    bench.pokes.tell({AWAY: 4, 5: None})
    bench.pokes.tell({6: 1})
    until(lambda: bench.notified)
    assert [sorted(one['pubsub']) for one in bench.notified] == [[[AWAY, 2], [5, None], [6, None]]]


def test_much_is_told_in_parts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, '_MOST', 2)
    bench.pokes.tell(dict.fromkeys(range(100, 105), 4))
    until(lambda: len(bench.notified) == 3)
    assert sorted(pair[0] for one in bench.notified for pair in one['pubsub']) == list(range(100, 105))


def test_a_notification_that_fails_ends_nothing(bench: Bench) -> None:
    bench.error = ConnectionError('down')
    bench.pokes.tell({AWAY: 4})
    until(lambda: bench.notified)
    bench.pokes.tell({AWAY: 5})
    until(lambda: len(bench.notified) == 2)


def test_leases_that_change_hands_are_told_of(bench: Bench) -> None:
    bench.pokes.tell_leases(bench.owners.peers)
    assert bench.sent == [(['/sockets/neighbour'], {'pubsub_leases': True})]
    until(lambda: bench.notified)
    assert bench.notified == [{'pubsub': [], 'pubsub_leases': True}]


def test_what_another_worker_says_is_looked_at(bench: Bench) -> None:
    assert bench.pokes.receive({'pubsub': [[MINE, 4], [AWAY, None]]})
    assert bench.looked == [(MINE, 4), (AWAY, None)]
    assert bench.pokes.receive({'pubsub_leases': True})
    assert bench.owners.woken == 1
    assert not bench.pokes.receive({'other': 1})
    assert (bench.sent, bench.notified) == ([], [])


def test_what_other_hosts_say_is_looked_at(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.pokes.receive_text('{"pubsub": [[1, 4]], "pubsub_leases": true}')
    assert (bench.looked, bench.owners.woken) == ([(MINE, 4)], 1)
    for text in ('{', '[]', '5', '{"pubsub": 5}', '{"pubsub": [5]}'):
        bench.pokes.receive_text(text)
    assert caplog.text.count('A notification was not understood') == 5


def test_where_there_are_no_other_hosts_nobody_is_notified(bench: Bench) -> None:
    pokes = Pokes('me', lambda sub_id, rank: False, None)
    pokes.tell({AWAY: 4})
    pokes.use(bench.owners)
    pokes.tell({AWAY: 4})
    pokes.tell_leases(bench.owners.peers)
    pokes.stop()
    assert bench.sent == [(['/sockets/neighbour'], {'pubsub_leases': True})]
