"""What the settler reads of the venue, it reads while no batch changes it; what it asks of the chain, it asks before."""

import threading
from collections.abc import Callable

from contracts.history import Delivered, Deposit
from contracts.leaves import Leaf
from market.settlement import ConfirmDelivery
from market.transfers import CreditDeposit
from market.units import Micros
from tests.api.conftest import BUYER, Market
from tests.api.test_journey import SLOT_S, agree


def waits_for_a_batch(market: Market, read: Callable[[], object]) -> bool:
    """Tell whether another thread that reads waits for a batch that is being decided."""
    reading = threading.Thread(target=read)
    with market.house.sequencer.quiet:
        reading.start()
        reading.join(timeout=0.1)
        waits = reading.is_alive()
    reading.join(timeout=20)
    assert not reading.is_alive()
    return waits


def test_what_became_of_a_batch_is_held_against_a_venue_at_rest(market: Market) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    hearing, outbox = market.house.settler._hearing, market.house.settler._outbox
    entry = outbox.find(kind="settle", reference="1:1#1")
    assert entry is not None
    receipt = market.house.chain.receipt(entry.hash)
    assert receipt is not None
    assert waits_for_a_batch(market, lambda: hearing.locks(entry, receipt))


def test_what_happened_on_chain_is_held_against_a_venue_at_rest(market: Market) -> None:
    commands = market.house.settler._hearing.commands
    deposit = Deposit(BUYER.address, Micros(1), b"\x01" * 32, 0)
    told: list[object] = []
    assert waits_for_a_batch(market, lambda: told.extend(commands.of([deposit])))
    assert told == [CreditDeposit(BUYER.address, Micros(1), b"\x01" * 32, 0)]


def test_the_leaves_of_a_batch_are_asked_for_before(market: Market) -> None:
    """A node may take long to tell them: orders go on meanwhile."""
    agree(market)
    market.move_to(SLOT_S - 800)
    commands = market.house.settler._hearing.commands
    leaves = commands.leaves_of(1)
    asked = threading.Event()

    def ask(batch_number: int) -> tuple[Leaf, ...]:
        asked.set()
        return leaves

    told: list[object] = []
    delivered = Delivered(1, (0,), b"\x02" * 32)
    listening = type(commands)(commands.venue, commands.fee_recipient, ask, commands.quiet)
    assert waits_for_a_batch(market, lambda: told.extend(listening.of([delivered])))
    assert told == [ConfirmDelivery(1, b"\x02" * 32, (1,))]
    asked.clear()
    with market.house.sequencer.quiet:
        reading = threading.Thread(target=lambda: listening.of([delivered]))
        reading.start()
        assert asked.wait(timeout=20)
    reading.join(timeout=20)
