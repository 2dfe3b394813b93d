"""Settling in SQLite: messages are acknowledged, tried again, buried or suspected, under leases that stand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from zato.server.pubsub.lease_names import lease_name, subscription_of
from zato.server.pubsub.store.interface import Ack, Bury, Retry, Settle, Suspect

#: Those of a subscription's queue that are of one rank and named by their seq.
_THESE: Final = 'sub_id = ? AND rank = ? AND seq IN (SELECT value FROM json_each(?))'
_THEIR_MESSAGES: Final = f'seq IN (SELECT q.seq FROM ps_queue q WHERE q.{_THESE.replace(" AND ", " AND q.")})'

_ALIVE: Final = 'crashes = max(crashes - 1, 0)'
_encode_json: Final = msgspec.json.Encoder().encode

Execute = Callable[..., sqlite3.Cursor]


def settle(execute: Execute, operations: Sequence[Settle]) -> None:
    """Within a transaction. Those whose leases do not stand are lost, and change nothing."""
    held = _held(execute, operations)
    for operation in operations:
        operation.is_lost, operation.error = operation.fence not in held, None
        if not operation.is_lost:
            for rank, seqs in _by_rank(operation.keys):
                _SETTLE[type(operation)](execute, operation, (operation.fence.sub_id, rank, seqs))


def _held(execute: Execute, operations: Sequence[Settle]) -> set[tuple[int, str, int]]:
    names = _encode_json([lease_name(id) for id in {operation.fence.sub_id for operation in operations}]).decode()
    sql = 'SELECT name, owner, epoch FROM lease WHERE name IN (SELECT value FROM json_each(?))'
    return {(subscription_of(name), owner, epoch) for name, owner, epoch in execute(sql, (names,)).fetchall()}


def _by_rank(keys: Sequence[tuple[int, int]]) -> Iterable[tuple[int, str]]:
    """Ranks, and the seqs of each as JSON."""
    found: dict[int, list[int]] = {}
    for rank, seq in keys:
        found.setdefault(rank, []).append(seq)
    return [(rank, _encode_json(seqs).decode()) for rank, seqs in found.items()]


def _ack(execute: Execute, operation: Ack, these: tuple[int, int, str]) -> None:
    last = f'{_THEIR_MESSAGES} AND refs <= 1 AND keep_until = 0'
    deleted = execute(f'DELETE FROM ps_msg WHERE {last}', these).rowcount
    if deleted != these[2].count(',') + 1:
        execute(f'UPDATE ps_msg SET refs = refs - 1 WHERE {_THEIR_MESSAGES}', these)
    execute(f'DELETE FROM ps_queue WHERE {_THESE}', these)


def _retry(execute: Execute, operation: Retry, these: tuple[int, int, str]) -> None:
    if not operation.waits_aside:
        values = (operation.attempts, operation.at, operation.text)
        execute(f'UPDATE ps_queue SET attempts = ?, not_before = ?, error = ?, {_ALIVE} WHERE {_THESE}', (*values, *these))
        return
    columns = 'sub_id, due_at, rank, seq, attempts, crashes, error'
    values = (operation.at, operation.attempts, operation.text)
    moved = f'SELECT sub_id, ?, rank, seq, ?, max(crashes - 1, 0), ? FROM ps_queue WHERE {_THESE}'
    execute(f'INSERT INTO ps_retry ({columns}) {moved}', (*values, *these))
    execute(f'DELETE FROM ps_queue WHERE {_THESE}', these)


def _bury(execute: Execute, operation: Bury, these: tuple[int, int, str]) -> None:
    """One that died before, and was delivered again by a replay, is a dead letter once."""
    died_before = 'seq IN (SELECT d.seq FROM ps_dead d WHERE d.sub_id = ? AND d.rank = ? AND d.seq IN ('
    died_before += 'SELECT q.seq FROM ps_queue q WHERE q.sub_id = d.sub_id AND q.rank = d.rank'
    died_before += ' AND q.seq IN (SELECT value FROM json_each(?))))'
    execute(f'UPDATE ps_msg SET refs = refs - 1 WHERE {died_before}', these)
    columns = 'sub_id, seq, rank, topic_id, sub_key, attempts, reason, error, died_at'
    execute(
        f"""INSERT OR REPLACE INTO ps_dead ({columns})
        SELECT q.sub_id, q.seq, q.rank, m.topic_id, coalesce(s.sub_key, ''), ?, ?, ?, ?
        FROM ps_queue q JOIN ps_msg m ON m.seq = q.seq LEFT JOIN ps_sub s ON s.id = q.sub_id
        WHERE q.sub_id = ? AND q.rank = ? AND q.seq IN (SELECT value FROM json_each(?))""",
        (operation.attempts, operation.reason, operation.text, operation.at, *these),
    )
    execute(f'DELETE FROM ps_queue WHERE {_THESE}', these)


def _suspect(execute: Execute, operation: Suspect, these: tuple[int, int, str]) -> None:
    execute(f'UPDATE ps_queue SET crashes = ? WHERE {_THESE}', (operation.crashes, *these))


#: Each is given a subscription, a rank, and seqs as JSON.
_SETTLE: Final[dict[type[Settle], Callable[..., None]]] = {Ack: _ack, Retry: _retry, Bury: _bury, Suspect: _suspect}
