import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from tests.api.day.test_run import a_scenario

COMMANDS = ("demo", "market-day", "match", "clear", "bargain", "serve", "deploy", "audit")
FLOW = """action,order_id,side,type,tif,price,quantity
new,1,sell,limit,gtc,10.5,3
new,2,buy,limit,gtc,11,1.25
"""
TRADES = "taker_order_id,maker_order_id,price,quantity\n2,1,10.5,1.25\n"
BIDS = "side,price,quantity,participant\nbuy,10,2,Ann\nsell,4,3,Dan\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("CCEI_"):
            monkeypatch.delenv(name)
    return tmp_path


def ccei(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def refused(folder: Path, *arguments: str, status: int = 2) -> str:
    """Return the one line that is told, after making sure that nothing else happened."""
    before = names(folder)
    result = ccei(*arguments)
    assert (result.exit_code, result.stdout) == (status, "")
    assert names(folder) == before
    line, end = result.stderr.removeprefix("ccei: ").split("\n")
    assert end == ""
    return line


# --- help -------------------------------------------------------------------------------------------------------------


def test_help_names_every_command_with_a_whole_sentence() -> None:
    result = ccei("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        (line,) = (line for line in result.stdout.splitlines() if line.startswith(f"  {command} "))
        assert line.endswith(".")
        assert not line.endswith("...")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_teaches_with_an_example(command: str) -> None:
    result = ccei(command, "--help")
    assert result.exit_code == 0
    assert f"ccei {command}" in result.stdout.partition("Example: ")[2].splitlines()[0]


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from api.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "heavy = {'numpy', 'numba', 'pandas', 'rich', 'web3', 'fastapi', 'sqlalchemy', 'matplotlib', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- match ------------------------------------------------------------------------------------------------------------


def test_match_writes_trades_to_a_file_and_tells_what_happened(folder: Path) -> None:
    (folder / "flow.csv").write_text(FLOW)
    result = ccei("match", "flow.csv", "--trades", "trades.csv")
    assert (result.exit_code, result.stdout) == (0, "")
    assert (folder / "trades.csv").read_text() == TRADES
    assert "volume            1.25" in result.stderr
    assert names(folder) == ["flow.csv", "trades.csv"]


def test_match_writes_trades_to_standard_output_without_a_file(folder: Path) -> None:
    (folder / "flow.csv").write_text(FLOW)
    assert ccei("match", "flow.csv").stdout == TRADES


def test_match_prints_one_json_document(folder: Path) -> None:
    (folder / "flow.csv").write_text(FLOW)
    told = json.loads(ccei("match", "flow.csv", "--json").stdout)
    assert told.pop("seconds") >= told.pop("matching_seconds") >= 0
    assert told == {
        "messages": 2, "trades": 1, "volume": "1.25", "refusals": {}, "resting_orders": 1,
        "best_bid": None, "best_ask": "10.5",
    }  # fmt: skip


def test_match_prints_no_trade_of_a_flow_that_is_bad_further_down(folder: Path) -> None:
    (folder / "flow.csv").write_text(FLOW + "new,3,buy,limit,gtc,eleven,1\n")
    for arguments in (("--trades", "trades.csv"), (), ("--json",)):
        assert refused(folder, "match", "flow.csv", *arguments).startswith(
            "flow.csv, line 4: found price 'eleven', expected a number from"
        )


def test_match_keeps_what_a_link_points_to_and_writes_into_devices(folder: Path) -> None:
    (folder / "flow.csv").write_text(FLOW)
    (folder / "real.csv").write_text("old")
    (folder / "link.csv").symlink_to("real.csv")
    assert ccei("match", "flow.csv", "--trades", "link.csv").exit_code == 0
    assert ((folder / "link.csv").is_symlink(), (folder / "real.csv").read_text()) == (True, TRADES)
    assert ccei("match", "flow.csv", "--trades", os.devnull).exit_code == 0
    assert not Path(os.devnull).is_file()


def test_a_reader_that_has_enough_ends_match_quietly(folder: Path) -> None:
    orders = "".join(f"new,{n},{'buy' if n % 2 else 'sell'},limit,gtc,1,1\n" for n in range(50_000))
    (folder / "flow.csv").write_text(FLOW.partition("\n")[0] + "\n" + orders)
    with subprocess.Popen(
        [sys.executable, "-c", "from api.cli import main; main()", "match", "flow.csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().decode() == TRADES.splitlines(keepends=True)[0]
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_match_names_what_it_cannot_open_or_write(folder: Path) -> None:
    assert refused(folder, "match", "flow.csv") == (
        "flow.csv, opening it: found no such file or directory, expected a file that can be read"
    )
    (folder / "flow.csv").write_text(FLOW)
    assert refused(folder, "match", "flow.csv", "--trades", "absent/trades.csv") == (
        "absent/trades.csv, writing it: found no such file or directory, expected a place that can be written to"
    )


# --- clear ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mechanism", "price"), [("uniform", "4"), ("pay-as-bid", "4")])
def test_clear_prints_one_json_document(folder: Path, mechanism: str, price: str) -> None:
    (folder / "bids.csv").write_text(BIDS)
    told = json.loads(ccei("clear", "bids.csv", "--mechanism", mechanism, "--json").stdout)
    assert (told["mechanism"], told["price"], told["volume"], told["welfare"]) == (
        mechanism,
        price,
        "2",
        "12",
    )
    assert [each["filled"] for each in told["allocation"]] == ["2", "2"]


def test_clear_prints_tables_for_people(folder: Path) -> None:
    (folder / "bids.csv").write_text(BIDS)
    result = ccei("clear", "bids.csv")
    assert result.exit_code == 0
    for word in ("price", "volume", "welfare", "Ann", "Dan"):
        assert word in result.stdout


def test_clear_names_what_it_cannot_use(folder: Path) -> None:
    (folder / "bids.csv").write_text(BIDS + "buy,10,many,Bob\n")
    assert refused(folder, "clear", "bids.csv").startswith(
        "bids.csv, line 4: found quantity 'many', expected"
    )
    assert refused(folder, "clear", "bids.csv", "--mechanism", "vickrey").startswith(
        "--mechanism: found 'vickrey', expected one of uniform, pay-as-bid, k-double"
    )


# --- market-day, demo, audit ------------------------------------------------------------------------------------------


def test_a_market_day_leaves_report_summary_and_a_record_that_passes_the_audit(folder: Path) -> None:
    a_scenario(folder / "small")
    (folder / "out/day").mkdir(parents=True)
    for name in ("day.db", "day.db-wal", "report.html", "summary.json"):
        (folder / "out/day" / name).write_text("of yesterday")
    result = ccei("market-day", "small", "--chain", "tester", "--out", "out/day", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == json.loads((folder / "out/day/summary.json").read_text())
    assert names(folder / "out") == [
        "day", "day/day.db", "day/day.db.lock", "day/report.html", "day/summary.json",
    ]  # fmt: skip
    audited = ccei("audit", "sqlite:///out/day/day.db")
    assert audited.exit_code == 0, audited.stderr
    assert f"state hash     {json.loads(result.stdout)['state_hash']}\n" in audited.stdout
    assert "No findings" in audited.stdout
    with closing(sqlite3.connect(folder / "out/day/day.db")) as database, database:
        database.execute("UPDATE balances SET amount = amount + 1 WHERE account_number = 2")
    audited = ccei("audit", "sqlite:///out/day/day.db")
    assert audited.exit_code == 1
    assert "No findings" not in audited.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("absent",), "absent, opening it: found no such file, expected a scenario file, or one of ciso-2022-03-12"),
        (("--chain", "bitcoin"), "chain: found 'bitcoin', expected one of auto, tester, anvil, ganache, or an address"),
        (("--chain", "tester", "--chain-id", "7"), "tester: found chain id 131277322940537, expected 7"),
        (("--database", "mysql://x"), "database: found mysql, expected sqlite:///"),
        (("--database", "sqlite:///absent/x.db"), "database absent/x.db: found no directory absent, expected one"),
        (("--out", "file"), "file, writing it: found file exists, expected a place that can be written to"),
        (("--out", "file/deep"), "file/deep, writing it: found not a directory, expected a place"),
        (("--day", "tomorrow"), "--day: found 'tomorrow', expected a date such as 2022-02-15"),
        (("--energy", "absent.csv"), "absent.csv, opening it: found no such file or directory, expected a file"),
        (("--workload", "absent.csv"), "absent.csv, opening it: found no such file or directory, expected a file"),
        (("--network", "absent"), "absent/egress_cost_usd_per_gb.csv, opening it: found no such file or directory"),
    ],
)  # fmt: skip
def test_a_day_that_cannot_begin_says_why_and_leaves_nothing(
    folder: Path, arguments: tuple[str, ...], told: str
) -> None:
    (folder / "file").write_text("here before")
    chain = () if "--chain" in arguments else ("--chain", "tester")
    out = () if "--out" in arguments else ("--out", "new/deep")
    assert refused(folder, "market-day", *arguments, *chain, *out).startswith(told)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CCEI_FEE_BPS", "many", "CCEI_FEE_BPS: found 'many', expected a valid integer"),
        ("CCEI_OPERATOR_KEY", "0x12", "CCEI_OPERATOR_KEY: found something else, expected 0x"),
    ],
)
def test_settings_of_the_environment_are_checked_before_a_day(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    assert refused(folder, "market-day", "--chain", "tester", "--out", "new").startswith(told)


def test_a_chain_that_does_not_answer_keeps_the_day_before(folder: Path) -> None:
    (folder / "out").mkdir()
    for name in ("day.db", "report.html", "summary.json"):
        (folder / "out" / name).write_text("of yesterday")
    told = refused(folder, "demo", "--chain", "http://127.0.0.1:1", "--out", "out", status=69)
    assert told.startswith("http://127.0.0.1:1: nothing answers there (ConnectionError), expected")
    assert {path.read_text() for path in (folder / "out").iterdir()} == {"of yesterday"}


def test_audit_names_what_is_no_record(folder: Path) -> None:
    assert refused(folder, "audit", "sqlite:///absent.db") == (
        "database absent.db: found nothing, expected an existing database"
    )
    (folder / "notes.txt").write_text("no database" * 100)
    assert refused(folder, "audit", "sqlite:///notes.txt").startswith(
        "database notes.txt: found file is not a"
    )
