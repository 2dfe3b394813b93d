"""How long a failed delivery waits before it is tried again."""

from __future__ import annotations

import random
from typing import Final

from zato.common.config.kinds.pubsub_subscription import PubSubSubscription
from zato.common.exception import RetryLater

_FIRST: Final = 1.0  #: seconds
_LONGEST: Final = 300.0
_DOUBLINGS: Final = 10  #: after which it is as long as it gets


def pause(attempts: int, *, fixed: float = 0.0) -> float:
    """Seconds after so many failures, from 1 on: they double up to five minutes, less up to half at random.

    fixed: seconds that the user set in place of that, 0 for none.
    """
    if fixed:
        return fixed
    longest = min(_FIRST * (1 << min(attempts - 1, _DOUBLINGS)), _LONGEST)
    return longest * random.uniform(0.5, 1.0)


def pause_after(e: BaseException, attempts: int, settings: PubSubSubscription) -> float:
    """The same as the target wants it, or else the subscription. e: why the last attempt failed."""
    if isinstance(e, RetryLater):
        return e.seconds
    return pause(attempts, fixed=settings.wait_sock_err if isinstance(e, OSError) else settings.wait_non_sock_err)
