"""`python -m tests.bench`: measures what is promised about speed and memory, beside baselines and peers in the same run.

Exits with 1 if something that must be reached is not, with 2 if it could not be measured. docs/performance.md has more.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import FrameType, ModuleType
from typing import Final

from tests.bench.processes import ROOT, BenchError
from tests.bench.pubsub_rabbitmq import PROGRAM

_MODULES: Final = ('fastapi', 'huey', 'pika', 'procrastinate', 'psutil', 'requests', 'uvicorn', 'uvloop')


def main() -> int:
    missing = _missing()
    if missing:
        print(f'The benchmarks cannot run without {" and ".join(missing)}', file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _end)
    from tests.bench import (
        configuration,
        dashboard,
        hot_deploy,
        invoke,
        latency,
        memory,
        outgoing_rest,
        pubsub_deliver,
        pubsub_fsync,
        pubsub_latency,
        pubsub_postgresql,
        pubsub_publish,
        pubsub_rest,
        pubsub_restart,
        rest_echo,
        rest_model,
        rest_rich,
        rest_sio,
        scaling,
        start,
        start_600,
    )
    from tests.bench.options import QUICK, Options
    from tests.bench.report import Report

    benchmarks: dict[str, ModuleType] = {
        module.NAME: module
        for module in (
            rest_echo,
            rest_sio,
            rest_model,
            rest_rich,
            outgoing_rest,
            invoke,
            latency,
            scaling,
            start,
            start_600,
            hot_deploy,
            configuration,
            dashboard,
            memory,
            pubsub_publish,
            pubsub_deliver,
            pubsub_latency,
            pubsub_rest,
            pubsub_restart,
            pubsub_fsync,
            pubsub_postgresql,
        )
    }
    arguments = _parse(list(benchmarks))
    options = QUICK if arguments.quick else Options()
    if arguments.rounds:
        options = replace(options, rounds=arguments.rounds)
    report = Report(arguments.quick)
    print('Median, spread, "must / aim", verdict. *: others used the machine, so what depends on time is not clean.')
    try:
        for name in arguments.only or benchmarks:
            benchmarks[name].run(report, options)
    except BenchError as e:
        print(f'Error: {e}', file=sys.stderr)
        return 2
    finally:
        if report.figures:
            report.save(arguments.json)
    return _summarize(report.missed, report.unclean, arguments.json)


def _parse(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m tests.bench', description='Measures speed and memory.')
    parser.add_argument('--only', nargs='+', choices=names, metavar='NAME', help=f'of {", ".join(names)}')
    parser.add_argument('--rounds', type=int, metavar='N', help='more of them make medians steadier; default 5')
    parser.add_argument('--quick', action='store_true', help='fewer and shorter rounds, to see whether it works')
    parser.add_argument('--json', type=Path, default=ROOT / 'build' / 'bench.json', help='where every figure is written')
    return parser.parse_args()


def _missing() -> list[str]:
    """What is not installed, and what installs it."""
    found = []
    if not shutil.which('wrk') or not shutil.which('taskset'):
        found.append('wrk and taskset (scripts/system-packages bench)')
    if not PROGRAM.exists():
        found.append('RabbitMQ (scripts/system-packages bench)')
    modules = [name for name in _MODULES if find_spec(name) is None]
    if modules:
        found.append(f"{', '.join(modules)} (.venv/bin/pip install -e '.[bench]')")
    return found


def _end(sig: int, frame: FrameType | None) -> None:
    """Leave by an exception, so that everything that was started is stopped."""
    sys.exit(128 + sig)


def _summarize(missed: list[str], unclean: list[str], path: Path) -> int:
    print(f'\nEvery round is in {path}')
    if unclean:
        print(f'Not clean, since others used the machine: {len(unclean)} figures, marked with *')
    if missed:
        print(f'MISSED: {", ".join(missed)}')
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main())
