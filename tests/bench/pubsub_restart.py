"""A server with a backlog: killed with `kill -9`, until the first message is delivered again; and how fast it delivers from
a backlog of a million messages against shorter ones.

The time is from running `zato start`. The message that comes first was being handled when the server was killed, and tells
of itself by a datagram. Afterwards every message must come. What was just published to a short queue is still in memory,
so it is the rate with 10,000, which are read from the database too, that the one with a million must reach.
"""

from __future__ import annotations

import socket
import subprocess
from time import monotonic
from typing import Any, Final

from tests.bench.options import Options
from tests.bench.processes import BenchError, CPUMeter, Server, environment
from tests.bench.pubsub_deliver import fill
from tests.bench.pubsub_turns import Turn, deployed, own_turn
from tests.bench.report import Report, over_rounds, quiet
from tests.bench.zato_server import ZATO, Environment
from zato.common.pubsub.names import service_topic

NAME = 'pubsub-restart'

_TIMEOUT: Final = 60.0
_SLICE: Final = 1_000  #: messages that are delivered in one go
_FEW: Final = 10_000
_MANY: Final = 'very many'
_NOTE: Final = 'per CPU second'
_RESTARTS: Final = 3
_TOPIC: Final = {'action': 'edit', 'kind': 'pubsub_topic', 'name': service_topic('bench.pubsub.target')}


def run(report: Report, options: Options) -> None:
    report.heading(NAME, f'{options.queued:,} messages queued, kill -9, `zato start` to the first delivery; then depths')
    with Environment(workers=1) as env:
        deployed(env)
        runs = [_restart(env, options.queued) for _ in range(_RESTARTS)]
        rounds = _depths(env, options)
    report.rounds(NAME, {'restarts': runs, 'depths': rounds})
    clean, is_clean = quiet(runs, [item['foreign'] for item in runs])
    times = [item['seconds'] for item in clean]
    report.add(over_rounds('first delivery after kill -9', times, 's', must=1.5, aim=0.7, is_clean=is_clean))
    memory = [item['memory'] for item in runs]
    report.add(over_rounds(f'memory of the worker (USS), {options.queued:,} queued', memory, 'MB'))
    for few, targets in (('10,000', {'must': 0.9}), ('1,000', {})):
        ratios = [one[_MANY] / one[few] for one in rounds]
        name = f'rate with {options.deep:,} queued ÷ with {few}'
        report.add(over_rounds(name, ratios, '×', less=False, note=_NOTE, **targets))
    for name in rounds[0]:
        report.add(over_rounds(f'    with {name}', [one[name] for one in rounds], '/s', less=False))


def _restart(env: Environment, queued: int) -> dict[str, Any]:
    """Seconds from `zato start` to the first delivery; raises BenchError if a message does not come."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(('127.0.0.1', 0))
        receiver.settimeout(_TIMEOUT)
        fill(env.running(), queued, tell=receiver.getsockname()[1])
        _wait_for_delivery(receiver)
        env.kill()
        meter = CPUMeter()
        start = monotonic()
        with subprocess.Popen([ZATO, 'start', str(env.path)], env=environment(), stdout=subprocess.DEVNULL) as process:
            _wait_for_delivery(receiver)
            seconds = monotonic() - start
            process.wait(_TIMEOUT)
        meter.servers.append(server := env.running())
        (worker,) = env.worker_processes()
        memory = worker.memory_full_info().uss / 1e6
        foreign = meter.foreign()
        _drain(server, queued)
    return {'seconds': seconds, 'foreign': foreign, 'memory': memory}


def _wait_for_delivery(receiver: socket.socket) -> None:
    try:
        receiver.recv(64)
    except TimeoutError as e:
        raise BenchError(f'The first message was not delivered within {_TIMEOUT:g} s') from e


def _drain(server: Server, count: int) -> Turn:
    return own_turn(server, 'bench.pubsub.drain', count=count)


def _depths(env: Environment, options: Options) -> list[dict[str, float]]:
    """Messages delivered per CPU second, a thousand at a time, from queues of that many messages at first."""
    server = env.running()
    rounds: list[dict[str, float]] = [{} for _ in range(options.rounds)]
    for one in rounds:
        for name, depth in (('1,000', _SLICE), ('10,000', _FEW)):
            turns = []
            for _ in range(_FEW // depth):
                fill(server, depth)
                turns += [_drain(server, _SLICE) for _ in range(depth // _SLICE)]
            one[name] = _rate(turns)
    env.admin('zato.config.apply', {'changes': [{**_TOPIC, 'max_depth_gd': 2 * options.deep}]})
    fill(server, options.deep)
    for one in rounds:
        one[_MANY] = _rate([_drain(server, _SLICE) for _ in range(_FEW // _SLICE)])
    return rounds


def _rate(turns: list[Turn]) -> float:
    return sum(turn.count for turn in turns) / sum(turn.cpu for turn in turns)
