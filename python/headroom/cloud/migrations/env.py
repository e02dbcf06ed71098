"""What Alembic runs. The connection comes from database.py, which holds the lock."""

from __future__ import annotations

from alembic import context

from headroom.cloud.tables import metadata

connection = context.config.attributes["connection"]
# SQLite changes a column by making the table anew.
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
