"""Money that modules lock and share out: with exact numbers, once only, and never out of nothing."""

import pytest

from ledger.accounts import VENUE, AccountKind
from ledger.venue import Venue
from market.escrow import ConfirmSecured, ConfirmShared, EscrowSecured, EscrowShared, Share
from market.events import Event, Refused
from market.orders import Address, Batch, Command
from market.refusals import Refusal
from market.units import InvariantBroken, Micros
from tests.ledger.builders import ALICE, BOB, a_deposit

TOKEN = 1_000_000
MODULE, KEY, OTHER_KEY = Address(b"\x77" * 20), b"\x01" * 32, b"\x02" * 32
TX = b"\x22" * 32


def secured(
    amount: int = 30 * TOKEN, participant: Address = ALICE, *, key: bytes = KEY, log: int = 0
) -> ConfirmSecured:
    return ConfirmSecured(MODULE, key, participant, Micros(amount), TX, log)


def shared(*shares: tuple[Address, int, int], key: bytes = KEY, log: int = 5) -> ConfirmShared:
    parts = tuple(Share(who, Micros(unlocked), Micros(earned)) for who, unlocked, earned in shares)
    return ConfirmShared(MODULE, key, parts, TX, log)


@pytest.fixture
def venue() -> Venue:
    venue = Venue(notice_period_s=3_600, withdrawal_margin_s=0)
    run(venue, a_deposit())
    return venue


def run(venue: Venue, *commands: Command) -> tuple[Event, ...]:
    decision = venue.decide(Batch(venue.number + 1, venue.time_us + 1, commands))
    assert venue.books.trial_balance().total_micros == 0
    return decision.events


def of(venue: Venue, kind: AccountKind, participant: Address) -> int:
    return venue.books.balances.of(kind, participant)


def test_what_a_module_locks_is_no_longer_spendable(venue: Venue) -> None:
    before = of(venue, AccountKind.FREE, ALICE)
    (event,) = run(venue, secured())
    assert event == EscrowSecured(MODULE, KEY, ALICE, Micros(30 * TOKEN), TX, 0)
    assert of(venue, AccountKind.FREE, ALICE) == before - 30 * TOKEN
    assert of(venue, AccountKind.LOCKED, ALICE) == venue.escrows.held(MODULE, KEY, ALICE) == 30 * TOKEN


def test_what_it_shares_out_goes_to_others_and_to_the_venue(venue: Venue) -> None:
    run(venue, secured())
    (event,) = run(venue, shared((ALICE, 25 * TOKEN, 0), (BOB, 0, 24 * TOKEN), (VENUE, 0, TOKEN)))
    assert isinstance(event, EscrowShared)
    assert of(venue, AccountKind.LOCKED, ALICE) == 5 * TOKEN
    assert of(venue, AccountKind.FREE, BOB) == 24 * TOKEN
    assert of(venue, AccountKind.FEES, VENUE) == TOKEN


def test_what_was_told_before_does_nothing(venue: Venue) -> None:
    run(venue, secured())
    state = venue.books.state_bytes()
    (refused,) = run(venue, secured())
    assert isinstance(refused, Refused)
    assert (refused.refusal, refused.command) == (Refusal.ALREADY_APPLIED, "ConfirmSecured")
    assert venue.books.state_bytes() == state
    assert venue.escrows.is_noted(TX, 0)
    assert not venue.escrows.is_noted(TX, 1)


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [(0, Refusal.AMOUNT_NOT_POSITIVE), (10**15, Refusal.INSUFFICIENT_FUNDS)],
)
def test_nothing_and_more_than_there_is_are_refused(venue: Venue, amount: int, refusal: Refusal) -> None:
    (refused,) = run(venue, secured(amount))
    assert isinstance(refused, Refused)
    assert refused.refusal is refusal


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (shared((ALICE, 2, 0), (BOB, 0, 3)), "give 1 micros more than they unlock"),
        (shared((ALICE, 2, 0), (BOB, 0, 1)), "give -1 micros more than they unlock"),
        (shared((ALICE, -2, -2)), "expected amounts of at least 0"),
    ],
)
def test_shares_that_cannot_be_break_the_market(venue: Venue, wrong: ConfirmShared, message: str) -> None:
    run(venue, secured())
    with pytest.raises(InvariantBroken, match=message):
        run(venue, wrong)


@pytest.mark.parametrize(
    "unknown",
    [
        shared((BOB, 1, 1)),
        shared((ALICE, 1, 1), key=OTHER_KEY),
        shared((ALICE, 31 * TOKEN, 31 * TOKEN)),
        shared((ALICE, 16 * TOKEN, 0), (ALICE, 15 * TOKEN, 31 * TOKEN)),
    ],
)
def test_what_is_shared_out_and_was_never_booked_as_locked_is_refused(
    venue: Venue, unknown: ConfirmShared
) -> None:
    run(venue, secured())
    state = venue.books.state_bytes(), venue.escrows.state_bytes()
    (refused,) = run(venue, unknown)
    assert isinstance(refused, Refused)
    assert (refused.command, refused.refusal) == ("ConfirmShared", Refusal.INSUFFICIENT_FUNDS)
    assert (venue.books.state_bytes(), venue.escrows.state_bytes()) == state


def test_a_record_in_which_more_is_shared_out_than_was_locked_is_broken(venue: Venue) -> None:
    told = EscrowShared(MODULE, KEY, (Share(ALICE, Micros(1), Micros(1)),), TX, 5)
    with pytest.raises(InvariantBroken, match="expected at least the 1 that were shared out"):
        venue.absorb(Batch(venue.number + 1, venue.time_us + 1, ()), (told,))


def test_a_rebuild_from_events_stands_the_same(venue: Venue) -> None:
    rebuilt = Venue(notice_period_s=3_600, withdrawal_margin_s=0)
    commands: list[Command] = [
        a_deposit(),
        secured(),
        secured(7, key=OTHER_KEY, log=1),
        shared((ALICE, 9, 4), (BOB, 0, 5)),
    ]
    other = Venue(notice_period_s=3_600, withdrawal_margin_s=0)
    for number, command in enumerate(commands, start=1):
        batch = Batch(number, number, (command,))
        rebuilt.absorb(batch, other.decide(batch).events)
    assert rebuilt.state_hash() == other.state_hash() != venue.state_hash()
