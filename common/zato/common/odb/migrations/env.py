"""Called by Alembic, on the connection that `runner` has."""

from __future__ import annotations

from alembic import context

from zato.common.odb.tables import metadata

context.configure(connection=context.config.attributes['connection'], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
