"""An order that its participant did not sign is found, with its batch: the operator cannot have invented it."""

from dataclasses import replace

import pytest

from api.notary import Notary
from contracts.signing import cancel_digest, dead_man_timer_digest, mass_cancel_digest
from ledger.audit import AuditReport, SignaturesChecked, audit
from ledger.genesis import Genesis
from ledger.record import RecordReader
from ledger.signatures import FINDINGS_MAX
from market.events import OrderAccepted
from market.orders import Address, CancelOrder, MassCancel, OrderTerms, PlaceOrder, SetDeadManTimer
from market.units import Micros
from tests.ledger.builders import CALL_S
from tests.ledger.days import GENESIS, Action, SmallDay, a_whole_day
from tests.ledger.recorded import recorded
from tests.ledger.signed_days import DOMAIN, SIGNERS, a_signed_day, signed_by_its_participant

ALICE, BOB, _ = (signer.address for signer in SIGNERS)


@pytest.fixture(scope="module")
def day() -> SmallDay:
    return a_signed_day()


def audited(day: SmallDay, genesis: Genesis = GENESIS) -> AuditReport:
    return audit(RecordReader(recorded(day)), notary=Notary(genesis))


def found(report: AuditReport) -> list[tuple[str, str]]:
    return [(each.check, each.where) for each in report.findings]


def orders_of(day: SmallDay) -> list[tuple[int, OrderAccepted]]:
    return [
        (batch.number, event)
        for batch, decision in day.history
        for event in decision.events
        if isinstance(event, OrderAccepted)
    ]


def run_again(day: SmallDay, number: int, forged: PlaceOrder, *, instead: bool) -> SmallDay:
    """Return the day up to a batch as an operator makes it who puts an order there, or in the place of its first one.

    It is decided and recorded anew, so that commands, events, states and seals agree.
    """
    other = SmallDay([signer.address for signer in SIGNERS], signed_by_its_participant)
    for batch, _ in day.history[1:number]:
        commands = list(batch.commands)
        if batch.number == number:
            place = next(i for i, each in enumerate(commands) if isinstance(each, PlaceOrder))
            commands[place : place + instead] = [forged]
        other.run(batch.time_us // 1_000_000, *commands)
    return other


def test_every_order_of_an_honest_day_was_signed_by_its_participant(day: SmallDay) -> None:
    report = audited(day)
    assert report.findings == ()
    orders = len(orders_of(day)) + 1  # one was replaced
    assert report.signatures == SignaturesChecked({"orders": orders}, 0)


def test_without_a_notary_nothing_is_said_of_signatures() -> None:
    report = audit(RecordReader(recorded(a_whole_day())))
    assert (report.findings, report.signatures) == ((), None)


def test_an_invented_order_is_named_though_all_else_agrees(day: SmallDay) -> None:
    number, accepted = orders_of(day)[0]
    invented = replace(
        accepted.terms, client_order_id=999, price_micros=Micros(accepted.terms.price_micros - 100)
    )
    forged = run_again(day, number, PlaceOrder(invented, accepted.signature), instead=False)
    report = audited(forged)
    assert found(report) == [("signatures", f"batch {number}, order {accepted.order_id}")]
    assert (
        f"expected that of 0x{ALICE.hex()}: nobody signed this as it is recorded" in report.findings[0].detail
    )


def test_a_changed_price_is_named_though_all_else_agrees(day: SmallDay) -> None:
    number, accepted = orders_of(day)[0]
    dearer = replace(accepted.terms, price_micros=Micros(accepted.terms.price_micros + 100))
    report = audited(run_again(day, number, PlaceOrder(dearer, accepted.signature), instead=True))
    assert found(report) == [("signatures", f"batch {number}, order {accepted.order_id}")]


@pytest.mark.parametrize(
    ("signature", "told"),
    [
        (b"", "found 0 bytes, expected 65"),
        (b"signed", "found 6 bytes, expected 65"),
        (bytes(64) + b"\x1b", "found r and s that fit no key"),
    ],
)
def test_an_order_without_a_signature_is_named(day: SmallDay, signature: bytes, told: str) -> None:
    number, accepted = orders_of(day)[0]
    report = audited(run_again(day, number, PlaceOrder(accepted.terms, signature), instead=True))
    assert found(report) == [("signatures", f"batch {number}, order {accepted.order_id}")]
    assert told in report.findings[0].detail


def test_an_order_that_another_signed_is_named(day: SmallDay) -> None:
    def by_bob(terms: OrderTerms) -> bytes:
        return signed_by_its_participant(replace(terms, participant=BOB))

    number, accepted = orders_of(day)[0]
    report = audited(run_again(day, number, PlaceOrder(accepted.terms, by_bob(accepted.terms)), instead=True))
    assert found(report) == [("signatures", f"batch {number}, order {accepted.order_id}")]


def test_what_was_signed_for_another_contract_does_not_count(day: SmallDay) -> None:
    report = audited(day, replace(GENESIS, settlement=Address(b"\x77" * 20)))
    assert {check for check, _ in found(report)} == {"signatures"}
    assert len(report.findings) == len(orders_of(day)) + 1


def test_a_record_without_a_good_signature_is_not_told_order_by_order() -> None:
    day = SmallDay()
    for second in range(30):
        day.act(CALL_S + second, [Action("bid", 0, 400, 10)])
    report = audited(day)
    assert len(report.findings) == FINDINGS_MAX + 1
    assert report.findings[-1].detail.startswith(
        f"found {len(orders_of(day)) - FINDINGS_MAX} more, expected none"
    )


def a_cancel(order_id: int = 1) -> CancelOrder:
    unsigned = CancelOrder(ALICE, order_id, deadline_s=CALL_S + 60)
    digest = cancel_digest(
        participant=ALICE, order_id=order_id, deadline_s=unsigned.deadline_s, domain=DOMAIN
    )
    return replace(unsigned, signature=SIGNERS[0].sign(digest))


def a_mass_cancel() -> MassCancel:
    unsigned = MassCancel(ALICE, nonce=5, deadline_s=CALL_S + 60)
    digest = mass_cancel_digest(unsigned, nonce=5, deadline_s=unsigned.deadline_s, domain=DOMAIN)
    return replace(unsigned, signature=SIGNERS[0].sign(digest))


def a_timer() -> SetDeadManTimer:
    unsigned = SetDeadManTimer(ALICE, 60, nonce=6, deadline_s=CALL_S + 60)
    digest = dead_man_timer_digest(unsigned, nonce=6, deadline_s=unsigned.deadline_s, domain=DOMAIN)
    return replace(unsigned, signature=SIGNERS[0].sign(digest))


def a_day_with(*cancels: CancelOrder | MassCancel | SetDeadManTimer) -> SmallDay:
    day = SmallDay([signer.address for signer in SIGNERS], signed_by_its_participant)
    day.run(CALL_S, *cancels)
    return day


def test_cancels_are_those_of_whom_they_name() -> None:
    report = audited(a_day_with(a_cancel(), a_mass_cancel(), a_timer(), CancelOrder(ALICE, 2)))
    assert report.findings == ()
    assert report.signatures == SignaturesChecked({"cancels": 3}, 1)


@pytest.mark.parametrize(
    ("forged", "which"),
    [
        (replace(a_cancel(), order_id=2), "cancel of order 2"),
        (replace(a_cancel(), participant=BOB), "cancel of order 1"),
        (replace(a_mass_cancel(), nonce=7), f"mass cancel of 0x{ALICE.hex()}"),
        (replace(a_timer(), timeout_s=0), f"dead-man timer of 0x{ALICE.hex()}"),
    ],
)
def test_a_cancel_that_was_not_signed_so_is_named(
    forged: CancelOrder | MassCancel | SetDeadManTimer, which: str
) -> None:
    assert found(audited(a_day_with(forged))) == [("signatures", f"batch 2, {which}")]
