"""What users' services import."""

from zato.server.service.base import Service

__all__ = ['Service']
