"""Where a subscription's messages go: services, outgoing connections. Each kind of them is one class with these methods."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from zato.common.pubsub import PubSubMessage


class Target(Protocol):
    """Of one subscription, in one worker."""

    def deliver(self, messages: Sequence[PubSubMessage], cid: str) -> Collection[str]:
        """Returns the IDs of those that it did not take, usually none. What it raises is true of all of them.

        Raises PubSubReject if they are to be dead letters at once, RetryLater where it says when to try again; anything else
        is a failure, and they are tried again after a pause.
        """

    def is_there(self) -> bool:
        """Is there any sense in trying again at once what failed: has it come, or changed, since then?"""
