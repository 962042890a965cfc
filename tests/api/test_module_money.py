"""Money that modules move on chain, by whomever it is set off: the books follow, once, and equal the contract."""

import pytest

from contracts.leaves import Leaf
from contracts.sending import send_all
from contracts.standby import StandbyTerms
from ledger.accounts import AccountKind
from ledger.audit import audit
from ledger.record import RecordReader
from market.instruments import from_id
from market.orders import Address
from market.trades import TradeState
from market.units import Lots, Micros
from tests.api.conftest import BUYER, HOUR_S, METER, SUPPLIER, Market
from tests.api.test_journey import SLOT_S, agree, state_of_trade


@pytest.fixture
def short(market: Market) -> Market:
    """A market whose one trade was delivered at three quarters and opened."""
    agree(market)
    market.move_to(SLOT_S - 800)
    market.move_to(SLOT_S + HOUR_S)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=75_000)
    market.move_to(SLOT_S + HOUR_S + 60)
    assert state_of_trade(market) is TradeState.OPENED
    return market


def leaf_of(market: Market) -> Leaf:
    house = market.house
    outcome = house.deployment.settlement.find_outcome(
        house.chain, batch_number=1, from_block=house.deployment.block_number
    )
    assert outcome is not None
    return outcome.locked[0]


def locked(market: Market, participant: Address) -> int:
    return market.house.venue.books.balances.of(AccountKind.LOCKED, participant)


def difference(market: Market) -> int | None:
    house = market.house
    house.sequencer.catch_up()
    report = audit(
        RecordReader(house.engine),
        tables=house.engine,
        chain=house.settler.chain_values([BUYER.address, SUPPLIER.address]),
    )
    assert report.findings == ()
    return report.chain_difference_micros


def test_what_a_stranger_had_paid_out_is_booked_all_the_same(short: Market) -> None:
    house = short.house
    house.chain.set_time(house.chain.now_s() + house.deployment.challenge_window_s + 60)
    house.chain.send(house.chain.operator, house.deployment.guarantee.pay_out_many([leaf_of(short)]))
    short.move_to(house.chain.now_s() + 60)
    assert state_of_trade(short) is TradeState.PAID_OUT
    assert locked(short, BUYER.address) == locked(short, SUPPLIER.address) == 0
    assert difference(short) == 0


def test_the_bond_of_a_claim_is_locked_and_comes_back(short: Market) -> None:
    house, leaf = short.house, leaf_of(short)
    before = locked(short, SUPPLIER.address)
    claim = house.deployment.guarantee.challenge(leaf, Lots(leaf.quantity_lots))
    send_all(house.chain, [(SUPPLIER, claim)])
    short.move_to(house.chain.now_s() + 60)
    assert locked(short, SUPPLIER.address) > before
    assert difference(short) == 0
    rules = house.deployment.rules
    short.move_to(house.chain.now_s() + rules.challenge_window_s + rules.ruling_window_s + 60)
    short.move_to(house.chain.now_s() + 60)
    assert state_of_trade(short) is TradeState.PAID_OUT
    assert locked(short, SUPPLIER.address) == 0
    assert difference(short) == 0


def test_a_premium_is_locked_and_goes_to_the_supplier(market: Market) -> None:
    agree(market)
    house = market.house
    instrument = from_id(house.venue.exchange.trade(1).agreed.instrument_id)
    terms = StandbyTerms(
        holder=BUYER.address,
        supplier=SUPPLIER.address,
        resource=instrument.resource,
        tier=instrument.tier,
        first_hour=instrument.start_hour,
        last_hour=instrument.start_hour,
        quantity_lots=Lots(1_000),
        strike_micros=Micros(60_000),
        premium_micros=Micros(2_000_000),
        answer_window_s=60,
        open_until_s=instrument.start_s,
        salt=bytes(32),
    )
    standby = house.deployment.standby
    signatures = (terms.sign(party, standby.domain) for party in (BUYER, SUPPLIER))
    opening = standby.open(terms, holder_signature=next(signatures), supplier_signature=next(signatures))
    house.chain.send(house.chain.operator, opening)
    market.move_to(house.chain.now_s() + 60)
    assert locked(market, BUYER.address) == 2_000_000
    assert difference(market) == 0

    option_id = terms.id(standby.domain)
    assert house.venue.escrows.held(standby.address, option_id, BUYER.address) == 2_000_000
    house.settler.recover()
    house.settler.read_again()
    house.settler.watch()
    assert locked(market, BUYER.address) == 2_000_000

    market.move_to(instrument.start_s + 3 * HOUR_S)
    house.chain.send(house.chain.operator, standby.close(terms))
    market.move_to(house.chain.now_s() + 60)
    assert house.venue.escrows.held(standby.address, option_id, BUYER.address) == 0
    assert difference(market) == 0
