"""Tells what came of a change of services, and which workers do not have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages

from zato.admin.middleware.access import Request
from zato.admin.objects.outcome import troubles


def tell(request: Request, done: str, answer: Mapping[str, Any]) -> None:
    """On the next page that the user sees. done: a sentence. answer: of an admin service that changes something."""
    more = troubles('', answer)
    messages.add_message(request, messages.WARNING if more else messages.SUCCESS, '\n'.join([done, *more]))
