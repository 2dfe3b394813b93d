"""A client of RabbitMQ as a process of its own: pubsub_rabbitmq_client PORT ACT NUMBER, one line of JSON when it is done.

Acts: `publish` for NUMBER seconds, to a queue that is empty; `fill` it with NUMBER messages; `consume` NUMBER messages that
are there; `pace`: publish 50 a second for NUMBER seconds and consume them. The queue is classic and durable, messages are
persistent, publishers' confirms are waited for with up to 64 messages in flight, every message is acknowledged by itself.
"""

from __future__ import annotations

import json
import sys
from time import monotonic, process_time
from typing import Any, Final

import pika
from pika.channel import Channel
from pika.spec import Basic, BasicProperties

from tests.bench.pubsub_message import IN_FLIGHT, age, body

RATE: Final = 50  #: messages a second of `pace`

_QUEUE: Final = 'bench'
_PREFETCH: Final = 500  #: messages that a consumer is given before it has acknowledged the first
_PERSISTENT: Final = BasicProperties(delivery_mode=2)


class Client:
    """Does one act, then closes its connection. `outcome` is what it has to say."""

    def __init__(self, port: int, act: str, number: float) -> None:
        self._act = act
        self._number = number
        self._sent = 0
        self._unconfirmed: set[int] = set()
        self._ages: list[float] = []
        self.outcome: dict[str, Any] = {}
        self._connection = pika.SelectConnection(
            pika.ConnectionParameters('127.0.0.1', port), on_open_callback=self._on_open, on_close_callback=self._on_close
        )

    def run(self) -> None:
        self._connection.ioloop.start()

    def _on_open(self, connection: pika.SelectConnection) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_close(self, connection: pika.SelectConnection, reason: Exception) -> None:
        connection.ioloop.stop()

    def _on_channel(self, channel: Channel) -> None:
        self._channel = channel
        channel.queue_declare(_QUEUE, durable=True, callback=self._on_queue)

    def _on_queue(self, frame: Any) -> None:
        if self._act == 'consume':
            self._begin()
            self._channel.basic_qos(prefetch_count=_PREFETCH, callback=self._consume)
        else:
            self._channel.queue_purge(_QUEUE, callback=self._on_purged)

    def _on_purged(self, frame: Any) -> None:
        self._channel.confirm_delivery(self._on_confirm, callback=self._on_ready)

    def _on_ready(self, frame: Any) -> None:
        self._begin()
        if self._act == 'pace':
            self._consume(None)
            self._pace()
        else:
            while self._sent < IN_FLIGHT:
                self._publish()

    def _begin(self) -> None:
        self._started, self._cpu = monotonic(), process_time()

    def _publish(self) -> None:
        self._sent += 1
        self._unconfirmed.add(self._sent)
        self._channel.basic_publish('', _QUEUE, body(), _PERSISTENT)

    def _on_confirm(self, frame: Any) -> None:
        """One confirm may be for many messages."""
        if isinstance(frame.method, Basic.Nack):
            sys.exit('The broker refused a message')
        last = frame.method.delivery_tag
        self._unconfirmed -= {tag for tag in self._unconfirmed if tag <= last} if frame.method.multiple else {last}
        if self._act == 'pace':
            return
        while len(self._unconfirmed) < IN_FLIGHT and self._has_more():
            self._publish()
        if not self._unconfirmed:
            self._end()

    def _has_more(self) -> bool:
        if self._act == 'fill':
            return self._sent < self._number
        return monotonic() - self._started < self._number

    def _pace(self) -> None:
        if self._sent < self._number * RATE:
            self._publish()
            next_one = self._started + self._sent / RATE
            self._connection.ioloop.call_later(max(0.0, next_one - monotonic()), self._pace)

    def _consume(self, frame: Any) -> None:
        self._channel.basic_consume(_QUEUE, self._on_message)

    def _on_message(self, channel: Channel, method: Basic.Deliver, properties: BasicProperties, message: bytes) -> None:
        self._ages.append(age(message))
        channel.basic_ack(method.delivery_tag)
        if len(self._ages) == self._number * (RATE if self._act == 'pace' else 1):
            self._end()

    def _end(self) -> None:
        self.outcome = {
            'count': len(self._ages) or self._sent,
            'seconds': monotonic() - self._started,
            'cpu': process_time() - self._cpu,
        }
        if self._act == 'pace':
            self.outcome['ages'] = self._ages
        self.outcome['version'] = self._connection.server_properties['version']
        self._connection.close()


def main() -> None:
    client = Client(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
    client.run()
    print(json.dumps(client.outcome))


if __name__ == '__main__':
    main()
