"""What the configuration storm does to the processes of a cluster and to its database."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable

from tests.support.environment import Environment, eventually, zato
from tests.support.postgresql import PostgreSQL

_KINDS = ('process', 'process', 'process', 'worker', 'worker', 'arbiter', 'server', 'reload', 'cluster')


class Harm:
    """postgresql: what has the ODB, if that is PostgreSQL. wrong: takes what a server says when it does not start."""

    def __init__(
        self,
        environment: Environment,
        postgresql: PostgreSQL | None,
        own: random.Random,
        count: Callable[[str], None],
        wrong: list[str],
    ) -> None:
        self._environment = environment
        self._postgresql = postgresql
        self._random = own
        self._count = count
        self._wrong = wrong
        self._next: list[str] = []

    def strike(self, *, is_middle: bool) -> None:
        """Kill or restart something, and start what is down after that. is_middle: is it time for the worst?"""
        if not self._next:
            self._next = [*_KINDS, *(['restart postgresql'] if self._postgresql is not None else [])]
            self._random.shuffle(self._next)
        what = self._next.pop()
        if self._postgresql is not None and is_middle:
            what = 'crash postgresql'
            self._postgresql.crash()
            self._postgresql.start()
        elif self._postgresql is not None and what == 'restart postgresql':
            self._postgresql.restart(self._random.choice(['fast', 'immediate']))
        else:
            self._strike_server(what, self._random.randrange(len(self._environment.servers)))
        self._count(f'harm: {what}')
        self.bring_back()

    def bring_back(self) -> None:
        """Start the servers whose arbiters are gone."""
        for number, server in enumerate(self._environment.servers):
            if server.running_pid() in self._environment.processes(number):
                continue
            # Its workers are about to end, and until then it may be there as a zombie that nobody has waited for.
            eventually(lambda server=server: not server.running_pid(), f'the end of the arbiter of {server.name}')
            started = zato('start', server.path)
            if started.code != 0:
                log = self._environment.log(number)[-3_000:]
                self._wrong.append(f'{server.name} did not start: {started.err}\n{log}')
            self._count('starts')

    def _strike_server(self, what: str, number: int) -> None:
        arbiter = self._environment.servers[number].running_pid()
        processes = self._environment.processes(number)
        if what in ('arbiter', 'reload'):
            self._send([arbiter], signal.SIGHUP if what == 'reload' else signal.SIGKILL)
        elif what == 'worker':
            others = [pid for pid in processes if pid != arbiter]
            self._send(self._random.sample(others, min(1, len(others))), signal.SIGKILL)
        elif what == 'process':
            self._send(self._random.sample(processes, min(1, len(processes))), signal.SIGKILL)
        else:
            self._send(processes if what == 'server' else self._environment.processes(), signal.SIGKILL)

    def _send(self, pids: list[int], what: signal.Signals) -> None:
        for pid in filter(None, pids):
            try:
                os.kill(pid, what)
            except ProcessLookupError:
                continue
        if what == signal.SIGKILL:
            eventually(lambda: set(pids).isdisjoint(self._environment.processes()), 'the end of what was killed')
