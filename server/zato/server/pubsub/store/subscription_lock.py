"""How PostgreSQL's transactions that publish and those that change who has subscribed keep out of each other's way.

Who publishes reads the subscriptions and writes to their queues in one transaction, which holds this lock together with
others that publish; who writes ps_sub holds it alone. So no message is queued for somebody who is gone, and none passes by
somebody who has come. SQLite has one writer at a time and needs no such lock.
"""

from __future__ import annotations

from typing import Final

_KEY: Final = 0x7A617073

#: Statements, each for the rest of its transaction.
SHARE: Final = f'SELECT pg_advisory_xact_lock_shared({_KEY})'
HOLD_ALONE: Final = f'SELECT pg_advisory_xact_lock({_KEY})'
