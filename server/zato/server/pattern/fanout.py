"""Fan-out/fan-in and parallel execution: many services at once, callbacks as each ends, and, of a fan-out, once all have."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any

from zato.common.api import CHANNEL
from zato.server.config.cooperation import Stopped
from zato.server.pattern.callback import Target, name_of, names_of, now_utc
from zato.server.pattern.source import Apart, Source

logger = logging.getLogger(__name__)


class _Run:
    """One call of a pattern."""

    def __init__(self, apart: Apart, cid: str, targets: Mapping[Target, Any]) -> None:
        self.apart = apart
        self.cid = cid
        self.started = now_utc()
        if not isinstance(targets, Mapping):
            raise ValueError(f'targets must be a dict of services and their payloads, not {type(targets).__name__}')
        self.targets = {name_of(target): payload for target, payload in targets.items()}
        if not self.targets:
            raise ValueError('targets must name at least one service')

    def call_target(self, target: str, channel: str) -> tuple[dict[str, Any], BaseException | None]:
        """What callbacks are told, and what went wrong."""
        response, error = None, None
        try:
            response = self.apart.invoke(target, self.targets[target], cid=self.cid, channel=channel)
        except Stopped:
            raise
        except BaseException as e:  # whatever a service raises is its failure, not the pattern's end
            error = e
            logger.warning(
                'Service %s, invoked by %s, failed (cid: %s)',
                target,
                self.apart.name,
                self.cid,
                exc_info=e,
                extra={'action': 'pattern.target.failed', 'cid': self.cid},
            )
        told = {
            'phase': 'on-target',
            'source': self.apart.name,
            'target': target,
            'response': response,
            'req_ts_utc': self.started,
            'resp_ts_utc': now_utc(),
            'ok': error is None,
            'exception': None,
            'cid': self.cid,
        }
        return told, error

    def call_back(self, callbacks: list[str], told: dict[str, Any], channel: str) -> None:
        self.apart.call_back(callbacks, told, self.cid, channel)


class Fanout:
    """`self.patterns.fanout`."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def invoke(
        self,
        targets: Mapping[Target, Any],
        on_final: Target | list[Target],
        on_target: Target | list[Target] | None = None,
        cid: str | None = None,
    ) -> str:
        """Invoke all `targets`, a dict of services and their payloads, at once, each in a greenlet. Returns the cid at once.

        on_target: services invoked as each target ends, with `phase` 'on-target', `source`, `target`, `response`,
        `req_ts_utc`, `resp_ts_utc`, `ok`, `exception` (the object, None where `ok`), `cid`. on_final: those invoked once all
        have ended, with `phase` 'on-final', `source`, `req_ts_utc`, `on_target`, `on_final` and `data`, a list of such dicts
        in the order in which the targets ended. A target that fails has ended too. Raises ValueError.
        """
        final = names_of(on_final, 'on_final', self._source.exists)
        each = names_of(on_target, 'on_target', self._source.exists)
        if not final:
            raise ValueError('on_final must name at least one service')
        run = _Run(self._source.apart, cid or self._source.cid, targets)
        data: list[dict[str, Any]] = []
        self._source.spawn_all(self._call, list(run.targets), run, each, final, data)
        return run.cid

    @staticmethod
    def _call(target: str, run: _Run, each: list[str], final: list[str], data: list[dict[str, Any]]) -> None:
        told, error = run.call_target(target, CHANNEL.FANOUT_CALL)
        told['exception'] = error
        data.append(told)
        is_last = len(data) == len(run.targets)
        run.call_back(each, told, CHANNEL.FANOUT_ON_TARGET)
        if is_last:
            told_all = {
                'phase': 'on-final',
                'source': run.apart.name,
                'req_ts_utc': run.started,
                'on_target': each,
                'on_final': final,
                'data': data,
            }
            run.call_back(final, told_all, CHANNEL.FANOUT_ON_FINAL)


class Parallel:
    """`self.patterns.parallel`."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def invoke(self, targets: Mapping[Target, Any], on_target: Target | list[Target], cid: str | None = None) -> str:
        """Invoke all `targets`, a dict of services and their payloads, at once, each in a greenlet. Returns the cid at once.

        on_target: services invoked as each target ends, with the same as those of a fan-out; `exception` is the traceback as
        text, None where `ok`. Raises ValueError.
        """
        each = names_of(on_target, 'on_target', self._source.exists)
        if not each:
            raise ValueError('on_target must name at least one service')
        run = _Run(self._source.apart, cid or self._source.cid, targets)
        self._source.spawn_all(self._call, list(run.targets), run, each)
        return run.cid

    @staticmethod
    def _call(target: str, run: _Run, each: list[str]) -> None:
        told, error = run.call_target(target, CHANNEL.PARALLEL_EXEC_CALL)
        if error is not None:
            told['exception'] = ''.join(traceback.format_exception(error))
        run.call_back(each, told, CHANNEL.PARALLEL_EXEC_ON_TARGET)
