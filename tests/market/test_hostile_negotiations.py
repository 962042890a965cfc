"""What somebody could try in a negotiation who does not mean it: none of it costs the others their secrets or the market."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.events import Event, Refused
from market.exchange import Exchange
from market.instruments import HOURS_END
from market.listing import TradingRules
from market.negotiating import WAITING_MAX
from market.negotiations import NegotiationState
from market.proposals import (
    HOURS_MAX,
    AgreementSigned,
    NegotiationAgreed,
    NegotiationFailed,
    NegotiationLapsed,
    NegotiationOpened,
    Proposal,
    ReservationRevealed,
    ReservationSealed,
    RevealReservation,
)
from market.refusals import Refusal
from market.units import QUANTITY_MAX, InvariantBroken, Lots, Micros
from tests.market.builders import (
    ALICE,
    BOB,
    CONTINUOUS_OPENS_S,
    NOTICE_S,
    SOLAR,
    SUN,
    a_listing,
    a_meter,
    an_exchange,
    an_offer,
    us,
)
from tests.market.test_negotiations import (
    ANSWER_BY_S,
    CONTRACT,
    SALTS,
    SIGNATURE,
    asks,
    concludes,
    refusal,
    reveals,
    run,
    seals,
    signs,
    the,
    up_to_price,
)


def a_salt(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_only_so_many_negotiations_of_one_participant_are_open_at_a_time() -> None:
    exchange = an_exchange()
    for number in range(WAITING_MAX):
        assert isinstance(run(exchange, asks(salt=a_salt(number)))[0], NegotiationOpened)
    before = exchange.state_hash()
    assert refusal(run(exchange, asks(salt=a_salt(WAITING_MAX)))) == (Refusal.TOO_MANY_NEGOTIATIONS, 0)
    assert exchange.state_hash() == before
    # whoever was asked may ask, and answer, all the same
    assert isinstance(run(exchange, asks(SUN, salt=a_salt(WAITING_MAX)))[0], NegotiationOpened)
    assert refusal(run(exchange, asks(salt=a_salt(7)))) == (Refusal.ALREADY_APPLIED, 8)


@pytest.mark.parametrize("end", ["lapsed", "failed", "signed"])
def test_a_negotiation_that_is_over_makes_room_for_another(end: str) -> None:
    exchange = an_exchange()
    run(exchange, *up_to_price(value=60_000 if end == "signed" else 1))
    for number in range(1, WAITING_MAX):
        run(exchange, asks(salt=a_salt(number), answer_by_s=ANSWER_BY_S + 3600))
    another = asks(salt=a_salt(WAITING_MAX), answer_by_s=ANSWER_BY_S + 3600)
    assert refusal(run(exchange, another)) == (Refusal.TOO_MANY_NEGOTIATIONS, 0)
    if end == "lapsed":
        exchange.begin(us(CONTRACT.start_s))
        another = replace(another, proposal=_a_year_later(another.proposal))
    else:
        run(exchange, concludes())
        if end == "signed":
            run(exchange, signs(ALICE), signs(SUN))
    assert the(exchange).state is NegotiationState[end.upper()]
    assert isinstance(run(exchange, another)[0], NegotiationOpened)


def _a_year_later(proposal: Proposal) -> Proposal:
    later = replace(CONTRACT, start_hour=CONTRACT.start_hour + 8_760)
    return replace(proposal, instrument_id=later.id, answer_by_s=later.start_s)


def test_one_salt_is_one_proposal_whoever_asks() -> None:
    """Two agreements on the same terms would share a hash, and one signature would conclude both."""
    exchange = an_exchange()
    run(exchange, asks())
    assert refusal(run(exchange, asks(SUN))) == (Refusal.ALREADY_APPLIED, 1)
    for other in (asks(notice_s=1), asks(SUN, notice_s=1), asks(BOB), asks(BOB, buyer=BOB)):
        assert refusal(run(exchange, other)) == (Refusal.FIRST_ONE_STANDS, 0)
    assert exchange.negotiations(SUN) == (the(exchange),)


def test_a_seal_of_one_negotiation_opens_in_no_other() -> None:
    exchange = an_exchange()
    run(exchange, asks(), asks(salt=a_salt(2)))
    run(exchange, replace(seals(ALICE, 60_000, 1), number=2), seals(SUN, 40_000, 2))
    assert refusal(run(exchange, reveals(ALICE, 60_000, 2))) == (Refusal.SEAL_DIFFERS, 2)


def test_a_buyer_cannot_find_out_what_a_supplier_offers_unseen() -> None:
    exchange = an_exchange(a_listing(rules=TradingRules(hidden_orders=True)))
    free = [asks(salt=a_salt(each), quantity_lots=(Lots(1_000_000), Lots(0), Lots(0))) for each in (1, 2)]
    assert isinstance(run(exchange, free[0])[0], NegotiationOpened)
    run(exchange, an_offer(by=SUN, quantity=600_000, display=0))
    assert isinstance(run(exchange, free[1])[0], NegotiationOpened)
    (no,) = run(exchange, asks(salt=a_salt(3), quantity_lots=(Lots(1_000_001), Lots(0), Lots(0))))
    assert isinstance(no, Refused)
    assert no.detail.endswith("expected no more than the seller has")
    own = asks(SUN, salt=a_salt(3), quantity_lots=(Lots(400_001), Lots(0), Lots(0)))
    (no,) = run(exchange, own)
    assert isinstance(no, Refused)
    assert no.detail.endswith(
        "found 400001 lots in the hour that starts at 1647108000 s, expected at most 400000"
    )


def test_no_window_reaches_beyond_the_last_hour() -> None:
    last = replace(CONTRACT, start_hour=HOURS_END - 3)
    exchange = an_exchange()
    run(exchange, asks(instrument_id=last.id), *up_to_price()[1:])
    assert isinstance(run(exchange, concludes())[0], NegotiationAgreed)


def test_the_largest_figures_are_priced_exactly() -> None:
    exchange = Exchange(notice_period_s=NOTICE_S)
    exchange.begin(us(CONTINUOUS_OPENS_S))
    exchange.execute(a_meter(SUN, SOLAR, capacity=QUANTITY_MAX))
    most = (Lots(QUANTITY_MAX),) * 3
    run(exchange, asks(quantity_lots=most), *up_to_price(value=QUANTITY_MAX, cost=1)[1:])
    gain = 3 * QUANTITY_MAX * (QUANTITY_MAX // 2) // 1000  # half of the value of each of its kWh
    (agreed,) = run(exchange, concludes(weight=1_000_000, buyer=gain))
    assert isinstance(agreed, NegotiationAgreed)
    assert agreed.price_micros == QUANTITY_MAX - QUANTITY_MAX // 2
    run(exchange, signs(SUN), signs(ALICE))
    assert exchange.load(SOLAR.resource, SOLAR.start_hour + 2) == (QUANTITY_MAX, QUANTITY_MAX)


def test_whoever_reveals_last_may_not_wait_until_it_is_over() -> None:
    exchange = an_exchange()
    run(exchange, *up_to_price()[:4])
    assert exchange.begin(us(ANSWER_BY_S) - 1) == []
    assert NegotiationLapsed(1) in exchange.begin(us(ANSWER_BY_S))
    assert refusal(run(exchange, reveals(ALICE, 60_000))) == (Refusal.NEGOTIATION_NOT_IN_THAT_STATE, 1)
    assert exchange.negotiations_to_price() == ()


def test_what_a_side_is_told_of_its_mistake_says_nothing_of_the_other_side() -> None:
    exchange = an_exchange()
    run(exchange, *up_to_price(value=61_234, cost=41_235)[:4])
    wrong = [
        seals(ALICE, 50_000),
        reveals(ALICE, 41_235),
        RevealReservation(ALICE, 1, Micros(0), SALTS[ALICE]),
        signs(ALICE),
        replace(seals(ALICE, 50_000), participant=BOB),
    ]
    for command in wrong:
        (no,) = run(exchange, command)
        assert isinstance(no, Refused)
        assert "41235" not in no.detail
        assert "61234" not in no.detail


@pytest.mark.parametrize("done", range(1, 8))
def test_the_state_hash_covers_every_step(done: int) -> None:
    story = (*up_to_price(), concludes(), signs(SUN), signs(ALICE))
    exchange, behind, other = an_exchange(), an_exchange(), an_exchange()
    run(exchange, *story[:done])
    run(behind, *story[: done - 1])
    changed = (asks(notice_s=1), seals(ALICE, 60_001), seals(SUN, 40_001))
    assert exchange.state_hash() != behind.state_hash()
    if done <= len(changed):
        run(other, *story[: done - 1], changed[done - 1])
        assert exchange.state_hash() != other.state_hash()


def test_a_year_of_hours_is_taken_up_in_the_books_of_capacity_and_no_hour_more() -> None:
    exchange = an_exchange()
    year = replace(CONTRACT, hours=HOURS_MAX)
    run(exchange, asks(instrument_id=year.id, quantity_lots=(Lots(1),) * HOURS_MAX), *up_to_price()[1:])
    run(exchange, concludes(), signs(SUN), signs(ALICE))
    sold = [
        exchange.load(SOLAR.resource, hour)[0]
        for hour in range(year.start_hour - 1, year.start_hour + HOURS_MAX + 1)
    ]
    assert sold == [0, *[1] * HOURS_MAX, 0]
    assert SIGNATURE in the(exchange).signatures


ADDRESSES = st.sampled_from((ALICE, SUN, BOB))
WHOLE = st.integers(-2, 3) | st.sampled_from((40_000, 50_000, 60_000, 1_000_000, QUANTITY_MAX, 1 << 200))
BYTES = st.sampled_from((*SALTS.values(), b"", seals(ALICE, 60_000).seal, seals(SUN, 40_000).seal))
PROPOSALS = st.builds(
    Proposal,
    buyer=ADDRESSES,
    seller=ADDRESSES,
    instrument_id=st.sampled_from((CONTRACT.id, SOLAR.id)) | WHOLE,
    quantity_lots=st.lists(WHOLE, max_size=3).map(tuple),
    notice_s=WHOLE,
    answer_by_s=WHOLE,
    salt=BYTES,
)
ANY_EVENT = st.one_of(
    st.builds(NegotiationOpened, WHOLE, ADDRESSES, PROPOSALS, BYTES),
    st.builds(ReservationSealed, WHOLE, ADDRESSES, BYTES, BYTES),
    st.builds(ReservationRevealed, WHOLE, ADDRESSES, WHOLE, BYTES),
    st.builds(NegotiationAgreed, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE),
    st.builds(NegotiationFailed, WHOLE, WHOLE, WHOLE),
    st.builds(NegotiationLapsed, WHOLE),
    st.builds(AgreementSigned, WHOLE, ADDRESSES, BYTES),
)


@settings(max_examples=40, deadline=None)
@given(done=st.integers(0, 7), events=st.lists(ANY_EVENT, min_size=1, max_size=6))
def test_whatever_a_record_tells_is_absorbed_or_breaks(done: int, events: list[Event]) -> None:
    exchange = an_exchange()
    run(exchange, *(*up_to_price(), concludes(), signs(SUN))[:done])
    for event in events:
        with suppress(InvariantBroken):
            exchange.absorb(event)
    assert exchange.state_bytes()
    for each in exchange.negotiations(ALICE):
        assert each.price_micros is None or 40_000 <= each.price_micros <= 60_000
