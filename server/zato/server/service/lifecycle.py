"""The order in which a service's methods are called (source: classic Zato).

accept → JSON Schema → before_job … → before_handle → validate_input → handle → validate_output → after_handle →
after_job … → finalize_handle

What a hook around `handle` raises is logged, and the call goes on; what validate_input and validate_output raise ends it.
finalize_handle is called whatever happens; the other hooks after `handle` only if it has not failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zato.common.api import CHANNEL
from zato.common.exception import BadRequest

if TYPE_CHECKING:
    from zato.server.service.base import Service
    from zato.server.service.json_schema import Validate

logger = logging.getLogger(__name__)

Method = Callable[['Service'], Any]

_JOB_TYPES = ('one_time', 'interval_based', 'cron_style')
_HOOKS = (
    'before_handle',
    'after_handle',
    'finalize_handle',
    'before_job',
    'after_job',
    *(f'{when}_{job}_job' for when in ('before', 'after') for job in _JOB_TYPES),
)
_CHECKS = ('accept', 'validate_input', 'validate_output')


class Lifecycle:
    """Of one class: those methods that it has for itself."""

    __slots__ = ('_accept', '_hooks', '_validate', '_validate_input', '_validate_output')

    def __init__(self, methods: dict[str, Method], validate: Validate | None) -> None:
        self._hooks = {name: method for name, method in methods.items() if name in _HOOKS}
        self._accept = methods.get('accept')
        self._validate_input = methods.get('validate_input')
        self._validate_output = methods.get('validate_output')
        self._validate = validate

    def run(self, service: Service, handle: Method) -> bool:
        """Has it been accepted? Raises what `handle` and the validators raise, and BadRequest for a wrong input."""
        try:
            return self._run(service, handle)
        finally:
            self._call('finalize_handle', service)

    def _run(self, service: Service, handle: Method) -> bool:
        if self._accept is not None and not self._accept(service):
            service.response.payload = ''
            service.response.status_code = 400
            return False
        if self._validate is not None:
            try:
                self._validate(service.request.payload)
            except ValueError as e:
                raise BadRequest(service.cid, str(e), needs_msg=True) from None
        is_job = service.channel.type == CHANNEL.SCHEDULER
        if is_job:
            self._call('before_job', service)
            self._call(f'before_{service.job_type}_job', service)
        self._call('before_handle', service)
        if self._validate_input is not None:
            self._validate_input(service)
        handle(service)
        if self._validate_output is not None:
            self._validate_output(service)
        self._call('after_handle', service)
        if is_job:
            self._call('after_job', service)
            self._call(f'after_{service.job_type}_job', service)
        return True

    def _call(self, name: str, service: Service) -> None:
        hook = self._hooks.get(name)
        if hook is None:
            return
        try:
            hook(service)
        except Exception:  # a hook's failure is not its service's
            logger.exception(
                '%s of service %s failed (cid: %s)',
                name,
                service.name,
                service.cid,
                extra={'action': 'service.hook.failed', 'cid': service.cid},
            )


def lifecycle_of(cls: type[Service], base: type[Service], validate: Validate | None) -> Lifecycle | None:
    """None if the class has no hooks: then `handle` is all there is to call. base: that has none of its own."""
    names = (*_CHECKS, *_HOOKS) if cls.call_hooks else _CHECKS
    methods = {name: getattr(cls, name) for name in names if getattr(cls, name) is not getattr(base, name)}
    return Lifecycle(methods, validate) if methods or validate is not None else None
