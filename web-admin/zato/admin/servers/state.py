"""What servers say of themselves, read once for all pages that show it: a server that is up, or why nothing is known of it.

Units: seconds; bytes; times are UTC, ISO 8601.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zato.admin.cluster import Failure, Server
from zato.admin.middleware.problems import explain
from zato.admin.wording import in_labels, parts_of_title
from zato.client.admin import Answer
from zato.common import alarm

#: Seconds that a page waits for a server. A server waits 2 seconds for a worker of its own that hangs.
PATIENCE = 3.0

_IF_AWAY = 'Start the server if it does not run, and look into its server.log.'

#: Beginnings of what alarms are about, and what is said in their place.
_TITLES: Mapping[str, str] = {'deploy': 'Not deployed:', 'module': 'Module not loaded:', 'watch': 'Not watched:'}


class Alarm(alarm.Alarm):
    """As people read it."""

    __slots__ = ()

    @property
    def title(self) -> str:
        """What it is about, for people."""
        beginning, _, rest = self.subject.partition(':')
        return f'{_TITLES[beginning]} {rest}' if rest and beginning in _TITLES else self.subject

    @property
    def text(self) -> str:
        """`what`, without the subject that it may begin with."""
        text = '\n'.join(line.removeprefix(f'{self.subject}: ') for line in self.what.splitlines())
        parts = parts_of_title(self.subject)
        return in_labels(parts[0], text) if parts is not None else text


@dataclass(frozen=True, slots=True)
class Running:
    """A call that runs."""

    service: str
    cid: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """error: why the worker does not answer; all but its pid is unknown then. lag: events of configuration that it has yet
    to apply, None where nobody knows. Of running calls and alarms, more may be counted than listed.
    """

    pid: int
    error: str = ''
    is_ready: bool = False
    version: str = ''
    started: str = ''
    roles: Sequence[str] = ()
    connections: int = 0
    invoked: int = 0
    running_count: int = 0
    running: Sequence[Running] = ()
    memory: int = 0
    max_memory: int = 0
    applied_event: int = 0
    lag: int | None = None
    objects: int = 0
    services: int = 0
    modules: int = 0
    module_problems: Sequence[tuple[str, str]] = ()
    alarm_count: int = 0
    alarms: Sequence[Alarm] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why nothing is known of a server. is_away: did it not answer at all?"""

    title: str
    text: str
    hint: str
    is_away: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """name, address: as web-admin.conf has them. own_name: as the server calls itself.

    last_event: the latest change that is in the ODB; odb_problem: why that is None.
    """

    name: str
    address: str
    problem: Problem | None = None
    own_name: str = ''
    cluster: str = ''
    version: str = ''
    host: str = ''
    bound_to: str = ''
    pid: int = 0
    started: str = ''
    uptime: float = 0.0
    last_event: int | None = None
    odb_problem: str = ''
    workers: Sequence[Worker] = field(default_factory=tuple)

    @property
    def is_up(self) -> bool:
        return self.problem is None

    @property
    def ready(self) -> int:
        return sum(worker.is_ready for worker in self.workers)

    @property
    def running(self) -> int:
        return sum(worker.running_count for worker in self.workers)

    @property
    def invoked(self) -> int:
        return sum(worker.invoked for worker in self.workers)

    @property
    def memory(self) -> int:
        return sum(worker.memory for worker in self.workers)

    @property
    def calls(self) -> list[tuple[Worker, Running]]:
        """That run now, the longest first, as far as they are listed."""
        found = [(worker, call) for worker in self.workers for call in worker.running]
        return sorted(found, key=lambda item: -item[1].seconds)

    @property
    def alarms(self) -> list[tuple[Alarm, list[int]]]:
        """Each once, with the processes of the workers that have it."""
        found: dict[tuple[str, str], tuple[Alarm, list[int]]] = {}
        for worker in self.workers:
            for each in worker.alarms:
                found.setdefault((each.subject, each.what), (each, []))[1].append(worker.pid)
        return list(found.values())

    @property
    def module_problems(self) -> list[tuple[str, str, list[int]]]:
        """Module, why workers cannot load it, their processes."""
        found: dict[tuple[str, str], list[int]] = {}
        for worker in self.workers:
            for problem in worker.module_problems:
                found.setdefault(problem, []).append(worker.pid)
        return [(module, error, pids) for (module, error), pids in found.items()]

    @property
    def has_problems(self) -> bool:
        return bool(self.alarms) or self.ready < len(self.workers)

    @property
    def lag(self) -> int | None:
        """Of the worker that is the furthest behind."""
        known = [worker.lag for worker in self.workers if worker.lag is not None]
        return max(known) if known else None


def read_states(servers: Sequence[Server], answers: Mapping[str, Answer | Failure]) -> list[State]:
    """In the order of web-admin.conf. answers: of `zato.server.get-info`."""
    return [read_state(server, answers[server.name]) for server in servers]


def read_state(server: Server, answer: Answer | Failure) -> State:
    if isinstance(answer, Failure):
        found = explain(answer.error)
        hint = _IF_AWAY if answer.is_away else found.hint
        problem = Problem(title=found.title, text=answer.text, hint=hint, is_away=answer.is_away)
        return State(name=server.name, address=server.address, problem=problem)
    try:
        return _read(server, answer.payload)
    except (AttributeError, KeyError, TypeError, ValueError) as e:
        problem = Problem(
            title='The server answers with something else',
            text=f'What it says of itself cannot be read ({type(e).__name__}: {e}).',
            hint='Is it a server of this version, and is the address in web-admin.conf right?',
            is_away=False,
        )
        return State(name=server.name, address=server.address, problem=problem)


def _read(server: Server, raw: Mapping[str, Any]) -> State:
    last_event = raw['last_event']
    return State(
        name=server.name,
        address=server.address,
        own_name=str(raw['server']),
        cluster=str(raw['cluster']),
        version=str(raw['version']),
        host=str(raw['host']),
        bound_to=str(raw['address']),
        pid=int(raw['pid']),
        started=str(raw['started'] or ''),
        uptime=float(raw['uptime_seconds'] or 0),
        last_event=None if last_event is None else int(last_event),
        odb_problem=str(raw['odb_error']),
        workers=[_read_worker(worker, last_event) for worker in raw['workers']],
    )


def _read_worker(raw: Mapping[str, Any], last_event: int | None) -> Worker:
    if raw.get('error'):
        return Worker(pid=int(raw['pid']), error=str(raw['error']))
    applied = int(raw['applied_event'])
    return Worker(
        pid=int(raw['pid']),
        is_ready=bool(raw['is_ready']),
        version=str(raw['version']),
        started=str(raw['started']),
        roles=[str(role) for role in raw['roles']],
        connections=int(raw['connections']),
        invoked=int(raw['invoked']),
        running_count=int(raw['running_count']),
        running=[Running(str(call['service']), str(call['cid']), float(call['seconds'])) for call in raw['running']],
        memory=int(raw['memory']),
        max_memory=int(raw['max_memory']),
        applied_event=applied,
        lag=None if last_event is None else max(0, last_event - applied),
        objects=int(raw['objects']),
        services=int(raw['service_count']),
        modules=int(raw['module_count']),
        module_problems=[(str(module['module']), str(module['error'])) for module in raw['modules'] if module['error']],
        alarm_count=int(raw['alarm_count']),
        alarms=[Alarm(*(str(told[key]) for key in ('subject', 'what', 'what_to_do', 'since'))) for told in raw['alarms']],
    )
