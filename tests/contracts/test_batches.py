"""What the operator may not do, what a batch skips, and that sending it twice is safe."""

from dataclasses import replace

import pytest

from contracts.batches import BatchOutcome, SignedOrder, SkipCode, check_outcome, plan_batch, read_outcome
from contracts.chain import Reverted
from contracts.settlement import CancelledBelow
from contracts.signing import sign_order
from market.orders import Side
from market.units import InvariantBroken, Lots, Malformed, Micros

from .conftest import FEE_BPS, TOKEN, Stage


def test_each_bad_trade_is_skipped_with_its_reason_and_the_good_ones_are_locked(stage: Stage) -> None:
    buyer, seller, poor = stage.trader(), stage.trader(), stage.trader(deposit=0)
    instrument = stage.instrument()
    other_hour = replace(instrument, start_hour=instrument.start_hour + 1)
    unmetered = replace(instrument, product="WIND")
    stage.meter(seller, instrument)
    stage.meter(poor, instrument)
    now = stage.chain.now_s()

    def bid(**changes: object) -> SignedOrder:
        return stage.order(buyer, instrument, Side.BUY, **changes)

    def offer(**changes: object) -> SignedOrder:
        return stage.order(seller, instrument, Side.SELL, **changes)

    small = bid(quantity=150_000)
    expected = {}
    trades = []
    for code, trade in (
        (None, stage.trade(bid(), offer())),
        (SkipCode.REFERENCE_PRICE_DIFFERS, stage.trade(bid(reference=50_001), offer())),
        (SkipCode.PRICE_OUTSIDE_LIMITS, stage.trade(bid(price=49_999), offer())),
        (SkipCode.PRICE_OUTSIDE_LIMITS, stage.trade(bid(), offer(price=50_001))),
        (SkipCode.FEE_ABOVE_CAP, stage.trade(bid(fee_cap_bps=FEE_BPS - 1), offer())),
        (SkipCode.BUY_SIGNATURE_INVALID, stage.trade(bid(signer=seller), offer())),
        (SkipCode.SELL_SIGNATURE_INVALID, stage.trade(bid(), offer(signer=buyer))),
        (SkipCode.BUY_EXPIRED, stage.trade(bid(settle_until_s=now), offer())),
        (SkipCode.SELL_EXPIRED, stage.trade(bid(), offer(settle_until_s=now))),
        (SkipCode.QUANTITY_ZERO, stage.trade(bid(), offer(), quantity=0)),
        (None, stage.trade(small, offer())),
        (SkipCode.BUY_OVERFILLED, stage.trade(small, offer())),
        (None, stage.trade(small, offer(), quantity=50_000)),
        (SkipCode.SELL_OVERFILLED, stage.trade(bid(), offer(quantity=1))),
        (
            SkipCode.METER_NOT_REGISTERED,
            stage.trade(stage.order(buyer, unmetered, Side.BUY), stage.order(seller, unmetered, Side.SELL)),
        ),
        (
            SkipCode.BUYER_FUNDS_INSUFFICIENT,
            stage.trade(stage.order(poor, other_hour, Side.BUY), stage.order(seller, other_hour, Side.SELL)),
        ),
        (
            SkipCode.SELLER_COLLATERAL_INSUFFICIENT,
            stage.trade(bid(), stage.order(poor, instrument, Side.SELL)),
        ),
        (None, stage.trade(bid(), offer())),
    ):
        trades.append(trade)
        if code is not None:
            expected[trade.agreed.trade_number] = code
    outcome = stage.settle(*trades)
    assert dict(outcome.skipped) == expected
    assert len(outcome.locked) == 4
    assert stage.money(buyer)[1] == 350 * 50_000 + 350 * 50  # four trades, 350 kWh, and 10 basis points


def test_one_who_trades_with_himself_is_skipped(stage: Stage) -> None:
    trader = stage.trader()
    instrument = stage.instrument()
    stage.meter(trader, instrument)
    bid, offer = (stage.order(trader, instrument, side) for side in Side)
    assert stage.settle(stage.trade(bid, offer)).skipped[0][1] is SkipCode.SELF_TRADE


def test_a_metered_hour_takes_no_more_sales(stage: Stage) -> None:
    buyer, seller = stage.trader(), stage.trader()
    instrument = stage.instrument()
    meter = stage.meter(seller, instrument)
    stage.after(instrument.start_hour)
    stage.send(stage.market.settlement.report([stage.reading(meter, instrument.start_hour, 1)]))
    trade = stage.trade(stage.order(buyer, instrument, Side.BUY), stage.order(seller, instrument, Side.SELL))
    assert stage.settle(trade).skipped == ((trade.agreed.trade_number, SkipCode.SLOT_ALREADY_METERED),)


def test_a_cancelled_order_fills_until_the_notice_is_over_and_never_after(stage: Stage) -> None:
    buyer, seller = stage.trader(ether=True), stage.trader()
    instrument = stage.instrument()
    stage.meter(seller, instrument)
    bid = stage.order(buyer, instrument, Side.BUY)
    offer = stage.order(seller, instrument, Side.SELL)
    settlement = stage.market.settlement
    order_id = bid.terms.client_order_id
    stage.send(settlement.cancel_order(order_id))  # the operator's own, whatever the number
    stage.send(settlement.cancel_order(order_id), by=buyer)
    effective_at_s = settlement.cancelled_from(stage.chain, buyer.address, order_id)
    assert effective_at_s == stage.chain.now_s() + 3600
    assert stage.settle(stage.trade(bid, offer)).skipped == ()
    stage.chain.set_time(effective_at_s)
    late = stage.trade(bid, offer)
    assert stage.settle(late).skipped == ((late.agreed.trade_number, SkipCode.BUY_CANCELLED),)
    assert settlement.filled_of(stage.chain, buyer.address, order_id) == 100_000


def test_all_orders_below_an_id_are_cancelled_at_a_stroke(stage: Stage) -> None:
    buyer, seller = stage.trader(ether=True), stage.trader()
    instrument = stage.instrument()
    stage.meter(seller, instrument)
    old, new = (stage.order(buyer, instrument, Side.BUY) for _ in range(2))
    offer = stage.order(seller, instrument, Side.SELL)
    settlement = stage.market.settlement
    stage.send(settlement.cancel_below(new.terms.client_order_id), by=buyer)
    asked = settlement.cancelled_below(stage.chain, buyer.address)
    assert asked == CancelledBelow(0, new.terms.client_order_id, stage.chain.now_s() + 3600)
    with pytest.raises(Reverted, match=rf"CancelBelowPending\(effectiveAt={asked.pending_from_s}\)"):
        stage.send(settlement.cancel_below(new.terms.client_order_id + 1), by=buyer)
    assert stage.settle(stage.trade(old, offer)).skipped == ()
    stage.chain.set_time(asked.pending_from_s)
    late = stage.trade(old, offer)
    outcome = stage.settle(late, stage.trade(new, offer))
    assert outcome.skipped == ((late.agreed.trade_number, SkipCode.BUY_CANCELLED),)
    assert len(outcome.locked) == 1


def test_a_repeated_batch_changes_nothing_and_its_outcome_is_found_again(stage: Stage) -> None:
    buyer, seller = stage.trader(), stage.trader()
    instrument = stage.instrument()
    stage.meter(seller, instrument)
    settlement = stage.market.settlement
    trade = stage.trade(stage.order(buyer, instrument, Side.BUY), stage.order(seller, instrument, Side.SELL))
    number = settlement.last_batch(stage.chain) + 1
    plan = plan_batch(batch_number=number, record_hash=b"\x07" * 32, fee_bps=FEE_BPS, trades=[trade])
    first = settlement.outcome(stage.send(settlement.settle_batch(plan)), batch_number=number)
    assert first is not None
    money = stage.money(buyer)
    again = stage.send(settlement.settle_batch(plan))
    assert settlement.outcome(again, batch_number=number) is None
    assert stage.money(buyer) == money
    assert settlement.last_batch(stage.chain) == number
    assert settlement.batch_root(stage.chain, number) == first.root
    found = settlement.find_outcome(stage.chain, batch_number=number, from_block=again.block_number - 1)
    assert found == first
    assert (
        settlement.find_outcome(stage.chain, batch_number=number + 1, from_block=again.block_number) is None
    )


def test_the_outcomes_of_a_range_of_blocks_are_those_of_its_batches(stage: Stage) -> None:
    buyer, seller = stage.trader(), stage.trader()
    instrument = stage.instrument()
    stage.meter(seller, instrument)
    bid, offer = stage.order(buyer, instrument, Side.BUY), stage.order(seller, instrument, Side.SELL)
    dear = stage.order(seller, instrument, Side.SELL, price=50_001)
    before = stage.chain.block_number()
    settled = (
        stage.settle(stage.trade(bid, offer), stage.trade(bid, dear)),
        stage.settle(stage.trade(bid, offer)),
    )
    assert [len(outcome.skipped) for outcome in settled] == [1, 0]
    settlement, last = stage.market.settlement, stage.chain.block_number()
    assert settlement.outcomes(stage.chain, from_block=before + 1, to_block=last) == settled
    assert settlement.outcomes(stage.chain, from_block=last, to_block=last) == settled[1:]
    assert settlement.outcomes(stage.chain, from_block=before, to_block=before) == ()


def test_batches_come_one_after_another_and_from_the_operator_only(stage: Stage) -> None:
    buyer, seller = stage.trader(ether=True), stage.trader()
    instrument = stage.instrument()
    trade = stage.trade(stage.order(buyer, instrument, Side.BUY), stage.order(seller, instrument, Side.SELL))
    settlement = stage.market.settlement
    last = settlement.last_batch(stage.chain)
    gap = plan_batch(batch_number=last + 2, record_hash=bytes(32), fee_bps=FEE_BPS, trades=[trade])
    with pytest.raises(Reverted, match=rf"BatchOutOfSequence\(expected={last + 1}, found={last + 2}\)"):
        stage.send(settlement.settle_batch(gap))
    with pytest.raises(Reverted, match="NotOperator"):
        stage.send(settlement.settle_batch(replace(gap, batch_number=last + 1)), by=buyer)


def test_only_the_whole_batch_in_its_sequence_can_be_delivered(stage: Stage) -> None:
    buyer, seller = stage.trader(), stage.trader()
    instrument = stage.instrument()
    meter = stage.meter(seller, instrument)
    bid = stage.order(buyer, instrument, Side.BUY)
    offer = stage.order(seller, instrument, Side.SELL)
    outcome = stage.settle(*(stage.trade(bid, offer, quantity=1000) for _ in range(3)))
    stage.after(instrument.start_hour)
    reading = stage.reading(meter, instrument.start_hour, 3000)
    leaves = outcome.locked
    settlement = stage.market.settlement
    forged = (replace(leaves[0], quantity_lots=Lots(1)), *leaves[1:])
    for bad in (leaves[:2], forged, (leaves[1], leaves[0], leaves[2])):
        in_places = [replace(leaf, position=place) for place, leaf in enumerate(bad)]
        with pytest.raises(Reverted, match="NotTheBatch"):
            stage.send(settlement.deliver_batch(outcome.batch_number, in_places, [0], [reading]))
    with pytest.raises(Malformed, match="not all of one batch, in position order"):
        settlement.deliver_batch(outcome.batch_number, leaves[1:], [0])
    only_last = stage.send(settlement.deliver_batch(outcome.batch_number, leaves, [2], [reading]))
    assert settlement.released(only_last, batch_number=outcome.batch_number) == (2,)
    assert stage.deliver(outcome) == (0, 1)
    assert stage.deliver(outcome) == ()
    assert stage.money(seller) == (1000 * TOKEN + 3 * 50_000, 0)


class TestPlanning:
    """Checks made before anything is sent; no chain is asked."""

    def test_each_order_is_carried_once_and_trades_in_their_sequence(self, one_stage: Stage) -> None:
        stage = one_stage
        buyer, seller = stage.trader(deposit=0), stage.trader(deposit=0)
        instrument = stage.instrument()
        bid, offer = stage.order(buyer, instrument, Side.BUY), stage.order(seller, instrument, Side.SELL)
        first, second = stage.trade(bid, offer), stage.trade(bid, offer)
        plan = plan_batch(batch_number=1, record_hash=bytes(32), fee_bps=FEE_BPS, trades=[second, first])
        assert plan.orders == (bid, offer)
        assert [fill.trade_number for fill in plan.fills] == [
            first.agreed.trade_number,
            second.agreed.trade_number,
        ]
        with pytest.raises(Malformed, match="found 0 trades, expected 1 to 100"):
            plan_batch(batch_number=1, record_hash=bytes(32), fee_bps=FEE_BPS, trades=[])
        with pytest.raises(Malformed, match="found 101 trades"):
            plan_batch(batch_number=1, record_hash=bytes(32), fee_bps=FEE_BPS, trades=[first] * 101)

    def test_books_that_hold_other_money_than_the_contract_would_lock_stop_everything(
        self, one_stage: Stage
    ) -> None:
        stage = one_stage
        buyer, seller = stage.trader(deposit=0), stage.trader(deposit=0)
        instrument = stage.instrument()
        bid, offer = stage.order(buyer, instrument, Side.BUY), stage.order(seller, instrument, Side.SELL)
        trade = stage.trade(bid, offer)
        wrong_money = replace(trade, agreed=replace(trade.agreed, fee_micros=Micros(4_999)))
        for bad, message in (
            (wrong_money, "the books hold"),
            (replace(trade, bid=offer), "its BUY order is not one of this trade"),
        ):
            with pytest.raises(InvariantBroken, match=message):
                plan_batch(batch_number=1, record_hash=bytes(32), fee_bps=FEE_BPS, trades=[bad])

    def test_an_outcome_that_hides_or_alters_a_trade_stops_everything(self, one_stage: Stage) -> None:
        stage = one_stage
        buyer, seller = stage.trader(), stage.trader()
        instrument = stage.instrument()
        stage.meter(seller, instrument)
        bid, offer = stage.order(buyer, instrument, Side.BUY), stage.order(seller, instrument, Side.SELL)
        trades = [stage.trade(bid, offer), stage.trade(bid, offer)]
        settlement = stage.market.settlement
        number = settlement.last_batch(stage.chain) + 1
        plan = plan_batch(batch_number=number, record_hash=bytes(32), fee_bps=FEE_BPS, trades=trades)
        receipt = stage.send(settlement.settle_batch(plan))
        outcome = settlement.outcome(receipt, batch_number=number)
        assert isinstance(outcome, BatchOutcome)
        with pytest.raises(InvariantBroken, match="tells of 1 trades, 2 were asked for"):
            check_outcome(plan, replace(outcome, locked=outcome.locked[:1]))
        dearer = replace(outcome.locked[0], price_micros=Micros(50_001))
        with pytest.raises(InvariantBroken, match="the contract locked"):
            check_outcome(plan, replace(outcome, locked=(dearer, outcome.locked[1])))
        with pytest.raises(InvariantBroken, match="over 2 leaves, its events make"):
            read_outcome(receipt.logs[1:], batch_number=number)


def test_a_signature_for_another_market_locks_nothing(stage: Stage) -> None:
    buyer, seller = stage.trader(), stage.trader()
    instrument = stage.instrument()
    stage.meter(seller, instrument)
    bid = stage.order(buyer, instrument, Side.BUY)
    elsewhere = replace(stage.market.domain, chain_id=stage.chain.chain_id + 1)
    foreign = SignedOrder(bid.terms, sign_order(bid.terms, buyer, elsewhere))
    trade = stage.trade(foreign, stage.order(seller, instrument, Side.SELL))
    assert stage.settle(trade).skipped[0][1] is SkipCode.BUY_SIGNATURE_INVALID
