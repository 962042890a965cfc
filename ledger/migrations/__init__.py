"""How the tables of `Truth` came to be as they are, for Alembic: one file per change, oldest first."""
