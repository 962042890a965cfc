"""The meter is contradicted, and an arbiter rules within bounds; or nobody does, and the reading stands."""

from dataclasses import replace

import pytest

from contracts.batches import BatchOutcome
from contracts.chain import Reverted
from contracts.deployment import deploy
from contracts.guarantee import Claim, Penalty, Rules, State, Verdict, bond_micros, payout
from contracts.leaves import Leaf
from contracts.signing import Signer
from contracts.stages import Outcome
from contracts.stages import Stage as Phase
from market.orders import Side
from market.units import Lots, Micros, Ppm

from .conftest import CHALLENGE_S, NOTICE_S, READING_S, RULES, TOKEN, Stage

BOND = Micros(50_000)


@pytest.fixture
def short(stage: Stage) -> tuple[Signer, Signer, Leaf, BatchOutcome]:
    """98 of 100 kWh of silver energy at 0.05, opened: buyer and seller, who send for themselves, and the leaf."""
    buyer, seller = stage.trader(ether=True), stage.trader(ether=True)
    instrument = stage.instrument(tier=2)
    meter = stage.meter(seller, instrument)
    bid = stage.order(buyer, instrument, Side.BUY, reference=60_000)
    offer = stage.order(seller, instrument, Side.SELL, reference=60_000)
    outcome = stage.settle(stage.trade(bid, offer, quantity=100_000))
    leaf = outcome.locked[0]
    stage.after(leaf)
    assert stage.deliver(outcome, stage.reading(meter, leaf.start_hour, 98_000)) == ()
    stage.send(stage.market.guarantee.open_many(outcome.batch_number, outcome.locked, [0]))
    return buyer, seller, leaf, outcome


def test_both_claim_and_the_arbiter_follows_the_buyer(
    stage: Stage, short: tuple[Signer, Signer, Leaf, BatchOutcome]
) -> None:
    buyer, seller, leaf, _ = short
    guarantee = stage.market.guarantee
    opened_at_s = guarantee.state_of(stage.chain, leaf).opened_at_s
    assert bond_micros(leaf, RULES) == BOND
    with pytest.raises(Reverted, match="NotParty"):
        stage.send(guarantee.challenge(leaf, Lots(90_000)))
    stage.send(guarantee.challenge(leaf, Lots(90_000)), by=buyer)
    stage.send(guarantee.plead(leaf), by=seller)
    assert guarantee.claim_of(stage.chain, leaf, buyer.address) == Claim(
        Verdict.PENDING, False, Lots(90_000), BOND
    )
    assert guarantee.claim_of(stage.chain, leaf, seller.address) == Claim(
        Verdict.PENDING, True, Lots(0), BOND
    )
    until_s = opened_at_s + CHALLENGE_S + RULES.ruling_window_s
    assert guarantee.payable_from_s(stage.chain, leaf) == until_s

    stage.chain.set_time(opened_at_s + CHALLENGE_S)
    with pytest.raises(Reverted, match="ExcusedOutOfBounds"):
        stage.send(guarantee.rule(leaf, delivered_lots=Lots(90_000), excused_lots=Lots(8_001)))
    stage.send(guarantee.rule(leaf, delivered_lots=Lots(90_000), excused_lots=Lots(0)))
    assert guarantee.claim_of(stage.chain, leaf, buyer.address).verdict is Verdict.UPHELD
    assert guarantee.claim_of(stage.chain, leaf, seller.address).verdict is Verdict.DISMISSED
    state = guarantee.state_of(stage.chain, leaf)
    assert (state.stage, state.ruled, state.delivered_lots) == (Phase.RESCUE, True, 90_000)

    receipt = stage.send(guarantee.pay_out_many([leaf]))
    assert guarantee.payouts(receipt) == (payout(leaf, delivered_lots=Lots(90_000)),)
    assert guarantee.penalties(receipt) == (Penalty(leaf.hash, seller.address, buyer.address, BOND),)
    # 4.5 for what came; 1.2 of collateral, the seller's own bond, and as much again for the claim it lost.
    assert stage.money(seller) == (1000 * TOKEN + 4_500_000 - 1_200_000 - 2 * BOND, 0)
    assert stage.money(buyer) == (1000 * TOKEN - 4_504_500 + 1_200_000 + 2 * BOND, 0)
    assert guarantee.state_of(stage.chain, leaf) == State(
        batch_number=state.batch_number,
        opened_at_s=opened_at_s,
        final_at_s=state.final_at_s,
        stage=Phase.CLOSED,
        outcome=Outcome.COMPENSATED,
        rank=0,
        ruled=True,
        delivered_lots=Lots(90_000),
        allotted_lots=Lots(90_000),
        excused_lots=Lots(0),
        rescued_lots=Lots(0),
    )


def test_an_arbiter_who_is_silent_holds_nothing_up(
    stage: Stage, short: tuple[Signer, Signer, Leaf, BatchOutcome]
) -> None:
    buyer, seller, leaf, _ = short
    guarantee = stage.market.guarantee
    stage.send(guarantee.challenge(leaf, Lots(100_000)), by=seller)
    stage.chain.set_time(guarantee.payable_from_s(stage.chain, leaf) or 0)
    with pytest.raises(Reverted, match="RulingTooLate"):
        stage.send(guarantee.rule(leaf, delivered_lots=Lots(98_000), excused_lots=Lots(0)))
    (paid,) = guarantee.payouts(stage.send(guarantee.pay_out_many([leaf])))
    assert paid == payout(leaf, delivered_lots=Lots(98_000))
    assert guarantee.claim_of(stage.chain, leaf, seller.address).verdict is Verdict.LAPSED
    assert stage.money(seller) == (1000 * TOKEN + 4_900_000 - 1_200_000, 0)
    assert stage.money(buyer)[1] == 0


def test_rules_are_deployed_as_stated(one_stage: Stage) -> None:
    stage = one_stage
    named = replace(
        RULES, arbiter=Signer.from_seed(5, "arbiter").address, rescue_window_s=60, bond_rate=Ppm(1)
    )
    market = deploy(stage.chain, notice_period_s=NOTICE_S, reading_window_s=READING_S, rules=named)
    assert market.rules == market.guarantee.rules_of(stage.chain) == named
    assert market.challenge_window_s == CHALLENGE_S
    assert stage.market.rules == replace(RULES, arbiter=stage.chain.operator.address)
    with pytest.raises(Reverted):
        deploy(
            stage.chain,
            notice_period_s=NOTICE_S,
            reading_window_s=READING_S,
            rules=Rules(ruling_window_s=31 * 86_400),
        )
