import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from api.auctioned import Auctioned
from api.clearing import Cleared, UnknownMechanism, clear_file
from api.input_error import InputError
from pricing.auctions import MECHANISMS as MECHANISMS_BY_NAME

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
        # those with k are k-double auctions, tested below
        if case["family"] in MECHANISMS and "k" not in case["inputs"]
    ]


def some_bids(folder: Path, *lines: str, header: str = "side,price,quantity,participant") -> Path:
    path = folder / "bids.csv"
    path.write_text("\n".join((header, *lines)), encoding="utf-8")
    return path


def cleared(folder: Path, mechanism: str, *lines: str) -> Cleared:
    outcome = clear_file(some_bids(folder, *lines), mechanism)
    assert isinstance(outcome, Cleared)
    return outcome


def by_participant(outcome: Cleared | Auctioned, what: str) -> dict[str, str]:
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
    outcome = clear_file(bids, mechanism, ties="pro-rata")
    assert isinstance(outcome, Cleared)
    assert by_participant(outcome, "filled") == {"late": "1", "later": "3", "Dan": "4"}
    assert outcome.tie_rule == "price_then_pro_rata"


def test_an_unknown_rule_for_ties_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownMechanism, match="--ties: found 'fair', expected one of time, pro-rata"):
        clear_file(tmp_path / "absent.csv", "uniform", ties="fair")


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
    with pytest.raises(
        UnknownMechanism, match="found 'vickrey', expected one of uniform, pay-as-bid, k-double"
    ):
        clear_file(tmp_path / "absent.csv", "vickrey")


# --- the auctions of pricing ------------------------------------------------------------------------------------------

EIGHT = (
    "buy,9,1,Ann", "buy,8,1,Bob", "buy,7,1,Cid", "buy,5,1,Dora",
    "sell,2,1,Eve", "sell,3,1,Fay", "sell,4,1,Gus", "sell,12,1,Hal",
)  # fmt: skip
THE_OTHERS = [name for name in MECHANISMS_BY_NAME if name not in ("uniform", "pay-as-bid")]


def auctioned(
    folder: Path, mechanism: str, *lines: str, k: float | None = None, seed: int | None = None
) -> Auctioned:
    outcome = clear_file(some_bids(folder, *lines), mechanism, k=k, seed=seed)
    assert isinstance(outcome, Auctioned)
    return outcome


@pytest.mark.parametrize("name", ["McAfee 1992", "VCG", "k-double"])
def test_published_auctions_of_single_units_come_out(name: str, tmp_path: Path) -> None:
    # A01, A06 and A08 of the public pricing cases
    if name == "McAfee 1992":
        found = auctioned(tmp_path, "mcafee", *EIGHT)
        assert (found.rule, found.volume, found.buyer_price, found.seller_price) == (
            "reduction",
            "2",
            "7",
            "4",
        )
        assert (found.budget, found.efficiency) == ("6", 0.8)
    elif name == "VCG":
        lines = (f"{side},{price},1,{side}{price}" for side, prices in
                 (("buy", (9, 8, 7, 4)), ("sell", (2, 3, 4, 6))) for price in prices)  # fmt: skip
        found = auctioned(tmp_path, "vcg", *lines)
        assert (found.volume, found.buyer_price, found.seller_price, found.budget) == ("3", "4", "6", "-6")
    else:
        lines = (f"{side},{price},1,{side}{price}" for side, prices in
                 (("buy", (10, 9, 8, 7, 3)), ("sell", (1, 2, 5, 6, 9))) for price in prices)  # fmt: skip
        found = auctioned(tmp_path, "k-double", *lines)
        assert (found.volume, found.buyer_price, found.seller_price, found.welfare) == (
            "4",
            "6.5",
            "6.5",
            "20",
        )
        assert (found.equilibrium_low, found.equilibrium_high) == ("6", "7")


def test_k_moves_the_price_between_the_limits(tmp_path: Path) -> None:
    prices = [
        auctioned(tmp_path, "k-double", "buy,0.8,1,Ann", "sell,0.4,1,Dan", k=k).buyer_price
        for k in (0, 0.25, 1)
    ]
    assert prices == ["0.4", "0.5", "0.8"]


@pytest.mark.parametrize("mechanism", THE_OTHERS)
def test_what_is_gained_is_the_welfare_and_money_adds_up(tmp_path: Path, mechanism: str) -> None:
    lines = [f"buy,{30 - n}.{n:06d},{n + 1},b{n}" for n in range(9)]
    lines += [f"sell,{10 + n}.{n:06d},{n + 2},s{n}" for n in range(9)]
    found = auctioned(tmp_path, mechanism, *lines)
    buyers, sellers, welfare, budget, pay, receive = (
        Decimal(each)
        for each in (
            found.buyers_gain, found.sellers_gain, found.welfare, found.budget, found.buyers_pay, found.sellers_receive,
        )
    )  # fmt: skip
    assert buyers + sellers + budget == welfare > 0
    assert pay - receive == budget
    by_side = {side: [each for each in found.allocation if each.side == side] for side in ("buy", "sell")}
    assert sum(Decimal(each.money) for each in by_side["buy"]) == pay
    assert sum(Decimal(each.money) for each in by_side["sell"]) == receive
    for each in found.allocation:  # nobody loses more than what rounding to a micro-unit takes
        worth = Decimal(each.price) * Decimal(each.filled)
        gain = worth - Decimal(each.money) if each.side == "buy" else Decimal(each.money) - worth
        assert gain > Decimal("-0.000001")
    assert float(found.welfare) <= float(found.best_welfare) + 1e-6


@pytest.mark.parametrize("mechanism", ["sbb-trade-reduction", "muda", "p2p"])
def test_lots_are_drawn_with_the_seed_that_is_told(tmp_path: Path, mechanism: str) -> None:
    lines = [f"buy,{n % 7 + 8},1,b{n}" for n in range(12)] + [f"sell,{n % 5 + 1},1,s{n}" for n in range(12)]
    found = [auctioned(tmp_path, mechanism, *lines, seed=seed) for seed in (None, 1, 4)]
    assert [each.seed for each in found] == [1, 1, 4]
    first, again, other = (each.as_dict()["allocation"] for each in found)
    assert first == again != other


def test_auctions_without_lots_have_no_seed(tmp_path: Path) -> None:
    assert auctioned(tmp_path, "huang", *EIGHT).seed is None


@pytest.mark.parametrize(
    ("mechanism", "options", "told"),
    [
        ("uniform", {"k": 0.5}, "--k: found 0.5 with uniform, expected it with k-double, p2p only"),
        ("mcafee", {"ties": "time"}, "--ties: found time with mcafee, expected it with uniform, pay-as-bid, k-double only"),
        ("vcg", {"seed": 1}, "--seed: found 1 with vcg, expected it with sbb-trade-reduction, muda, p2p only"),
    ],
)  # fmt: skip
def test_an_option_without_use_is_refused_by_name(
    tmp_path: Path, mechanism: str, options: dict, told: str
) -> None:
    with pytest.raises(UnknownMechanism, match=told):
        clear_file(tmp_path / "absent.csv", mechanism, **options)


@pytest.mark.parametrize("mechanism", ["mcafee", "trade-reduction", "sbb-trade-reduction"])
def test_a_part_of_a_unit_is_refused_with_the_auctions_that_take_it(tmp_path: Path, mechanism: str) -> None:
    with pytest.raises(
        InputError, match=r"line 3: found quantity 1\.5, expected whole units.* huang, muda and vcg"
    ):
        clear_file(some_bids(tmp_path, "sell,1,1,Dan", "buy,2,1.5,Ann"), mechanism)


@pytest.mark.parametrize("mechanism", THE_OTHERS)
def test_the_others_need_both_sides(tmp_path: Path, mechanism: str) -> None:
    with pytest.raises(InputError, match="all lines: found 1 bids and 0 offers, expected some of both"):
        clear_file(some_bids(tmp_path, "buy,1,1,Ann"), mechanism)


def test_quantities_that_no_float_holds_are_refused(tmp_path: Path) -> None:
    lines = ["buy,1,4503599627.370496,Ann", "sell,1,4503599627.370496,Dan"]
    with pytest.raises(InputError, match=r"all lines: found quantities that sum to 9007199254\.740992"):
        clear_file(some_bids(tmp_path, *lines), "vcg")


def test_an_auction_that_trades_nothing_has_no_price(tmp_path: Path) -> None:
    found = auctioned(tmp_path, "vcg", "buy,1,1,Ann", "sell,2,1,Dan")
    assert (found.buyer_price, found.volume, found.budget, found.efficiency) == (None, "0", "0", 1)
    assert shown(found).count("nothing trades") == 1


def test_people_see_who_keeps_the_surplus(tmp_path: Path) -> None:
    assert "the auctioneer keeps 6" in shown(auctioned(tmp_path, "mcafee", *EIGHT))
    assert "the auctioneer adds 6" in shown(auctioned(tmp_path, "vcg", *EIGHT))
    assert "lots drawn with seed 1" in shown(auctioned(tmp_path, "muda", *EIGHT))
    several = shown(auctioned(tmp_path, "trade-reduction", "buy,9,3,[bold]", "sell,1,3,Dan"))
    assert "not truthful for whoever trades several units" in several
    assert "[bold]" in several  # a name, no markup


def shown(outcome: Auctioned) -> str:
    console = Console(record=True, width=140, file=io.StringIO())
    outcome.show(console)
    return console.export_text()
