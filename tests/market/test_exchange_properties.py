"""What holds after any history: replaying the events gives the same state, nothing is lost, nobody's limit is passed."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from market.events import (
    Cleared,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderReduced,
    OrderReplaced,
    Refused,
    TradeAgreed,
)
from market.exchange import Exchange
from market.instruments import Instrument, parse_symbol
from market.listing import Allocation, InstrumentListed, PriceTermsSet, TradePriceRule, TradingRules
from market.open_orders import OpenOrder
from market.orders import (
    Address,
    CancelOrder,
    Command,
    MassCancel,
    OrderTerms,
    OrderType,
    PlaceOrder,
    SelfTrade,
    SetDeadManTimer,
    Side,
    TimeInForce,
)
from market.sessions import COLLECTING
from market.settlement import (
    ConfirmDelivery,
    ConfirmLocks,
    ConfirmOpening,
    ConfirmPayout,
    SubmitReading,
    TradeVoided,
    VoidTrade,
)
from market.trades import TradeState
from market.units import Lots, Micros, Ticks

from .builders import (
    ALICE,
    BOB,
    CALL_OPENS_S,
    CONTINUOUS_OPENS_S,
    GATE_CLOSES_S,
    H100,
    NOTICE_S,
    SOLAR,
    SUN,
    WIND,
    a_bid_for_any,
    a_listing,
    a_meter,
    a_replacement,
    an_order,
    price_terms,
    some_terms,
    us,
)

GOLD = parse_symbol("ENE.SOLAR@CISO/2022-03-12T18Z/1h#Q3")
INSTRUMENTS = (SOLAR, GOLD, H100)
SUPPLIERS = (SUN, WIND)
CAPACITY = 30
MOMENTS_S = (
    CALL_OPENS_S,
    CALL_OPENS_S + 60,
    CONTINUOUS_OPENS_S,
    CONTINUOUS_OPENS_S + 1,
    CONTINUOUS_OPENS_S + 61,
    CONTINUOUS_OPENS_S + 600,
    CONTINUOUS_OPENS_S + 12 * 3600,
    GATE_CLOSES_S - 1,
    GATE_CLOSES_S,
    SOLAR.start_s,
    SOLAR.end_s,
    SOLAR.end_s + 60,
)


@dataclass(frozen=True)
class Deed:
    """What somebody does, in numbers that mean something for every kind of command."""

    kind: str
    who: int
    side: Side
    price: int
    quantity: int
    instrument: int
    number: int
    order_type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    good_for: int
    asks: str
    self_trade: SelfTrade


KINDS = ["place"] * 14 + [
    "mass cancel",
    "dead man",
    "any",
    "any",
    "cancel",
    "replace",
    "replace",
    "terms",
    "lock",
    "lock",
    "void",
    "deliver",
    "short",
    "read",
]
DEEDS = st.builds(
    Deed,
    kind=st.sampled_from(KINDS),
    who=st.integers(0, 3),
    side=st.sampled_from(Side),
    price=st.integers(498, 503),
    quantity=st.integers(1, 12),
    instrument=st.sampled_from([0, 0, 0, 1, 2]),
    number=st.integers(1, 99),
    order_type=st.sampled_from([OrderType.LIMIT] * 5 + [OrderType.MARKET]),
    time_in_force=st.sampled_from([TimeInForce.GTC] * 5 + list(TimeInForce)),
    post_only=st.sampled_from([False] * 7 + [True]),
    good_for=st.sampled_from([100_000] * 5 + [0, 30]),
    asks=st.sampled_from(
        ["nothing"] * 4 + ["all", "all", "minimum", "slices", "slices", "hiding", "stop", "stop", "budget"]
    ),
    self_trade=st.sampled_from(SelfTrade),
)
BATCHES = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2]), st.lists(DEEDS, max_size=8)), max_size=14
)


def command_of(deed: Deed, exchange: Exchange, salt: int) -> Command:
    """Turn a deed into a command that often succeeds."""
    instrument = INSTRUMENTS[deed.instrument]
    seller = SUPPLIERS[deed.who % 2]
    good_until_s = exchange.time_us // 1_000_000 + deed.good_for
    participant = seller if deed.side is Side.SELL else (ALICE, BOB, SUN, WIND)[deed.who]
    terms = some_terms(
        deed.side,
        by=participant,
        price=deed.price,
        quantity=deed.quantity,
        instrument=instrument,
        good_until_s=good_until_s,
        client_order_id=salt,
    )
    match deed.kind:
        case "place":
            collects = exchange.listing(instrument.id).session in COLLECTING
            return a_fitting_order(deed, terms, instrument, collects=collects)
        case "any":
            return a_bid_for_any(
                {SOLAR: deed.price % 3 - 1, GOLD: 0},
                by=participant,
                price=deed.price,
                quantity=deed.quantity + 5,
                minimum=deed.quantity if deed.post_only else 0,
                time_in_force=TimeInForce.FOK if deed.number % 3 == 0 else TimeInForce.IOC,
                order_type=deed.order_type,
                self_trade=deed.self_trade,
                client_order_id=salt,
            )
        case "mass cancel":
            return MassCancel(participant, instrument.id if deed.number % 2 else None, deed.side)
        case "dead man":
            return SetDeadManTimer(participant, deed.good_for % 100)
        case "cancel":
            order = an_open_order(exchange, deed.number)
            return (
                CancelOrder(ALICE, deed.number)
                if order is None
                else CancelOrder(order.terms.participant, order.order_id)
            )
        case "replace":
            order = an_open_order(exchange, deed.number)
            if order is None:
                return a_replacement(deed.number, terms)
            old = order.terms
            return a_replacement(
                order.order_id,
                some_terms(
                    old.side,
                    by=old.participant,
                    price=deed.price,
                    price_micros=old.price_micros if deed.who % 2 else None,
                    quantity=deed.quantity,
                    instrument=next(each for each in INSTRUMENTS if each.id == old.instrument_id),
                    good_until_s=good_until_s,
                    client_order_id=salt,
                ),
            )
        case "terms":
            high = deed.price + deed.number if deed.who == 0 else 2000
            return price_terms(instrument, reference=deed.price, weight=deed.quantity * 80_000, high=high)
        case "lock":
            numbers = [trade.agreed.trade_number for trade in exchange.trades(TradeState.AGREED)]
            skipped = tuple((number, deed.who) for number in numbers[: deed.who % 2])
            return ConfirmLocks(salt, b"lock", tuple(numbers[deed.who % 2 : deed.quantity]), skipped)
        case "void":
            agreed = [trade.agreed.trade_number for trade in exchange.trades(TradeState.AGREED)]
            return VoidTrade(
                agreed[deed.number % len(agreed)] if agreed else deed.number, "not locked in time"
            )
        case "deliver":
            locked = list(exchange.trades(TradeState.LOCKED))[: deed.quantity]
            batch = locked[0].batch_number if locked else 0
            numbers = [trade.agreed.trade_number for trade in locked if trade.batch_number == batch]
            return ConfirmDelivery(batch, b"deliver", tuple(numbers))
        case "short":
            opened = next(exchange.trades(TradeState.OPENED), None)
            if opened is not None:
                number, delivered = opened.agreed.trade_number, opened.delivered_lots
                return ConfirmPayout(number, b"paid", delivered, Micros(1), Micros(0), Micros(2), Micros(3))
            locked = list(exchange.trades(TradeState.LOCKED))
            number = locked[deed.number % len(locked)].agreed.trade_number if locked else deed.number
            return ConfirmOpening(number, b"opened", Lots(0))
        case _:
            return SubmitReading(a_meter(seller).meter, SOLAR.start_hour, Lots(deed.quantity), b"meter's")


def a_fitting_order(deed: Deed, terms: OrderTerms, instrument: Instrument, *, collects: bool) -> PlaceOrder:
    """Return an order whose conditions go together, as most of them should; `asks` says which it has."""
    rests = deed.asks in ("slices", "hiding") or (collects and deed.asks != "stop")
    plain = deed.asks in ("nothing", "slices") and not collects
    asks = "nothing" if collects and deed.asks in ("all", "minimum", "budget") else deed.asks
    return an_order(
        terms,
        order_type=OrderType.MARKET if asks == "budget" else OrderType.LIMIT if rests else deed.order_type,
        time_in_force=TimeInForce.GTC if rests or asks == "budget" else deed.time_in_force,
        post_only=deed.post_only and plain,
        all_or_none=asks == "all",
        minimum=deed.quantity // 2 if asks == "minimum" else 0,
        display={"slices": 1 + deed.number % 4, "hiding": 0}.get(asks),
        stop=498 + deed.number % 6 if asks == "stop" else None,
        budget_micros=deed.quantity * 40 if asks == "budget" else None,
        self_trade=deed.self_trade,
        instrument=instrument,
    )


def an_open_order(exchange: Exchange, number: int) -> OpenOrder | None:
    """Return some open order; None if there is none, or every ninth time."""
    orders = [order for who in (ALICE, BOB, SUN, WIND) for order in exchange.open_orders(who)]
    return orders[number % len(orders)] if orders and number % 9 else None


def a_fresh_exchange() -> Exchange:
    return Exchange(notice_period_s=NOTICE_S)


COLLAR = TradingRules(collar_ticks=Ticks(2), halt_s=60, hidden_orders=True)
OPENING: list[Command] = [
    a_listing(SOLAR, rule=TradePriceRule.NASH, weight=300_000, rules=COLLAR),
    a_listing(GOLD, rule=TradePriceRule.MIDPOINT, rules=TradingRules(hidden_orders=True)),
    a_listing(H100, rules=TradingRules(allocation=Allocation.PRO_RATA, hidden_orders=True)),
    *(
        a_meter(supplier, instrument, capacity=CAPACITY)
        for supplier in SUPPLIERS
        for instrument in (SOLAR, H100)
    ),
]


def history(
    batches: list[tuple[int, list[Deed]]],
) -> tuple[Exchange, list[tuple[int, list[Command], list[Event]]]]:
    """Decide batch after batch; return the exchange, and each batch's time, commands and events."""
    exchange = a_fresh_exchange()
    told: list[tuple[int, list[Command], list[Event]]] = []
    moment, salt = 0, 0
    for step, deeds in [(0, None), *batches]:
        moment = min(moment + step, len(MOMENTS_S) - 1)
        time_us = us(MOMENTS_S[moment])
        events = exchange.begin(time_us)
        commands: list[Command] = []
        for index in range(len(OPENING) if deeds is None else len(deeds)):
            salt += 1
            command = OPENING[index] if deeds is None else command_of(deeds[index], exchange, salt)
            commands.append(command)
            events += exchange.execute(command)
        told.append((time_us, commands, events))
    return exchange, told


@settings(max_examples=100, deadline=None)
@given(BATCHES, st.integers(0, 14))
def test_absorbing_the_events_gives_the_same_state_and_the_same_future(
    batches: list[tuple[int, list[Deed]]], absorbed: int
) -> None:
    exchange, told = history(batches)
    rebuilt = a_fresh_exchange()
    for time_us, _, events in told[:absorbed]:
        rebuilt.advance(time_us)
        for event in events:
            rebuilt.absorb(event)
    for time_us, commands, events in told[absorbed:]:
        again = rebuilt.begin(time_us)
        for command in commands:
            again += rebuilt.execute(command)
        assert again == events
    assert rebuilt.state_bytes() == exchange.state_bytes()


@settings(max_examples=100, deadline=None)
@given(BATCHES)
def test_quantities_limits_holds_and_capacity_are_conserved(batches: list[tuple[int, list[Deed]]]) -> None:
    exchange, told = history(batches)
    events = [event for _, _, each in told for event in each]
    check_orders(exchange, events)
    check_trades(exchange, events)
    check_capacity(exchange)
    check_books(exchange)


def check_orders(exchange: Exchange, events: list[Event]) -> None:
    """What an order may trade is traded, cancelled or still open; its hold is never negative and ends with it."""
    remaining: dict[int, int] = {}
    holds: dict[int, int] = {}
    for event in events:
        match event:
            case OrderAccepted() | OrderReplaced():
                remaining[event.order_id] = event.terms.quantity_lots
                holds[event.order_id] = event.hold_micros
            case TradeAgreed():
                for order_id, hold in (
                    (event.buy_order_id, event.buy_hold_micros),
                    (event.sell_order_id, event.sell_hold_micros),
                ):
                    remaining[order_id] -= event.quantity_lots
                    assert 0 <= hold <= holds[order_id]
                    holds[order_id] = hold
                    assert remaining[order_id] > 0 or (remaining[order_id], hold) == (0, 0)
            case OrderReduced():
                remaining[event.order_id] -= event.by_lots
                assert remaining[event.order_id] > 0
                assert 0 <= event.hold_micros <= holds[event.order_id]
                holds[event.order_id] = event.hold_micros
            case OrderCancelled():
                assert remaining[event.order_id] == event.remaining_lots > 0
                remaining[event.order_id] = holds[event.order_id] = 0
            case Refused():
                assert event.detail.count("found") >= 1
    still_open = {
        order.order_id: order for who in (ALICE, BOB, SUN, WIND) for order in exchange.open_orders(who)
    }
    assert {order_id: lots for order_id, lots in remaining.items() if lots} == {
        order_id: order.remaining_lots for order_id, order in still_open.items()
    }
    for order_id, order in still_open.items():
        assert order.hold_micros == holds[order_id]


def check_trades(exchange: Exchange, events: list[Event]) -> None:
    """Every trade is of two, within both limits and the band, and pays for itself; an auction has one price."""
    cleared: dict[int, Cleared] = {}
    volumes: Counter[int] = Counter()
    bands: dict[int, tuple[int, int]] = {}
    holds: dict[int, int] = {}
    for event in events:
        match event:
            case InstrumentListed(terms) | PriceTermsSet(terms):
                bands[terms.instrument_id] = (terms.band_low_ticks, terms.band_high_ticks)
            case OrderAccepted() | OrderReplaced() | OrderReduced():
                holds[event.order_id] = event.hold_micros
            case Cleared():
                assert event.low_ticks <= event.price_ticks <= event.high_ticks
                cleared[event.instrument_id] = event
                volumes[event.instrument_id] += event.volume_lots
            case TradeAgreed():
                assert event.buyer != event.seller
                assert event.ask_ticks <= event.price_ticks <= event.bid_ticks
                low, high = bands[event.instrument_id]
                assert low <= event.price_ticks <= high
                freed_buy = holds[event.buy_order_id] - event.buy_hold_micros
                freed_sell = holds[event.sell_order_id] - event.sell_hold_micros
                assert freed_buy >= event.payment_micros + event.fee_micros
                assert freed_sell >= event.collateral_micros
                holds[event.buy_order_id] = event.buy_hold_micros
                holds[event.sell_order_id] = event.sell_hold_micros
                if event.taker is None:
                    assert event.price_ticks == cleared[event.instrument_id].price_ticks
    for instrument_id, volume in volumes.items():
        traded = sum(
            trade.agreed.quantity_lots
            for trade in exchange.trades()
            if trade.agreed.taker is None and trade.agreed.instrument_id == instrument_id
        )
        assert traded == volume
    voided = {event.trade_number for event in events if isinstance(event, TradeVoided)}
    assert voided == {trade.agreed.trade_number for trade in exchange.trades(TradeState.VOID)}


def check_capacity(exchange: Exchange) -> None:
    """Nobody has offered and sold more than is registered, and load counts what is sold and not void."""
    sold: Counter[int] = Counter()
    committed: Counter[tuple[Address, int]] = Counter()
    resources = {each.id: each.resource for each in INSTRUMENTS}
    for trade in exchange.trades():
        if trade.state is not TradeState.VOID:
            resource = resources[trade.agreed.instrument_id]
            sold[resource] += trade.agreed.quantity_lots
            committed[trade.agreed.seller, resource] += trade.agreed.quantity_lots
    for supplier in SUPPLIERS:
        for order in exchange.open_orders(supplier):
            if order.terms.side is Side.SELL:
                committed[supplier, resources[order.terms.instrument_id]] += order.remaining_lots
    assert all(lots <= CAPACITY for lots in committed.values())
    for resource in resources.values():
        assert exchange.load(resource, SOLAR.start_hour) == (sold[resource], CAPACITY * len(SUPPLIERS))


def check_books(exchange: Exchange) -> None:
    """Each book holds exactly the open orders, and only a collecting one is crossed, but for all-or-none orders."""
    for listed in exchange.listings():
        assert listed.book.halted == (listed.session in COLLECTING)
        best: list[list[int]] = []
        for side in Side:
            rows = listed.book.orders(side).tolist()
            stops = listed.book.stops(side).tolist()
            assert listed.open_lots[side] == sum(row[2] for row in rows + stops)
            best.append([])
            for price, order_id, lots, *_ in rows:
                order = an_order_in_its_book(exchange, order_id, lots, listed.id, side)
                assert (order.terms.price_micros, order.waiting) == (listed.price_micros(price), False)
                if not order.conditions.all_or_none:
                    best[side].append(price)
            for stop, order_id, lots, limit in stops:
                order = an_order_in_its_book(exchange, order_id, lots, listed.id, side)
                assert (order.terms.price_micros, order.waiting) == (listed.price_micros(limit), True)
                assert order.conditions.stop_micros == listed.price_micros(stop)
        if listed.session not in COLLECTING and best[Side.BUY] and best[Side.SELL]:
            assert max(best[Side.BUY]) < min(best[Side.SELL])


def an_order_in_its_book(
    exchange: Exchange, order_id: int, lots: int, instrument_id: int, side: Side
) -> OpenOrder:
    order = exchange.order(order_id)
    assert order is not None
    assert (order.remaining_lots, order.terms.instrument_id, order.terms.side) == (lots, instrument_id, side)
    return order
