"""Other settings of web-admin.conf for the rest of a test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zato.admin.runtime import runtime, set_runtime


def security(**values: Any) -> None:
    """Of [security]."""
    current = runtime()
    set_runtime(replace(current, conf=replace(current.conf, security=replace(current.conf.security, **values))))
