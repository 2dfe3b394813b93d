"""What came of a change, in words: where it has been taken over, and what is down since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages

from zato.admin.middleware.access import Request
from zato.admin.wording import in_labels
from zato.common.config.kind import Kind


def tell(request: Request, done: str, answer: Mapping[str, Any], kind: Kind | None = None, *, name: str = '') -> None:
    """On the next page that the user sees. done: a sentence. kind, name: of the object that was changed."""
    more = troubles(answer, kind.title(name) if kind is not None else '')
    if kind is not None:
        more = [in_labels(kind, text) for text in more]
    messages.add_message(request, messages.WARNING if more else messages.SUCCESS, '\n'.join([done, *more]))


def troubles(answer: Mapping[str, Any], title: str = '') -> list[str]:
    """answer: of an admin service that changes something. title: of the object; others may be down since, too."""
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
