"""Long flows: they trade as the slow matcher says, wherever the stream is cut."""

import random
from pathlib import Path

import pytest

from api import columns
from api.flows import PRICE_MAX, QUANTITY_MAX, SCALE
from market.orders import OrderType, Side, TimeInForce
from market.units import format_decimal
from tests.api.flow_files import HEADER, a_flow, refused, replayed
from tests.market.oracle import SlowBook


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
