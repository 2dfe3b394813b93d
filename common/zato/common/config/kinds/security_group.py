"""Security groups."""

from __future__ import annotations

from dataclasses import dataclass

from zato.common.config.field import references
from zato.common.config.kind import kind


@kind(
    'security_group',
    label='Security group',
    menu=('Security', 'Groups'),
    services='zato.groups',
    enmasse=('security_groups',),
    operations=('get-list', 'get', 'create', 'edit', 'delete'),
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup:
    """Definitions any of which lets a client into the channels that have the group. A group of none lets nobody in."""

    members: tuple[int, ...] = references(
        'security_basic_auth',
        'security_apikey',
        label='Members',
        is_listed=True,
        help='Names of Basic Auth definitions and of API keys',
        on_delete='detach',
    )
