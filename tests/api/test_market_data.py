"""Market data over HTTP: orders one by one, last and average price, candles; the same after a restart."""

import httpx

from ledger.rebuild import recover
from market.instruments import parse_symbol
from market.trades import TradeState
from tests.api.conftest import BUYER, GPU, HOUR_S, SOLAR, START_S, SUPPLIER, Market

SLOT_S = START_S + 2 * HOUR_S


def get(market: Market, path: str, **query: object) -> httpx.Response:
    return market.http.get(f"/v1/{path}", params={"symbol": SOLAR, **query})


def trade(market: Market, price: str, quantity: str, *, at_s: int = START_S) -> None:
    """Let the supplier offer and the buyer take it, at a time."""
    market.clock.move_to(at_s)
    market.client(SUPPLIER).sell(SOLAR, price=price, quantity=quantity)
    assert market.client(BUYER).buy(SOLAR, price=price, quantity=quantity).status == "filled"


def test_orders_are_listed_one_by_one_in_priority_order(market: Market) -> None:
    supplier, buyer = market.client(SUPPLIER), market.client(BUYER)
    for price, quantity in (("0.05", "10"), ("0.04", "20"), ("0.04", "0.5")):
        supplier.sell(SOLAR, price=price, quantity=quantity)
    buyer.buy(SOLAR, price="0.04", quantity="12.5")
    buyer.buy(SOLAR, price="0.03", quantity="7")
    assert get(market, "book/orders").json() == {
        "symbol": SOLAR,
        "session": "continuous",
        "record_number": market.house.record.number,
        "bids": [{"order_id": "5", "price": "0.03", "quantity": "7"}],
        "asks": [
            {"order_id": "2", "price": "0.04", "quantity": "7.5"},
            {"order_id": "3", "price": "0.04", "quantity": "0.5"},
            {"order_id": "1", "price": "0.05", "quantity": "10"},
        ],
    }
    first = get(market, "book/orders", limit=1).json()
    assert [order["order_id"] for order in first["bids"] + first["asks"]] == ["5", "2"]


def test_an_instrument_without_a_trade_has_no_price_and_no_candle(market: Market) -> None:
    assert get(market, "ticker").json() == {
        "symbol": SOLAR,
        "last_price": None,
        "last_time": None,
        "vwap": None,
        "volume": "0",
        "notional": "0",
        "trades": 0,
    }
    assert get(market, "candles").json() == []


def test_the_ticker_tells_last_price_volume_and_average(market: Market) -> None:
    trade(market, "0.04", "100")
    trade(market, "0.05", "200.001", at_s=START_S + 59)
    assert get(market, "ticker").json() == {
        "symbol": SOLAR,
        "last_price": "0.05",
        "last_time": START_S + 59,
        "vwap": "0.046667",  # 14.00005 over 300.001 is 0.04666667…
        "volume": "300.001",
        "notional": "14.00005",
        "trades": 2,
    }
    assert get(market, "ticker", symbol=GPU).json()["trades"] == 0


def test_candles_of_every_width_hold_the_trades_of_their_periods(market: Market) -> None:
    for price, quantity, after_s in (("0.04", "1", 0), ("0.06", "2", 59), ("0.05", "4", 3_000)):
        trade(market, price, quantity, at_s=START_S + after_s)
    first = {"start": START_S, "open": "0.04", "high": "0.06", "low": "0.04", "close": "0.06"}
    first |= {"vwap": "0.053333", "volume": "3", "notional": "0.16", "trades": 2}
    second = {"start": START_S + 3_000, **dict.fromkeys(("open", "high", "low", "close", "vwap"), "0.05")}
    second |= {"volume": "4", "notional": "0.2", "trades": 1}
    whole = {**first, "close": "0.05", "vwap": "0.051429", "volume": "7", "notional": "0.36", "trades": 3}
    assert get(market, "candles", width="1m").json() == [first, second]
    assert get(market, "candles", width="5m").json() == [first, second]
    assert get(market, "candles", width="15m").json() == [first, {**second, "start": START_S + 2_700}]
    assert get(market, "candles", width="1h").json() == get(market, "candles").json() == [whole]
    assert get(market, "candles", width="1d").json() == [{**whole, "start": START_S - HOUR_S}]
    assert get(market, "candles", width="1m", limit=1).json() == [second]
    assert get(market, "candles", width="1m", since=START_S + 1).json() == [second]
    assert get(market, "candles", width="1m", until=START_S + 3_000).json() == [first]


def test_a_void_trade_stays_on_the_tape(market: Market) -> None:
    trade(market, "0.04", "100")
    before = get(market, "ticker").json()
    market.clock.move_to(SLOT_S)
    market.http.portal.call(market.house.sequencer.tick)
    market.house.settler.step()
    assert market.house.venue.exchange.trade(1).state is TradeState.VOID
    assert get(market, "ticker").json() == before


def test_a_restart_fills_the_tapes_as_the_trades_had(market: Market) -> None:
    trade(market, "0.04", "100")
    trade(market, "0.05", "200", at_s=START_S + 100)
    market.client(SUPPLIER).sell(GPU, price="2", quantity="3")
    market.client(BUYER).buy(GPU, price="2.5", quantity="3")
    again = recover(market.house.record).tapes
    for symbol in (SOLAR, GPU):
        instrument_id = parse_symbol(symbol).id
        assert vars(again.of(instrument_id)) == vars(market.house.tapes.of(instrument_id))
        assert (
            again.of(instrument_id).volume_lots
            == market.house.venue.exchange.listing(instrument_id).volume_lots
        )
    assert again.of(parse_symbol(SOLAR).id).trades == 2
    trade(market, "0.06", "1", at_s=START_S + 100)
    assert market.house.tapes.of(parse_symbol(SOLAR).id).last_price_ticks == 600


def test_an_instrument_that_is_not_listed_is_not_found(market: Market) -> None:
    for path in ("book/orders", "ticker", "candles"):
        answer = get(market, path, symbol="ENE.WIND@CISO/2022-03-12T03Z/1h#Q1")
        assert (answer.status_code, answer.json()["title"]) == (404, "unknown_instrument"), path


def test_candles_that_nobody_can_draw_are_malformed(market: Market) -> None:
    for name, value in (
        ("width", "2m"),
        ("width", ""),
        ("since", -1),
        ("until", "noon"),
        ("limit", 0),
        ("limit", 1_001),
    ):
        answer = get(market, "candles", **{name: value})
        assert (answer.status_code, answer.json()["title"]) == (422, "malformed"), (name, value)
