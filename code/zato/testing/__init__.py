"""Tests of users' own services, without a server: the pytest fixture `zato` is a LocalServer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zato.testing.local_server import LocalServer
    from zato.testing.pubsub import Published
    from zato.testing.recording import Invocation
    from zato.testing.rest import RESTResponse

__all__ = ['Invocation', 'LocalServer', 'Published', 'RESTResponse']

_MODULES = {'Invocation': 'recording', 'LocalServer': 'local_server', 'Published': 'pubsub', 'RESTResponse': 'rest'}


def __getattr__(name: str) -> Any:
    # The plugin is in this package, and every run of pytest imports that.
    if name in _MODULES:
        return getattr(import_module(f'{__name__}.{_MODULES[name]}'), name)
    raise AttributeError(f'module {__name__} has no attribute {name}')
