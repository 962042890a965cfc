"""`ccei statement`, `ccei export` and the statement's route, as their users meet them."""

import json
from pathlib import Path

import pandas
import pytest
from typer.testing import CliRunner

from api.cli import app
from api.routes.statement_wire import StatementOut
from ledger.exports import NAMES, columns
from tests.api.conftest import BUYER, Market
from tests.ledger.builders import ALICE
from tests.ledger.days import a_whole_day
from tests.ledger.kept import kept, url_of

WHO = f"0x{ALICE.hex()}"
DAYS = ("--from", "2022-02-17", "--to", "2022-02-19")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("books")
    kept(a_whole_day(), folder).dispose()
    return folder


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_a_statement_prints_each_account(folder: Path) -> None:
    status, out, _ = run("statement", url_of(folder), "--participant", WHO, *DAYS)
    assert status == 0
    for text in (WHO, "free, tokens", "opening balance", "closing balance", "Deposited", "trade 1"):
        assert text in out


def test_a_statement_as_json_is_what_the_route_answers(folder: Path) -> None:
    _, out, _ = run("statement", url_of(folder), "--participant", WHO, *DAYS, "--json")
    found = StatementOut.model_validate_json(out)
    free = next(each for each in found.accounts if each.kind == "free")
    assert (free.unit, free.asset, free.opening, free.movements[0].amount) == ("tokens", "token", "0", "3")
    assert free.closing == free.movements[-1].balance


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_statement_is_written_with_its_sums(folder: Path, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"alice.{form}"
    assert run("statement", url_of(folder), "--participant", WHO, *DAYS, f"--{form}", path)[0] == 0
    frame = pandas.read_csv(path) if form == "csv" else pandas.read_parquet(path)
    for _, account in frame.groupby(["kind", "asset"]):
        assert account["event"].iloc[0] == "Opening"
        assert account["event"].iloc[-1] == "Closing"
        assert (account["balance"].diff().iloc[1:] == account["amount"].iloc[1:]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "2022-02-19", "--to", "2022-02-17"), "expected 2022-02-19 or a later day"),
        (("--from", "yesterday", "--to", "2022-02-17"), "from: found 'yesterday', expected a date"),
        (("--from", "2022-02-17", "--to", "9999-12-31"), "to: found '9999-12-31', expected a date"),
        ((*DAYS, "--participant", "0x12"), "participant: found '0x12', expected 0x and 40 hex digits"),
    ],
)
def test_what_cannot_be_stated_is_told_in_one_line(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    status, out, error = run("statement", url_of(folder), "--participant", WHO, *arguments)
    assert (status, out) == (2, "")
    assert message in error


def test_books_that_do_not_add_up_give_no_statement(tmp_path: Path) -> None:
    engine = kept(a_whole_day(), tmp_path)
    with engine.begin() as connection:
        of_free = "account_number IN (SELECT account_number FROM accounts WHERE kind = 'free')"
        connection.exec_driver_sql(f"DELETE FROM entries WHERE {of_free} AND batch_number = 2")
    engine.dispose()
    status, out, error = run("statement", url_of(tmp_path), "--participant", WHO, *DAYS)
    assert (status, out) == (1, "")
    assert "the journal and the balances disagree, ccei audit says where" in error


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_every_table_is_exported(folder: Path, tmp_path: Path, form: str) -> None:
    status, out, _ = run("export", url_of(folder), tmp_path / "out", "--format", form, "--json")
    assert status == 0
    counts = json.loads(out)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(f"{n}.{form}" for n in NAMES)
    for name in NAMES:
        path = tmp_path / "out" / f"{name}.{form}"
        frame = pandas.read_csv(path) if form == "csv" else pandas.read_parquet(path)
        assert list(frame.columns) == list(columns(name))
        assert len(frame) == counts[name]
        if form == "parquet":
            assert {column: str(kind) for column, kind in frame.dtypes.items()} == dict(columns(name))


def test_only_the_tables_named_are_exported(folder: Path, tmp_path: Path) -> None:
    status, out, _ = run("export", url_of(folder), tmp_path, "--tables", "orders,candles", "--format", "csv")
    assert status == 0
    assert "orders.csv" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["candles.csv", "orders.csv"]


def test_an_unknown_table_or_format_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    status, _, error = run("export", url_of(folder), tmp_path / "out", "--tables", "orders,fills")
    assert (status, (tmp_path / "out").exists()) == (2, False)
    assert "export: found 'fills', expected one of instruments" in error
    status, _, error = run("export", url_of(folder), tmp_path / "out", "--format", "xlsx")
    assert (status, "found 'xlsx', expected parquet or csv" in error) == (2, True)


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    status, _, error = run("export", f"sqlite:///{tmp_path}/no.db", tmp_path / "out")
    assert (status, "found nothing, expected an existing database" in error) == (2, True)


def test_one_sees_ones_own_statement_and_only_after_a_login(market: Market) -> None:
    path = "/v1/accounts/me/statement?from=2022-03-12&to=2022-03-12"
    assert market.http.get(path).json()["title"] == "login_required"
    login = market.client(BUYER)._login()
    found = StatementOut.model_validate(market.http.get(path, headers=login).json())
    assert found.participant == f"0x{BUYER.address.hex()}"
    (free,) = found.accounts
    assert (free.opening, free.closing, [each.event for each in free.movements]) == (
        "0",
        "1000",
        ["Deposited"],
    )
    answer = market.http.get(path.replace("to=2022-03-12", "to=2022-03-11"), headers=login)
    assert (answer.status_code, answer.json()["title"]) == (422, "malformed")
    with market.house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE projected SET batch_number = 0")
    answer = market.http.get(path, headers=login)
    assert (answer.status_code, answer.json()["title"]) == (503, "books_behind")
    assert answer.headers["Retry-After"] == "1"
