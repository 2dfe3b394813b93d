"""What came of a change, in words: where it has been taken over, and what is down since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages

from zato.admin.middleware.access import Request
from zato.common.config.kind import Kind


def tell(request: Request, kind: Kind, name: str, done: str, answer: Mapping[str, Any]) -> None:
    """On the next page that the user sees. done: a sentence. answer: of an admin service that changes something."""
    more = troubles(kind.title(name), answer)
    level = messages.WARNING if more else messages.SUCCESS
    messages.add_message(request, level, '\n'.join([done, *more]))


def troubles(title: str, answer: Mapping[str, Any]) -> list[str]:
    """title: of the object that was changed; there may be others that could not be used since."""
    places: dict[tuple[str, str], list[str]] = {}
    for worker, failed in dict(answer.get('failed') or {}).items():
        for what, why in failed.items():
            places.setdefault((what, why), []).append(worker.rpartition(':')[0] or worker)
    found = []
    for (what, why), servers in places.items():
        which = 'It' if what == title else what
        reason = '\n'.join(line.removeprefix(f'{what}: ') for line in why.split('\n'))
        found.append(f'{which} is down on {", ".join(sorted(set(servers)))}: {reason}')
    if answer.get('pending'):
        found.append(f'These workers do not have the change yet: {", ".join(answer["pending"])}')
    return found
