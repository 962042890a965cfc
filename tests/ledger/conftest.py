from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.postgres import Cluster, running_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new database, of either kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/market.db"
    running: Cluster = request.getfixturevalue("cluster")
    return running.emptied()
