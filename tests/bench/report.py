"""What was measured: figures with their targets, printed as they come, and one JSON document with every round."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import psutil

T = TypeVar('T')

QUIET = 0.1  #: share of the machine's CPU time up to which others may use it while wall-clock time is measured

_PACKAGES = (
    'zato',
    'gunicorn',
    'gevent',
    'greenlet',
    'httptools',
    'msgspec',
    'uvicorn',
    'uvloop',
    'fastapi',
    'pydantic',
    'pika',
    'huey',
    'procrastinate',
    'psycopg',
    'psutil',
)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line. must: None where nothing is promised, aim: None where no more is. less: is less better?

    low, high: spread over the rounds. is_clean: False if it depends on wall-clock time and others used the machine.
    """

    name: str
    value: float
    unit: str
    low: float
    high: float
    must: float | None = None
    aim: float | None = None
    less: bool = True
    is_clean: bool = True
    note: str = ''
    benchmark: str = ''

    @property
    def verdict(self) -> str:
        """'aim', 'must', 'MISSED', '' without a target; 'not clean' for a miss that others may have caused."""
        if self.must is None:
            return ''
        if self.aim is not None and self._reaches(self.aim):
            return 'aim'
        if self._reaches(self.must):
            return 'must'
        return 'MISSED' if self.is_clean else 'not clean'

    def _reaches(self, target: float) -> bool:
        return self.value <= target if self.less else self.value >= target

    def __str__(self) -> str:
        relation = '≤' if self.less else '≥'
        aims = ' / '.join(f'{aim:,g}' for aim in (self.must, self.aim) if aim is not None)
        targets = f'{relation} {aims}' if aims else ''
        spread = f'{_short(self.low)} – {_short(self.high)}'
        star = '' if self.is_clean else ' *'
        line = f'  {self.name:<44}{_short(self.value):>9} {self.unit:<5} {spread:<17} {targets:<19} {self.verdict}{star}'
        return f'{line.rstrip()}   {self.note}' if self.note else line.rstrip()


def over_rounds(name: str, values: Iterable[float], unit: str, **more: Any) -> Figure:
    """The median of the rounds."""
    all_ = list(values)
    return Figure(name=name, value=statistics.median(all_), unit=unit, low=min(all_), high=max(all_), **more)


def exactly(name: str, value: float, unit: str, **more: Any) -> Figure:
    """What is measured once."""
    return Figure(name=name, value=value, unit=unit, low=value, high=value, **more)


def quiet(rounds: list[T], foreign: list[float]) -> tuple[list[T], bool]:
    """The rounds in which others left the machine alone if at least two are such, else all; and which it is."""
    clean = [item for item, share in zip(rounds, foreign, strict=True) if share < QUIET]
    if len(clean) >= 2:
        return clean, True
    return rounds, False


class Report:
    """`add` prints. `save` writes the document."""

    def __init__(self, is_quick: bool) -> None:
        self.figures: list[Figure] = []
        self._rounds: dict[str, Any] = {}
        self._benchmark = ''
        self._is_quick = is_quick
        self._started = datetime.now(UTC)

    def heading(self, name: str, text: str) -> None:
        self._benchmark = name
        print(f'\n{name}: {text}', flush=True)

    def add(self, *figures: Figure) -> None:
        for figure in figures:
            print(figure, flush=True)
            self.figures.append(replace(figure, benchmark=self._benchmark))

    def rounds(self, benchmark: str, raw: Any) -> None:
        """Everything that a benchmark's figures were made of."""
        self._rounds[benchmark] = raw

    @property
    def missed(self) -> list[str]:
        return [f'{figure.benchmark}: {figure.name}' for figure in self.figures if figure.verdict == 'MISSED']

    @property
    def unclean(self) -> list[str]:
        return [figure.name for figure in self.figures if not figure.is_clean]

    def save(self, path: Path) -> None:
        document = {
            'date': self._started.isoformat(timespec='seconds'),
            'is_quick': self._is_quick,
            'machine': machine(),
            'versions': versions(),
            'figures': [{**vars(figure), 'verdict': figure.verdict} for figure in self.figures],
            'rounds': self._rounds,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')


def machine() -> dict[str, Any]:
    lines = Path('/proc/cpuinfo').read_text().splitlines()
    return {
        'cpu': next((line.partition(':')[2].strip() for line in lines if line.startswith('model name')), platform.machine()),
        'cpus': os.cpu_count(),
        'memory_gib': round(psutil.virtual_memory().total / 2**30, 1),
        'system': platform.freedesktop_os_release().get('PRETTY_NAME', ''),
        'kernel': platform.release(),
    }


def versions() -> dict[str, str]:
    return {'python': platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def _short(value: float) -> str:
    if abs(value) >= 1000:
        return f'{value:,.0f}'
    return f'{value:.0f}' if abs(value) >= 100 else f'{value:.2f}'
