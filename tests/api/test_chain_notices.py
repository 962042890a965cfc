"""Agents exit and cancel on chain behind the operator's back: the market honours it, and books equal contract again."""

from collections.abc import Sequence

import pytest

from api.client import Client, MarketError
from contracts.chain import Transaction
from contracts.signing import Signer
from ledger.audit import audit
from ledger.rebuild import rebuild
from ledger.record import RecordReader
from market.orders import Command
from market.trades import TradeState
from market.units import Micros
from tests.api.conftest import BUYER, HOUR_S, METER, SOLAR, START_S, SUPPLIER, Market
from tests.api.test_journey import SLOT_S, agree, state_of_trade

NOTICE_S = 3600
EVERYTHING = Micros((1 << 128) - 1)


def on_chain(market: Market, signer: Signer, transaction: Transaction) -> None:
    """Have somebody send a transaction of his own, with coin for its gas."""
    chain = market.house.chain
    if not chain.balance_wei(signer.address):
        chain.send(chain.operator, Transaction(signer.address, b"", 21_000, value_wei=10**18))
    chain.send(signer, transaction)


def is_balanced(market: Market) -> bool:
    """Return whether an audit has no findings, books and contract differ by nothing, and the record tells the state."""
    house = market.house
    values = house.settler.chain_values([BUYER.address, SUPPLIER.address])
    house.sequencer.catch_up()
    report = audit(RecordReader(house.engine), tables=house.engine, chain=values)
    assert report.findings == ()
    rebuilt = rebuild(RecordReader(house.engine))
    assert rebuilt.state_hash() == report.state_hash == house.venue.state_hash()
    return report.chain_difference_micros == 0


def client_order_ids(market: Market, signer: Signer) -> list[int]:
    return [int(order.client_order_id) for order in market.client(signer).open_orders()]


def test_an_exit_sets_the_money_aside_and_the_day_ends_balanced(market: Market) -> None:
    settlement, buyer = market.house.deployment.settlement, market.client(BUYER)
    market.client(BUYER).buy(SOLAR, price="0.05", quantity="100")
    on_chain(market, BUYER, settlement.request_exit(Micros(990_000_000)))
    market.house.settler.step()
    assert (buyer.balances().held_for_exit, buyer.balances().held_for_orders) == ("990", "5.005")
    on_chain(market, BUYER, settlement.request_exit(EVERYTHING))
    market.house.settler.step()
    assert (buyer.balances().held_for_exit, buyer.balances().free) == ("1000", "0")
    assert buyer.open_orders() == []

    market.move_to(START_S + NOTICE_S + 60)
    on_chain(market, SUPPLIER, settlement.execute_exit(BUYER.address))
    market.house.settler.step()
    assert market.house.deployment.token.balance_of(market.house.chain, BUYER.address) == 1_000_000_000
    assert (buyer.balances().held_for_exit, buyer.balances().free) == ("0", "0")
    assert is_balanced(market)


def test_a_trade_matched_before_the_exit_is_locked_before_it_takes_effect(market: Market) -> None:
    settlement = market.house.deployment.settlement
    agree(market)
    on_chain(market, BUYER, settlement.request_exit(EVERYTHING))
    market.house.settler.step()
    assert state_of_trade(market) is TradeState.LOCKED  # an hour before its gate closes
    market.move_to(START_S + NOTICE_S + 60)
    on_chain(market, BUYER, settlement.execute_exit(BUYER.address))
    market.house.settler.step()
    assert is_balanced(market)
    market.move_to(SLOT_S + HOUR_S)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=100_000)
    market.move_to(SLOT_S + HOUR_S + 60)
    assert state_of_trade(market) is TradeState.DELIVERED
    assert is_balanced(market)


def test_an_exit_that_is_covered_locks_nothing_early(market: Market) -> None:
    agree(market)
    on_chain(market, BUYER, market.house.deployment.settlement.request_exit(Micros(100_000_000)))
    market.house.settler.step()
    assert state_of_trade(market) is TradeState.AGREED


def test_a_trade_whose_money_left_unseen_is_void_by_the_one_who_left(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    settlement = market.house.deployment.settlement
    agree(market)
    on_chain(market, BUYER, settlement.request_exit(EVERYTHING))
    market.clock.move_to(START_S + NOTICE_S + 60)
    market.house.chain.set_time(START_S + NOTICE_S + 60)
    on_chain(market, BUYER, settlement.execute_exit(BUYER.address))
    market.house.settler.step()
    assert state_of_trade(market) is TradeState.VOID
    (trade,) = market.client(SUPPLIER).trades()
    assert trade.void_reason == "an exit on chain took its funds"
    assert market.client(SUPPLIER).balances().free == "1000"
    assert is_balanced(market)


def test_a_cancel_on_chain_takes_the_order_off_and_refuses_its_id(market: Market) -> None:
    settlement, supplier = market.house.deployment.settlement, market.client(SUPPLIER)
    for _ in range(3):
        supplier.sell(SOLAR, price="0.04", quantity="10")
    first, second, third = client_order_ids(market, SUPPLIER)
    on_chain(market, SUPPLIER, settlement.cancel_order(second))
    market.house.settler.step()
    assert client_order_ids(market, SUPPLIER) == [first, third]
    on_chain(market, SUPPLIER, settlement.cancel_below(max(first, third) + 1))
    market.house.settler.step()
    assert supplier.open_orders() == []
    again = Client("http://testserver", SUPPLIER, http=market.http, next_order_id=lambda: 1)
    with pytest.raises(MarketError, match="cancelled_on_chain: you cancelled this client order id on chain"):
        again.sell(SOLAR, price="0.05", quantity="10")
    assert is_balanced(market)


def test_a_trade_of_an_order_cancelled_on_chain_is_locked_at_once(market: Market) -> None:
    supplier = market.client(SUPPLIER)
    supplier.sell(SOLAR, price="0.04", quantity="200")
    (offered,) = client_order_ids(market, SUPPLIER)
    market.client(BUYER).buy(SOLAR, price="0.05", quantity="100", time_in_force="ioc")
    on_chain(market, SUPPLIER, market.house.deployment.settlement.cancel_order(offered))
    market.house.settler.step()
    assert supplier.open_orders() == []
    assert state_of_trade(market) is TradeState.LOCKED
    assert is_balanced(market)


def test_a_trade_that_the_cancellation_overtook_is_void_and_says_why(market: Market) -> None:
    supplier = market.client(SUPPLIER)
    supplier.sell(SOLAR, price="0.04", quantity="200")
    (offered,) = client_order_ids(market, SUPPLIER)
    market.client(BUYER).buy(SOLAR, price="0.05", quantity="100", time_in_force="ioc")
    on_chain(market, SUPPLIER, market.house.deployment.settlement.cancel_order(offered))
    market.clock.move_to(START_S + NOTICE_S + 60)
    market.house.chain.set_time(START_S + NOTICE_S + 60)
    market.house.settler.step()
    (trade,) = market.client(BUYER).trades()
    assert (trade.state, trade.void_reason) == ("void", "cancelled on chain before it was locked")
    voided = market.house.venue.exchange.trade(1)
    assert voided.state is TradeState.VOID
    assert market.house.deployment.settlement.last_batch(market.house.chain) == 0
    assert is_balanced(market)


def test_the_same_blocks_read_again_cause_nothing(market: Market) -> None:
    settlement, house = market.house.deployment.settlement, market.house
    on_chain(market, BUYER, settlement.request_exit(Micros(5_000_000)))
    on_chain(market, BUYER, settlement.cancel_below(77))
    on_chain(market, BUYER, settlement.cancel_order(99))
    house.settler.step()
    before = house.record.number, house.venue.state_hash()
    house.settler.read_again()
    house.settler.watch()
    assert (house.record.number, house.venue.state_hash()) == before


def test_a_crash_after_half_of_the_notices_is_made_good(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    settlement, house = market.house.deployment.settlement, market.house
    on_chain(market, BUYER, settlement.request_exit(Micros(5_000_000)))
    on_chain(market, BUYER, settlement.request_exit(Micros(7_000_000)))
    apply, handed_in = house.settler.apply, []

    def crash_after_the_first(commands: Sequence[Command]) -> object:
        apply(commands[:1])
        handed_in.append(len(commands))
        raise TimeoutError

    monkeypatch.setattr(house.settler, "apply", crash_after_the_first)
    with pytest.raises(TimeoutError):
        house.settler.watch()
    monkeypatch.undo()
    house.settler.watch()
    assert handed_in == [2]
    assert market.client(BUYER).balances().held_for_exit == "7"
    assert is_balanced(market)


def test_notices_count_once_they_have_enough_blocks_on_top(market: Market) -> None:
    settler, chain = market.house.settler, market.house.chain
    for part in (settler, settler._outgoing, settler._watching):
        part._confirmations = 2
    on_chain(market, BUYER, market.house.deployment.settlement.request_exit(Micros(5_000_000)))
    settler.watch()
    assert market.client(BUYER).balances().held_for_exit == "0"
    chain.set_time(chain.now_s() + 1)
    chain.set_time(chain.now_s() + 1)
    settler.watch()
    assert market.client(BUYER).balances().held_for_exit == "5"


def test_a_flood_of_notices_is_handed_in_in_parts(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.watching.COMMANDS_AT_ONCE", 2)
    for amount in range(1, 6):
        on_chain(market, BUYER, market.house.deployment.settlement.request_exit(Micros(amount)))
    before = market.house.record.number
    market.house.settler.watch()
    assert market.house.record.number == before + 3
    assert market.client(BUYER).balances().held_for_exit == "0.000005"
