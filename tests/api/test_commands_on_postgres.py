"""Every command that reads or makes a database says and writes on PostgreSQL what it does on SQLite."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from tests.ledger.postgres import Cluster, running_cluster
from tests.ledger.recorded import recorded
from tests.ledger.signed_days import SIGNERS, a_signed_day

WHO = f"0x{SIGNERS[0].address.hex()}"
SEQUENCE = (
    ("audit", "URL"),
    ("statement", "URL", "--participant", WHO, "--from", "2022-02-17", "--to", "2022-02-19", "--json"),
    ("export", "URL", "books", "--format", "csv"),
    ("export", "URL", "books", "--format", "parquet"),
    ("record", "export", "URL", "day.ccei"),
    ("proof", "make", "URL", "1", "proof.json"),
    ("rebuild", "URL"),
    ("export", "URL", "rebuilt", "--format", "csv"),
    ("backup", "URL", "copy.db"),
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        running.run("CREATE DATABASE other")
        yield running


def ccei(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def done(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], dict[str, bytes]]:
    """Give the commands in a folder; return what each said, and what they wrote but the copy."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    recorded(a_signed_day(), url=url).dispose()
    said = [ccei(*(url if word == "URL" else word for word in command)) for command in SEQUENCE]
    said[-1] = said[-1].rpartition(", ")[0]  # the bytes of the copy: pages of either making
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*.*"))
        if path.suffix in (".csv", ".parquet", ".ccei", ".json")
    }
    return said, files


def test_both_databases_say_and_write_the_same(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CCEI_OPERATOR_KEY", "CCEI_CHAIN_ID"):
        monkeypatch.delenv(name, raising=False)
    said, files = done("sqlite:///day.db", tmp_path / "sqlite", monkeypatch)
    assert "No findings" in said[0]
    assert len(files) == 3 * 9 + 2
    assert done(cluster.url("market"), tmp_path / "postgresql", monkeypatch) == (said, files)
    ccei("record", "import", "day.ccei", cluster.url("other"))
    ccei("rebuild", cluster.url("other"))
    ccei("record", "export", cluster.url("other"), "again.ccei")
    assert Path("again.ccei").read_bytes() == files["day.ccei"]
    assert "No findings" in ccei("audit", cluster.url("other"))
