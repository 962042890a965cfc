"""ccei record, ccei proof and ccei audit on files, as somebody outside uses them."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api import exit_status
from api.cli import app
from api.clock import DrivenClock
from api.house import House, open_house
from contracts.nodes import find_anvil, running_node
from contracts.opening import DEV_SIGNERS
from market.units import Micros
from tests.api.conftest import BUYER, START_S, settings
from tests.ledger.days import a_whole_day
from tests.ledger.recorded import recorded
from tests.ledger.signed_days import SIGNERS, a_signed_day


def ccei(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the database of a small day, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith("CCEI_")]:
        monkeypatch.delenv(name)
    recorded(a_signed_day(), url=f"sqlite:///{tmp_path / 'day.db'}").dispose()
    return tmp_path


def test_a_record_travels_in_a_file_and_passes_the_audit(folder: Path) -> None:
    exported = ccei("record", "export", "sqlite:///day.db", "day.ccei")
    assert exported.exit_code == 0, exported.stderr
    assert "day.ccei: 10 rows of 'a small day'" in exported.stderr
    audited = ccei("audit", "day.ccei")
    assert audited.exit_code == 0, audited.stdout
    assert "No findings: the hash chain holds, the commands replayed" in audited.stdout
    assert "tables" not in audited.stdout
    imported = ccei("record", "import", "day.ccei", "sqlite:///again.db")
    assert imported.exit_code == 0, imported.stderr
    ccei("record", "export", "sqlite:///again.db", "again.ccei")
    assert (folder / "again.ccei").read_bytes() == (folder / "day.ccei").read_bytes()
    again = ccei("record", "import", "day.ccei", "sqlite:///again.db")
    assert again.exit_code == 2
    assert "found the market 'a small day'" in again.stderr


def test_a_broken_file_is_named_and_imports_nothing(folder: Path) -> None:
    ccei("record", "export", "sqlite:///day.db", "day.ccei")
    whole = (folder / "day.ccei").read_bytes()
    (folder / "day.ccei").write_bytes(whole[:-60])
    imported = ccei("record", "import", "day.ccei", "sqlite:///again.db")
    assert imported.exit_code == 1
    assert "the file is cut short" in imported.stderr
    audited = ccei("audit", "day.ccei")
    assert audited.exit_code == 1
    assert "chain: row 10: record row 10: day.ccei: the file is cut short" in audited.stdout
    (folder / "other").write_text("no record")
    for command in (("audit", "other"), ("record", "import", "other", "sqlite:///x.db")):
        result = ccei(*command)
        assert result.exit_code == 2
        assert "other: found no exported record, expected what ccei record export writes" in result.stderr
    for source, told in (
        (
            "absent",
            "absent: found no such file, expected what ccei record export writes, or the URL of a database",
        ),
        (".", ".: found a folder, expected what ccei record export writes"),
        (
            "day.db",
            "day.db: found a SQLite database, expected an exported record: name a market's database by its URL",
        ),
    ):
        result = ccei("audit", source)
        assert (result.exit_code, result.stdout) == (2, "")
        assert told in result.stderr


def test_no_message_repeats_a_password(folder: Path) -> None:
    url = "postgresql://market:s3cret@127.0.0.1:1/market"
    ccei("record", "export", "sqlite:///day.db", "day.ccei")
    for command in (
        ("audit", url),
        ("record", "export", url, "x.ccei"),
        ("record", "import", "day.ccei", url),
        ("proof", "make", url, "1", "x.json"),
    ):
        result = ccei(*command)
        assert result.exit_code == exit_status.UNAVAILABLE, result.output
        assert "s3cret" not in result.output
        assert "market:***@127.0.0.1" in result.stderr


def test_an_audit_names_what_nobody_signed(folder: Path) -> None:
    recorded(a_whole_day(), url=f"sqlite:///{folder / 'unsigned.db'}").dispose()
    audited = ccei("audit", "sqlite:///unsigned.db")
    assert audited.exit_code == 1
    assert "signatures: batch 2, order 1: signature: found 6 bytes, expected 65" in audited.stdout
    assert "No findings" not in audited.stdout
    honest = ccei("audit", "sqlite:///day.db")
    assert "every order was signed by its participant, the outbox holds what it signed" in honest.stdout


def test_an_order_is_proven_in_a_file(folder: Path) -> None:
    made = ccei("proof", "make", "sqlite:///day.db", "1", "proof.json")
    assert made.exit_code == 0, made.stderr
    checked = ccei("proof", "verify", "proof.json")
    assert checked.exit_code == 0
    assert checked.stdout.startswith(f"Proven: order 1 of 0x{SIGNERS[0].address.hex()}")
    assert re.search(r" was taken in by row \d+, at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ; ", checked.stdout)
    head = checked.stdout.split("record hash ")[1][:66]
    assert ccei("proof", "verify", "proof.json", "--hash", head).exit_code == 0
    other = ccei("proof", "verify", "proof.json", "--hash", "0x" + "00" * 32)
    assert other.exit_code == 1
    assert f"Not proven: it leads to the record hash {head}, expected 0x0000" in other.stdout
    proof = json.loads((folder / "proof.json").read_text())
    proof["headers"][0]["time_us"] += 1
    (folder / "proof.json").write_text(json.dumps(proof))
    assert ccei("proof", "verify", "proof.json", "--hash", head).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("make", "sqlite:///day.db", str(1 << 70), "x"), "found no such order in the readable tables"),
        (("make", "sqlite:///day.db", "99", "x"), "order 99: found no such order in the readable tables"),
        (("verify", "day.db"), "day.db: proof: "),
        (("verify", "absent"), "absent: No such file"),
    ],
)
def test_what_cannot_be_proven_is_told(folder: Path, arguments: tuple[str, ...], told: str) -> None:
    result = ccei("proof", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr


@pytest.fixture
def node() -> Iterator[str]:
    # npm leaves out the binary of a platform that it has none for; CI has one, so there a missing node is a failure
    if find_anvil() is None and os.environ.get("CI") != "true":
        pytest.skip("Anvil's binary is not installed")
    with running_node("anvil", start_time_s=None, operator=DEV_SIGNERS[0]) as url:
        yield url


def test_a_third_party_with_a_file_and_a_node_checks_everything(folder: Path, node: str) -> None:
    with open_house(settings(folder, chain=node), DrivenClock(START_S)) as house:
        _fund(house)
    ccei("record", "export", "sqlite:///market.db", "market.ccei")
    audited = ccei("audit", "market.ccei", "--from-chain", node)
    assert audited.exit_code == 0, audited.stdout + audited.stderr
    assert "difference     0 micros between books and contract" in audited.stdout
    assert "the contract agrees: balances, record hashes, every trade" in audited.stdout
    refused = ccei("audit", "day.db", "--from-chain", "anvil")
    assert refused.exit_code == 2
    wrong = ccei("audit", "sqlite:///day.db", "--from-chain", node)
    assert wrong.exit_code == 2
    assert "found no contract at 0x5e5e5e" in wrong.stderr
    ccei("proof", "make", "sqlite:///day.db", "1", "proof.json")
    settlement = f"0x{house.deployment.settlement.address.hex()}"
    checked = ccei("proof", "verify", "proof.json", "--chain", node, "--settlement", settlement)
    assert checked.exit_code == 1
    assert f"which no settlement batch of {settlement} carries" in checked.stdout


def _fund(house: House) -> None:
    house.settler.fund({BUYER.address: Micros(5_000_000)})
    house.settler.watch()
