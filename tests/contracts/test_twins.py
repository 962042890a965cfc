"""What Python computes beforehand is what the contract computes."""

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.abi import artifact
from contracts.batches import SkipCode, order_to_abi
from contracts.guarantee import payout
from contracts.leaves import Leaf, merkle_proof, merkle_proofs, merkle_root
from contracts.settlement import Slot
from contracts.signing import Signer, order_digest
from market.instruments import Instrument
from market.orders import Side
from market.units import Commodity, InvariantBroken, Lots, Micros

from .conftest import CHALLENGE_S, Stage

CONTRACTS = Path(__file__).parents[2] / "contracts"
TIERS = range(5)


def a_leaf(**changes: object) -> Leaf:
    trader = Signer.from_seed(3, "twin").address
    instrument = Instrument(Commodity.ENE, "SOLAR", "CISO", 457_500, tier=2)
    leaf = Leaf(
        position=0,
        trade_number=1,
        instrument_id=instrument.id,
        buyer=trader,
        seller=trader,
        price_micros=Micros(50_000),
        quantity_lots=Lots(1000),
        reference_micros=Micros(50_000),
        fee_bps=10,
        sold_before_lots=Lots(0),
    )
    return replace(leaf, **changes)


def view(stage: Stage, function: str, *arguments: object) -> tuple[object, ...]:
    abi = artifact("Settlement").functions[function]
    settlement = stage.market.settlement.address
    return abi.decode_output(stage.chain.call(settlement, abi.encode(*arguments)))


def test_orders_have_the_digest_that_the_contract_gives_them(stage: Stage) -> None:
    order = stage.order(stage.trader(deposit=0), stage.instrument(), Side.SELL, price=45_300, quantity=7)
    assert view(stage, "orderHash", order_to_abi(order.terms)) == (
        order_digest(order.terms, stage.market.domain),
    )


@pytest.mark.parametrize("commodity", list(Commodity))
def test_a_leaf_locks_the_money_that_the_contract_locks(one_stage: Stage, commodity: Commodity) -> None:
    names = {Commodity.CMP: ("H100", ""), Commodity.NET: ("GOLD", "NYC"), Commodity.ENE: ("GAS", "")}
    name, place_to = names[commodity]
    for tier, (price, quantity, reference) in product(
        TIERS, [(45_300, 1_999, 33_333), (1, 1, 1), ((1 << 64) - 1, (1 << 64) - 1, (1 << 64) - 1)]
    ):
        instrument = Instrument(commodity, name, "CISO", 457_500, tier=tier, place_to=place_to)
        leaf = a_leaf(
            instrument_id=instrument.id,
            price_micros=price,
            quantity_lots=quantity,
            reference_micros=reference,
            fee_bps=33,
        )
        amounts = leaf.amounts
        ((payment, fee, collateral),) = view(one_stage, "amountsOf", leaf.to_abi())
        assert (payment, fee, collateral) == (
            amounts.payment_micros,
            amounts.fee_micros,
            amounts.collateral_micros,
        )


def test_a_leaf_is_hashed_as_its_ten_abi_words() -> None:
    leaf = a_leaf()
    encoded = artifact("Settlement").functions["amountsOf"].encode(leaf.to_abi())[4:]
    assert len(encoded) == 10 * 32
    assert leaf.hash == keccak(encoded)


def test_skip_codes_are_the_contracts() -> None:
    source = (CONTRACTS / "src" / "interfaces" / "ISettlement.sol").read_text(encoding="utf-8")
    body = source.partition("enum SkipCode {")[2].partition("}")[0]
    names = re.findall(r"^\s*(\w+),?$", body, re.MULTILINE)
    assert names[0] == "None"
    ours = ["".join(word.capitalize() for word in code.name.split("_")) for code in SkipCode]
    assert ours == names[1:]
    assert [int(code) for code in SkipCode] == list(range(1, len(names)))


@pytest.mark.parametrize("count", range(1, 18))
def test_every_proof_leads_to_the_root(count: int) -> None:
    hashes = [bytes(keccak(bytes((i,)))) for i in range(count)]
    root = merkle_root(hashes)
    for position, node in enumerate(hashes):
        for sibling in merkle_proof(hashes, position):
            node = bytes(keccak(min(node, sibling) + max(node, sibling)))  # noqa: PLW2901
        assert node == root
    assert merkle_proofs(hashes, range(count)) == [merkle_proof(hashes, each) for each in range(count)]


def test_a_shortfall_is_shared_pro_rata_to_the_last_lot() -> None:
    quantities = [500, 300, 200, 7]
    sold = sum(quantities)
    for units in (0, 1, 333, 999, 1006, 1007, 5000):
        before, shares = 0, []
        for quantity in quantities:
            leaf = a_leaf(quantity_lots=quantity, sold_before_lots=before)
            shares.append(leaf.delivered_lots(units_lots=Lots(units), sold_lots=Lots(sold)))
            before += quantity
        assert sum(shares) == min(units, sold)
        assert all(share <= quantity for share, quantity in zip(shares, quantities, strict=True))
    # 900 of 1000: 90 % of each, exactly; with 1 lot it goes to the earliest trade.
    halves = [a_leaf(quantity_lots=500, sold_before_lots=before) for before in (0, 500)]
    assert [h.delivered_lots(units_lots=Lots(900), sold_lots=Lots(1000)) for h in halves] == [450, 450]
    assert [h.delivered_lots(units_lots=Lots(1), sold_lots=Lots(1000)) for h in halves] == [1, 0]


def test_a_leaf_beyond_what_was_sold_is_an_invariant_broken() -> None:
    with pytest.raises(InvariantBroken, match="reaches to lot 1000, but the slot sold 999"):
        a_leaf().delivered_lots(units_lots=Lots(1), sold_lots=Lots(999))


def test_every_tier_and_rung_pays_out_on_chain_what_was_computed_beforehand(one_stage: Stage) -> None:
    """Deliver just above and just below each rung of each tier's ladder, cheap and dear, and compare every payout."""
    stage = one_stage
    start_hour = stage.hour()
    buyer, seller = stage.trader(), stage.trader()
    cases = [(0, 9_999), (0, 0)]
    for tier, rungs in ((1, (9_500, 8_000)), (2, (9_950, 9_900, 9_500)), (3, (9_990, 9_900, 9_500))):
        cases += [(tier, rung - below) for rung in rungs for below in (0, 1)]
    cases += [(4, 9_999), (4, 9_998), (4, 9_900), (4, 9_899), (4, 9_500), (4, 9_499)]
    trades, meters = [], []
    for index, (tier, _) in enumerate(cases):
        instrument = replace(stage.instrument(tier=tier, start_hour=start_hour), product=f"SOLAR-{index}")
        meters.append(stage.meter(seller, instrument))
        reference = 50_000 if index % 2 else 90_000
        bid = stage.order(buyer, instrument, Side.BUY, reference=reference)
        offer = stage.order(seller, instrument, Side.SELL, reference=reference)
        trades.append(stage.trade(bid, offer, quantity=10_000))
    outcome = stage.settle(*trades)
    assert outcome.skipped == ()

    stage.after(start_hour)
    delivered = [lots for _, lots in cases]
    readings = [stage.reading(m, start_hour, lots) for m, lots in zip(meters, delivered, strict=True)]
    assert stage.deliver(outcome, *readings) == ()
    assert stage.market.settlement.slot_of(stage.chain, meters[0].address, start_hour) == Slot(
        Lots(10_000), Lots(9_999), Lots(0), stage.chain.now_s(), meter_number=1
    )

    guarantee = stage.market.guarantee
    stage.send(guarantee.open_many(outcome.batch_number, outcome.locked, range(len(cases))))
    stage.chain.set_time(stage.chain.now_s() + CHALLENGE_S)
    paid = guarantee.payouts(stage.send(guarantee.pay_out_many(outcome.locked)))
    expected = tuple(
        payout(leaf, delivered_lots=Lots(lots)) for leaf, lots in zip(outcome.locked, delivered, strict=True)
    )
    assert paid == expected
    assert stage.money(buyer)[1] == stage.money(seller)[1] == 0
    # Gold, 9,899 of 10,000 lots: a quarter of the price of 0.5, which is under the collateral of 30 % of 0.5.
    gold = paid[cases.index((3, 9_899))]
    assert (gold.paid_to_seller, gold.returned_to_buyer, gold.compensation) == (494_950, 5_056, 125_000)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_becomes_of_a_trade_it_is_shared_out_as_computed(
    one_stage: Stage, data: st.DataObject
) -> None:
    """Ask the chain for payouts of any leaf, with excuses and rescues, and compare every figure."""
    word = st.integers(0, (1 << 64) - 1)
    commodity = data.draw(st.sampled_from(Commodity))
    instrument = Instrument(
        commodity,
        "GOLD",
        "CISO",
        457_500,
        tier=data.draw(st.sampled_from(TIERS)),
        place_to="NYC" if commodity is Commodity.NET else "",
    )
    quantity = data.draw(st.integers(1, (1 << 64) - 1))
    leaf = a_leaf(
        instrument_id=instrument.id,
        price_micros=data.draw(word),
        quantity_lots=quantity,
        reference_micros=data.draw(word),
        fee_bps=data.draw(st.integers(0, 10_000)),
    )
    delivered = data.draw(st.integers(0, quantity))
    excused = data.draw(st.integers(0, quantity - delivered))
    rescued = data.draw(st.integers(0, quantity - delivered - excused))
    strike = data.draw(word)
    abi = artifact("Guarantee").functions["payoutOf"]
    question = abi.encode(leaf.to_abi(), delivered, excused, rescued, strike)
    (found,) = abi.decode_output(one_stage.chain.call(one_stage.market.guarantee.address, question))
    computed = payout(
        leaf,
        delivered_lots=Lots(delivered),
        excused_lots=Lots(excused),
        rescued_lots=Lots(rescued),
        strike_micros=Micros(strike),
    )
    assert found == (
        computed.paid_to_seller,
        computed.fee,
        computed.paid_to_fallback,
        computed.gap,
        computed.returned_to_buyer,
        computed.compensation,
    )


def test_more_lots_than_a_trade_has_are_an_invariant_broken() -> None:
    with pytest.raises(
        InvariantBroken, match="400 delivered, 300 excused and 301 rescued are more than its 1000"
    ):
        payout(a_leaf(), delivered_lots=Lots(400), excused_lots=Lots(300), rescued_lots=Lots(301))


def test_the_domain_is_the_contracts(stage: Stage) -> None:
    assert view(stage, "domainSeparator") == (stage.market.domain.separator,)
