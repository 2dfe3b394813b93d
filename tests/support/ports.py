"""Free ports."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack


def free_ports(count: int = 1) -> int:
    """The first of so many free ports, one after the other, below those that the system gives to clients."""
    while True:
        first = random.randrange(20_000, 32_000)
        with ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(('127.0.0.1', port))
            except OSError:
                continue
        return first
