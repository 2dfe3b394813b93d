"""`self.server`: what services may know of the server that they run in, and nothing else of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zato.server.service.base import Service
    from zato.server.service.facade.crypto import Crypto

#: (service, payload, seconds) → what each worker process of this server answered, by its pid as text.
InvokeAllPIDs = Callable[[str, Any, float], dict[str, Any]]


class ServerFacade:
    """name: the server's."""

    def __init__(self, service: Service, name: str, crypto: Crypto, invoke_all_pids: InvokeAllPIDs) -> None:
        self._service = service
        self._invoke_all_pids = invoke_all_pids
        self.name = name
        self.encrypt = crypto.encrypt
        self.decrypt = crypto.decrypt
        self.hash_secret = crypto.hash_secret
        self.verify_hash = crypto.verify_hash

    @property
    def pid(self) -> int:
        """Of the worker process."""
        return os.getpid()

    @property
    def user_config(self) -> Any:
        return self._service.user_config

    def invoke(self, name: str, payload: Any = '', **options: Any) -> Any:
        """The same as `self.invoke`."""
        return self._service.invoke(name, payload, **options)

    def invoke_all_pids(self, name: str, payload: Any = '', timeout: float = 5.0) -> dict[str, Any]:
        """Run a service in each worker process of this server; payload and response must be JSON. timeout: seconds.

        Returns, by pid as text, `is_ok`, `pid`, `pid_data` (the response) and `error_info` ('' where `is_ok`).
        """
        return self._invoke_all_pids(name, payload, timeout)
