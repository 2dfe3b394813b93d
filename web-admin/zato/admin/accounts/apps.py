"""The Django application of users."""

from __future__ import annotations

from django.apps import AppConfig


class Accounts(AppConfig):
    """Label: accounts."""

    name = 'zato.admin.accounts'
    default_auto_field = 'django.db.models.BigAutoField'
