import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from api.clearing import Cleared, UnknownMechanism, clear_file
from api.input_error import InputError

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "clearing.json"
MECHANISMS = {"uniform_price": "uniform", "pay_as_bid": "pay-as-bid"}


def published() -> list[object]:
    """Return the cases that a file of bids can express; without the public files, one that is skipped."""
    if not CASES.exists():
        return [
            pytest.param(
                {}, marks=pytest.mark.skip(reason="the public cases beside the repository are absent")
            )
        ]
    cases = json.loads(CASES.read_text(encoding="utf-8"))["cases"]
    return [
        pytest.param(case, id=case["id"])
        for case in cases
        # k-double auctions other than k = 1/2 have no door on the command line
        if case["family"] in MECHANISMS and "k" not in case["inputs"]
    ]


def some_bids(folder: Path, *lines: str, header: str = "side,price,quantity,participant") -> Path:
    path = folder / "bids.csv"
    path.write_text("\n".join((header, *lines)), encoding="utf-8")
    return path


def cleared(folder: Path, mechanism: str, *lines: str) -> Cleared:
    return clear_file(some_bids(folder, *lines), mechanism)


def by_participant(outcome: Cleared, what: str) -> dict[str, str]:
    return {each.participant: getattr(each, what) for each in outcome.allocation}


BOOK = ("buy,10,5,Ann", "buy,8,5,Bob", "buy,5,5,Cid", "sell,2,4,Dan", "sell,6,4,Eve", "sell,9,4,Fay")


@pytest.mark.parametrize("case", published())
def test_published_cases_come_out(case: dict, tmp_path: Path) -> None:
    orders, expect = case["inputs"]["orders"], case["expect"]
    outcome = cleared(
        tmp_path,
        MECHANISMS[case["family"]],
        *(f"{each['side']},{each['price']},{each['qty']},{each['id']}" for each in orders),
    )
    near = {"rel": 0, "abs": case["tolerance"]}
    assert float(outcome.volume) == pytest.approx(expect["volume"], **near)
    if "welfare" in expect:
        assert float(outcome.welfare) == pytest.approx(expect["welfare"], **near)
        assert [float(outcome.equilibrium_low or "nan"), float(outcome.equilibrium_high or "nan")] == (
            pytest.approx(expect["equilibrium_price_interval"], **near)
        )
        assert float(outcome.price or "nan") == pytest.approx(expect["price_by_rule"]["midpoint"], **near)
        filled = {who: float(lots) for who, lots in by_participant(outcome, "filled").items()}
        assert filled == pytest.approx(expect["filled"], **near)
    if "seller_revenue" in expect:
        money = by_participant(outcome, "money")
        revenue = {who: float(money[who]) for who in expect["seller_revenue"]}
        assert revenue == pytest.approx(expect["seller_revenue"], **near)
        assert float(outcome.price or "nan") == pytest.approx(expect["avg_price"], **near)


def test_a_uniform_price_is_paid_by_all_and_to_all(tmp_path: Path) -> None:
    outcome = cleared(tmp_path, "uniform", *BOOK)
    # 8 trade: Ann 5, Bob 3 against Dan 4, Eve 4; Bob wants more at up to 8, so prices from 8 (not 6) to 8 hold
    assert (outcome.price, outcome.equilibrium_low, outcome.equilibrium_high) == ("8", "8", "8")
    assert (outcome.volume, outcome.welfare) == ("8", "42")
    assert by_participant(outcome, "filled") == {
        "Ann": "5", "Bob": "3", "Cid": "0", "Dan": "4", "Eve": "4", "Fay": "0",
    }  # fmt: skip
    assert by_participant(outcome, "money") == {
        "Ann": "40", "Bob": "24", "Cid": "0", "Dan": "32", "Eve": "32", "Fay": "0",
    }  # fmt: skip


def test_pay_as_bid_pays_every_supplier_its_own_offer(tmp_path: Path) -> None:
    outcome = cleared(tmp_path, "pay-as-bid", *BOOK)
    assert (outcome.volume, outcome.welfare, outcome.equilibrium_low) == ("8", "42", None)
    money = by_participant(outcome, "money")
    assert (money["Dan"], money["Eve"], money["Fay"]) == ("8", "24", "0")
    # Ann, the best bid, meets Dan's 4 and 1 of Eve's; Bob the rest of Eve's
    assert (money["Ann"], money["Bob"], money["Cid"]) == ("14", "18", "0")
    assert outcome.price == "4"


def test_what_buyers_pay_is_what_suppliers_receive(tmp_path: Path) -> None:
    lines = [f"buy,{30 - n}.{n:06d},{n + 1}.5,b{n}" for n in range(9)]
    lines += [f"sell,{10 + n}.{n:06d},{n + 2}.25,s{n}" for n in range(9)]
    for mechanism in ("uniform", "pay-as-bid"):
        outcome = cleared(tmp_path, mechanism, *lines)
        paid = sum(Decimal(each.money) for each in outcome.allocation if each.side == "buy")
        received = sum(Decimal(each.money) for each in outcome.allocation if each.side == "sell")
        assert paid == received > 0
        filled = {side: sum(Decimal(each.filled) for each in outcome.allocation if each.side == side)
                  for side in ("buy", "sell")}  # fmt: skip
        assert filled["buy"] == filled["sell"] == Decimal(outcome.volume)


def test_of_equal_bids_the_earlier_line_trades_first(tmp_path: Path) -> None:
    outcome = cleared(tmp_path, "uniform", "buy,5,2,late", "buy,5,2,later", "sell,5,3,Dan")
    assert by_participant(outcome, "filled") == {"late": "2", "later": "1", "Dan": "3"}


@pytest.mark.parametrize("mechanism", ["uniform", "pay-as-bid"])
def test_equal_bids_share_pro_rata_where_asked(tmp_path: Path, mechanism: str) -> None:
    bids = some_bids(tmp_path, "buy,5,2,late", "buy,5,6,later", "sell,5,4,Dan")
    outcome = clear_file(bids, mechanism, "pro-rata")
    assert by_participant(outcome, "filled") == {"late": "1", "later": "3", "Dan": "4"}
    assert outcome.tie_rule == "price_then_pro_rata"


def test_an_unknown_rule_for_ties_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownMechanism, match="--ties: found 'fair', expected one of time, pro-rata"):
        clear_file(tmp_path / "absent.csv", "uniform", "fair")


@pytest.mark.parametrize("mechanism", ["uniform", "pay-as-bid"])
@pytest.mark.parametrize("lines", [("buy,1,1,Ann",), ("sell,1,1,Dan",), ("buy,1,1,Ann", "sell,2,1,Dan")])
def test_nothing_trades_where_nobody_meets(tmp_path: Path, mechanism: str, lines: tuple[str, ...]) -> None:
    outcome = cleared(tmp_path, mechanism, *lines)
    assert (outcome.price, outcome.volume, outcome.welfare) == (None, "0", "0")
    assert (
        {each.filled for each in outcome.allocation} == {each.money for each in outcome.allocation} == {"0"}
    )


def test_a_mean_price_is_rounded_to_the_nearest_millionth(tmp_path: Path) -> None:
    outcome = cleared(tmp_path, "pay-as-bid", "buy,9,3,Ann", "sell,1,1,Dan", "sell,2,2,Eve")
    assert outcome.price == "1.666667"


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    outcome = clear_file(some_bids(tmp_path, "", 'buy,"1",1,"Ann, of A"', "", "sell,1,1,Dan"), "uniform")
    assert [(each.line, each.participant) for each in outcome.allocation] == [(3, "Ann, of A"), (5, "Dan")]


def test_every_figure_is_a_decimal_string_for_machines(tmp_path: Path) -> None:
    told = cleared(tmp_path, "uniform", "buy,0.3,0.1,Ann", "sell,-0.1,0.000001,Dan").as_dict()
    assert told == {
        "mechanism": "uniform",
        "price": "0.3",
        "equilibrium_low": "0.3",
        "equilibrium_high": "0.3",
        "volume": "0.000001",
        "welfare": "0.0000004",
        "price_rule": "midpoint",
        "tie_rule": "price_then_time",
        "allocation": [
            {"line": 2, "participant": "Ann", "side": "buy", "price": "0.3", "quantity": "0.1",
             "filled": "0.000001", "money": "0.0000003"},
            {"line": 3, "participant": "Dan", "side": "sell", "price": "-0.1", "quantity": "0.000001",
             "filled": "0.000001", "money": "0.0000003"},
        ],
    }  # fmt: skip


def test_people_see_the_first_orders_and_how_many_more_there_are(tmp_path: Path) -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    cleared(tmp_path, "uniform", *(f"buy,1,1,b{n}" for n in range(1_030))).show(console)
    text = console.export_text()
    assert "nothing trades" in text
    assert "b19" in text
    assert "b20" not in text
    assert "1,010 more" in text


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("bid,1,1,Ann", "line 3: found side 'bid', expected one of buy, sell"),
        (",1,1,Ann", "line 3: found no side, expected one of buy, sell"),
        ("buy,cheap,1,Ann", "line 3: found price 'cheap', expected a number from -4503599627.370496 to "
                            "4503599627.370496 with at most 6 decimals"),
        ("buy,,1,Ann", "line 3: found no price, expected a number from"),
        ("buy,1,0,Ann", "line 3: found quantity '0', expected a number from 0.000001 to 4503599627.370496"),
        ("buy,1,-1,Ann", "line 3: found quantity '-1', expected a number from 0.000001"),
        ("buy,1,0.0000001,Ann", "line 3: found quantity '0.0000001', expected a number from 0.000001"),
        ("buy,1,1,", "line 3: found no participant, expected some text in UTF-8"),
        ("buy,1,1", "line 3: found 3 cells, expected 4, as in the header"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, told: str) -> None:
    bids = some_bids(tmp_path, "sell,1,1,Dan", line)
    with pytest.raises(InputError) as raised:
        clear_file(bids, "uniform")
    assert str(raised.value).startswith(f"{bids}, {told}")


def test_an_auction_needs_an_order(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="line 2: found the end of the file, expected at least one bid or offer"
    ):
        clear_file(some_bids(tmp_path), "uniform")


def test_quantities_that_no_word_holds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"all lines: .* sum to 9227875636482\.146304"):
        cleared(tmp_path, "uniform", *("buy,1,4503599627.370496,Ann" for _ in range(2_049)))


def test_an_unknown_mechanism_is_told_before_the_file_is_opened(tmp_path: Path) -> None:
    with pytest.raises(UnknownMechanism, match="found 'vcg', expected one of uniform, pay-as-bid"):
        clear_file(tmp_path / "absent.csv", "vcg")
