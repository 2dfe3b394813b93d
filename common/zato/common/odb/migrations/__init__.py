"""The schema, migration by migration (Alembic). Commands run them, under a lock; servers never import this package."""
