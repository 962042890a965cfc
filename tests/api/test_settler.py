"""The settler across crashes, reverts and late or contradicting readings: every trade ends once, money where it belongs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.clock import DrivenClock
from api.delivering import NO_METER
from api.house import open_house
from api.settler import ATTEMPTS_MAX, SettlementFailed
from contracts.abi import artifact
from contracts.chain import ChainUnavailable, Transaction
from contracts.settlement import Settlement, sign_reading
from contracts.signing import Signer
from ledger.outbox import OutboxStatus
from market.instruments import parse_symbol
from market.trades import TradeState
from market.units import InvariantBroken, Lots, Micros
from tests.api.conftest import BUYER, GPU, HOUR_S, METER, SOLAR, START_S, SUPPLIER, Market, meter_of, settings
from tests.api.test_journey import SLOT_S, agree, state_of_trade


class Crash(Exception):
    """The process ended here."""


def crash(*_: object) -> None:
    raise Crash


def report_on_chain(market: Market, meter: Signer) -> None:
    """Wait for the end of the hour, and tell the contract, not the market, that all of it came."""
    market.move_to(SLOT_S + HOUR_S)
    house = market.house
    reading = sign_reading(
        meter, start_hour=SLOT_S // HOUR_S, delivered_lots=Lots(100_000), domain=house.deployment.domain
    )
    house.chain.send(house.chain.operator, house.deployment.settlement.report([reading]))


def replace_meter_on_chain(market: Market) -> Signer:
    """Give the supplier's solar plant another meter by the operator's key alone: the market admits one for good."""
    house, other = market.house, Signer.from_seed(1, "another meter")
    resource = parse_symbol(SOLAR).resource
    register = house.deployment.settlement.register_meter(SUPPLIER.address, resource, other.address)
    house.chain.send(house.chain.operator, register)
    return other


def test_a_crash_between_broadcast_and_record_is_made_good(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(market)
    settler = market.house.settler
    monkeypatch.setattr(settler, "apply", crash)
    with pytest.raises(Crash):
        market.move_to(SLOT_S - 800)
    assert state_of_trade(market) is TradeState.AGREED
    assert [entry.status for entry in settler._outbox.pending()] == [OutboxStatus.SENT]
    monkeypatch.undo()
    settler.recover()
    assert state_of_trade(market) is TradeState.LOCKED
    assert settler._outbox.pending() == ()
    assert market.house.deployment.settlement.last_batch(market.house.chain) == 1


def test_a_crash_between_delivery_and_opening_is_made_good(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    market.move_to(SLOT_S + HOUR_S)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=75_000)
    guarantee = type(market.house.deployment.guarantee)
    monkeypatch.setattr(guarantee, "open_many", crash)
    with pytest.raises(Crash):
        market.move_to(SLOT_S + HOUR_S + 60)
    monkeypatch.undo()
    market.move_to(SLOT_S + HOUR_S + 120)
    assert state_of_trade(market) is TradeState.OPENED


def test_a_reverting_transaction_is_tried_a_few_times_and_the_trade_then_void(market: Market) -> None:
    agree(market)
    house = market.house
    pause = artifact("Settlement").functions["pauseBatches"].encode()
    house.chain.send(
        house.chain.operator, Transaction(house.deployment.settlement.address, pause, gas=100_000)
    )
    market.clock.move_to(SLOT_S - 800)
    house.chain.set_time(SLOT_S - 800)
    market.http.portal.call(house.sequencer.tick)
    for _ in range(ATTEMPTS_MAX):
        with pytest.raises(SettlementFailed, match="was reverted in block"):
            house.settler.step()
    with pytest.raises(SettlementFailed, match="reverted 3 times, not sent again before block"):
        house.settler.step()
    house.chain.set_time(SLOT_S - 790)
    with pytest.raises(SettlementFailed, match=r"reverted 3 times, and would be again: .*Paused"):
        house.settler.step()
    market.move_to(SLOT_S)
    assert state_of_trade(market) is TradeState.VOID
    assert market.client(BUYER).balances().free == "1000"


def test_a_transaction_that_was_reverted_often_is_sent_again_when_the_contract_takes_it(
    market: Market,
) -> None:
    agree(market)
    house = market.house
    chain, settlement = house.chain, artifact("Settlement").functions
    for function, failures in (("pauseBatches", ATTEMPTS_MAX), ("resumeBatches", 0)):
        call = Transaction(house.deployment.settlement.address, settlement[function].encode(), gas=100_000)
        chain.send(chain.operator, call)
        market.clock.move_to(SLOT_S - 800)
        chain.set_time(SLOT_S - 800)
        market.http.portal.call(house.sequencer.tick)
        for _ in range(failures):
            with pytest.raises(SettlementFailed, match="was reverted in block"):
                house.settler.step()
    house.settler.step()
    assert state_of_trade(market) is TradeState.LOCKED


def test_a_reading_inside_the_window_still_counts(market: Market) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    market.move_to(SLOT_S + HOUR_S + 1_860)
    assert state_of_trade(market) is TradeState.OPENED
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=100_000)
    market.move_to(SLOT_S + HOUR_S + 1_900)
    market.move_to(SLOT_S + HOUR_S + 1_860 + 700)
    assert state_of_trade(market) is TradeState.PAID_OUT
    assert market.client(SUPPLIER).balances().free == "1004"


def test_the_reading_that_the_contract_had_first_decides(market: Market) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    report_on_chain(market, METER)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=75_000)
    market.move_to(SLOT_S + HOUR_S + 60)
    assert state_of_trade(market) is TradeState.DELIVERED


def test_a_reading_that_the_contract_alone_was_brought_counts(market: Market) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    report_on_chain(market, METER)
    market.move_to(SLOT_S + HOUR_S + 1_800)
    assert state_of_trade(market) is TradeState.LOCKED
    market.move_to(SLOT_S + HOUR_S + 1_860)
    assert state_of_trade(market) is TradeState.DELIVERED


def test_the_meter_that_an_hour_was_sold_by_is_the_one_that_is_heard(market: Market) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    replace_meter_on_chain(market)
    market.move_to(SLOT_S + HOUR_S)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=100_000)
    market.move_to(SLOT_S + HOUR_S + 60)
    assert state_of_trade(market) is TradeState.DELIVERED


def test_a_node_that_knows_no_meter_of_what_is_locked_is_not_believed(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is behind. Else the reading would never be brought, and the supplier be in breach."""
    agree(market)
    market.move_to(SLOT_S - 800)
    with monkeypatch.context() as behind:
        behind.setattr(Settlement, "meters_at", lambda _, __, sold: (NO_METER,) * len(sold))
        with pytest.raises(ChainUnavailable, match="found no meter for an hour of which a trade is locked"):
            market.move_to(SLOT_S + HOUR_S)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=100_000)
    market.move_to(SLOT_S + HOUR_S + 60)
    assert state_of_trade(market) is TradeState.DELIVERED


def test_a_meter_that_the_market_does_not_know_holds_up_nobody_else(market: Market) -> None:
    replace_meter_on_chain(market)
    agree(market)
    market.client(SUPPLIER).sell(GPU, price="2", quantity="10")
    market.client(BUYER).buy(GPU, price="2", quantity="10", time_in_force="ioc")
    market.move_to(SLOT_S - 800)
    market.move_to(SLOT_S + HOUR_S)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=100_000)
    market.client(meter_of(GPU)).report_reading(start_s=SLOT_S, units_lots=10_000)
    market.move_to(SLOT_S + HOUR_S + 60)
    solar, gpu = (market.house.venue.exchange.trade(number) for number in (1, 2))
    assert (solar.batch_number, gpu.batch_number) == (1, 1)
    assert gpu.state is TradeState.DELIVERED
    assert solar.state is TradeState.LOCKED
    market.move_to(SLOT_S + HOUR_S + 1_860)
    assert state_of_trade(market) is TradeState.OPENED
    market.move_to(SLOT_S + HOUR_S + 1_860 + 700)
    assert state_of_trade(market) is TradeState.PAID_OUT


def test_a_meter_that_the_market_does_not_know_is_heard_by_the_contract(market: Market) -> None:
    other = replace_meter_on_chain(market)
    agree(market)
    market.move_to(SLOT_S - 800)
    report_on_chain(market, other)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=0)
    market.move_to(SLOT_S + HOUR_S + 1_860)
    assert state_of_trade(market) is TradeState.DELIVERED


class Watched:
    """The sequencer's `quiet`, which knows whether somebody holds it."""

    def __init__(self) -> None:
        self.held = 0

    def __enter__(self) -> None:
        self.held += 1

    def __exit__(self, *_: object) -> None:
        self.held -= 1


def test_what_a_delivery_reads_of_the_venue_it_reads_while_no_batch_changes_it(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    market.move_to(SLOT_S + HOUR_S)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=100_000)
    sequencer, exchange = market.house.sequencer, market.house.venue.exchange
    reading_of, read = exchange.reading, []

    def reading(*which: Any) -> Any:
        read.append(quiet.held)
        return reading_of(*which)

    quiet = Watched()
    monkeypatch.setattr(sequencer, "quiet", quiet)
    monkeypatch.setattr(type(exchange), "reading", staticmethod(reading))
    market.move_to(SLOT_S + HOUR_S + 60)
    assert state_of_trade(market) is TradeState.DELIVERED
    assert read
    assert all(read)
    assert not quiet.held


def test_a_lock_of_other_trades_than_asked_for_breaks_the_machine(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(market)
    read = Settlement.outcome

    def dearer(*asked: object, **how: object) -> object:
        found = read(*asked, **how)
        leaf = replace(found.locked[0], price_micros=Micros(found.locked[0].price_micros + 1))
        return replace(found, locked=(leaf,))

    monkeypatch.setattr(Settlement, "outcome", dearer)
    with pytest.raises(InvariantBroken, match="trade 1: the contract locked"):
        market.move_to(SLOT_S - 800)
    assert market.house.venue.exchange.trade(1).state is TradeState.AGREED


def test_a_record_whose_chain_is_gone_is_refused_with_a_reason(tmp_path: Path) -> None:
    with open_house(settings(tmp_path), DrivenClock(START_S), start_time_s=START_S):
        pass
    with (
        pytest.raises(ChainUnavailable, match="use a new database"),
        open_house(settings(tmp_path), DrivenClock(START_S), start_time_s=START_S + 7),
    ):
        pass
