"""A buyer's bundle is locked wholly or not at all, on each chain, as its twin says."""

from dataclasses import replace

import pytest

from contracts.batches import BatchOutcome, SignedOrder, SkipCode
from contracts.bundles import Bundle, LegsBundle, Part, SetBundle, check_bundles_outcome, plan_bundles
from contracts.signing import Signer
from market.instruments import Instrument
from market.legs import Leg, legs_commitment
from market.orders import Eligible, OrderTerms, Side
from market.requirements import commitment
from market.units import Commodity, InvariantBroken, Lots, Malformed, Micros

from .conftest import FEE_BPS, TOKEN, Stage

PRICES = {Commodity.CMP: 2_000_000, Commodity.NET: 8000, Commodity.ENE: 40_000}


def bid_for(stage: Stage, buyer: Signer, word: int, *, price: int, quantity: int) -> SignedOrder:
    """Sign a bid that names a commitment instead of an instrument."""
    from contracts.signing import sign_order

    plain = stage.order(buyer, stage.instrument(), Side.BUY, price=price, quantity=quantity, reference=0)
    terms: OrderTerms = replace(plain.terms, instrument_id=word)
    return SignedOrder(terms, sign_order(terms, buyer, stage.market.domain))


def some_legs(stage: Stage) -> tuple[tuple[Instrument, ...], tuple[Leg, ...]]:
    hour = stage.hour()
    instruments = tuple(stage.instrument(start_hour=hour, commodity=each) for each in Commodity)
    instruments = tuple(sorted(instruments, key=lambda each: each.id))
    lots = {Commodity.CMP: 2000, Commodity.NET: 40, Commodity.ENE: 3000}
    legs = tuple(
        Leg(each.id, Lots(lots[each.commodity]), Micros(PRICES[each.commodity])) for each in instruments
    )
    return instruments, legs


def legs_bundle(stage: Stage, buyer: Signer, seller: Signer, *, price: int = 4_500_000) -> LegsBundle:
    instruments, legs = some_legs(stage)
    parts = []
    for instrument, leg in zip(instruments, legs, strict=True):
        stage.meter(seller, instrument)
        cost = PRICES[instrument.commodity]
        offer = stage.order(seller, instrument, Side.SELL, price=cost, reference=leg.reference_micros)
        parts.append(Part(offer, next(stage._serial), Micros(cost), leg.lots(250)))
    bid = bid_for(stage, buyer, legs_commitment(legs), price=price, quantity=1000)
    return LegsBundle(bid, legs, tuple(parts), 250)


def set_bundle(stage: Stage, buyer: Signer, seller: Signer) -> SetBundle:
    hour = stage.hour()
    instruments = [stage.instrument(start_hour=hour, tier=tier) for tier in range(5)]
    eligible = tuple(
        Eligible(each.id, -1000 * place) for place, each in enumerate(sorted(instruments, key=lambda i: i.id))
    )
    stage.meter(seller, instruments[0])
    bid = bid_for(stage, buyer, commitment(eligible), price=50_000, quantity=1_000_000)
    parts = tuple(
        Part(
            stage.order(seller, instruments[tier], Side.SELL, price=45_000),
            next(stage._serial),
            Micros(46_000),
            Lots(100_000 + tier),
        )
        for tier in (0, 4)
    )
    return SetBundle(bid, eligible, parts)


def settle(stage: Stage, *bundles: Bundle) -> BatchOutcome:
    number = stage.market.settlement.last_batch(stage.chain) + 1
    plan = plan_bundles(batch_number=number, record_hash=bytes(32), fee_bps=FEE_BPS, bundles=bundles)
    receipt = stage.send(stage.market.settlement.settle_bundles(plan))
    outcome = stage.market.settlement.outcome(receipt, batch_number=number)
    assert outcome is not None
    check_bundles_outcome(plan, outcome)
    return outcome


def test_bundles_are_locked_delivered_and_paid_like_other_trades(stage: Stage) -> None:
    buyer, seller = stage.trader(), stage.trader()
    legs, members = legs_bundle(stage, buyer, seller), set_bundle(stage, buyer, seller)
    outcome = settle(stage, legs, members)
    assert not outcome.skipped
    amounts = [part.amounts(fee_bps=FEE_BPS) for bundle in (legs, members) for part in bundle.parts]
    owed = sum(each.payment_micros + each.fee_micros for each in amounts)
    assert stage.money(buyer) == (1000 * TOKEN - owed, owed)
    secured = sum(each.collateral_micros for each in amounts)
    assert stage.money(seller) == (1000 * TOKEN - secured, secured)
    settlement = stage.market.settlement
    assert settlement.filled_of(stage.chain, buyer.address, legs.bid.terms.client_order_id) == 250
    assert settlement.filled_of(stage.chain, buyer.address, members.bid.terms.client_order_id) == 200_004


def test_a_leg_that_fails_takes_the_others_with_it(stage: Stage) -> None:
    buyer, seller, poor = stage.trader(), stage.trader(), stage.trader(deposit=0)
    good, bad = legs_bundle(stage, buyer, seller), legs_bundle(stage, buyer, poor)
    outcome = settle(stage, good, bad)
    assert len(outcome.locked) == 3
    codes = [code for _, code in outcome.skipped]
    assert codes == [
        SkipCode.SELLER_COLLATERAL_INSUFFICIENT,
        SkipCode.OTHER_PART_FAILED,
        SkipCode.OTHER_PART_FAILED,
    ]


def test_the_twin_refuses_what_the_bid_does_not_ask_for(one_stage: Stage) -> None:
    stage = one_stage
    buyer, seller = stage.trader(), stage.trader()
    legs, members = legs_bundle(stage, buyer, seller), set_bundle(stage, buyer, seller)
    dear = replace(members.parts[0], price_micros=Micros(50_001))
    for wrong in (
        replace(legs, legs=legs.legs[:2]),
        replace(legs, parts=legs.parts[:2]),
        replace(legs, quantity=500),
        replace(legs, parts=(replace(legs.parts[0], price_micros=Micros(3_000_000)), *legs.parts[1:])),
        replace(members, eligible=members.eligible[1:]),
        replace(members, parts=(dear,)),
        replace(members, parts=legs.parts),
    ):
        with pytest.raises(InvariantBroken):
            plan_bundles(batch_number=1, record_hash=bytes(32), fee_bps=FEE_BPS, bundles=[wrong])
    with pytest.raises(Malformed):
        plan_bundles(batch_number=1, record_hash=bytes(32), fee_bps=0, bundles=[replace(members, parts=())])


def test_an_outcome_that_is_not_what_was_planned_is_told(one_stage: Stage) -> None:
    stage = one_stage
    buyer, seller = stage.trader(), stage.trader()
    bundle = legs_bundle(stage, buyer, seller)
    outcome = settle(stage, bundle)
    plan = plan_bundles(
        batch_number=outcome.batch_number, record_hash=bytes(32), fee_bps=FEE_BPS, bundles=[bundle]
    )
    first, *others = outcome.locked
    in_part = ((first.trade_number, SkipCode.SELF_TRADE),)
    for locked, skipped in (
        (tuple(others), ()),
        (tuple(others), in_part),
        ((replace(first, price_micros=Micros(1)), *others), ()),
    ):
        with pytest.raises(InvariantBroken):
            check_bundles_outcome(plan, replace(outcome, locked=locked, skipped=skipped))
