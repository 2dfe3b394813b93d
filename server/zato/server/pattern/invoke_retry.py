"""Invoke a service, and again if it fails, up to a number of times with a pause between two."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

from zato.common.api import CHANNEL
from zato.common.exception import ServiceUnavailable, ZatoException
from zato.server.config.cooperation import Interrupted, Stopped
from zato.server.pattern.callback import Target, name_of, names_of, now_utc
from zato.server.pattern.source import Apart, Source

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """pause: seconds. repeats: how many attempts there are, all together."""

    target: str
    payload: Any
    repeats: int
    pause: float
    callbacks: list[str]
    context: Any
    cid: str
    call_cid: str
    started: str


class InvokeRetry:
    """`self.patterns.invoke_retry`."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def invoke(
        self,
        target: Target,
        payload: Any = '',
        *,
        repeats: int = 0,
        seconds: float = 0,
        minutes: float = 0,
        async_fallback: bool = False,
        callback: Target | list[Target] | None = None,
        context: Any = None,
        cid: str | None = None,
    ) -> Any:
        """Invoke a service, at most `repeats` times with `seconds` or `minutes` between two; returns its first response.

        async_fallback: after the first failure go on in the background and return a cid; `callback` is then invoked with
        the outcome, as with `invoke_async`. Raises ValueError for arguments that do not fit, ZatoException once all attempts
        have failed, its cause being what the last one raised. If the server stops meanwhile, that is a ServiceUnavailable.
        """
        callbacks = names_of(callback, 'callback', self._source.exists)
        if async_fallback and not callbacks:
            raise ValueError('async_fallback needs a callback')
        plan = self._plan(target, payload, repeats, seconds, minutes, callbacks, context, cid)
        error: Exception | None = None
        for attempt in range(1, plan.repeats + 1):
            if error is not None and self._source.apart.wait(plan.pause):
                text = f'The server stops; service {plan.target} was not invoked again'
                raise ServiceUnavailable(plan.cid, text) from error
            try:
                return self._source.invoke(plan.target, plan.payload)
            except Exception as e:
                error = e
            _log(plan, attempt, error)
            if async_fallback:
                error = error if plan.repeats == 1 else None  # its traceback has the caller's call, which is over
                self._source.spawn(_go_on, self._source.apart, plan, 1, error)
                return plan.call_cid
        raise ZatoException(plan.cid, _exhausted(plan)) from error

    def invoke_async(
        self,
        target: Target,
        payload: Any = '',
        *,
        repeats: int = 0,
        seconds: float = 0,
        minutes: float = 0,
        callback: Target | list[Target] | None = None,
        context: Any = None,
        cid: str | None = None,
        async_fallback: bool = True,
    ) -> str:
        """As `invoke`, in the background from the start. Returns a cid at once.

        callback: invoked with `ok`, `orig_cid`, `call_cid` (what is returned here), `source`, `target`, `retry_seconds`,
        `retry_repeats`, `context`, `req_ts_utc`, `resp_ts_utc`, `response`, `exception`. A call that is cancelled is
        not repeated. Raises ValueError.
        """
        callbacks = names_of(callback, 'callback', self._source.exists)
        if not callbacks:
            raise ValueError('callback must name at least one service')
        plan = self._plan(target, payload, repeats, seconds, minutes, callbacks, context, cid)
        self._source.spawn(_go_on, self._source.apart, plan, 0, None)
        return plan.call_cid

    def _plan(
        self,
        target: Target,
        payload: Any,
        repeats: int,
        seconds: float,
        minutes: float,
        callbacks: list[str],
        context: Any,
        cid: str | None,
    ) -> _Plan:
        """Raises ValueError."""
        if not isinstance(repeats, int) or repeats < 1:
            raise ValueError('repeats must be a number above 0: how many attempts there are')
        if bool(seconds) == bool(minutes) or not _is_pause(seconds) or not _is_pause(minutes):
            raise ValueError('either seconds or minutes must be given: how long to wait between two attempts')
        return _Plan(
            target=name_of(target),
            payload=payload,
            repeats=repeats,
            pause=seconds or (minutes or 0) * 60,
            callbacks=callbacks,
            context=context,
            cid=self._source.cid,
            call_cid=cid or self._source.apart.new_cid(),
            started=now_utc(),
        )


def _go_on(apart: Apart, plan: _Plan, attempts: int, error: BaseException | None) -> None:
    """In the background, after so many attempts; error: what the last one raised, if it was the last one of all."""
    response: Any = None
    while attempts < plan.repeats:
        error = None  # its traceback would keep all that the failed attempt had
        if attempts and apart.wait(plan.pause):
            logger.warning(
                'The server stops; service %s is not invoked again (cid: %s)',
                plan.target,
                plan.call_cid,
                extra={'action': 'invoke_retry.lost', 'cid': plan.call_cid},
            )
            return
        attempts += 1
        response, error = _attempt(apart, plan)
        if error is None:
            break
        _log(plan, attempts, error)
        if isinstance(error, Interrupted):
            break
    told = {
        'ok': error is None,
        'orig_cid': plan.cid,
        'call_cid': plan.call_cid,
        'source': apart.name,
        'target': plan.target,
        'retry_seconds': plan.pause,
        'retry_repeats': plan.repeats,
        'context': plan.context,
        'req_ts_utc': plan.started,
        'resp_ts_utc': now_utc(),
        'response': response,
        'exception': error,
    }
    apart.call_back(plan.callbacks, told, plan.call_cid, CHANNEL.INVOKE_ASYNC_CALLBACK)


def _attempt(apart: Apart, plan: _Plan) -> tuple[Any, BaseException | None]:
    """The response, or what was raised."""
    try:
        return apart.invoke(plan.target, plan.payload, cid=plan.call_cid, channel=CHANNEL.INVOKE_ASYNC), None
    except Stopped:
        raise
    except BaseException as e:  # whatever a service raises is its failure, not the pattern's end
        return None, e


def _log(plan: _Plan, attempt: int, error: BaseException) -> None:
    logger.warning(
        'Attempt %d of %d to invoke service %s failed (cid: %s): %s',
        attempt,
        plan.repeats,
        plan.target,
        plan.call_cid,
        f'{type(error).__name__}: {error}',
        extra={'action': 'invoke_retry.failed', 'cid': plan.call_cid},
    )


def _is_pause(given: float | None) -> bool:
    return given is None or (isinstance(given, int | float) and 0 <= given < math.inf)


def _exhausted(plan: _Plan) -> str:
    return f'Service {plan.target} failed {plan.repeats} times, with {plan.pause:g} s between two attempts'
