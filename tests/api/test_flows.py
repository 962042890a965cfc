import random
from pathlib import Path

import pytest
from rich.console import Console

from api import columns
from api.flows import PRICE_MAX, QUANTITY_MAX, SCALE, Replayed, replay
from api.input_error import InputError
from api.whole_file import Unwritable
from market.orders import OrderType, Side, TimeInForce
from market.units import format_decimal
from tests.market.oracle import SlowBook

HEADER = "action,order_id,side,type,tif,price,quantity"
TRADES = "taker_order_id,maker_order_id,price,quantity"


def a_flow(folder: Path, *lines: str, header: str = HEADER, end: str = "\n") -> Path:
    path = folder / "flow.csv"
    path.write_bytes("".join(line + end for line in (header, *lines)).encode())
    return path


def replayed(flow: Path) -> tuple[Replayed, list[str]]:
    """Replay a flow and return what it did and its trades, without their header."""
    trades = flow.with_name("trades.csv")
    done = replay(flow, trades, console=Console(quiet=True))
    header, *lines = trades.read_text(encoding="utf-8").splitlines()
    assert header == TRADES
    return done, lines


def trades_of(folder: Path, *lines: str) -> list[str]:
    return replayed(a_flow(folder, *lines))[1]


def refused(folder: Path, *lines: str, header: str = HEADER) -> str:
    """Return what is told of a flow that cannot be read, after making sure that nothing was written."""
    flow = a_flow(folder, *lines, header=header)
    with pytest.raises(InputError) as raised:
        replay(flow, folder / "trades.csv", console=Console(quiet=True))
    assert [path.name for path in folder.iterdir()] == ["flow.csv"]
    return str(raised.value).removeprefix(f"{flow}, ")


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

ONE_TRADE = ("new,1,sell,limit,gtc,10.5,3", "new,2,buy,limit,gtc,11,1.25")


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


# --- what cannot be read ----------------------------------------------------------------------------------------------

PRICES = "a number from -144115188075.855871 to 144115188075.855871 with at most 6 decimals"
QUANTITIES = "a number from 0 to 4503599627.370496 with at most 6 decimals"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("fresh,2,sell,limit,gtc,1,1", "found action 'fresh', expected one of new, cancel, replace"),
        (",2,sell,limit,gtc,1,1", "found no action, expected one of new, cancel, replace"),
        ("new,2,seller,limit,gtc,1,1", "found side 'seller', expected one of buy, sell"),
        ("new,2,,limit,gtc,1,1", "found no side, expected buy or sell"),
        ("new,2,sell,stop,gtc,1,1", "found type 'stop', expected one of limit, market"),
        ("new,2,sell,limit,day,1,1", "found tif 'day', expected one of gtc, ioc, fok"),
        ("new,two,sell,limit,gtc,1,1", "found order_id 'two', expected a whole number of 64 bits"),
        ("new,,sell,limit,gtc,1,1", "found no order_id, expected a whole number of 64 bits"),
        ("new,1.5,sell,limit,gtc,1,1", "found order_id '1.5', expected a whole number of 64 bits"),
        ("new,1_0,sell,limit,gtc,1,1", "found order_id '1_0', expected a whole number of 64 bits"),
        (f"new,{1 << 63},sell,limit,gtc,1,1", f"found order_id '{1 << 63}', expected a whole number of 64 bits"),
        ("new,٢,sell,limit,gtc,1,1", "found order_id '٢', expected a whole number of 64 bits"),
        ("new,2,sell,limit,gtc,1.0000001,1", f"found price '1.0000001', expected {PRICES}"),
        (f"new,2,sell,limit,gtc,1.{'0' * 40}1,1", f"found price '1.{'0' * 40}1', expected {PRICES}"),
        ("new,2,sell,limit,gtc,1e40,1", f"found price '1e40', expected {PRICES}"),
        ("new,2,sell,limit,gtc,nan,1", f"found price 'nan', expected {PRICES}"),
        ("new,2,sell,limit,gtc,--1,1", f"found price '--1', expected {PRICES}"),
        ("new,2,sell,limit,gtc,1.2.3,1", f"found price '1.2.3', expected {PRICES}"),
        ("new,2,sell,limit,gtc,-,1", f"found price '-', expected {PRICES}"),
        ("new,2,sell,limit,gtc,.,1", f"found price '.', expected {PRICES}"),
        ("new,2,sell,limit,gtc,144115188075.855872,1", f"found price '144115188075.855872', expected {PRICES}"),
        ("new,2,sell,limit,gtc,,1", "found no price, expected a price"),
        ("replace,2,,,,,1", "found no price, expected a price"),
        ("new,2,sell,limit,gtc,1,-1", f"found quantity '-1', expected {QUANTITIES}"),
        ("new,2,sell,limit,gtc,1,4503599627.370497", f"found quantity '4503599627.370497', expected {QUANTITIES}"),
        ("new,2,sell,limit,gtc,1,9" + "0" * 99, f"found quantity '9{'0' * 99}', expected {QUANTITIES}"),
        ("new,2,sell,limit,gtc,1,", "found no quantity, expected a quantity"),
        ("replace,2,,,,1,", "found no quantity, expected a quantity"),
        ("new,2,sell,limit,gtc,1", "found 6 cells, expected 7, as in the header"),
        ("new,2,sell,limit,gtc,1,1,", "found 8 cells, expected 7, as in the header"),
        ("new;2;sell;limit;gtc;1;1", "found 1 cells, expected 7, as in the header"),
        (" ", "found 1 cells, expected 7, as in the header"),
        ("ne\x00w,2,sell,limit,gtc,1,1", r"found action 'ne\x00w', expected one of new, cancel, replace"),
        ("\x00new,2,sell,limit,gtc,1,1", r"found action '\x00new', expected one of new, cancel, replace"),
        ('new,"2,sell,limit,gtc,1,1', "found unexpected end of data, expected comma-separated text"),
        ('new,"2"2,sell,limit,gtc,1,1', "found ',' expected after '\"', expected comma-separated text"),
        ('new,"2",sell,limit,gtc,1', "found 6 cells, expected 7, as in the header"),
        ('new,"x",sell,limit,gtc,1,1', "found order_id 'x', expected a whole number of 64 bits"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named_and_nothing_is_written(
    tmp_path: Path, line: str, told: str
) -> None:
    assert refused(tmp_path, "new,1,sell,limit,gtc,1,1", line) == f"line 3: {told}"


def test_blank_lines_count_and_so_do_lines_within_quotes(tmp_path: Path) -> None:
    assert refused(tmp_path, "", "new,1,sell,limit,gtc,1,1", "", "oops").startswith("line 5:")
    quoted = 'new,"1\n",sell,limit,gtc,1,1'
    assert refused(tmp_path, "", quoted, "new,2,sell,limit,gtc,x,1").startswith("line 5: found price 'x'")


def test_a_byte_that_is_no_text_is_named_by_its_line(tmp_path: Path) -> None:
    flow = tmp_path / "flow.csv"
    flow.write_bytes(
        f"{HEADER}\nnew,1,sell,limit,gtc,1,1\nnew,2,s".encode() + b"\xff" + b"ll,limit,gtc,1,1\n"
    )
    with pytest.raises(InputError, match="line 3: found side 's\ufffdll', expected one of buy, sell"):
        replay(flow, None, console=Console(quiet=True))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"\n" + HEADER.encode(), "no columns"),
        (b"action,order_id,side,type,tif,price\n", "columns 'action, order_id, side, type, tif, price'"),
        (f"{HEADER},colour\n".encode(), f"columns '{HEADER.replace(',', ', ')}, colour'"),
        (f"{HEADER},price\n".encode(), f"columns '{HEADER.replace(',', ', ')}, price'"),
        (HEADER.encode("utf-16"), "columns '\ufffd\ufffda"),
        (HEADER.replace(",", "\r").encode(), "a line that cannot be split at commas"),
        (bytes(range(128, 256)), "columns '"),
    ],
    ids=["empty", "blank", "too few", "unknown", "twice", "UTF-16", "carriage returns", "binary"],
)  # fmt: skip
def test_another_header_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    flow = tmp_path / "flow.csv"
    flow.write_bytes(content)
    with pytest.raises(InputError) as raised:
        replay(flow, tmp_path / "trades.csv", console=Console(quiet=True))
    assert str(raised.value).startswith(f"{flow}, line 1: found {found}")
    assert str(raised.value).endswith(
        "expected columns action, order_id, side, type, tif, price, quantity "
        "and perhaps participant, post_only, timestamp"
    )


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path: Path) -> None:
    for name, found in (("absent.csv", "no such file or directory"), (".", "a folder")):
        with pytest.raises(InputError, match=f"opening it: found {found}, expected a file that can be read"):
            replay(tmp_path / name, None, console=Console(quiet=True))


@pytest.mark.parametrize(
    ("trades", "found"),
    [
        ("absent/trades.csv", "no such file or directory"),
        ("folder", "a folder"),
        ("flow.csv", "the flow itself"),
    ],
)
def test_trades_that_cannot_be_written_are_told_first(tmp_path: Path, trades: str, found: str) -> None:
    (tmp_path / "folder").mkdir()
    flow = a_flow(tmp_path, *ONE_TRADE)
    before = flow.read_bytes()
    with pytest.raises(Unwritable, match=f"writing it: found {found}, expected a place"):
        replay(flow, tmp_path / trades, console=Console(quiet=True))
    assert flow.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flow.csv", "folder"]


def test_an_earlier_file_of_trades_stays_when_the_flow_is_bad(tmp_path: Path) -> None:
    trades = tmp_path / "trades.csv"
    trades.write_text("of yesterday")
    with pytest.raises(InputError):
        replay(a_flow(tmp_path, "oops"), trades, console=Console(quiet=True))
    assert trades.read_text() == "of yesterday"


# --- much of it -------------------------------------------------------------------------------------------------------


def a_random_flow(folder: Path, count: int, *, seed: int) -> Path:
    """Write a flow of everything that a flow may hold, with ids that are known, unknown and used twice."""
    chance = random.Random(seed)
    lines = []
    for number in range(count):
        order_id = chance.randrange(number + 1) if chance.random() < 0.1 else number
        side, price = chance.choice(("buy", "sell")), f"{chance.randint(990, 1010) / 100:.2f}"
        quantity = chance.choice(("0.5", "1", "2.25", "10"))
        kind = chance.random()
        if kind < 0.15:
            lines.append(f"cancel,{chance.randrange(number + 1)},,,,,,")
        elif kind < 0.3:
            lines.append(
                f"replace,{chance.randrange(number + 1)},,,{chance.choice(('', 'ioc'))},{price},{quantity},"
            )
        elif kind < 0.4:
            lines.append(f"new,{order_id},{side},market,{chance.choice(('ioc', 'fok'))},,{quantity},")
        else:
            tif = chance.choice(("gtc", "gtc", "gtc", "ioc", "fok"))
            lines.append(
                f"new,{order_id},{side},limit,{tif},{price},{quantity},{chance.choice(('', 'true'))}"
            )
    return a_flow(folder, *lines, header=HEADER + ",post_only")


def slow_trades(flow: Path) -> list[str]:
    """Replay a flow through the oracle, line by line."""
    book, trades = SlowBook(), []
    _, *lines = flow.read_text().splitlines()
    for line in lines:
        action, number, side_name, kind, tif, price, quantity, post_only = line.split(",")
        order_id, lots = int(number), round(float(quantity or 0) * SCALE)
        resting = book.find(order_id)
        side = Side.BUY if side_name == "buy" else Side.SELL
        unlimited = PRICE_MAX if side is Side.BUY else -PRICE_MAX
        ticks = round(float(price) * SCALE) if price else unlimited
        how = (
            OrderType.MARKET if kind == "market" else OrderType.LIMIT,
            TimeInForce[tif.upper() or "GTC"],
            ticks,
            lots,
        )
        if action == "cancel":
            book.cancel(order_id)
            continue
        if (action == "new") is (resting is not None):
            continue
        if action == "new":
            placed = book.place(order_id, side, *how, post_only=bool(post_only))
        else:
            placed = book.replace(order_id, *how, post_only=bool(post_only))
        trades += [
            f"{order_id},{fill.maker_order_id},{format_decimal(fill.price_ticks, scale=SCALE)},"
            f"{format_decimal(fill.quantity_lots, scale=SCALE)}"
            for fill in placed.fills
        ]
    return trades


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_random_flow_trades_as_the_slow_matcher_says(tmp_path: Path, seed: int) -> None:
    flow = a_random_flow(tmp_path, 1_500, seed=seed)
    expected = slow_trades(flow)
    assert len(expected) > 300
    assert replayed(flow)[1] == expected


def test_how_the_stream_is_cut_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = a_random_flow(tmp_path, 400, seed=4)
    whole, trades = replayed(flow)
    lines = flow.read_text().splitlines()
    flow.write_text("\n".join([*lines[:200], lines[200].replace("new", '"new"'), *lines[201:]]))
    for size in (1, 7, 64, 1000):
        monkeypatch.setattr(columns, "BLOCK_BYTES", size)
        monkeypatch.setattr(columns, "ROWS_PER_BLOCK", size)
        cut, same = replayed(flow)
        assert same == trades
        assert (cut.messages, cut.refusals, cut.resting) == (whole.messages, whole.refusals, whole.resting)


def test_an_error_beyond_the_first_block_names_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "BLOCK_BYTES", 100)
    good = [f"new,{number},sell,limit,gtc,1,1" for number in range(50)]
    assert refused(tmp_path, *good, "new,50,sell,limit,gtc,x,1").startswith("line 52: found price 'x'")
    monkeypatch.setattr(columns, "ROWS_PER_BLOCK", 3)
    quoted = [line.replace("new", '"new"') for line in good]
    assert refused(tmp_path, *quoted, "new,50,sell,limit,gtc,x,1").startswith("line 52: found price 'x'")


def test_many_large_orders_never_overflow(tmp_path: Path) -> None:
    largest = format_decimal(QUANTITY_MAX, scale=SCALE)
    done, _ = replayed(
        a_flow(tmp_path, *(f"new,{number},buy,limit,gtc,1,{largest}" for number in range(2_050)))
    )
    assert done.refusals == {"book_full": 3}
    assert done.resting == 2_047


@pytest.mark.soak
def test_a_million_lines_take_seconds(tmp_path: Path) -> None:
    chance = random.Random(1)
    price = [f"{number / 100:.2f}" for number in range(9_000, 11_000)]
    lines = (
        f"cancel,{chance.randrange(number + 1)},,,,,"
        if chance.random() < 0.4
        else f"new,{number},{chance.choice(('buy', 'sell'))},limit,gtc,{chance.choice(price)},{chance.randint(1, 99)}"
        for number in range(1_000_000)
    )
    done, trades = replayed(a_flow(tmp_path, *lines))
    assert (done.messages, done.trades) == (1_000_000, len(trades))
    assert done.seconds < 10
