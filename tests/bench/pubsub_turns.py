"""What the benchmarks of publish/subscribe share: turns that systems take, one after the other, and what is made of them.

All systems are up, on all CPUs, one of them works at a time. CPU time: of its servers, and of its clients, which are
processes of their own for all but us, whose publishers and targets are services in the server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from psycopg.conninfo import make_conninfo

from tests.bench.load import ask
from tests.bench.processes import ROOT, BenchError, CPUMeter, Server, environment
from tests.bench.report import Figure, Report, over_rounds, quiet
from tests.bench.zato_server import INVOKE, Environment
from tests.support.postgresql import PostgreSQL
from zato.common.odb.address import ODBAddress

ZATO: Final = 'zato'
SERVICES: Final = tuple(f'bench.pubsub.{name}' for name in ('target', 'publish', 'steady', 'fill', 'drain', 'pace'))

_TIMEOUT: Final = 120.0  #: seconds that a client may take


@dataclass(frozen=True)
class Turn:
    """What one system did. cpu, client_cpu: seconds of CPU time of servers and clients. foreign: share of others, 0..1."""

    system: str
    count: int
    seconds: float
    cpu: float
    client_cpu: float
    foreign: float
    version: str = ''
    ages: tuple[float, ...] = ()

    @property
    def per_second(self) -> float:
        return self.count / self.seconds

    @property
    def per_cpu_second(self) -> float:
        return self.count / (self.cpu + self.client_cpu)

    @property
    def per_server_cpu_second(self) -> float:
        return self.count / self.cpu

    def as_dict(self) -> dict[str, Any]:
        rates = {name: round(getattr(self, name)) for name in ('per_second', 'per_cpu_second') if self.count}
        return {**vars(self), **rates}


#: What a system did in each round, by its name.
Rounds = list[dict[str, Turn]]


def take_turns(turns: list[Callable[[], Turn]], rounds: int) -> Rounds:
    """In each round another one is the first."""
    order = list(turns)
    done: Rounds = []
    for _ in range(rounds):
        done.append({turn.system: turn for turn in (take() for take in order)})
        order.append(order.pop(0))
    return done


def own_turn(server: Server, service: str, *beside: Server, **request: Any) -> Turn:
    """Of a service of bench_pubsub, which says what it has done. beside: servers whose CPU time is that of ours too."""
    servers = [server, *beside]
    meter, before = CPUMeter(*servers), _cpu_seconds(servers)
    answer = ask(server, f'{INVOKE}/{service}', json.dumps(request).encode())
    return _turn(ZATO, answer, _cpu_seconds(servers) - before, 0.0, meter.foreign())


def client_turn(system: str, servers: list[Server], module: str, *arguments: object) -> Turn:
    """Of a client in tests/bench, which says what it has done. servers: what it works with. Raises BenchError."""
    meter, before = CPUMeter(*servers), _cpu_seconds(servers)
    command = [sys.executable, '-m', f'tests.bench.{module}', *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            env=environment(),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as e:
        raise BenchError(f'{module} took longer than {_TIMEOUT:g} s') from e
    if done.returncode:
        raise BenchError(f'{module} failed: {done.stderr.decode().strip()}')
    answer = json.loads(done.stdout)
    return _turn(system, answer, _cpu_seconds(servers) - before, answer['cpu'], meter.foreign())


def _cpu_seconds(servers: list[Server]) -> float:
    return sum(server.cpu_seconds() for server in servers)


def _turn(system: str, answer: dict[str, Any], cpu: float, client_cpu: float, foreign: float) -> Turn:
    version, ages = answer.get('version', ''), tuple(answer.get('ages', ()))
    return Turn(system, answer['count'], answer['seconds'], cpu, client_cpu, foreign, version, ages)


def clean(rounds: Rounds) -> tuple[Rounds, bool]:
    """The rounds in which others left the machine alone, if there are two, else all; and which it is."""
    return quiet(rounds, [max(turn.foreign for turn in one.values()) for one in rounds])


def ratios(rounds: Rounds, name: str, base: str, **targets: Any) -> list[Figure]:
    """Of wall-clock rates, which the targets are for, then of rates per CPU second, with the peer's clients and without."""
    good, is_clean = clean(rounds)

    def over(rate: str, some: Rounds) -> list[float]:
        return [getattr(one[name], rate) / getattr(one[base], rate) for one in some]

    figures = [over_rounds(f'{name} ÷ {base}', over('per_second', good), '×', less=False, is_clean=is_clean, **targets)]
    figures.append(over_rounds('    per CPU second of all processes', over('per_cpu_second', rounds), '×', less=False))
    if all(one[base].cpu for one in rounds):
        values = over('per_server_cpu_second', rounds)
        figures.append(over_rounds('    per CPU second, without its clients', values, '×', less=False))
    return figures


def rates(rounds: Rounds) -> list[Figure]:
    """Of each system."""
    good, is_clean = clean(rounds)
    figures = []
    for name, turn in rounds[0].items():
        values = [one[name].per_second for one in good]
        note = f'{turn.version}; ' if turn.version else ''
        servers, clients = (sum(getattr(one[name], of) for one in rounds) for of in ('cpu', 'client_cpu'))
        total = sum(one[name].count for one in rounds) / 1e6
        note += f'µs of CPU each: servers {servers / total:.1f}, clients {clients / total:.1f}'
        figures.append(over_rounds(name, values, '/s', less=False, is_clean=is_clean, note=note))
    return figures


def save(report: Report, benchmark: str, rounds: Rounds) -> None:
    report.rounds(benchmark, [{name: turn.as_dict() for name, turn in one.items()} for one in rounds])


def deployed(environment: Environment, cpu: int | None = None, **variables: str) -> Server:
    """A server that runs, with the services that publish. variables: of its environment."""
    server = environment.start(cpu, **variables)
    environment.deploy_own('bench_pubsub', *SERVICES)
    return server


def create_topic(environment: Environment, name: str) -> None:
    """One that keeps what nobody has subscribed to, and is never full."""
    topic = {'action': 'create', 'kind': 'pubsub_topic', 'name': name, 'max_depth_gd': 1_000_000_000}
    environment.admin('zato.config.apply', {'changes': [topic]})


@contextmanager
def postgresql() -> Iterator[tuple[Server, PostgreSQL]]:
    """A server that flushes what is committed, up to the end of the block."""
    instance = PostgreSQL(fsync='on', shared_buffers='128MB')
    try:
        yield Server('PostgreSQL', instance.pid, instance.port, ''), instance
    finally:
        instance.close()


def connection_string(address: ODBAddress) -> str:
    return make_conninfo(
        host=address.host, port=address.port, user=address.username, password=address.password, dbname=address.db_name
    )


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory on the disk that the other systems use too."""
    with tempfile.TemporaryDirectory(prefix=f'zato-bench-{os.getpid()}-') as name:
        yield Path(name)
