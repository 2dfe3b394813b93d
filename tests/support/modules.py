"""Versions of deployed modules as tests need them."""

from __future__ import annotations

from typing import Any

from zato.server.deploy.seen import Seen
from zato.server.deploy.versions import ModuleVersion, ServiceDeclaration, digest_of


def version_of(path: str, source: bytes, **kwargs: Any) -> ModuleVersion:
    """Its module is the file's stem, with one service of that name."""
    module = path.rpartition('/')[2].removesuffix('.py')
    values: dict[str, Any] = {
        'path': path,
        'module': module,
        'server': 'server1',
        'sha256': digest_of(source),
        'services': (ServiceDeclaration(f'{module}.my-service', 'MyService', 3),),
        'imports': (),
    }
    return ModuleVersion(**{**values, **kwargs})


def seen_of(source: bytes, **kwargs: Any) -> Seen:
    return Seen(**{'sha256': digest_of(source), 'attempt': 1, **kwargs})
