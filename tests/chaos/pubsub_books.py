"""Clients that publish through HTTP, what they were answered, and whether targets got it as they must.

What must hold: what was answered with an ID is delivered to all who subscribe; more than once only what was on its way when
a process was killed; what one client published to one service with one priority arrives in its order; messages of which
nobody knows are there or not, whole; the store is sound, and empty at the end.
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

from tests.chaos.pubsub_cluster import Cluster, Line, first_ones, repeated
from tests.support.environment import PATIENCE

_PENDING = 100  #: acknowledgements that may be on their way when a process is killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that was answered with its ID."""

    to: str
    publisher: int
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
            self._publish(self._random.choice(self._destinations), number, options)
        self._close()

    def _publish(self, to: str, number: int, options: dict[str, Any]) -> None:
        body = json.dumps({'to': to, 'data': {'p': self.number, 'n': number}, 'options': options}).encode()
        while True:
            msg_id = self._try(body)
            if msg_id:
                if options.get('msg_id', msg_id) != msg_id:
                    self.wrong.append(f'{options} was stored as {msg_id}')
                sent = Sent(to=to, publisher=self.number, number=number, priority=options['priority'], msg_id=msg_id)
                self.sent.append(sent)
                return
            if 'msg_id' not in options or self._stop_event.wait(self._random.uniform(0.01, 0.1)):
                return
            self.counts['published again'] += 1

    def _try(self, body: bytes) -> str:
        """The message's ID, '' if that is not known."""
        if self._random.random() < 0.5:
            self._close()  # the next one is maybe accepted by another worker
        try:
            answer, text = self._ask(body)
        except (OSError, http.client.HTTPException):
            self.counts['not answered'] += 1
            self._close()
            self._stop_event.wait(self._random.uniform(0.01, 0.1))
            return ''
        if answer == 200:
            return str(json.loads(text)['id'])
        self.counts[f'answered {answer}'] += 1
        if answer != 503:
            self.wrong.append(f'{body!r}: {answer} {text!r}')
        self._stop_event.wait(self._random.uniform(0.01, 0.1))
        return ''

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection('127.0.0.1', self._random.choice(self._ports), timeout=PATIENCE)
        headers = {'Authorization': f'Basic {self._credentials}'}
        self._connection.request('POST', '/zato/api/invoke/chaos.publish', body, headers)
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
    """How many deliveries too many there may be: of each service as many as `batch` says, and those on their way, per kill."""

    kills: int
    batches: Mapping[str, int]

    def of(self, service: str) -> int:
        return self.kills * (self.batches[service] + _PENDING)


def balance(cluster: Cluster, publishers: Publishers, subscribed: Mapping[str, Sequence[str]], limits: Limits) -> list[str]:
    """What is not as it must be. Prints what was counted."""
    cluster.wait_until_empty()
    wrong = publishers.wrong
    begun, ended = cluster.lines('begin'), cluster.lines('end')
    delivered = {(line.service, line.msg_id) for line in ended}
    expected = {(service, sent.msg_id) for sent in publishers.sent for service in subscribed[sent.to]}
    twice = repeated(begun)
    if missing := expected - delivered:
        wrong.append(f'{len(missing)} acknowledged ones were not delivered, such as {sorted(missing)[:5]}')
    wrong += [
        f'{service} got {count} messages too many, {limits.of(service)} are allowed'
        for service, count in twice.items()
        if count > limits.of(service)
    ]
    wrong += disorder(begun, publishers.sent)
    cluster.check()
    if left := cluster.value('SELECT count(*) FROM ps_msg'):
        wrong.append(f'{left} messages remain that nobody is to get')
    counts = {'acknowledged': len(publishers.sent), 'delivered': len(delivered), 'repeated': twice, 'kills': limits.kills}
    print(counts, dict(sorted(publishers.counts.items())), *wrong, sep='\n')
    return wrong


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
