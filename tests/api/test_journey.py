"""The journey of one order: from HTTP through matching, record and books to the chain, and back."""

from ledger.audit import audit
from ledger.record import RecordReader
from market.trades import TradeState
from tests.api.conftest import BUYER, HOUR_S, METER, SOLAR, START_S, SUPPLIER, Market

SLOT_S = START_S + 2 * HOUR_S


def agree(market: Market, *, quantity: str = "100") -> None:
    """Let the supplier offer at 0.04 and the buyer take it, through HTTP."""
    offered = market.client(SUPPLIER).sell(SOLAR, price="0.04", quantity=quantity)
    assert (offered.status, offered.remaining) == ("open", quantity)
    taken = market.client(BUYER).buy(SOLAR, price="0.05", quantity=quantity, time_in_force="ioc")
    assert taken.status == "filled"
    assert [(fill.price, fill.quantity) for fill in taken.fills] == [("0.04", quantity)]


def state_of_trade(market: Market) -> TradeState:
    """Return the state of trade 1."""
    return market.house.venue.exchange.trade(1).state


def test_an_order_travels_from_http_to_the_chain_and_back(market: Market) -> None:
    agree(market)
    buyer = market.client(BUYER)
    # 100 kWh at 0.04 is 4.00, and 10 basis points of it are the fee
    assert buyer.balances().held_for_trades == "4.004"
    assert buyer.balances().free == "995.996"

    market.move_to(SLOT_S - 800)
    assert state_of_trade(market) is TradeState.LOCKED
    assert buyer.balances().locked_on_chain == "4.004"
    # Q1 sets aside 10 % of the reference price 0.05 for each kWh
    assert market.client(SUPPLIER).balances().locked_on_chain == "0.5"

    market.move_to(SLOT_S + HOUR_S)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=100_000)
    market.move_to(SLOT_S + HOUR_S + 60)
    assert state_of_trade(market) is TradeState.DELIVERED
    assert buyer.balances().free == "995.996"
    assert market.client(SUPPLIER).balances().free == "1004"
    assert [trade.state for trade in buyer.trades()] == ["delivered"]

    values = market.house.settler.chain_values([BUYER.address, SUPPLIER.address])
    market.house.sequencer.catch_up()
    report = audit(RecordReader(market.house.engine), tables=market.house.engine, chain=values)
    assert report.findings == ()
    assert report.chain_difference_micros == 0
    assert report.state_hash == market.house.venue.state_hash()


def test_a_shortfall_pays_the_buyer_first(market: Market) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    market.move_to(SLOT_S + HOUR_S)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=75_000)
    market.move_to(SLOT_S + HOUR_S + 60)
    assert state_of_trade(market) is TradeState.OPENED
    market.move_to(SLOT_S + HOUR_S + 60 + 700)
    assert state_of_trade(market) is TradeState.PAID_OUT
    # 75 kWh are paid: 3.00 and a fee of 0.003; the ladder of Q1 below 80 % owes all of 4.00, the collateral caps it at 0.50
    trade = market.house.venue.exchange.trade(1)
    assert trade.delivered_lots == 75_000
    assert trade.compensation_micros == 500_000
    assert market.client(BUYER).balances().free == "997.497"
    assert market.client(SUPPLIER).balances().free == "1002.5"


def test_a_missing_reading_is_the_suppliers_breach(market: Market) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    market.move_to(SLOT_S + HOUR_S + 1_800)
    assert state_of_trade(market) is TradeState.LOCKED
    market.move_to(SLOT_S + HOUR_S + 1_860)
    assert state_of_trade(market) is TradeState.OPENED
    market.move_to(SLOT_S + HOUR_S + 1_860 + 700)
    assert market.client(BUYER).balances().free == "1000.5"
    assert market.client(SUPPLIER).balances().free == "999.5"


def test_a_trade_not_locked_by_slot_start_is_void(market: Market) -> None:
    agree(market)
    market.clock.move_to(SLOT_S)
    market.http.portal.call(market.house.sequencer.tick)
    market.house.settler.step()
    assert state_of_trade(market) is TradeState.VOID
    assert market.client(BUYER).balances().free == "1000"
    assert market.client(SUPPLIER).balances().free == "1000"


def test_free_money_leaves_with_the_operators_counter_signature(market: Market) -> None:
    buyer = market.client(BUYER)
    approved = buyer.withdraw("250", nonce=7)
    assert buyer.balances().held_for_withdrawals == "250"
    deployment, chain = market.house.deployment, market.house.chain
    chain.send(
        chain.operator,
        deployment.settlement.withdraw(
            BUYER.address,
            250_000_000,
            nonce=7,
            deadline_s=approved.deadline,
            operator_signature=bytes.fromhex(approved.operator_signature[2:]),
        ),
    )
    market.house.settler.step()
    assert buyer.balances().held_for_withdrawals == "0"
    assert buyer.balances().free == "750"
    assert deployment.token.balance_of(chain, BUYER.address) == 250_000_000
