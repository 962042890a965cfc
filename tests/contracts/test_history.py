"""What happened at the contracts: everything in the sequence of the chain, from one query, told call by call."""

import pytest

from contracts.history import Delivered, Deposit, Happening, Opened, PaidOut, Part, history, read_history
from market.orders import Side
from market.units import InvariantBroken

from .conftest import CHALLENGE_S, TOKEN, Stage


def test_short_and_whole_trades_are_told_from_deposit_to_payout(one_stage: Stage) -> None:
    stage = one_stage
    first_block = stage.chain.block_number() + 1
    buyer, sellers = stage.trader(), [stage.trader() for _ in range(3)]
    instrument = stage.instrument(tier=2)
    meters, trades = [], []
    for seller in sellers:
        meters.append(stage.meter(seller, instrument))
        bid = stage.order(buyer, instrument, Side.BUY, reference=60_000)
        trades.append(stage.trade(bid, stage.order(seller, instrument, Side.SELL, reference=60_000)))
    outcome = stage.settle(*trades)
    number, hour = outcome.batch_number, outcome.locked[0].start_hour
    stage.after(hour)
    units = (98_000, 100_000, 0)
    told = [stage.reading(meter, hour, each) for meter, each in zip(meters, units, strict=True)]
    assert stage.deliver(outcome, *told) == (1,)
    short = [outcome.locked[0], outcome.locked[2]]
    guarantee = stage.market.guarantee
    stage.send(guarantee.open_many(number, outcome.locked, [0, 2]))
    stage.chain.set_time(stage.chain.now_s() + CHALLENGE_S)
    receipt = stage.send(guarantee.pay_out_many(short))

    happened = history(stage.market, stage.chain, from_block=first_block, to_block=stage.chain.block_number())
    kinds: list[type[Happening]] = [*[Deposit] * 4, Delivered, Opened, Opened, PaidOut, PaidOut]
    assert [type(each) for each in happened] == kinds
    delivered = happened[4]
    assert isinstance(delivered, Delivered)
    assert (delivered.batch_number, delivered.positions) == (number, (1,))
    paid = [each for each in happened if isinstance(each, PaidOut)]
    assert tuple(each.payout for each in paid) == guarantee.payouts(receipt)
    # payment, fee and collateral are unlocked; the fee's recipient is given what the payout says
    assert paid[0].parts == (
        Part(buyer.address, 5_005_000, 100_100 + 1_200_000),
        Part(sellers[0].address, 1_200_000, 4_900_000),
        Part(stage.fee_recipient.address, 0, 4_900),
    )
    assert sum(part.unlocked_micros for part in paid[1].parts) == 5_005_000 + 1_200_000
    assert read_history(stage.market, receipt.logs) == tuple(paid)

    topic = receipt.logs[-1].topics[0]
    alone = [log for log in receipt.logs if log.topics[0] == topic]
    with pytest.raises(InvariantBroken, match="expected its shares before it"):
        read_history(stage.market, alone)


def test_what_other_contracts_tell_is_passed_over(one_stage: Stage) -> None:
    market = one_stage.market
    receipt = one_stage.send(market.token.mint(one_stage.chain.operator.address, TOKEN))
    assert receipt.logs
    assert read_history(market, receipt.logs) == ()
