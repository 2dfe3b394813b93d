"""What lies in the folders that a server deploys from, and what came of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import gevent

from zato.server.deploy.pickup import PickupFolders
from zato.server.deploy.versions import ModuleStore, Snapshot


def test_other_greenlets_run_while_many_files_are_looked_at(tmp_path: Path) -> None:
    for i in range(100):
        (tmp_path / f'module_{i}.py').write_bytes(b'#' * 200_000)
    store = cast(ModuleStore, SimpleNamespace(server='server1', seen=dict, read=Snapshot))
    ran: list[bool] = []
    gevent.spawn(ran.append, True)
    assert len(PickupFolders(store, [tmp_path], 1_000_000).files()) == 100
    assert ran
