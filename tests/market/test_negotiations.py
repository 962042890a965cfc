"""The negotiation of a long-term contract: both are bound before either is known, and the price follows from the record."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.address import Address
from market.events import Event, Refused
from market.exchange import Exchange
from market.instruments import HOURS_END, parse_symbol
from market.negotiations import Negotiation, NegotiationState, nash_price
from market.orders import Command
from market.proposals import (
    AgreementSigned,
    ConcludeNegotiation,
    NegotiationAgreed,
    NegotiationFailed,
    NegotiationLapsed,
    NegotiationOpened,
    Proposal,
    RequestNegotiation,
    ReservationRevealed,
    ReservationSealed,
    RevealReservation,
    SealReservation,
    SignAgreement,
    seal_of,
)
from market.refusals import Refusal
from market.units import InvariantBroken, Lots, Micros, Ppm
from tests.market.builders import (
    ALICE,
    BOB,
    CONTINUOUS_OPENS_S,
    NOTICE_S,
    SOLAR,
    SUN,
    WIND,
    a_meter,
    an_exchange,
    an_offer,
    us,
)

CONTRACT = parse_symbol("ENE.SOLAR@CISO/2022-03-12T18Z/3h#Q2")
QUANTITIES = (Lots(4_000), Lots(0), Lots(6_000))
ANSWER_BY_S = CONTINUOUS_OPENS_S + 3600
SALTS = {ALICE: b"\x0a" * 32, SUN: b"\x50" * 32}
SIGNATURE = b"signature"


def a_proposal(**changes: object) -> Proposal:
    wanted: dict[str, object] = {
        "buyer": ALICE,
        "seller": SUN,
        "instrument_id": CONTRACT.id,
        "quantity_lots": QUANTITIES,
        "notice_s": 86_400,
        "answer_by_s": ANSWER_BY_S,
        "salt": b"\x07" * 32,
    }
    return Proposal(**{**wanted, **changes})


def asks(by: Address = ALICE, **changes: object) -> RequestNegotiation:
    return RequestNegotiation(by, a_proposal(**changes), SIGNATURE)


def seals(by: Address, price: int, number: int = 1) -> SealReservation:
    seal = seal_of(number=number, participant=by, price_micros=Micros(price), salt=SALTS[by])
    return SealReservation(by, number, seal, SIGNATURE)


def reveals(by: Address, price: int, number: int = 1) -> RevealReservation:
    return RevealReservation(by, number, Micros(price), SALTS[by])


def concludes(
    number: int = 1, *, weight: int = 500_000, buyer: int = 0, seller: int = 0
) -> ConcludeNegotiation:
    return ConcludeNegotiation(number, Ppm(weight), Micros(buyer), Micros(seller))


def signs(by: Address, number: int = 1) -> SignAgreement:
    return SignAgreement(by, number, SIGNATURE)


def up_to_price(value: int = 60_000, cost: int = 40_000) -> tuple[Command, ...]:
    """Everything up to two revealed reservation prices, in micros per kWh."""
    return (asks(), seals(ALICE, value), seals(SUN, cost), reveals(SUN, cost), reveals(ALICE, value))


def run(exchange: Exchange, *commands: Command) -> list[Event]:
    """Return what the last command caused."""
    events: list[Event] = []
    for command in commands:
        events = exchange.execute(command)
    return events


def the(exchange: Exchange, number: int = 1) -> Negotiation:
    found = exchange.negotiation(number)
    assert found is not None
    return found


def refusal(events: list[Event]) -> tuple[Refusal, int]:
    (event,) = events
    assert isinstance(event, Refused)
    return event.refusal, event.reference


def test_a_negotiation_goes_from_request_to_signed_contract() -> None:
    exchange = an_exchange()
    assert run(exchange, asks()) == [NegotiationOpened(1, ALICE, a_proposal(), SIGNATURE)]
    sealed = seals(ALICE, 60_000)
    assert run(exchange, sealed) == [ReservationSealed(1, ALICE, sealed.seal, SIGNATURE)]
    assert the(exchange).state is NegotiationState.OPEN
    run(exchange, seals(SUN, 40_000))
    assert the(exchange).state is NegotiationState.SEALED
    assert run(exchange, reveals(SUN, 40_000)) == [ReservationRevealed(1, SUN, Micros(40_000), SALTS[SUN])]
    run(exchange, reveals(ALICE, 60_000))
    assert [each.number for each in exchange.negotiations_to_price()] == [1]
    assert run(exchange, concludes(weight=300_000)) == [
        NegotiationAgreed(1, Micros(46_000), Ppm(300_000), Micros(0), Micros(0))
    ]
    assert exchange.negotiations_to_price() == ()
    assert run(exchange, signs(SUN)) == [AgreementSigned(1, SUN, SIGNATURE)]
    assert the(exchange).state is NegotiationState.AGREED
    run(exchange, signs(ALICE))
    assert the(exchange).state is NegotiationState.SIGNED
    assert exchange.negotiations(ALICE) == exchange.negotiations(SUN) == (the(exchange),)
    assert exchange.negotiations(BOB) == ()


def test_either_side_may_ask() -> None:
    assert isinstance(run(an_exchange(), asks(SUN))[0], NegotiationOpened)


def test_what_each_could_gain_elsewhere_narrows_the_zone() -> None:
    exchange = an_exchange()
    # 10 kWh in all: 0.05 elsewhere are 5,000 micros per kWh for the buyer, 0.02 are 2,000 for the supplier
    (event,) = run(exchange, *up_to_price(), concludes(buyer=50_000, seller=20_000))
    assert isinstance(event, NegotiationAgreed)
    assert the(exchange).zone(outside_buyer_micros=50_000, outside_seller_micros=20_000) == (42_000, 55_000)
    assert event.price_micros == 48_500


def test_no_price_is_agreed_where_the_books_give_both_more() -> None:
    exchange = an_exchange()
    (event,) = run(exchange, *up_to_price(), concludes(buyer=150_000, seller=50_001))
    assert event == NegotiationFailed(1, Micros(150_000), Micros(50_001))
    assert the(exchange).state is NegotiationState.FAILED
    assert the(exchange).price_micros is None


def test_no_price_is_agreed_where_the_buyer_values_it_at_less_than_it_costs() -> None:
    exchange = an_exchange()
    (event,) = run(exchange, *up_to_price(value=39_999), concludes())
    assert isinstance(event, NegotiationFailed)


@given(
    value=st.integers(1, 10**7),
    cost=st.integers(1, 10**7),
    weight=st.integers(0, 10**6),
    outside=st.tuples(st.integers(0, 10**8), st.integers(0, 10**8)),
)
def test_the_price_leaves_both_what_they_have_elsewhere_and_splits_the_rest(
    value: int, cost: int, weight: int, outside: tuple[int, int]
) -> None:
    negotiation = Negotiation(1, a_proposal(), reservations=(Micros(value), Micros(cost)))
    low, high = negotiation.zone(outside_buyer_micros=outside[0], outside_seller_micros=outside[1])
    price = nash_price(low_micros=low, high_micros=high, weight_ppm=Ppm(weight))
    units = Fraction(sum(QUANTITIES), 1000)
    exact_low, exact_high = cost + outside[1] / units, value - outside[0] / units
    if price is None:
        assert exact_high - exact_low < 2  # at most a rounding of both ends away
        return
    assert (value - price) * units >= outside[0]
    assert (price - cost) * units >= outside[1]
    assert cost <= price <= value
    exact = exact_low + Fraction(weight, 10**6) * (exact_high - exact_low)
    assert abs(price - exact) < 2


def test_a_seal_binds_to_price_participant_and_negotiation() -> None:
    exchange = an_exchange()
    run(exchange, asks(), seals(ALICE, 60_000), seals(SUN, 40_000))
    assert refusal(run(exchange, reveals(ALICE, 59_999))) == (Refusal.SEAL_DIFFERS, 1)
    wrong_salt = replace(reveals(ALICE, 60_000), salt=SALTS[SUN])
    assert refusal(run(exchange, wrong_salt)) == (Refusal.SEAL_DIFFERS, 1)
    assert the(exchange).reservations == (None, None)
    copied = an_exchange()
    run(copied, asks(), seals(ALICE, 60_000), replace(seals(ALICE, 60_000), participant=SUN))
    stolen = RevealReservation(SUN, 1, Micros(60_000), SALTS[ALICE])
    assert refusal(run(copied, stolen)) == (Refusal.SEAL_DIFFERS, 1)


def test_nothing_is_revealed_before_both_are_bound() -> None:
    exchange = an_exchange()
    run(exchange, asks(), seals(ALICE, 60_000))
    events = run(exchange, reveals(ALICE, 60_000))
    assert refusal(events) == (Refusal.NEGOTIATION_NOT_IN_THAT_STATE, 1)


def test_what_a_side_has_done_stands() -> None:
    exchange = an_exchange()
    run(exchange, asks(), seals(ALICE, 60_000))
    assert refusal(run(exchange, seals(ALICE, 60_000))) == (Refusal.ALREADY_APPLIED, 1)
    assert refusal(run(exchange, seals(ALICE, 50_000))) == (Refusal.FIRST_ONE_STANDS, 1)
    run(exchange, seals(SUN, 40_000), reveals(SUN, 40_000))
    assert refusal(run(exchange, reveals(SUN, 40_000))) == (Refusal.ALREADY_APPLIED, 1)
    assert refusal(run(exchange, reveals(SUN, 39_000))) == (Refusal.FIRST_ONE_STANDS, 1)
    run(exchange, reveals(ALICE, 60_000), concludes(), signs(SUN))
    assert refusal(run(exchange, signs(SUN))) == (Refusal.ALREADY_APPLIED, 1)
    other = replace(signs(SUN), signature=b"another")
    assert refusal(run(exchange, other)) == (Refusal.FIRST_ONE_STANDS, 1)
    assert refusal(run(exchange, concludes())) == (Refusal.NEGOTIATION_NOT_IN_THAT_STATE, 1)


def test_strangers_are_told_nothing() -> None:
    exchange = an_exchange()
    run(exchange, asks())
    stranger = SealReservation(BOB, 1, bytes(32), SIGNATURE)
    assert refusal(run(exchange, stranger)) == (Refusal.UNKNOWN_NEGOTIATION, 1)
    assert refusal(run(exchange, signs(ALICE, 2))) == (Refusal.UNKNOWN_NEGOTIATION, 2)
    assert refusal(run(exchange, concludes(2))) == (Refusal.UNKNOWN_NEGOTIATION, 2)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"buyer": BOB}, Refusal.INCONSISTENT_NEGOTIATION),
        ({"seller": ALICE}, Refusal.INCONSISTENT_NEGOTIATION),
        ({"instrument_id": 7}, Refusal.INCONSISTENT_NEGOTIATION),
        ({"quantity_lots": (Lots(1),)}, Refusal.INCONSISTENT_NEGOTIATION),
        ({"quantity_lots": (Lots(0),) * 3}, Refusal.INCONSISTENT_NEGOTIATION),
        ({"quantity_lots": (Lots(1), Lots(-1), Lots(1))}, Refusal.INCONSISTENT_NEGOTIATION),
        ({"answer_by_s": CONTINUOUS_OPENS_S}, Refusal.INCONSISTENT_NEGOTIATION),
        ({"answer_by_s": CONTRACT.start_s + 1}, Refusal.INCONSISTENT_NEGOTIATION),
        ({"notice_s": -1}, Refusal.INCONSISTENT_NEGOTIATION),
        ({"instrument_id": replace(CONTRACT, start_hour=HOURS_END - 2).id}, Refusal.INCONSISTENT_NEGOTIATION),
        ({"salt": b"short"}, Refusal.INCONSISTENT_NEGOTIATION),
        ({"seller": BOB}, Refusal.NO_REGISTERED_METER),
        ({"quantity_lots": (Lots(1_000_001), Lots(0), Lots(0))}, Refusal.OVER_REGISTERED_CAPACITY),
    ],
)
def test_proposals_that_cannot_be_are_refused(changes: dict[str, object], expected: Refusal) -> None:
    exchange = an_exchange()
    before = exchange.state_hash()
    assert refusal(run(exchange, asks(**changes))) == (expected, 0)
    assert exchange.state_hash() == before


def test_a_window_may_be_a_year_and_no_longer() -> None:
    for hours, refused in ((8_784, False), (8_785, True)):
        year = replace(CONTRACT, hours=hours)
        events = run(an_exchange(), asks(instrument_id=year.id, quantity_lots=(Lots(1),) * hours))
        assert isinstance(events[0], Refused) is refused


@pytest.mark.parametrize("figures", [{"weight": 1_000_001}, {"weight": -1}, {"buyer": -1}, {"seller": -1}])
def test_a_conclusion_out_of_range_is_refused(figures: dict[str, int]) -> None:
    events = run(an_exchange(), *up_to_price(), concludes(**figures))
    assert refusal(events) == (Refusal.INCONSISTENT_NEGOTIATION, 1)


@pytest.mark.parametrize("price", [0, 1 << 63])
def test_a_reservation_is_a_positive_price(price: int) -> None:
    exchange = an_exchange()
    run(exchange, asks(), seals(ALICE, price), seals(SUN, 40_000))
    assert refusal(run(exchange, reveals(ALICE, price))) == (Refusal.INCONSISTENT_NEGOTIATION, 1)


def test_it_lapses_where_a_side_does_not_answer_in_time() -> None:
    for done in (1, 2, 3, 4):
        exchange = an_exchange()
        run(exchange, *up_to_price()[:done])
        assert exchange.next_due_us() == us(ANSWER_BY_S)
        assert exchange.begin(us(ANSWER_BY_S) - 1) == []
        assert NegotiationLapsed(1) in exchange.begin(us(ANSWER_BY_S))
        assert the(exchange).state is NegotiationState.LAPSED
        events = run(exchange, seals(SUN, 40_000))
        assert isinstance(events[0], Refused)


def test_what_both_revealed_in_time_may_be_priced_later() -> None:
    exchange = an_exchange()
    run(exchange, *up_to_price())
    assert exchange.begin(us(ANSWER_BY_S)) == []
    assert isinstance(run(exchange, concludes())[0], NegotiationAgreed)


def test_an_agreement_lapses_unless_both_sign_before_delivery() -> None:
    exchange = an_exchange()
    run(exchange, *up_to_price(), concludes(), signs(SUN))
    assert NegotiationLapsed(1) in exchange.begin(us(CONTRACT.start_s))
    assert exchange.load(CONTRACT.resource, CONTRACT.start_hour)[0] == 0


def test_a_signed_contract_stays() -> None:
    exchange = an_exchange()
    run(exchange, *up_to_price(), concludes(), signs(SUN), signs(ALICE))
    assert NegotiationLapsed(1) not in exchange.begin(us(CONTRACT.end_s))
    assert the(exchange).state is NegotiationState.SIGNED


def test_a_signed_contract_takes_up_capacity_in_its_hours() -> None:
    exchange = Exchange(notice_period_s=NOTICE_S)
    exchange.begin(us(CONTINUOUS_OPENS_S))
    exchange.execute(a_meter(SUN, SOLAR, capacity=6_000))
    run(exchange, *up_to_price(), concludes(), signs(SUN), signs(ALICE))
    sold = [exchange.load(SOLAR.resource, SOLAR.start_hour + hour)[0] for hour in range(3)]
    assert sold == list(QUANTITIES)
    second = asks(SUN, salt=b"\x08" * 32, quantity_lots=(Lots(2_001), Lots(0), Lots(0)))
    assert refusal(run(exchange, second)) == (Refusal.OVER_REGISTERED_CAPACITY, 0)


def test_what_was_sold_meanwhile_cannot_be_signed_away() -> None:
    exchange = an_exchange()
    run(exchange, *up_to_price(), concludes(), signs(ALICE))
    run(exchange, an_offer(by=SUN, quantity=996_001))
    assert refusal(run(exchange, signs(SUN))) == (Refusal.OVER_REGISTERED_CAPACITY, 1)
    assert the(exchange).state is NegotiationState.AGREED


def test_what_is_absorbed_is_what_was_decided() -> None:
    exchange, told = an_exchange(), an_exchange()
    story = (*up_to_price(), concludes(weight=123_456, buyer=3, seller=5), signs(ALICE), signs(SUN))
    for command in (*story, asks(by=SUN, salt=b"\x09" * 32, seller=SUN)):
        for event in exchange.execute(command):
            told.absorb(event)
        assert told.state_bytes() == exchange.state_bytes()
    assert exchange.begin(us(ANSWER_BY_S)) == [NegotiationLapsed(2)]


@pytest.mark.parametrize(
    ("done", "event"),
    [
        (0, NegotiationOpened(2, ALICE, a_proposal(), SIGNATURE)),
        (0, NegotiationOpened(1, BOB, a_proposal(), SIGNATURE)),
        (0, NegotiationOpened(1, ALICE, a_proposal(seller=ALICE), SIGNATURE)),
        (0, NegotiationOpened(1, ALICE, a_proposal(instrument_id=7), SIGNATURE)),
        (1, NegotiationOpened(2, SUN, a_proposal(notice_s=1), SIGNATURE)),
        (1, NegotiationOpened(2, ALICE, a_proposal(quantity_lots=(Lots(0),) * 3), SIGNATURE)),
        (1, ReservationSealed(1, BOB, bytes(32), SIGNATURE)),
        (1, ReservationSealed(2, ALICE, bytes(32), SIGNATURE)),
        (1, ReservationRevealed(1, ALICE, Micros(60_000), SALTS[ALICE])),
        (2, ReservationSealed(1, ALICE, bytes(32), SIGNATURE)),
        (3, ReservationRevealed(1, ALICE, Micros(60_001), SALTS[ALICE])),
        (3, ReservationRevealed(1, ALICE, Micros(-1), SALTS[ALICE])),
        (3, ReservationRevealed(1, BOB, Micros(60_000), SALTS[ALICE])),
        (5, NegotiationAgreed(1, Micros(50_001), Ppm(500_000), Micros(0), Micros(0))),
        (5, NegotiationAgreed(1, Micros(50_000), Ppm(500_000), Micros(10**9), Micros(0))),
        (5, NegotiationAgreed(1, Micros(49_500), Ppm(500_000), Micros(0), Micros(-10_000))),
        (5, NegotiationAgreed(1, Micros(70_000), Ppm(1_500_000), Micros(0), Micros(0))),
        (5, NegotiationFailed(1, Micros(10**9), Micros(-1))),
        (5, NegotiationFailed(1, Micros(0), Micros(0))),
        (5, AgreementSigned(1, ALICE, SIGNATURE)),
    ],
)
def test_events_that_cannot_have_happened_break(done: int, event: Event) -> None:
    exchange = an_exchange()
    run(exchange, *up_to_price()[:done])
    with pytest.raises(InvariantBroken):
        exchange.absorb(event)


def test_before_the_first_negotiation_the_state_is_as_it_always_was() -> None:
    assert b"negotiation" not in an_exchange().state_bytes()


def test_wind_cannot_promise_the_sun() -> None:
    events = run(
        an_exchange(), asks(seller=WIND, by=WIND, instrument_id=replace(CONTRACT, product="HYDRO").id)
    )
    assert refusal(events) == (Refusal.NO_REGISTERED_METER, 0)


def any_step() -> st.SearchStrategy[Command | int]:
    """What anybody may ask of one of two negotiations, whether it fits or not; a number lets so many seconds pass."""
    who = st.sampled_from((ALICE, SUN))
    number, price = st.integers(1, 2), st.sampled_from((40_000, 60_000))
    return st.one_of(
        st.builds(lambda by, salt: asks(by, salt=bytes([salt]) * 32), who, st.integers(1, 2)),
        st.builds(seals, who, price, number),
        st.builds(reveals, who, price, number),
        st.builds(lambda n, gain: concludes(n, buyer=gain, seller=gain), number, st.sampled_from((0, 10**5))),
        st.builds(signs, who, number),
        st.sampled_from((600, 3_600, CONTRACT.start_s - CONTINUOUS_OPENS_S)),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(any_step(), min_size=10, max_size=40))
def test_whatever_is_asked_a_rebuild_ends_in_the_same_state(steps: list[Command | int]) -> None:
    exchange, told, time_s = an_exchange(), an_exchange(), CONTINUOUS_OPENS_S
    for step in steps:
        if isinstance(step, int):
            time_s += step
            events = exchange.begin(us(time_s))
            told.advance(us(time_s))
        else:
            events = exchange.execute(step)
        for event in events:
            told.absorb(event)
    assert told.state_bytes() == exchange.state_bytes()
    for negotiation in exchange.negotiations(ALICE):
        signed = negotiation.state is NegotiationState.SIGNED
        assert (None not in negotiation.signatures) is signed
        assert negotiation.lapses_us is None or negotiation.lapses_us > us(time_s)
