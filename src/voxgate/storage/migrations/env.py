"""Run by Alembic: does the migrations in the transaction that `voxgate.storage.upgrade` has begun."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    render_as_batch=True,  # SQLite cannot alter most of a table in place
)
context.run_migrations()
