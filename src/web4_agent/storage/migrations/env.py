"""Run by alembic: migrates over the connection that `migrate` hands in, inside its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
