"""Alembic runs this to run the migrations, in the transaction that `ledger.schema` has begun."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
