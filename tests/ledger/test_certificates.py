"""Certificates in the books: with exact numbers, once only, and never out of nothing."""

from dataclasses import replace

import pytest

from ledger.accounts import VENUE, Account, AccountKind
from ledger.assets import asset_of
from ledger.venue import Venue
from market.certificates import (
    AdoptCertificates,
    CertificatesAdopted,
    CertificatesLocked,
    CertificatesMoved,
    CertificatesRetired,
    CertificatesUnlocked,
    Claim,
    LockCertificates,
    MoveCertificates,
    Parcel,
    RetireCertificates,
    UnlockCertificates,
)
from market.events import Event, Refused
from market.keeping import capture, restore
from market.orders import Address, Batch, Command
from market.refusals import Refusal
from market.units import InvariantBroken, Lots
from tests.ledger.builders import ALICE, BOB, CAROL, a_deposit

CONTRACT = Address(b"\xce" * 20)
SUN, WIND = 0x01CE << 240 | 1, 0x01CE << 240 | 2
LOCK = b"\x10" * 32
TX = b"\x22" * 32
FREE, LOCKED, RETIRED, CUSTODY = (
    AccountKind.FREE,
    AccountKind.LOCKED,
    AccountKind.RETIRED,
    AccountKind.CUSTODY,
)


def wh(amount: int, of: int = SUN) -> Parcel:
    return Parcel(of, Lots(amount))


def issued(amount: int = 100, *, to: Address = ALICE, of: int = SUN, log: int = 0) -> MoveCertificates:
    return MoveCertificates(None, to, (wh(amount, of),), TX, log)


def sent(*parcels: Parcel, log: int = 1, to: Address | None = BOB) -> MoveCertificates:
    return MoveCertificates(ALICE, to, parcels, TX, log)


def locked(amount: int, *, log: int = 2) -> LockCertificates:
    return LockCertificates(LOCK, ALICE, wh(amount), TX, log)


def unlocked(amount: int, *, log: int = 3) -> UnlockCertificates:
    return UnlockCertificates(LOCK, Lots(amount), TX, log)


def retired(amount: int, *, log: int = 4, beneficiary: Address = CAROL) -> RetireCertificates:
    return RetireCertificates(ALICE, wh(amount), Claim(beneficiary, 457_000, 1, "CISO", bytes(32)), TX, log)


@pytest.fixture
def venue() -> Venue:
    """A market whose books follow a contract that has issued 100 Wh of sun to Alice."""
    venue = Venue(notice_period_s=3_600, withdrawal_margin_s=0)
    run(venue, a_deposit(), AdoptCertificates(CONTRACT), issued())
    return venue


def run(venue: Venue, *commands: Command) -> tuple[Event, ...]:
    decision = venue.decide(Batch(venue.number + 1, venue.time_us + 1, commands))
    assert venue.books.trial_balance().unbalanced == {}
    return decision.events


def of(venue: Venue, kind: AccountKind, participant: Address = ALICE, certificate: int = SUN) -> int:
    return venue.books.balances.on(Account(kind, participant, asset_of(certificate)))


def test_what_is_issued_comes_out_of_custody_and_is_free(venue: Venue) -> None:
    assert venue.certificates.contract == CONTRACT
    assert of(venue, FREE) == -of(venue, CUSTODY, VENUE) == 100
    assert venue.books.trial_balance().by_asset == {0: 0, SUN: 0}


def test_what_is_sent_changes_hands_in_every_kind(venue: Venue) -> None:
    run(venue, issued(50, of=WIND, log=7))
    (event,) = run(venue, sent(wh(30), wh(20, WIND), wh(10)))
    assert event == CertificatesMoved(ALICE, BOB, (wh(30), wh(20, WIND), wh(10)), TX, 1)
    assert [of(venue, FREE, who, each) for who in (ALICE, BOB) for each in (SUN, WIND)] == [60, 30, 40, 20]


def test_what_goes_into_a_storage_goes_back_to_custody(venue: Venue) -> None:
    run(venue, sent(wh(30), to=None))
    assert of(venue, FREE) == -of(venue, CUSTODY, VENUE) == 70


def test_who_sends_to_himself_keeps_what_he_has(venue: Venue) -> None:
    run(venue, sent(wh(100), to=ALICE))
    assert of(venue, FREE) == 100


def test_what_is_locked_is_set_aside_until_all_of_the_lock_is_over(venue: Venue) -> None:
    events = run(venue, locked(30), locked(20, log=5))
    assert events[0] == CertificatesLocked(LOCK, ALICE, wh(30), TX, 2)
    assert (of(venue, FREE), of(venue, LOCKED)) == (50, 50)
    (event,) = run(venue, unlocked(50))
    assert event == CertificatesUnlocked(LOCK, ALICE, wh(50), TX, 3)
    assert (of(venue, FREE), of(venue, LOCKED)) == (100, 0)


def test_what_is_retired_counts_for_the_beneficiary_for_good(venue: Venue) -> None:
    (event,) = run(venue, retired(80))
    assert isinstance(event, CertificatesRetired)
    assert (of(venue, FREE), of(venue, RETIRED, CAROL), of(venue, CUSTODY, VENUE)) == (20, 80, -100)


def test_what_was_told_before_does_nothing(venue: Venue) -> None:
    told = (sent(wh(10)), locked(30), retired(5), unlocked(30, log=9))
    for command in told:
        run(venue, command)
    state = venue.books.state_bytes(), venue.certificates.state_bytes()
    for command in (issued(), *told, AdoptCertificates(ALICE)):
        (refused,) = run(venue, command)
        assert isinstance(refused, Refused)
        assert (refused.refusal, refused.command) == (Refusal.ALREADY_APPLIED, type(command).__name__)
    assert (venue.books.state_bytes(), venue.certificates.state_bytes()) == state


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (sent(wh(101)), r"FREE of 0xa1.* in certificates 0x01ce.*: found -1 Wh, expected at least 0"),
        (locked(101), "FREE of 0xa1.*: found -1 Wh"),
        (retired(101), "FREE of 0xa1.*: found -1 Wh"),
        (sent(wh(1, WIND)), "FREE of 0xa1.*: found -1 Wh"),
        (sent(wh(0)), "found Parcel.* moved, expected more than 0 Wh"),
        (retired(-5), "found Parcel.* moved, expected more than 0 Wh"),
        (issued(of=0, log=9), "certificate id: found 0x0, expected 1 to"),
        (unlocked(1), "found nothing locked, expected what is unlocked now"),
    ],
)
def test_what_the_contract_cannot_have_done_breaks_the_books(
    venue: Venue, wrong: Command, message: str
) -> None:
    with pytest.raises(InvariantBroken, match=message):
        run(venue, wrong)


def test_a_lock_ends_whole_and_belongs_to_one_owner(venue: Venue) -> None:
    run(venue, locked(30))
    with pytest.raises(InvariantBroken, match="expected the end of all of Lock"):
        run(venue, unlocked(29))
    with pytest.raises(InvariantBroken, match="expected the same terms"):
        run(venue, replace(locked(1, log=8), owner=BOB))


def test_nothing_is_booked_before_its_contract_is_adopted() -> None:
    with pytest.raises(InvariantBroken, match="expected none before their contract is adopted"):
        run(Venue(notice_period_s=3_600, withdrawal_margin_s=0), issued())


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (CertificatesAdopted(ALICE), "expected one contract for good"),
        (CertificatesMoved(None, ALICE, (wh(100),), TX, 0), "booked twice, expected once"),
        (CertificatesUnlocked(LOCK, BOB, wh(1), TX, 9), "found nothing locked"),
    ],
)
def test_a_record_that_tells_what_cannot_have_happened_is_broken(
    venue: Venue, event: Event, message: str
) -> None:
    with pytest.raises(InvariantBroken, match=message):
        venue.absorb(Batch(venue.number + 1, venue.time_us, ()), (event,))


def test_a_market_without_certificates_has_the_state_that_it_always_had() -> None:
    venue = Venue(notice_period_s=3_600, withdrawal_margin_s=0)
    run(venue, a_deposit())
    before = venue.state_hash()
    assert venue.certificates.state_bytes() == b""
    run(venue)
    run(venue, AdoptCertificates(CONTRACT))
    assert venue.certificates.state_bytes()
    assert venue.state_hash() != before


def test_a_snapshot_keeps_contract_locks_and_what_was_told(venue: Venue) -> None:
    run(venue, locked(30), sent(wh(10)))
    again = Venue(notice_period_s=3_600, withdrawal_margin_s=0)
    restore(again, capture(venue))
    assert again.state_hash() == venue.state_hash()
    run(again, unlocked(30))
    assert again.certificates.is_noted(TX, 3)
    assert not venue.certificates.is_noted(TX, 3)
