"""The flows are what they say, and every engine makes the same trades of them."""

import json
import sys
from collections import Counter

import numpy as np
import pytest

from market.book import OrderBook
from market.matching import CANCEL, NEW
from market.orders import Side
from tests.benchmarks import order_flows
from tests.benchmarks.flows import FLOWS, START_MID, base_flow, by_book, hundred_instruments, resting_orders
from tests.benchmarks.peers import ENGINES

COUNT = 3_000


def drawn(name, count=COUNT):
    return FLOWS[name][0](count)


def trades(engine, flow):
    loaded = ENGINES[engine].load(flow)
    loaded.replay()
    return loaded.trades()


@pytest.mark.parametrize("name", [name for name in FLOWS if name != "deep"])
def test_a_flow_is_the_same_every_time(name):
    first, second = drawn(name), drawn(name)
    assert len(first.messages) == COUNT
    assert np.array_equal(first.messages, second.messages)
    assert np.array_equal(first.instruments, second.instruments)


def test_base_flow_is_55_percent_new_40_cancels_5_across_the_mid():
    messages = base_flow(100_000).messages
    actions = Counter(messages["action"].tolist())
    crossing = int(np.count_nonzero(messages["quantity_lots"] > 100))  # four in five of them
    assert set(actions) == {NEW, CANCEL}
    assert actions[CANCEL] / 100_000 == pytest.approx(0.40, abs=0.005)
    assert crossing / 100_000 == pytest.approx(0.05 * 0.8, abs=0.003)


def test_base_flow_cancels_only_orders_placed_before_and_none_twice():
    messages = base_flow(20_000).messages
    live = set()
    for action, order_id in zip(messages["action"].tolist(), messages["order_id"].tolist(), strict=True):
        if action == NEW:
            live.add(order_id)
        else:
            live.remove(order_id)


def test_hundred_instruments_get_a_base_flow_each():
    shares = by_book(hundred_instruments(COUNT))
    assert len(shares) == 100
    for seed, share in enumerate(shares):
        assert np.array_equal(share, base_flow(COUNT // 100, seed=seed).messages)


def test_orders_beforehand_all_rest_within_2000_ticks():
    book = OrderBook()
    run = book.run(resting_orders(10_000))
    assert (len(run.fills), len(book)) == (0, 10_000)
    assert book.orders(Side.BUY)["price_ticks"].min() == START_MID - 2_000
    assert book.orders(Side.SELL)["price_ticks"].max() == START_MID + 2_000


def test_mid_falls_3000_ticks_in_the_crash_and_comes_back():
    messages = drawn("crash", 100_000).messages
    sides, prices = messages["side"], messages["price_ticks"]

    def best_bid_level(start, end):
        wanted = (messages["action"][start:end] == NEW) & (sides[start:end] == Side.BUY)
        return float(np.median(prices[start:end][wanted]))

    calm, bottom, end = (best_bid_level(at - 1_000, at) for at in (50_000, 56_000, 100_000))
    assert calm - bottom == pytest.approx(3_000, abs=150)
    assert end - bottom == pytest.approx(2_700, abs=300)


@pytest.mark.parametrize("name", ["base", "hundred", "shuffled"])
@pytest.mark.parametrize("engine", [name for name in ENGINES if name not in ("ccei", "plain-walk", "oracle")])
def test_every_engine_makes_the_same_trades(engine, name):
    how = ENGINES[engine]
    if not how.is_installed:
        pytest.skip(f"{engine} is not installed (dependency group bench)")
    flow = drawn(name)
    expected = "lots" if engine == "limit-order-book" else "yes"
    assert order_flows.compare(trades(engine, flow), flow) == expected


@pytest.mark.skipif("oracle" not in ENGINES, reason="the kernel knows plain orders only")
@pytest.mark.parametrize("name", ["mixed", "crash"])
def test_the_oracle_makes_the_same_trades_of_every_type_of_order(name):
    flow = drawn(name)
    assert order_flows.compare(trades("oracle", flow), flow) == "yes"


def test_json_is_one_figure_for_each_flow_and_engine(monkeypatch, capsys):
    chosen = "--flow base --flow mixed --engine ccei --engine plain-walk --messages 2000 --repeats 1 --json"
    monkeypatch.setattr(sys, "argv", ["order_flows", *chosen.split()])
    order_flows.main()
    figures = json.loads(capsys.readouterr().out)
    assert [(each["flow"], each["engine"]) for each in figures] == [
        (flow, engine) for flow in ("base", "mixed") for engine in ("ccei", "plain-walk")
    ]
    told = trades("ccei", drawn("base", 2_000))
    assert (figures[0]["trades"], figures[0]["volume"]) == (len(told.rows), told.volume)
    assert figures[0]["messages_per_s"] > 0
    assert figures[1]["trades"] is None
