"""`ccei deploy` on a node that stays: shown first, sent once, found again, verified, served."""

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from api.clock import DrivenClock
from api.house import open_house
from api.settings import Settings
from contracts.chain import Chain, ChainUnavailable
from contracts.deployment_file import read_deployment
from contracts.json_rpc import JsonRpc
from contracts.opening import open_chain
from contracts.posting import Loopback, Posting
from tests.contracts.conftest import need_node_modules
from tests.house.pages import DOCS, blocks

AUDIT = DOCS / "how-to" / "audit-the-contracts.md"


@pytest.fixture
def node() -> Iterator[Chain]:
    need_node_modules()
    with open_chain("anvil", start_time_s=None) as chain:
        yield chain


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("CCEI_"):
            monkeypatch.delenv(name)
    return tmp_path


def url(node: Chain) -> str:
    assert isinstance(node.node, JsonRpc)
    assert isinstance(node.node.provider, Posting)
    assert isinstance(node.node.provider.post, Loopback)
    return node.node.provider.post.url


def deploy(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["deploy", *arguments])


def refused(*arguments: str, status: int = 2) -> str:
    result = deploy(*arguments)
    assert result.exit_code == status, result.output
    return result.stderr.removeprefix("ccei: ").strip()


def test_a_dry_run_shows_everything_and_sends_nothing(node: Chain, folder: Path) -> None:
    result = deploy("--chain", url(node), "--test-token", "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["simulated_by_the_chain"] is True
    assert [step["nonce"] for step in told["steps"]] == list(range(len(told["steps"])))
    assert all(step["code_bytes"] <= 24_576 and step["creation_bytes"] <= 49_152 for step in told["steps"])
    assert int(told["needed_wei"]) > int(told["cost_wei"]) > 0
    assert (node.nonce(node.operator.address), list(folder.iterdir())) == (0, [])
    shown = deploy("--chain", url(node), "--test-token", "--dry-run")
    for step in told["steps"]:
        assert step["address"] in shown.stdout
        assert f"{step['gas']:,}" in shown.stdout
    assert "Nothing was sent." in shown.stderr


def test_a_market_is_deployed_found_verified_and_served(node: Chain, folder: Path) -> None:
    foretold = json.loads(deploy("--chain", url(node), "--test-token", "--dry-run", "--json").stdout)
    result = deploy("--chain", url(node), "--test-token", "--notice-period", "7200", "--file", "market.json")
    assert result.exit_code == 0, result.output
    written = read_deployment((folder / "market.json").read_text())
    assert written.complete
    assert f"0x{written.settlement.hex()}" == foretold["settlement"]
    assert written.charter.notice_period_s == 7200

    again = deploy("--chain", url(node), "--test-token", "--notice-period", "7200", "--file", "market.json")
    assert again.exit_code == 0, again.output
    assert "Every contract stands already." in again.stdout
    assert node.nonce(node.operator.address) == len(written.plan.steps)

    verified = deploy("--chain", url(node), "--verify", "market.json")
    assert verified.exit_code == 0, verified.output
    assert "Verified: " in verified.stderr

    settings = Settings(
        chain=url(node), database_url=f"sqlite:///{folder}/m.db", deployment=folder / "market.json"
    )
    with open_house(settings, DrivenClock(node.now_s())) as house:
        assert house.deployment.settlement.address == written.settlement
        assert house.certificate is not None
        assert house.certificate.address == written.plan.step("Certificate").address
        assert house.deployment.notice_period_s == 7200
        assert house.venue.certificates.contract == house.certificate.address
        rows = house.record.number
    with open_house(settings, DrivenClock(node.now_s())) as house:
        assert house.record.number == rows  # the books follow these certificates already


def test_another_deployment_is_not_mixed_into_a_file(node: Chain, folder: Path) -> None:
    deploy("--chain", url(node), "--test-token", "--file", "market.json")
    assert "holds another deployment" in refused(
        "--chain", url(node), "--test-token", "--notice-period", "60", "--file", "market.json"
    )


def test_a_file_of_another_chain_is_not_verified(node: Chain, folder: Path) -> None:
    deploy("--chain", url(node), "--test-token", "--file", "market.json")
    told = json.loads((folder / "market.json").read_text())
    (folder / "other.json").write_text(json.dumps(told | {"chain_id": 1}))
    assert "found chain id 31337, expected 1" in refused("--chain", url(node), "--verify", "other.json")
    told["charter"]["notice_period_s"] = 60
    (folder / "other.json").write_text(json.dumps(told))
    assert "with other code or arguments" in refused("--chain", url(node), "--verify", "other.json", status=1)


def test_a_token_that_is_not_listed_needs_to_be_insisted_on(node: Chain, folder: Path) -> None:
    deploy("--chain", url(node), "--test-token", "--file", "first.json")
    token = "0x" + read_deployment((folder / "first.json").read_text()).plan.steps[0].address.hex()
    assert "is not on the reviewed list" in refused("--chain", url(node), "--token", token, "--dry-run")
    insisted = deploy(
        "--chain", url(node), "--token", token, "--unlisted-token-at-my-own-risk", "--file", "second.json"
    )
    assert insisted.exit_code == 0, insisted.output
    assert read_deployment((folder / "second.json").read_text()).complete


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--test-token"], "--chain: found none"),
        (["--chain", "anvil"], "--token, --test-token: found both or neither"),
        (
            ["--chain", "anvil", "--test-token", "--token", "0x00"],
            "--token, --test-token: found both or neither",
        ),
        (["--chain", "anvil", "--test-token"], "--chain: found anvil, which ends with this command"),
        (["--chain", "tester", "--dry-run", "--token", "0x12"], "--token: found '0x12', expected 0x and 40"),
        (
            ["--chain", "tester", "--dry-run", "--token", "0x833589FCD6eDb6E08f4c7C32D4f71b54bdA02913"],
            "capitals as EIP-55",
        ),
        (["--chain", "tester", "--dry-run", "--token", "0x" + "11" * 20], "found no contract there"),
        (["--chain", "tester", "--verify", "missing.json"], "ends with this command"),
    ],
)
def test_what_cannot_be_deployed_is_told_in_a_line(folder: Path, arguments: list[str], message: str) -> None:
    assert message in refused(*arguments)


def test_a_node_that_does_not_answer_may_do_later(folder: Path) -> None:
    assert "nothing answers there" in refused("--chain", "http://127.0.0.1:1", "--test-token", status=69)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("market.json", r"market\.json: found no deployment file"),
        ("absent.json", r"absent\.json: found no such file or directory, expected a file of `ccei deploy`$"),
    ],
)
def test_a_service_refuses_contracts_that_are_not_the_files(
    node: Chain, folder: Path, name: str, told: str
) -> None:
    (folder / "market.json").write_text("{}")
    settings = Settings(chain=url(node), database_url=f"sqlite:///{folder}/m.db", deployment=folder / name)
    with (
        pytest.raises(ChainUnavailable, match=f"CCEI_DEPLOYMENT, .*{told}"),
        open_house(settings, DrivenClock(node.now_s())),
    ):
        pass


def test_the_commands_of_the_how_to_work(node: Chain, folder: Path) -> None:
    lines = [line for block in blocks(AUDIT, "sh") for line in block.splitlines() if line.startswith("ccei ")]
    verify, dry_run = (shlex.split(line)[2:] for line in lines)
    assert deploy(*dry_run).exit_code == 0
    assert deploy("--chain", url(node), "--test-token").exit_code == 0
    place = verify.index("--chain") + 1
    assert deploy(*verify[:place], url(node), *verify[place + 1 :]).exit_code == 0
