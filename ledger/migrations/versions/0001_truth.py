"""The record, whose market it is, and the outbox.

Databases that carry no revision but the file mark 1, 2 or 3 have exactly these tables, and begin here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "genesis",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("notice_period_s", sa.BigInteger, nullable=False),
        sa.Column("withdrawal_margin_s", sa.BigInteger, nullable=False),
        sa.Column("chain_id", sa.String, nullable=False),
        sa.Column("settlement", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "record",
        sa.Column("number", _KEY, primary_key=True, autoincrement=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("commands", sa.LargeBinary, nullable=False),
        sa.Column("events", sa.LargeBinary, nullable=False),
        sa.Column("state_hash", sa.LargeBinary, nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("sequence", _KEY, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("reference", sa.String, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("nonce", sa.BigInteger, nullable=False, unique=True),
        sa.Column("status", sa.String, nullable=False),
        sa.UniqueConstraint("kind", "reference"),
    )
    op.create_index("ix_outbox_status", "outbox", ["status"])
