"""Publish/subscribe, as users' code and all processes know it: the message, and what a service raises to reject one."""

from __future__ import annotations

from zato.common.exception import PubSubReject
from zato.common.pubsub.message import PubSubMessage

__all__ = ['PubSubMessage', 'PubSubReject']
