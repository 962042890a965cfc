"""The witness of the killed market finds what was told and is not in the record, and what is there and cannot be."""

from pathlib import Path

import pytest

from ledger.database import open_database
from ledger.record import Record
from market.events import Event, OrderCancelled, OrderReplaced
from market.orders import CancelOrder, PlaceOrder
from tests.api.witness import Cancelled, OrderName, Replaced, Said, Told, Witness
from tests.ledger.builders import ALICE, BOB, CONTINUOUS_S, a_bid, an_offer
from tests.ledger.days import GENESIS, Action, SmallDay


@pytest.fixture(scope="module")
def day() -> SmallDay:
    """Alice's order 1 is replaced, Bob's order 2 cancelled, Alice's order 3 trades with Bob's order 4."""
    day = SmallDay()
    day.run(CONTINUOUS_S, a_bid(client_order_id=101, price=450), an_offer(client_order_id=101, price=550))
    day.act(CONTINUOUS_S + 1, [Action("replace", 0, 440, 700)])
    day.run(CONTINUOUS_S + 2, CancelOrder(BOB, 2))
    day.run(
        CONTINUOUS_S + 3, a_bid(client_order_id=102, quantity=50), an_offer(client_order_id=102, quantity=50)
    )
    return day


def witnessed(
    day: SmallDay,
    folder: Path,
    *said: Said,
    batches: int,
    lost: type[Event] | None = None,
    of_order: Told | None = None,
) -> Witness:
    """Let a witness look at the first batches of a day, from which events of a type may be lost.

    `of_order` is what Alice was told of order 3.
    """
    record = Record(open_database(f"sqlite:///{folder}/market.db"), GENESIS)
    for batch, decision in day.history[:batches]:
        record.append(batch, tuple(event for event in decision.events if type(event) is not lost))
    (folder / "aside").mkdir()
    witness = Witness(folder / "market.db")
    told: dict[OrderName | Said, Said] = {each: each for each in said}
    if of_order is not None:
        told[ALICES] = of_order
    try:
        witness.look(told, folder / "aside")
    finally:
        record.close()
        record.engine.dispose()
    return witness


ALICES: OrderName = (ALICE, 102)
"""Order 3."""


def replacement(day: SmallDay) -> Replaced:
    (event,) = (event for event in day.history[2][1].events if isinstance(event, OrderReplaced))
    return Replaced(event.order_id, event.terms.client_order_id, frozenset())


def test_what_was_told_and_is_there_is_no_complaint(day: SmallDay, tmp_path: Path) -> None:
    told = Told(3, frozenset({1}))
    witness = witnessed(day, tmp_path, replacement(day), Cancelled(2), batches=5, of_order=told)
    assert (witness.cancelled, witness.replaced) == ({2}, {(1, replacement(day).client_order_id)})
    assert witness.trades == {3: {1}, 4: {1}}
    assert witness.accepted[ALICES] == 3


@pytest.mark.parametrize(
    ("said", "batches", "message"),
    [
        (Told(3, frozenset({1})), 4, "found nothing"),
        (Told(7, frozenset()), 5, "found order 3"),
        (Told(3, frozenset({1, 2})), 5, r"found trades \[1\]"),
        (Told(None, frozenset()), 5, "told that it was refused, found order 3"),
    ],
)
def test_what_was_told_of_an_order_and_is_not_so_is_found(
    day: SmallDay, tmp_path: Path, said: Told, batches: int, message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        witnessed(day, tmp_path, batches=batches, of_order=said)


def test_a_cancel_that_is_not_in_the_record_is_found(day: SmallDay, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"told Cancelled\(order_id=2\), found nothing"):
        witnessed(day, tmp_path, Cancelled(2), batches=3)


def test_a_replacement_that_is_not_in_the_record_is_found(day: SmallDay, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"told Replaced\(order_id=1, .*found nothing"):
        witnessed(day, tmp_path, replacement(day), batches=2)


def test_a_trade_that_is_not_the_order_s_is_found(day: SmallDay, tmp_path: Path) -> None:
    said = Replaced(1, replacement(day).client_order_id, frozenset({1}))
    with pytest.raises(AssertionError, match=r"told Replaced\(.*found trades \[\]"):
        witnessed(day, tmp_path, said, batches=5)


def test_a_mass_cancel_that_lost_its_events_is_found(day: SmallDay, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"told Cancelled\(order_id=2\), found nothing"):
        witnessed(day, tmp_path, Cancelled(2), batches=4, lost=OrderCancelled)


def test_a_trade_after_a_cancel_is_found(day: SmallDay) -> None:
    witness = Witness(Path())
    orders = [event for event in day.history[-1][0].commands if isinstance(event, PlaceOrder)]
    assert len(orders) == 2
    witness.cancelled.add(3)
    with pytest.raises(AssertionError, match="order 3 traded after its cancel"):
        witness._follow(day.history[-1][1].events)
