"""The facades that services of one worker reach through `self`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zato.common.odb.lease import Leases
from zato.server.service.facade.cache import Caches
from zato.server.service.facade.crypto import Crypto
from zato.server.service.facade.lock import Locks
from zato.server.service.facade.patterns import patterns_of
from zato.server.service.facade.server import ServerFacade
from zato.server.service.facade.static_config import StaticConfig
from zato.server.service.facade.time import Time
from zato.server.service.facades import Facades

if TYPE_CHECKING:
    from zato.server.process.settings import Settings
    from zato.server.propagate.odb import ODB
    from zato.server.service.base import Service
    from zato.server.service.workers import WorkerCalls


def make_facades(settings: Settings, odb: ODB, worker_id: str, user_config: Callable[[], Any]) -> Facades:
    """All but `server`, which is made by `add_server` once there is an invoker."""
    caches, crypto, time = Caches(), Crypto(settings.cipher), Time()
    locks = Locks(Leases(odb.database, odb.write), worker_id)
    static_config = StaticConfig(settings.directory.repo / 'static')
    return Facades(
        {
            'cache': lambda service: caches,
            'crypto': lambda service: crypto,
            'lock': lambda service: locks,
            'patterns': patterns_of,
            'static_config': lambda service: static_config,
            'time': lambda service: time,
            'user_config': lambda service: user_config(),
        }
    )


def add_server(facades: Facades, name: str, calls: WorkerCalls) -> None:
    """name: of the server."""

    def make(service: Service) -> ServerFacade:
        def invoke_all(target: str, payload: Any, timeout: float) -> dict[str, Any]:
            return calls.invoke_all(target, payload, timeout, service._call.acting)

        return ServerFacade(service, name, service.crypto, invoke_all)

    facades.put('server', make)
