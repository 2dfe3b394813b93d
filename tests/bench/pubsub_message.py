"""The message that all publishers send, ours and the peers': JSON of about 250 bytes with the time when it was made."""

from __future__ import annotations

import json
from time import monotonic_ns
from typing import Final

IN_FLIGHT: Final = 64  #: messages that a publisher has sent and that are not confirmed yet, or callers that wait at a time

_PADDING: Final = 'x' * 200


def body() -> str:
    return json.dumps({'t0': monotonic_ns(), 'pad': _PADDING})


def age(body: bytes) -> float:
    """Milliseconds since the message was made, on this machine."""
    made: int = json.loads(body)['t0']
    return (monotonic_ns() - made) / 1e6
