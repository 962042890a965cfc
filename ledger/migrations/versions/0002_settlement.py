"""Which trades a transaction of the outbox is for, its later signings, and how far the chain has been heard."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "outbox_trades",
        sa.Column("sequence", _KEY, primary_key=True, autoincrement=False),
        sa.Column("trade_number", _KEY, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "outbox_replacements",
        sa.Column("sequence", _KEY, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
    )
    op.create_table(
        "heard",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("block_number", sa.BigInteger, nullable=False),
        sa.Column("block_hash", sa.LargeBinary, nullable=False),
    )
