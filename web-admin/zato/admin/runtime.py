"""What the dashboard's process was started with. Set once, before Django is; read by views, which Django makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zato.admin.cluster import Cluster
    from zato.common.config.web_admin_conf import WebAdminConf
    from zato.common.crypto import Cipher


@dataclass(frozen=True, slots=True)
class Runtime:
    """cipher: of TOTP keys."""

    conf: WebAdminConf
    cluster: Cluster
    cipher: Cipher


_current: list[Runtime] = []


def set_runtime(new: Runtime) -> None:
    """Of this process; tests set another one."""
    _current[:] = [new]


def runtime() -> Runtime:
    return _current[0]
