"""Calls of admin services as tests make them, and what workers say of themselves."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from tests.support.environment import Environment, eventually
from zato.cli.component import client_of
from zato.cli.odb import address_of_server
from zato.client.admin import ServerError
from zato.common.exception import IPCError
from zato.common.ipc import call_workers, socket_directory
from zato.common.odb.database import Database
from zato.common.odb.tables import config_counter
from zato.server.propagate.objects import all_objects


class Refusal(NamedTuple):
    status: int
    text: str


def invoke(environment: Environment, service: str, payload: Any = None, *, server: int = 0) -> Any:
    """What the service answers to admin.invoke. Raises ServerError."""
    return client_of(environment.servers[server]).invoke(service, payload)


def create(environment: Environment, prefix: str, name: str, *, server: int = 0, **settings: Any) -> dict[str, Any]:
    """A new object that all workers have. prefix: of the kind's services."""
    answer = dict(invoke(environment, f'{prefix}.create', {'name': name, **settings}, server=server))
    assert answer['pending'] == []
    assert answer['failed'] == {}
    return answer


def refusal(environment: Environment, service: str, payload: Any = None, *, server: int = 0) -> Refusal:
    """How the service refuses, which it must."""
    try:
        answer = invoke(environment, service, payload, server=server)
    except ServerError as e:
        status, _, text = e.msg.partition(': ')
        return Refusal(int(status), text)
    raise AssertionError(f'not refused: {answer}')


def ask_workers(environment: Environment, operation: str, *, server: int = 0) -> dict[int, Any]:
    """What each worker of a server that answers says, by pid."""
    answers = call_workers(socket_directory(environment.servers[server].work), operation)
    return {pid: answer for pid, answer in answers.items() if not isinstance(answer, IPCError)}


def pids(environment: Environment, *, server: int = 0) -> set[int]:
    """Of a server's workers that are ready."""
    return {pid for pid, info in ask_workers(environment, 'info', server=server).items() if info['is_ready']}


def alarms(environment: Environment, *, server: int = 0) -> dict[int, dict[str, str]]:
    """pid → subject → what is wrong, of each worker that answers."""
    return {
        pid: {alarm['subject']: alarm['what'] for alarm in info['alarms']}
        for pid, info in ask_workers(environment, 'info', server=server).items()
    }


def answers_of_all(environment: Environment, path: str, *, server: int = 0) -> dict[int, Any]:
    """What a channel whose service is `service_file` answers on each worker of a server, by pid; each time with 200."""
    workers = pids(environment, server=server)
    found: dict[int, Any] = {}

    def ask() -> bool:
        answer = environment.request('POST', path, b'{}', server=server)
        assert answer.status == 200, (answer.status, answer.body)
        found[answer.json['pid']] = answer.json['version']
        return workers <= set(found)

    eventually(ask, f'an answer from each of {workers}')
    return found


def stop_workers(environment: Environment, workers: set[int]) -> None:
    """SIGSTOP, while none of them writes: a process that is stopped in the middle of that keeps all others from it."""
    with closing(Database(address_of_server(environment.server))) as database, database.write():
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)


def difference(environment: Environment, odb: Connection, *, workers: int) -> str:
    """Where some worker differs from the ODB, or is not there; '' if none does. workers: of each server."""
    newest = odb.execute(select(config_counter.c.event)).scalar_one()
    stored = {
        str(item.id): {
            'kind': item.kind,
            'name': item.name,
            'version': item.version,
            'is_active': item.is_active,
            'error': '',
        }
        for item in all_objects(odb)
    }
    for number, server in enumerate(environment.servers):
        infos = ask_workers(environment, 'info', server=number)
        if len(infos) != workers or not all(info['is_ready'] for info in infos.values()):
            return f'{server.name} has these workers: {list(infos)}'
        applied = {pid: info['applied_event'] for pid, info in infos.items()}
        if set(applied.values()) != {newest}:
            return f'{server.name} has applied {applied}, and the newest event is {newest}'
        for pid, found in ask_workers(environment, 'objects', server=number).items():
            if found != stored:
                wrong = [id for id in {*found, *stored} if found.get(id) != stored.get(id)]
                return f'worker {pid} has others: {[(found.get(id), stored.get(id)) for id in wrong]}'
    return ''
