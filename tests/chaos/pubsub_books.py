"""Clients that publish through HTTP, what they were answered, and whether targets got it as they must.

What must hold: what was answered with an ID is delivered to all who subscribe; more than once only what was on its way when
a process was killed; what was published together comes whole or not at all; what one client published to one service with
one priority arrives in its order; the store is sound, and empty at the end.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.pubsub_cluster import LOOSE, Cluster, Line, first_ones, repeated
from tests.support.environment import PATIENCE

TOGETHER = 5  #: messages of `publish_many`
_KILLS = 3  #: that make a dead letter
_SHOWN = 10  #: of what is wrong
_PENDING = 100  #: acknowledgements that may be on their way when a process is killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that was answered with its ID."""

    to: str
    publisher: int | str
    number: int
    priority: int
    msg_id: str


class Publisher(threading.Thread):
    """One client. It gives some messages IDs of its own: those it publishes again until it is known that they are stored."""

    def __init__(self, name: int, seed: str, cluster: Cluster, destinations: Sequence[str], stop: threading.Event) -> None:
        super().__init__()
        self.number = name
        self.sent: list[Sent] = []
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._random = random.Random(f'{seed}/{name}')
        self._ports = cluster.ports
        self._credentials = b64encode(f'pubapi:{cluster.password}'.encode()).decode()
        self._destinations = destinations
        self._stop_event = stop
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        number = 0
        while not self._stop_event.is_set():
            number += 1
            priority = self._random.choice([5, 5, 5, 1, 9])
            options: dict[str, Any] = {'priority': priority, 'group_id': f'group-{self.number}'}
            if self._random.random() < 0.3:
                options['msg_id'] = f'own.{self.number}.{number}'
            to = self._random.choice(self._destinations)
            if self._random.random() < 0.05:
                self._publish_together(to, f'{self.number}/{number}')
            else:
                self._publish(to, number, options)
        self._close()

    def _publish_together(self, to: str, name: str) -> None:
        """Some messages, as a publisher of that name."""
        body = {'to': to, 'count': TOGETHER, 'data': {'p': name}}
        ids = self._try('chaos.publish-many', body)
        self.sent += [Sent(to=to, publisher=name, number=at, priority=5, msg_id=msg_id) for at, msg_id in enumerate(ids)]

    def _publish(self, to: str, number: int, options: dict[str, Any]) -> None:
        data = {'p': self.number, 'n': number}
        if to == LOOSE and self._random.random() < 0.1:
            data['fail'] = 2
        while True:
            for msg_id in self._try('chaos.publish', {'to': to, 'data': data, 'options': options}):
                if options.get('msg_id', msg_id) != msg_id:
                    self.wrong.append(f'{options} was stored as {msg_id}')
                sent = Sent(to=to, publisher=self.number, number=number, priority=options['priority'], msg_id=msg_id)
                self.sent.append(sent)
                return
            if 'msg_id' not in options or self._stop_event.wait(self._random.uniform(0.01, 0.1)):
                return
            self.counts['published again'] += 1

    def _try(self, service: str, payload: Any) -> list[str]:
        """The messages' IDs, none if they are not known."""
        if self._random.random() < 0.5:
            self._close()  # the next one is maybe accepted by another worker
        try:
            status, text = self._ask(service, json.dumps(payload).encode())
        except (OSError, http.client.HTTPException):
            self.counts['not answered'] += 1
            self._close()
            self._stop_event.wait(self._random.uniform(0.01, 0.1))
            return []
        if status == 200:
            answer = json.loads(text)
            return list(answer.get('ids') or [answer['id']])
        self.counts[f'answered {status}'] += 1
        if status != 503:
            self.wrong.append(f'{service} {payload}: {status} {text!r}')
        self._stop_event.wait(self._random.uniform(0.01, 0.1))
        return []

    def _ask(self, service: str, body: bytes) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection('127.0.0.1', self._random.choice(self._ports), timeout=PATIENCE)
        headers = {'Authorization': f'Basic {self._credentials}'}
        self._connection.request('POST', f'/zato/api/invoke/{service}', body, headers)
        response = self._connection.getresponse()
        return response.status, response.read()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Publishers:
    """They publish while the `with` block lasts. subscribed: destination → services that get its messages."""

    def __init__(self, cluster: Cluster, count: int, seed: int, subscribed: Mapping[str, Sequence[str]]) -> None:
        self._stop = threading.Event()
        self._all = [Publisher(number, str(seed), cluster, list(subscribed), self._stop) for number in range(count)]

    def __enter__(self) -> Publishers:
        for publisher in self._all:
            publisher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for publisher in self._all:
            publisher.join()

    @property
    def sent(self) -> list[Sent]:
        return [sent for publisher in self._all for sent in publisher.sent]

    @property
    def counts(self) -> Counter[str]:
        return sum((publisher.counts for publisher in self._all), Counter())

    @property
    def wrong(self) -> list[str]:
        return [text for publisher in self._all for text in publisher.wrong]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many deliveries too many there may be per kill: those in flight, by service, and those being acknowledged.

    alone: kills of a worker whose server went on.
    """

    kills: int
    batches: Mapping[str, int]
    alone: int = 0

    def of(self, service: str) -> int:
        return self.kills * (self.batches[service] + _PENDING)

    @property
    def dead(self) -> int:
        """Nobody knows of a message that was in flight whenever a worker was killed that it was not the reason."""
        return self.alone // _KILLS * len(self.batches)


def balance(cluster: Cluster, publishers: Publishers, subscribed: Mapping[str, Sequence[str]], limits: Limits) -> list[str]:
    """What is not as it must be. Prints what was counted."""
    cluster.wait_until_empty()
    wrong = publishers.wrong
    begun, ended = cluster.lines('begin'), cluster.lines('end')
    delivered = {(line.service, line.msg_id) for line in ended}
    expected = {(service, sent.msg_id) for sent in publishers.sent for service in subscribed[sent.to]}
    twice = repeated(begun)
    dead = dead_letters(cluster)
    if missing := {one for one in expected - delivered if one[1] not in dead}:
        wrong.append(f'{len(missing)} acknowledged ones were not delivered, such as {sorted(missing)[:5]}')
    if len(dead) > limits.dead:
        wrong.append(f'{len(dead)} dead letters, {limits.dead} are allowed: {sorted(dead)[:5]}')
    wrong += [
        f'{service} got {count} messages too many, {limits.of(service)} are allowed'
        for service, count in twice.items()
        if count > limits.of(service)
    ]
    wrong += disorder(begun, [sent for sent in publishers.sent if sent.to != LOOSE])
    wrong += parts(ended)
    cluster.check()
    if left := cluster.value('SELECT count(*) FROM ps_msg WHERE seq NOT IN (SELECT seq FROM ps_dead)'):
        wrong.append(f'{left} messages remain that nobody is to get')
    counts = {'acknowledged': len(publishers.sent), 'delivered': len(delivered), 'dead': len(dead), 'kills': limits.kills}
    print(counts, twice, dict(sorted(publishers.counts.items())), *wrong[:_SHOWN], sep='\n')
    return wrong[:_SHOWN]


def dead_letters(cluster: Cluster) -> list[str]:
    """Those that were on their way in three processes that were killed."""
    found = cluster.rows("SELECT m.msg_id FROM ps_dead d JOIN ps_msg m ON m.seq = d.seq WHERE d.reason = 'crash'")
    return [msg_id for (msg_id,) in found]


def parts(lines: Sequence[Line]) -> list[str]:
    """Some of the messages that were published together."""
    counts = Counter((line.service, line.publisher) for line in first_ones(lines) if isinstance(line.publisher, str))
    return [f'{service} got {count} of {name}' for (service, name), count in counts.items() if count != TOGETHER]


def disorder(lines: Sequence[Line], sent: Sequence[Sent]) -> list[str]:
    """First deliveries of acknowledged messages that are not in the order in which they were published."""
    acknowledged = {one.msg_id for one in sent}
    last: dict[tuple[str, Any, int], Line] = {}
    wrong: dict[str, list[str]] = defaultdict(list)
    for line in first_ones(lines):
        if line.msg_id not in acknowledged:
            continue
        before = last.get(key := (line.service, line.publisher, line.priority))
        if before is not None and before.number > line.number:
            wrong[line.service].append(f'{line} after {before}')
        last[key] = line
    return [f'{service}: {len(texts)} too late, such as {texts[0]}' for service, texts in wrong.items()]
