"""The audit log: what is kept of the messages that an object received and sent. Secrets are masked in it."""

from __future__ import annotations

from dataclasses import dataclass

from zato.common.config.field import setting

_MOST_MESSAGES = 100_000
_MOST_KB = 10_000


@dataclass(frozen=True, kw_only=True)  # with slots, a class could not have two such bases
class Audited:
    """Settings of what has messages."""

    is_audit_log_received_active: bool = setting(
        False, label='Audit log received', group='Audit log', help='Are messages that it receives kept in the audit log?'
    )
    is_audit_log_sent_active: bool = setting(
        False, label='Audit log sent', group='Audit log', help='Are messages that it sends kept in the audit log?'
    )
    max_len_messages_received: int = setting(
        50,
        label='Max received messages',
        group='Audit log',
        help='How many of them, the latest',
        minimum=1,
        maximum=_MOST_MESSAGES,
    )
    max_len_messages_sent: int = setting(
        50,
        label='Max sent messages',
        group='Audit log',
        help='How many of them, the latest',
        minimum=1,
        maximum=_MOST_MESSAGES,
    )
    max_bytes_per_message_received: int = setting(
        500,
        label='Max size of a received message',
        group='Audit log',
        help='The rest is cut off',
        unit='kB',
        minimum=1,
        maximum=_MOST_KB,
    )
    max_bytes_per_message_sent: int = setting(
        500,
        label='Max size of a sent message',
        group='Audit log',
        help='The rest is cut off',
        unit='kB',
        minimum=1,
        maximum=_MOST_KB,
    )
