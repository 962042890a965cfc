"""The gas that a transaction states covers the worst case, so no batch runs out of it half way."""

from collections.abc import Iterable

from contracts.batches import TRADES_MAX, plan_batch
from contracts.chain import GAS_MAX, Transaction
from contracts.guarantee import LEAVES_MAX
from contracts.signing import Signer
from market.orders import Side
from market.units import Micros

from .conftest import CHALLENGE_S, FEE_BPS, Stage


def send_all(stage: Stage, transactions: Iterable[Transaction]) -> None:
    """Send many at once, and wait for the last."""
    chain, operator = stage.chain, stage.chain.operator
    nonce = chain.nonce(operator.address)
    sent = [
        chain.broadcast(chain.sign(operator, transaction, nonce=nonce + i))
        for i, transaction in enumerate(transactions)
    ]
    assert chain.wait(sent[-1]).succeeded


def test_a_batch_in_which_everybody_is_new_fits_the_gas_that_it_states(one_stage: Stage) -> None:
    stage, settlement, guarantee = one_stage, one_stage.market.settlement, one_stage.market.guarantee
    start_hour = stage.hour()
    instrument = stage.instrument(tier=4, start_hour=start_hour)
    buyers, sellers, meters = (
        [Signer.from_seed(n, f"gas {who}") for n in range(TRADES_MAX)] for who in ("buyer", "seller", "meter")
    )
    send_all(
        stage,
        [settlement.deposit_for(trader.address, Micros(10**9)) for trader in buyers + sellers]
        + [
            settlement.register_meter(seller.address, instrument.resource, meter.address)
            for seller, meter in zip(sellers, meters, strict=True)
        ],
    )
    trades = [
        stage.trade(stage.order(buyer, instrument, Side.BUY), stage.order(seller, instrument, Side.SELL))
        for buyer, seller in zip(buyers, sellers, strict=True)
    ]
    number = settlement.last_batch(stage.chain) + 1
    plan = plan_batch(batch_number=number, record_hash=b"\xff" * 32, fee_bps=FEE_BPS, trades=trades)
    stated = settlement.settle_batch(plan)
    receipt = stage.send(stated)
    outcome = settlement.outcome(receipt, batch_number=number)
    assert outcome is not None
    assert len(outcome.locked) == TRADES_MAX
    assert receipt.gas_used <= stated.gas <= GAS_MAX

    stage.after(start_hour)
    short = range(LEAVES_MAX)
    readings = [
        stage.reading(meter, start_hour, 99_000 if n in short else 100_000) for n, meter in enumerate(meters)
    ]
    stated = settlement.deliver_batch(number, outcome.locked, range(TRADES_MAX), readings)
    receipt = stage.send(stated)
    assert receipt.gas_used <= stated.gas <= GAS_MAX
    assert settlement.released(receipt, batch_number=number) == tuple(range(LEAVES_MAX, TRADES_MAX))

    stated = guarantee.open_many(number, outcome.locked, short)
    receipt = stage.send(stated)
    assert receipt.gas_used <= stated.gas <= GAS_MAX
    assert len(guarantee.openings(receipt)) == LEAVES_MAX

    stage.chain.set_time(stage.chain.now_s() + CHALLENGE_S)
    stated = guarantee.pay_out_many(outcome.locked[:LEAVES_MAX])
    receipt = stage.send(stated)
    assert receipt.gas_used <= stated.gas <= GAS_MAX
    assert len(guarantee.payouts(receipt)) == LEAVES_MAX
