"""Services, which come by deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zato.common.config.field import setting
from zato.common.config.kind import kind
from zato.common.config.rate_limit import RateLimited, check_limits


def _must_be_active(name: str, settings: Mapping[str, Any]) -> str:
    is_needed = settings.get('is_internal') and name.startswith('zato.')
    return 'is built in, and servers are administered through such services' if is_needed else ''


@kind(
    'service',
    label='Service',
    menu=('Services',),
    services='zato.service',
    operations=('get-list', 'get', 'edit'),
    is_renamable=False,
    check=check_limits,
    must_be_active=_must_be_active,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Service(RateLimited):
    """A service, deployed from a module or built in. It is created by deployment, and has its ID for good."""

    impl_name: str = setting(
        '',
        label='Implementation',
        is_listed=True,
        help='Module and class that the service is in',
        is_read_only=True,
        max_length=500,
    )
    is_internal: bool = setting(False, label='Is internal', help='Is it built in?', is_read_only=True)
