"""Trades after the match, the capacity that they use, and what meters tell."""

import pytest

from market.events import Refused, SessionChanged
from market.exchange import Exchange
from market.instruments import parse_symbol
from market.orders import CancelOrder, Command, Side
from market.refusals import Refusal
from market.settlement import (
    ConfirmDelivery,
    ConfirmLocks,
    ConfirmOpening,
    ConfirmPayout,
    GuaranteeOpened,
    GuaranteePaid,
    ReadingReceived,
    SubmitReading,
    TradeDelivered,
    TradeLocked,
    TradeVoided,
    VoidTrade,
)
from market.trades import TradeState
from market.units import Lots, Micros

from .builders import (
    ALICE,
    BOB,
    CONTINUOUS_OPENS_S,
    SOLAR,
    SUN,
    WIND,
    a_bid,
    a_listing,
    a_meter,
    a_replacement,
    an_exchange,
    an_offer,
    some_terms,
    us,
)

LATER = parse_symbol("ENE.SOLAR@CISO/2022-03-12T19Z/1h#Q2")
GOLD = parse_symbol("ENE.SOLAR@CISO/2022-03-12T18Z/1h#Q3")
METER = a_meter(SUN).meter
PAYOUT = ConfirmPayout(2, b"p", Lots(400), Micros(20_000), Micros(50), Micros(30_075), Micros(10_000))


def with_trades(count: int) -> Exchange:
    exchange = an_exchange(a_listing(), a_listing(LATER), a_listing(GOLD), at_s=CONTINUOUS_OPENS_S + 3600)
    for _ in range(count):
        exchange.execute(an_offer())
        exchange.execute(a_bid())
    return exchange


def test_a_trade_is_locked_delivered_and_over() -> None:
    exchange = with_trades(1)
    assert exchange.execute(ConfirmLocks(7, b"lock", (1,))) == [TradeLocked(1, 7, b"lock")]
    assert (exchange.trade(1).state, exchange.trade(1).batch_number) == (TradeState.LOCKED, 7)
    assert exchange.execute(ConfirmDelivery(7, b"deliver", (1,))) == [TradeDelivered(1, b"deliver")]
    assert (exchange.trade(1).state, exchange.trade(1).delivered_lots) == (TradeState.DELIVERED, 1000)


def test_a_short_trade_is_opened_and_paid_out() -> None:
    exchange = with_trades(2)
    exchange.execute(ConfirmLocks(1, b"lock", (1, 2)))
    assert exchange.execute(ConfirmOpening(2, b"open", Lots(400))) == [GuaranteeOpened(2, b"open", 400)]
    assert exchange.execute(PAYOUT) == [GuaranteePaid(2, b"p", 400, 20_000, 50, 30_075, 10_000)]
    trade = exchange.trade(2)
    assert (trade.state, trade.delivered_lots, trade.compensation_micros) == (
        TradeState.PAID_OUT,
        400,
        10_000,
    )


def test_what_the_contract_skips_is_void_with_its_code() -> None:
    exchange = with_trades(3)
    assert exchange.execute(ConfirmLocks(1, b"lock", (1, 3), ((2, 11),))) == [
        TradeLocked(1, 1, b"lock"),
        TradeLocked(3, 1, b"lock"),
        TradeVoided(2, "skipped by the contract: 11"),
    ]


@pytest.mark.parametrize(
    "command",
    [
        ConfirmLocks(1, b"again", (1, 2), ((3, 5),)),
        VoidTrade(3, "late"),
        ConfirmDelivery(1, b"again", (1,)),
        ConfirmOpening(2, b"again", Lots(400)),
        PAYOUT,
    ],
)
def test_a_step_told_twice_changes_nothing(command: Command) -> None:
    exchange = with_trades(3)
    exchange.execute(ConfirmLocks(1, b"lock", (1, 2), ((3, 5),)))
    exchange.execute(ConfirmDelivery(1, b"deliver", (1,)))
    exchange.execute(ConfirmOpening(2, b"open", Lots(400)))
    exchange.execute(PAYOUT)
    before = exchange.state_hash()
    (refused,) = exchange.execute(command)
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.ALREADY_APPLIED
    assert exchange.state_hash() == before


def test_one_trade_in_the_wrong_state_stops_the_whole_command() -> None:
    exchange = with_trades(3)
    exchange.execute(ConfirmLocks(1, b"lock", (1, 2)))
    for command, number in ((ConfirmLocks(2, b"lock", (3, 1)), 1), (ConfirmDelivery(2, b"deliver", (2,)), 2)):
        (refused,) = exchange.execute(command)
        assert isinstance(refused, Refused)
        assert (refused.refusal, refused.reference) == (Refusal.TRADE_NOT_IN_THAT_STATE, number)
    assert [trade.state for trade in exchange.trades()] == [
        TradeState.LOCKED,
        TradeState.LOCKED,
        TradeState.AGREED,
    ]


def test_a_confirmation_of_nothing_causes_nothing() -> None:
    assert with_trades(1).execute(ConfirmLocks(1, b"lock", ())) == []


def test_trades_are_found_by_state_and_hour_in_the_order_of_their_numbers() -> None:
    exchange = with_trades(3)
    exchange.execute(an_offer(instrument=LATER))
    exchange.execute(a_bid(instrument=LATER))
    exchange.execute(ConfirmLocks(1, b"lock", (3, 1)))

    def numbers(state: TradeState | None = None, start_hour: int | None = None) -> list[int]:
        return [trade.agreed.trade_number for trade in exchange.trades(state, start_hour)]

    assert numbers() == [1, 2, 3, 4]
    assert numbers(TradeState.LOCKED) == [1, 3]
    assert numbers(TradeState.AGREED) == [2, 4]
    assert numbers(start_hour=LATER.start_hour) == [4]
    assert numbers(TradeState.AGREED, SOLAR.start_hour) == [2]
    with pytest.raises(KeyError):
        exchange.trade(5)


def test_a_trade_keeps_what_was_signed_when_it_was_agreed() -> None:
    exchange = an_exchange()
    offer, bid = an_offer(quantity=500), a_bid(quantity=800)
    exchange.execute(offer)
    exchange.execute(bid)
    renewed = some_terms(Side.BUY, by=ALICE, quantity=700)
    exchange.execute(a_replacement(2, renewed))
    exchange.execute(an_offer(quantity=500))
    first, second = exchange.signed_orders(1), exchange.signed_orders(2)
    assert first is not None
    assert second is not None
    assert [(each.terms, each.signature) for each in first] == [
        (bid.terms, b"signature"),
        (offer.terms, b"signature"),
    ]
    assert (second[0].terms, second[0].signature) == (renewed, b"new signature")
    exchange.execute(ConfirmLocks(1, b"lock", (1,)))
    assert exchange.signed_orders(1) is None


def test_load_is_what_is_sold_over_what_is_registered() -> None:
    exchange = with_trades(0)
    exchange.execute(an_offer(quantity=700_000))
    exchange.execute(an_offer(by=WIND, quantity=100_000, price=400))
    assert exchange.load(SOLAR.resource, SOLAR.start_hour) == (0, 2_000_000)
    exchange.execute(a_bid(quantity=300_000))
    assert exchange.load(SOLAR.resource, SOLAR.start_hour) == (300_000, 2_000_000)
    assert exchange.load(LATER.resource, LATER.start_hour) == (0, 2_000_000)


def test_tiers_of_a_slot_share_the_registered_capacity_and_hours_do_not() -> None:
    exchange = with_trades(0)
    exchange.execute(an_offer(quantity=700_000))
    assert exchange.refusal_of(an_offer(instrument=GOLD, quantity=300_000)) is None
    refused = exchange.refusal_of(an_offer(instrument=GOLD, quantity=300_001))
    assert refused is not None
    assert refused.refusal is Refusal.OVER_REGISTERED_CAPACITY
    assert exchange.refusal_of(an_offer(instrument=LATER, quantity=1_000_000)) is None


@pytest.mark.parametrize("how", ["cancelled", "void"])
def test_capacity_is_free_again_when_an_offer_leaves_or_its_trade_is_void(how: str) -> None:
    exchange = with_trades(0)
    exchange.execute(an_offer(quantity=1_000_000))
    if how == "cancelled":
        exchange.execute(CancelOrder(SUN, 1))
    else:
        exchange.execute(a_bid(quantity=1_000_000))
        assert exchange.refusal_of(an_offer(quantity=1)) is not None
        exchange.execute(VoidTrade(1, "not locked in time"))
    assert exchange.load(SOLAR.resource, SOLAR.start_hour) == (0, 2_000_000)
    assert exchange.refusal_of(an_offer(quantity=1_000_000)) is None


def test_delivered_capacity_stays_sold() -> None:
    exchange = with_trades(1)
    exchange.execute(ConfirmLocks(1, b"lock", (1,)))
    exchange.execute(ConfirmDelivery(1, b"deliver", (1,)))
    assert exchange.load(SOLAR.resource, SOLAR.start_hour) == (1000, 2_000_000)


def test_a_supplier_has_one_meter_for_a_resource() -> None:
    exchange = with_trades(0)
    assert exchange.meter(SUN, SOLAR.resource) == a_meter(SUN)
    assert exchange.meter(ALICE, SOLAR.resource) is None


def test_the_first_reading_of_an_hour_stands() -> None:
    exchange = with_trades(0)
    settled = exchange.begin(us(SOLAR.end_s))
    assert isinstance(settled[-1], SessionChanged)
    reading = SubmitReading(METER, SOLAR.start_hour, Lots(0), b"meter's")
    assert exchange.execute(reading) == [ReadingReceived(METER, SOLAR.start_hour, 0, b"meter's")]
    (refused,) = exchange.execute(SubmitReading(METER, SOLAR.start_hour, Lots(9), b"meter's"))
    assert isinstance(refused, Refused)
    assert (refused.refusal, refused.detail) == (
        Refusal.ALREADY_APPLIED,
        "found a first reading of 0 lots, and that one stands",
    )
    assert exchange.reading(METER, SOLAR.start_hour) == ReadingReceived(
        METER, SOLAR.start_hour, 0, b"meter's"
    )
    assert exchange.reading(METER, LATER.start_hour) is None


def test_buyers_need_no_meter() -> None:
    assert with_trades(0).refusal_of(a_bid(by=BOB)) is None
