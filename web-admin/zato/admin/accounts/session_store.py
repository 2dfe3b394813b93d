"""Sessions in the database, as Django keeps them; what was done for a user counts more than what is remembered of it."""

from __future__ import annotations

import logging

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError
from django.db import OperationalError

logger = logging.getLogger(__name__)


class SessionStore(db.SessionStore):
    """One that is there already need not be written: what a request had it remember, such as messages, is lost then."""

    def save(self, must_create: bool = False) -> None:
        """Raises UpdateError if the session has ended meanwhile, OperationalError if a new one cannot be written."""
        try:
            super().save(must_create)
        except UpdateError as e:
            if not isinstance(e.__context__, OperationalError):
                raise
            logger.error('A session cannot be written: %s', e.__context__, extra={'action': 'session.not-written'})
