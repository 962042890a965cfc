"""The chain is read on from where it was heard, also after a restart; what could not be booked is read again."""

from collections.abc import Sequence
from typing import Any

import pytest

from api.sequencer import Answer
from api.watching import Watching
from contracts.chain import Chain, ChainUnavailable
from ledger.heard import Heard
from market.events import Refused
from market.orders import Command
from market.refusals import Refusal
from market.units import InvariantBroken, Micros
from tests.api.conftest import BUYER, Market
from tests.api.test_chain_notices import on_chain
from tests.api.test_journey import SLOT_S, agree


def restarted(market: Market) -> Watching:
    """Return what a new process would watch with."""
    house = market.house
    return Watching(
        house.chain, house.deployment, house.settler._hearing, Heard(house.record.place), confirmations=0
    )


def request_an_exit(market: Market) -> None:
    on_chain(market, BUYER, market.house.deployment.settlement.request_exit(Micros(5_000_000)))


def refuse(commands: Sequence[Command]) -> list[Answer]:
    """Answer like a venue without the money."""
    refused = Refused(BUYER.address, "ConfirmExit", 0, Refusal.INSUFFICIENT_FUNDS, "found 0")
    return [Answer((refused,)) for _ in commands]


def read_from(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note from which block on each query for events asks."""
    asked, logs = [], Chain.logs

    def noted(chain: Chain, *of: Any, from_block: int, **others: Any) -> Any:
        asked.append(from_block)
        return logs(chain, *of, from_block=from_block, **others)

    monkeypatch.setattr(Chain, "logs", noted)
    return asked


def test_a_new_process_asks_only_for_what_came_after_the_last_block_heard(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = market.house
    house.settler.watch()
    heard = house.chain.block_number()
    request_an_exit(market)
    asked = read_from(monkeypatch)
    restarted(market).watch(house.sequencer.process)
    assert asked == [heard + 1]
    assert market.client(BUYER).balances().held_for_exit == "5"


def test_without_its_bookmark_the_chain_is_read_from_the_beginning_and_nothing_is_booked_twice(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = market.house
    request_an_exit(market)
    house.settler.watch()
    before = house.record.number, house.venue.state_hash()
    house.settler.read_again()
    asked = read_from(monkeypatch)
    restarted(market).watch(house.sequencer.process)
    assert asked == [house.deployment.block_number]
    assert (house.record.number, house.venue.state_hash()) == before


def test_what_lacked_the_money_is_read_again_by_the_next_process(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = market.house
    house.settler.watch()
    heard = house.chain.block_number()
    request_an_exit(market)
    restarted(market).watch(refuse)
    asked = read_from(monkeypatch)
    restarted(market).watch(house.sequencer.process)
    assert asked == [heard + 1]
    assert market.client(BUYER).balances().held_for_exit == "5"
    restarted(market).watch(house.sequencer.process)
    assert asked == [heard + 1]


def test_leaves_that_are_not_in_memory_come_from_the_receipt_of_their_batch(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    hearing = market.house.settler._hearing
    leaves = hearing.leaves_of(1)
    assert [leaf.trade_number for leaf in leaves] == [1]
    hearing.keep(())
    asked = read_from(monkeypatch)
    assert hearing.leaves_of(1) == leaves
    assert asked == []


def test_leaves_of_a_batch_that_the_outbox_does_not_know_are_searched_on_the_chain(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    hearing = market.house.settler._hearing
    leaves = hearing.leaves_of(1)
    hearing.keep(())
    monkeypatch.setattr(market.house.settler._outbox, "signed", lambda *_, **__: ())
    monkeypatch.setattr(
        Chain, "receipt", lambda *_: None
    )  # a node that lags behind those that have the events
    assert hearing.leaves_of(1) == leaves


def test_a_node_that_does_not_know_its_own_last_block_for_a_moment_is_waited_for(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = market.house
    house.settler.watch()
    before = Heard(house.record.place).last()
    request_an_exit(market)
    with monkeypatch.context() as patched:
        patched.setattr(Chain, "block_hash", lambda *_: None)
        with pytest.raises(ChainUnavailable, match="found no block"):
            restarted(market).watch(house.sequencer.process)
        with pytest.raises(ChainUnavailable, match="found no block"):
            restarted(market).check()
    assert Heard(house.record.place).last() == before
    restarted(market).check()


def test_another_block_where_one_was_heard_stops_the_market(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.house.settler.watch()
    monkeypatch.setattr(Chain, "block_hash", lambda *_: bytes(32))
    with pytest.raises(InvariantBroken, match="reorganised deeper than that"):
        restarted(market).check()


def test_what_is_over_is_let_go_of(market: Market) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    hearing = market.house.settler._hearing
    assert list(hearing._leaves) == [1]
    hearing.keep({1})
    assert list(hearing._leaves) == [1]
    hearing.keep(())
    assert hearing._leaves == {}
