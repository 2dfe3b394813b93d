"""What a worker says of itself, beside what its parts know."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

_PAGE: Final = os.sysconf('SC_PAGE_SIZE')
_LISTED: Final = 100


def resident_memory() -> int:
    """Bytes of this process that are in memory now, those that it shares with other processes too.

    Source: proc(5), statm. What it has alone would take the kernel ten times as long to find out, for each megabyte.
    """
    return int(Path('/proc/self/statm').read_text(encoding='ascii').split()[1]) * _PAGE


def summary(info: dict[str, Any], *, with_modules: bool) -> dict[str, Any]:
    """Of what `zato info` shows, as much as can be asked for every few seconds, however much there is; and how many of each.

    The calls that have run for longest are listed, the latest alarms, and the modules that have an error, or all of them.
    """
    modules, running, alarms = info['modules'], info['running'], info['alarms']
    return {
        **info,
        'module_count': len(modules),
        'service_count': sum(len(module['services']) for module in modules),
        'modules': modules if with_modules else [module for module in modules if module['error']][:_LISTED],
        'running_count': len(running),
        'running': sorted(running, key=lambda call: -call['seconds'])[:_LISTED],
        'alarm_count': len(alarms),
        'alarms': alarms[-_LISTED:],
    }
