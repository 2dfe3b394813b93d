"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """seconds, warm_up: whole ones, since wrk takes no others. many: objects of a large environment.

    requests: when the memory benchmark looks at a worker. polling: seconds that a page of the dashboard is open.
    queued: messages of a backlog. deep: of a very long one.
    """

    rounds: int = 5
    seconds: int = 3
    warm_up: int = 1
    starts: int = 7
    deployments: int = 100
    changes: int = 200
    many: int = 10_000
    requests: tuple[int, int] = (50_000, 500_000)
    polling: int = 30
    queued: int = 100_000
    deep: int = 1_000_000


QUICK = Options(
    rounds=2,
    seconds=1,
    warm_up=1,
    starts=3,
    deployments=20,
    changes=30,
    many=2_000,
    requests=(20_000, 100_000),
    polling=11,
    queued=5_000,
    deep=20_000,
)
