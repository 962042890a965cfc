"""What strangers and participants set off on chain, read at one go: books in the sequence of the chain, and equal to it."""

from contracts.leaves import Leaf
from contracts.settlement import Reading, sign_reading
from contracts.signing import Signer
from contracts.standby import StandbyTerms
from ledger.accounts import AccountKind
from ledger.record import RecordReader
from market.events import CancelReason, Event, OrderCancelled, Refused
from market.instruments import parse_symbol
from market.trades import TradeState
from market.units import Lots, Micros
from tests.api.conftest import BUYER, GPU, HOUR_S, METER, SOLAR, START_S, SUPPLIER, Market, meter_of
from tests.api.test_chain_notices import EVERYTHING, is_balanced, on_chain
from tests.api.test_journey import SLOT_S, agree

STRANGER = Signer.from_seed(1, "stranger")
TOKEN = 1_000_000


def option(market: Market, holder: Signer, premium: int) -> StandbyTerms:
    """Open an option of the supplier's on solar energy; the stranger sends it."""
    instrument, standby = parse_symbol(SOLAR), market.house.deployment.standby
    terms = StandbyTerms(
        holder=holder.address,
        supplier=SUPPLIER.address,
        resource=instrument.resource,
        tier=instrument.tier,
        first_hour=instrument.start_hour,
        last_hour=instrument.start_hour,
        quantity_lots=Lots(1_000),
        strike_micros=Micros(60_000),
        premium_micros=Micros(premium),
        answer_window_s=60,
        open_until_s=instrument.start_s,
        salt=bytes(32),
    )
    by_holder, by_supplier = (terms.sign(party, standby.domain) for party in (holder, SUPPLIER))
    opening = standby.open(terms, holder_signature=by_holder, supplier_signature=by_supplier)
    on_chain(market, STRANGER, opening)
    return terms


def leaves_of(market: Market) -> tuple[Leaf, ...]:
    house = market.house
    outcome = house.deployment.settlement.find_outcome(
        house.chain, batch_number=1, from_block=house.deployment.block_number
    )
    assert outcome is not None
    return outcome.locked


def reading(market: Market, meter: Signer, delivered: int) -> Reading:
    domain = market.house.deployment.domain
    return sign_reading(meter, start_hour=SLOT_S // HOUR_S, delivered_lots=Lots(delivered), domain=domain)


def events(market: Market) -> list[Event]:
    return [event for row in RecordReader(market.house.engine).rows() for event in row.told()]


def test_a_day_behind_the_operators_back_ends_balanced(market: Market) -> None:
    house, buyer = market.house, market.client(BUYER)
    settlement, guarantee, standby = (
        house.deployment.settlement,
        house.deployment.guarantee,
        house.deployment.standby,
    )
    agree(market)
    market.client(SUPPLIER).sell(GPU, price="2", quantity="10")
    assert buyer.buy(GPU, price="2", quantity="10", time_in_force="ioc").status == "filled"
    for _ in range(2):
        buyer.buy(SOLAR, price="0.05", quantity="9000")  # 450, and its fee
    terms = option(market, BUYER, 500 * TOKEN)
    house.settler.step()
    assert [event.reason for event in events(market) if isinstance(event, OrderCancelled)] == [
        CancelReason.LOCKED_ON_CHAIN
    ]
    assert len(buyer.open_orders()) == 1
    assert is_balanced(market)

    market.move_to(SLOT_S - 800)
    trades = market.house.venue.exchange.trade
    assert trades(1).state is trades(2).state is TradeState.LOCKED
    solar, gpu = leaves_of(market)
    on_chain(market, SUPPLIER, settlement.request_exit(EVERYTHING))

    # nothing of what follows is the operator's, and it reads all of it at one go
    def wait_until(time_s: int) -> None:
        market.clock.move_to(time_s)
        house.chain.set_time(time_s)

    wait_until(SLOT_S + HOUR_S)
    told = [reading(market, METER, 75_000), reading(market, meter_of(GPU), gpu.quantity_lots)]
    deliver = settlement.deliver_batch(1, (solar, gpu), [solar.position, gpu.position], told)
    on_chain(market, STRANGER, deliver)
    on_chain(market, STRANGER, guarantee.open_many(1, (solar, gpu), [solar.position]))
    wait_until(SLOT_S + HOUR_S + house.deployment.challenge_window_s + 60)
    on_chain(market, STRANGER, guarantee.pay_out_many([solar]))
    wait_until(SLOT_S + 3 * HOUR_S)
    on_chain(market, STRANGER, standby.close(terms))
    on_chain(market, STRANGER, settlement.execute_exit(SUPPLIER.address))
    house.settler.step()

    assert trades(1).state is TradeState.PAID_OUT
    assert trades(2).state is TradeState.DELIVERED
    assert not [event for event in events(market) if isinstance(event, Refused)]
    # what it had, 3 for 75 kWh less the collateral of 0.5, 20 for the GPUs, and the premium
    paid = house.deployment.token.balance_of(house.chain, SUPPLIER.address)
    assert paid == (1000 + 3 + 20 + 500) * TOKEN - 500_000
    assert market.client(SUPPLIER).balances().free == "0"
    for signer in (BUYER, SUPPLIER):
        assert house.venue.books.balances.of(AccountKind.LOCKED, signer.address) == 0
    assert is_balanced(market)
    before = house.record.number, house.venue.state_hash()
    house.settler.read_again()
    house.settler.recover()
    house.settler.watch()
    assert (house.record.number, house.venue.state_hash()) == before


def test_a_deposit_pays_what_is_locked_after_it_in_the_same_blocks(market: Market) -> None:
    house, newcomer = market.house, Signer.from_seed(1, "newcomer")
    deposit = house.deployment.settlement.deposit_for(newcomer.address, Micros(10 * TOKEN))
    chain, token = house.chain, house.deployment.token
    chain.send(chain.operator, token.mint(chain.operator.address, Micros(10 * TOKEN)))
    chain.send(chain.operator, token.approve(house.deployment.settlement.address, Micros(10 * TOKEN)))
    chain.send(chain.operator, deposit)
    option(market, newcomer, 10 * TOKEN)
    house.settler.step()
    assert house.venue.books.balances.of(AccountKind.LOCKED, newcomer.address) == 10 * TOKEN
    assert not [event for event in events(market) if isinstance(event, Refused)]


def test_an_exit_loses_its_cover_and_the_trade_is_locked_at_once(market: Market) -> None:
    agree(market)
    settlement = market.house.deployment.settlement
    on_chain(market, BUYER, settlement.request_exit(Micros(990 * TOKEN)))
    market.house.settler.step()
    assert market.house.venue.exchange.trade(1).state is TradeState.AGREED
    option(market, BUYER, 900 * TOKEN)
    market.house.settler.step()
    assert market.house.venue.exchange.trade(1).state is TradeState.LOCKED
    market.move_to(START_S + 3600 + 60)
    on_chain(
        market, BUYER, settlement.execute_exit(BUYER.address)
    )  # nobody else takes less than was asked for
    market.house.settler.step()
    assert market.client(BUYER).balances().free == "0"
    assert is_balanced(market)


def test_a_smaller_reading_that_a_stranger_brought_first_opens_the_trade(market: Market) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    market.move_to(SLOT_S + HOUR_S)
    report = market.house.deployment.settlement.report([reading(market, METER, 75_000)])
    on_chain(market, STRANGER, report)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=100_000)
    market.move_to(SLOT_S + HOUR_S + 60)
    assert market.house.venue.exchange.trade(1).state is TradeState.OPENED
    market.move_to(SLOT_S + HOUR_S + 60 + 700)
    assert market.house.venue.exchange.trade(1).state is TradeState.PAID_OUT
    assert is_balanced(market)
