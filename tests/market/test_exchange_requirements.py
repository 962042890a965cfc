"""Bids that any of several instruments satisfies: what they take, in which book, and what they leave alone."""

import pytest

from market.events import (
    CancelReason,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderReduced,
    OrderTriggered,
    Refused,
    Session,
    TradeAgreed,
)
from market.exchange import Exchange
from market.instruments import Instrument, parse_symbol
from market.listing import Allocation, TradePriceRule, TradingRules
from market.orders import OrderType, SelfTrade, Side, TimeInForce
from market.refusals import Refusal
from market.settlement import VoidTrade
from market.units import Ticks

from .builders import (
    ALICE,
    BOB,
    FREE,
    SOLAR,
    SUN,
    WIND,
    a_bid,
    a_bid_for_any,
    a_listing,
    an_exchange,
    an_offer,
)

GOLD = parse_symbol("ENE.SOLAR@CISO/2022-03-12T18Z/1h#Q3")
LATER = parse_symbol("ENE.SOLAR@CISO/2022-03-12T19Z/1h#Q2")
NAMES = {SOLAR.id: "solar", GOLD.id: "gold", LATER.id: "later"}
ANY = {SOLAR: 0, GOLD: 0, LATER: 0}
FOK = TimeInForce.FOK


def three_books(rules: TradingRules = FREE, rule: TradePriceRule = TradePriceRule.MAKER) -> Exchange:
    opens_s = LATER.start_s - 30 * 3600
    listings = (a_listing(each, rules=rules, rule=rule) for each in (SOLAR, GOLD, LATER))
    return an_exchange(*listings, at_s=opens_s)


def taken(events: list[Event]) -> list[tuple[str, int, int, int]]:
    """Return (instrument, offer, price, quantity) of each trade."""
    return [
        (NAMES[event.instrument_id], event.sell_order_id, event.price_ticks, event.quantity_lots)
        for event in events
        if isinstance(event, TradeAgreed)
    ]


def left(exchange: Exchange, instrument: Instrument) -> list[tuple[int, int]]:
    return [row[1:3] for row in exchange.book(instrument.id).orders(Side.SELL).tolist()]


def test_a_bid_takes_the_best_offer_of_any_book() -> None:
    exchange = three_books()
    exchange.execute(an_offer(price=520, quantity=100))
    exchange.execute(an_offer(price=500, quantity=100, instrument=GOLD))
    exchange.execute(an_offer(price=510, quantity=100, instrument=LATER))
    bid = a_bid_for_any(ANY, price=515, quantity=250)
    accepted, *traded, dropped = exchange.execute(bid)
    assert isinstance(accepted, OrderAccepted)
    assert (accepted.order_id, accepted.terms, accepted.eligible) == (4, bid.terms, bid.eligible)
    assert taken(traded) == [("gold", 2, 500, 100), ("later", 3, 510, 100)]
    assert dropped == OrderCancelled(4, 50, CancelReason.REMAINDER_NOT_RESTING)
    assert exchange.open_orders(ALICE) == ()


def test_what_an_instrument_is_worth_decides_which_offer_is_best() -> None:
    exchange = three_books()
    exchange.execute(an_offer(price=500, quantity=100))
    exchange.execute(an_offer(price=515, quantity=100, instrument=GOLD))
    exchange.execute(an_offer(price=480, quantity=100, instrument=LATER))
    bid = a_bid_for_any({SOLAR: 0, GOLD: 20, LATER: -30}, price=520, quantity=250)
    assert taken(exchange.execute(bid)) == [
        ("gold", 2, 515, 100),
        ("solar", 1, 500, 100),
        ("later", 3, 480, 50),
    ]


def test_equal_offers_go_to_the_lowest_instrument_id() -> None:
    assert SOLAR.id < GOLD.id < LATER.id
    exchange = three_books()
    for instrument in (LATER, GOLD, SOLAR):
        exchange.execute(an_offer(price=500, quantity=100, instrument=instrument))
    events = exchange.execute(a_bid_for_any(ANY, quantity=250))
    assert taken(events) == [("solar", 3, 500, 100), ("gold", 2, 500, 100), ("later", 1, 500, 50)]


def test_an_adjustment_lowers_the_limit_but_never_raises_it_over_the_signed_price() -> None:
    exchange = three_books()
    exchange.execute(an_offer(price=501, quantity=100))
    exchange.execute(an_offer(price=491, quantity=100, instrument=GOLD))
    exchange.execute(an_offer(price=490, quantity=100, instrument=LATER))
    bid = a_bid_for_any({SOLAR: 50, GOLD: -10, LATER: -10}, price=500, quantity=300)
    events = exchange.execute(bid)
    assert taken(events) == [("later", 3, 490, 100)]
    (agreed,) = (event for event in events if isinstance(event, TradeAgreed))
    assert agreed.bid_ticks == 490


def test_a_book_that_has_the_best_offer_again_is_visited_once_with_all_it_gives() -> None:
    exchange = three_books()
    for price, instrument in ((500, SOLAR), (505, GOLD), (510, SOLAR), (515, GOLD)):
        exchange.execute(an_offer(price=price, quantity=100, instrument=instrument))
    events = exchange.execute(a_bid_for_any(ANY, price=600, quantity=350))
    assert taken(events) == [
        ("solar", 1, 500, 100),
        ("solar", 3, 510, 100),
        ("gold", 2, 505, 100),
        ("gold", 4, 515, 50),
    ]


def test_the_hold_is_the_most_that_it_could_cost() -> None:
    exchange = an_exchange(a_listing(fee_bps=25), a_listing(GOLD, fee_bps=10), at_s=LATER.start_s - 30 * 3600)
    exchange.execute(an_offer(price=480, quantity=400, instrument=GOLD))
    bid = a_bid_for_any({SOLAR: -20, GOLD: -10}, price=500, quantity=1000)
    # The dearer limit is 490, the higher fee 25 bps: 49,000 micros and 123.
    assert exchange.hold_for(bid) == 49_123
    accepted, agreed, _ = exchange.execute(bid)
    assert isinstance(accepted, OrderAccepted)
    assert accepted.hold_micros == 49_123
    assert isinstance(agreed, TradeAgreed)
    assert (agreed.payment_micros, agreed.fee_micros, agreed.buy_hold_micros) == (19_200, 19, 29_400 + 74)


@pytest.mark.parametrize("all_of_it", [True, False])
def test_what_must_fill_is_found_out_before_anything_changes(all_of_it: bool) -> None:
    exchange = three_books()
    exchange.execute(an_offer(price=500, quantity=100))
    exchange.execute(an_offer(price=510, quantity=100, instrument=GOLD))
    wanted = {"time_in_force": FOK} if all_of_it else {"minimum": 201}
    before = exchange.state_bytes()
    (refused,) = exchange.execute(a_bid_for_any(ANY, price=600, quantity=201, **wanted))
    assert isinstance(refused, Refused)
    assert refused.detail == "found 0.2 kWh that it can take in 3 books, expected 0.201 kWh"
    assert exchange.state_bytes() == before
    wanted = {"time_in_force": FOK} if all_of_it else {"minimum": 200}
    events = exchange.execute(a_bid_for_any(ANY, price=600, quantity=200, **wanted))
    assert sum(lots for *_, lots in taken(events)) == 200


def test_a_market_bid_trades_at_the_makers_price_under_every_rule() -> None:
    for order_type, price in ((OrderType.MARKET, 500), (OrderType.LIMIT, 550)):
        exchange = three_books(rule=TradePriceRule.MIDPOINT)
        exchange.execute(an_offer(price=500, quantity=100, instrument=GOLD))
        bid = a_bid_for_any(ANY, price=600, quantity=100, order_type=order_type)
        assert taken(exchange.execute(bid)) == [("gold", 1, price, 100)]


def test_a_market_bid_needs_no_time_in_force() -> None:
    exchange = three_books()
    exchange.execute(an_offer(price=500, quantity=100))
    bid = a_bid_for_any(ANY, quantity=150, order_type=OrderType.MARKET, time_in_force=TimeInForce.GTC)
    events = exchange.execute(bid)
    assert taken(events) == [("solar", 1, 500, 100)]
    assert exchange.open_orders(ALICE) == ()


def test_a_book_that_is_not_in_continuous_trading_is_passed_over() -> None:
    opens_s = SOLAR.start_s - 30 * 3600
    exchange = an_exchange(a_listing(SOLAR), a_listing(LATER), at_s=opens_s)
    assert exchange.listing(LATER.id).session is Session.CALL
    exchange.execute(an_offer(price=490, quantity=100, instrument=LATER))
    exchange.execute(an_offer(price=500, quantity=100))
    assert taken(exchange.execute(a_bid_for_any({SOLAR: 0, LATER: 0}, quantity=150))) == [
        ("solar", 2, 500, 100)
    ]


# --- what holds in each book holds here too ------------------------------------------------------------------------


def test_time_priority_holds_in_each_book() -> None:
    exchange = three_books()
    exchange.execute(an_offer(price=500, quantity=100))
    exchange.execute(an_offer(by=WIND, price=500, quantity=100))
    assert taken(exchange.execute(a_bid_for_any(ANY, quantity=150))) == [
        ("solar", 1, 500, 100),
        ("solar", 2, 500, 50),
    ]
    assert left(exchange, SOLAR) == [(2, 50)]


def test_a_bid_in_a_book_that_shares_out_gives_everybody_a_share() -> None:
    exchange = three_books(TradingRules(allocation=Allocation.PRO_RATA))
    exchange.execute(an_offer(price=500, quantity=100))
    exchange.execute(an_offer(by=WIND, price=500, quantity=300))
    events = exchange.execute(a_bid_for_any(ANY, quantity=200))
    assert taken(events) == [("solar", 1, 500, 50), ("solar", 2, 500, 150)]


def test_icebergs_give_slice_by_slice() -> None:
    exchange = three_books()
    exchange.execute(an_offer(price=500, quantity=300, display=100))
    exchange.execute(an_offer(by=WIND, price=500, quantity=100))
    events = exchange.execute(a_bid_for_any(ANY, quantity=350, time_in_force=FOK))
    assert taken(events) == [
        ("solar", 1, 500, 100),
        ("solar", 2, 500, 100),
        ("solar", 1, 500, 100),
        ("solar", 1, 500, 50),
    ]


def test_an_all_or_none_offer_is_taken_wholly_or_passed_over() -> None:
    exchange = three_books()
    exchange.execute(an_offer(price=500, quantity=300, all_or_none=True))
    exchange.execute(an_offer(price=510, quantity=100, instrument=GOLD))
    exchange.execute(an_offer(by=WIND, price=520, quantity=100))
    too_small = a_bid_for_any(ANY, price=600, quantity=200, time_in_force=FOK)
    assert taken(exchange.execute(too_small)) == [("gold", 2, 510, 100), ("solar", 3, 520, 100)]
    assert left(exchange, SOLAR) == [(1, 300)]
    fits = a_bid_for_any(ANY, price=600, quantity=300, time_in_force=FOK)
    assert taken(exchange.execute(fits)) == [("solar", 1, 500, 300)]


@pytest.mark.parametrize(
    ("policy", "trades", "ended", "own_left"),
    [
        (SelfTrade.CANCEL_NEWEST, [("gold", 2, 490, 100)], 300, [(1, 200)]),
        (SelfTrade.CANCEL_BOTH, [("gold", 2, 490, 100)], 300, []),
        (SelfTrade.CANCEL_OLDEST, [("solar", 3, 510, 100), ("gold", 2, 490, 100)], 200, []),
        (SelfTrade.DECREMENT, [("solar", 3, 510, 100), ("gold", 2, 490, 100)], 0, []),
    ],
)
def test_nobody_trades_with_himself(
    policy: SelfTrade, trades: list[object], ended: int, own_left: list[tuple[int, int]]
) -> None:
    exchange = three_books()
    exchange.execute(an_offer(by=SUN, price=500, quantity=200))
    exchange.execute(an_offer(by=WIND, price=490, quantity=100, instrument=GOLD))
    exchange.execute(an_offer(by=WIND, price=510, quantity=100))
    bid = a_bid_for_any(ANY, by=SUN, price=600, quantity=400, self_trade=policy)
    events = exchange.execute(bid)
    assert sorted(taken(events)) == sorted(trades)
    own = [row for row in left(exchange, SOLAR) if row[0] == 1]
    assert own == own_left
    gone = [event for event in events if isinstance(event, OrderCancelled) and event.order_id == 4]
    assert sum(event.remaining_lots for event in gone) == ended
    lost = [event for event in events if isinstance(event, OrderReduced)]
    assert [(event.order_id, event.by_lots) for event in lost] == (
        [(4, 200)] if policy is SelfTrade.DECREMENT else []
    )


def test_a_bid_with_somewhere_else_to_go_halts_nobodys_trading() -> None:
    exchange = three_books(TradingRules(collar_ticks=Ticks(10), halt_s=60))
    exchange.execute(an_offer(price=511, quantity=100))
    exchange.execute(an_offer(price=510, quantity=100, instrument=GOLD))
    events = exchange.execute(a_bid_for_any(ANY, price=600, quantity=200))
    assert taken(events) == [("gold", 2, 510, 100)]
    assert exchange.listing(SOLAR.id).session is Session.CONTINUOUS


def test_a_stop_that_it_wakes_cannot_take_from_its_share() -> None:
    exchange = three_books()
    exchange.execute(an_offer(price=490, quantity=10))
    exchange.execute(a_bid(price=490, quantity=10))
    exchange.execute(an_offer(price=500, quantity=100))
    exchange.execute(an_offer(price=505, quantity=100, instrument=GOLD))
    exchange.execute(an_offer(price=510, quantity=100))
    exchange.execute(a_bid(by=BOB, price=600, quantity=100, stop=500))
    events = exchange.execute(a_bid_for_any(ANY, price=600, quantity=300, time_in_force=FOK))
    assert taken(events) == [("solar", 3, 500, 100), ("solar", 5, 510, 100), ("gold", 4, 505, 100)]
    assert [event.order_id for event in events if isinstance(event, OrderTriggered)] == [6]


def test_what_it_bought_is_a_trade_like_any_other() -> None:
    exchange = three_books()
    exchange.execute(an_offer(price=500, quantity=100, instrument=GOLD))
    bid = a_bid_for_any(ANY, quantity=100)
    exchange.execute(bid)
    signed = exchange.signed_orders(1)
    assert signed is not None
    assert signed[0].terms == bid.terms
    assert exchange.load(GOLD.resource, GOLD.start_hour) == (100, 2_000_000)
    exchange.execute(VoidTrade(1, "not locked in time"))
    assert exchange.load(GOLD.resource, GOLD.start_hour) == (0, 2_000_000)


def test_the_same_request_again_is_known() -> None:
    exchange = three_books()
    bid = a_bid_for_any(ANY, quantity=100)
    exchange.execute(bid)
    assert exchange.earlier(bid) == 1
    (refused,) = exchange.execute(bid)
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.ALREADY_APPLIED
