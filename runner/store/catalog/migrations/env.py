"""What alembic runs: the connection is handed in, its transaction is the caller's."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=False)
context.run_migrations()
