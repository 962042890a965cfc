"""Flows of orders, replayed: what trades, and in which clothes a flow may come."""

from pathlib import Path

import pytest

from api.flows import SCALE
from market.units import format_decimal
from tests.api.flow_files import HEADER, ONE_TRADE, a_flow, replayed, trades_of

# --- what trades ------------------------------------------------------------------------------------------------------


def test_the_best_price_trades_first_and_then_the_earlier_order(tmp_path: Path) -> None:
    assert trades_of(
        tmp_path,
        "new,1,sell,limit,gtc,10.5,2",
        "new,2,sell,limit,gtc,10.25,1",
        "new,3,sell,limit,gtc,10.25,1",
        "new,4,buy,limit,gtc,10.5,3",
    ) == ["4,2,10.25,1", "4,3,10.25,1", "4,1,10.5,1"]


def test_a_market_order_walks_the_book_and_never_rests(tmp_path: Path) -> None:
    done, trades = replayed(
        a_flow(
            tmp_path,
            "new,1,sell,limit,gtc,10,1",
            "new,2,sell,limit,gtc,1000000,1",
            "new,3,buy,market,gtc,,5",
        )
    )
    assert trades == ["3,1,10,1", "3,2,1000000,1"]
    assert (done.resting, done.best_bid, done.best_ask) == (0, None, None)


def test_a_market_order_keeps_to_the_price_it_carries(tmp_path: Path) -> None:
    assert trades_of(
        tmp_path,
        "new,1,buy,limit,gtc,10,1",
        "new,2,buy,limit,gtc,9,1",
        "new,3,sell,market,ioc,9.5,2",
    ) == ["3,1,10,1"]


def test_ioc_drops_what_is_left_and_fok_takes_all_or_nothing(tmp_path: Path) -> None:
    done, trades = replayed(
        a_flow(
            tmp_path,
            "new,1,sell,limit,gtc,10,2",
            "new,2,buy,limit,fok,10,3",
            "new,3,buy,limit,ioc,10,1.5",
            "new,4,buy,limit,fok,10,0.5",
            "new,5,buy,limit,ioc,10,1",
        )
    )
    assert trades == ["3,1,10,1.5", "4,1,10,0.5"]
    assert done.refusals == {"cannot_fill_wholly": 1}
    assert done.resting == 0


def test_post_only_that_would_take_is_refused_and_another_rests(tmp_path: Path) -> None:
    flow = a_flow(
        tmp_path,
        "new,1,sell,limit,gtc,10,1,false",
        "new,2,buy,limit,gtc,10,1,true",
        "new,3,buy,limit,gtc,9,1,TRUE",
        "new,4,sell,limit,gtc,9,1,",
        header=HEADER + ",post_only",
    )
    done, trades = replayed(flow)
    assert trades == ["4,3,9,1"]
    assert done.refusals == {"would_take": 1}


def test_a_cancelled_order_does_not_trade(tmp_path: Path) -> None:
    done, trades = replayed(
        a_flow(
            tmp_path,
            "new,1,sell,limit,gtc,10,1",
            "new,2,sell,limit,gtc,10,1",
            "cancel,1,,,,,",
            "cancel,1,,,,,",
            "new,3,buy,limit,gtc,10,2",
        )
    )
    assert trades == ["3,2,10,1"]
    assert done.refusals == {"unknown_order": 1}
    assert done.best_bid == 10 * SCALE


@pytest.mark.parametrize(
    ("replacement", "first"),
    [("replace,1,,,,10,1", 1), ("replace,1,,,,10,3", 2), ("replace,1,,,,9,1", 1), ("replace,1,,,,11,2", 2)],
    ids=["smaller keeps its place", "larger loses it", "a better price wins", "a worse price loses"],
)
def test_replace_and_priority(tmp_path: Path, replacement: str, first: int) -> None:
    trades = trades_of(
        tmp_path,
        "new,1,sell,limit,gtc,10,2",
        "new,2,sell,limit,gtc,10,2",
        replacement,
        "new,3,buy,limit,gtc,11,1",
    )
    assert [line.split(",")[1] for line in trades] == [str(first)]


def test_a_replacement_that_crosses_trades_as_the_taker(tmp_path: Path) -> None:
    assert trades_of(
        tmp_path,
        "new,1,sell,limit,gtc,10,2",
        "new,2,buy,limit,gtc,9,1",
        "replace,2,,,,10,1.5",
    ) == ["2,1,10,1.5"]


def test_six_decimals_are_exact(tmp_path: Path) -> None:
    done, trades = replayed(
        a_flow(
            tmp_path,
            "new,1,sell,limit,gtc,0.000001,0.000001",
            "new,2,sell,limit,gtc,144115188075.855871,4503599627.370496",
            "new,3,buy,market,ioc,,4503599627.370496",
        )
    )
    assert trades == ["3,1,0.000001,0.000001", "3,2,144115188075.855871,4503599627.370495"]
    assert format_decimal(done.volume, scale=SCALE) == "4503599627.370496"


def test_prices_may_be_negative(tmp_path: Path) -> None:
    assert trades_of(
        tmp_path, "new,1,sell,limit,gtc,-1.5,1", "new,2,buy,limit,gtc,-1,1", "new,-3,sell,limit,gtc,-2,1"
    ) == ["2,1,-1.5,1"]


def test_a_refused_order_is_counted_by_its_reason_and_changes_nothing(tmp_path: Path) -> None:
    done, trades = replayed(
        a_flow(
            tmp_path,
            "new,1,sell,limit,gtc,10,1",
            "new,1,sell,limit,gtc,9,1",
            "new,2,buy,limit,gtc,10,0",
            "replace,9,,,,10,1",
        )
    )
    assert trades == []
    assert done.refusals == {"client_order_id_reused": 1, "quantity_not_positive": 1, "unknown_order": 1}
    assert (done.messages, done.resting, done.best_ask) == (4, 1, 10 * SCALE)


def test_a_flow_without_orders_has_no_trades(tmp_path: Path) -> None:
    done, trades = replayed(a_flow(tmp_path))
    assert (done.messages, done.trades, trades) == (0, 0, [])


# --- how it may be written --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "\n".join((HEADER, *ONE_TRADE)),
        "\r\n".join((HEADER, *ONE_TRADE, "")),
        "\ufeff" + "\n".join((HEADER, *ONE_TRADE)),
        "\n\n".join((HEADER, *ONE_TRADE, "", "")),
        "\n".join((HEADER, *ONE_TRADE)).replace(",", " , "),
        "\n".join((HEADER, *ONE_TRADE)).replace("sell", '"sell"'),
        "\n".join(('"' + line.replace(",", '","') + '"') for line in (HEADER, *ONE_TRADE)),
        "\n".join((HEADER, *ONE_TRADE)).replace("new", "NEW").replace("buy", "Buy"),
        "\n".join((HEADER, *ONE_TRADE)).replace("10.5", "+1.05e1").replace("1.25", "1.2500000000"),
        "\n".join((HEADER, *ONE_TRADE)).replace("11", "11.").replace("10.5", "00000000000000000010.5"),
        "quantity,price,tif,type,side,order_id,action\n3,10.5,gtc,limit,sell,1,new\n1.25,11,gtc,limit,buy,2,new",
        "\n".join(line + rest for line, rest in zip((HEADER, *ONE_TRADE), (",participant", ",Ann", ",'é"), strict=True)),
    ],
    ids=[
        "no last newline", "CRLF", "byte order mark", "blank lines", "spaces", "some quotes", "all quotes", "capitals",
        "exponents", "odd decimals", "other order of columns", "participants",
    ],
)  # fmt: skip
def test_the_same_flow_in_other_clothes(tmp_path: Path, text: str) -> None:
    flow = tmp_path / "flow.csv"
    flow.write_bytes(text.encode())
    assert replayed(flow)[1] == ["2,1,10.5,1.25"]


def test_order_ids_use_all_64_bits(tmp_path: Path) -> None:
    low, high = -(1 << 63), (1 << 63) - 1
    assert trades_of(tmp_path, f"new,{high},sell,limit,gtc,1,1", f"new,{low},buy,limit,gtc,1,1") == [
        f"{low},{high},1,1"
    ]
