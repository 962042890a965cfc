"""A database whose commits would not wait for the disk is not taken for a market's."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine

from ledger.database import open_database
from ledger.sqlite import check_durable
from ledger.unusable import DatabaseUnusable


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "memory", "off"])
def test_another_journal_mode_than_the_write_ahead_log_is_refused(tmp_path: Path, mode: str) -> None:
    """As on a file system without shared memory, where SQLite cannot switch to it and says so in no other way."""
    engine = create_engine(f"sqlite:///{tmp_path}/market.db")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA journal_mode = {mode}")
        with pytest.raises(DatabaseUnusable, match=rf"market\.db: found journal mode {mode}, expected wal"):
            check_durable(connection)
    engine.dispose()


def test_ours_waits_for_the_disk(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/market.db")
    with engine.connect() as connection:
        check_durable(connection)
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
    engine.dispose()
