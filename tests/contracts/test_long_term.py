"""A negotiated agreement on chain: quiet periods, one in trouble, a buyer who does not fund the next; and its twin."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.abi import artifact
from contracts.agreement import LongTermTerms
from contracts.chain import Receipt, Reverted, Transaction
from contracts.long_term import Default
from contracts.long_term_payout import (
    Delivery,
    Payout,
    measured,
    payout,
    payout_on_chain,
    terms_hash_on_chain,
)
from contracts.long_term_terms import (
    ACTIVATION_TYPE,
    EXECUTION_TERMS_TYPE,
    READING_TYPE,
    STATEMENT_TYPE,
    Activation,
    Execution,
    ExecutionTerms,
    Statement,
)
from contracts.signing import Signer, hash_words, type_hash
from contracts.stages import Outcome, Stage
from market.instruments import Instrument
from market.orders import Address
from market.quality import TIERS
from market.units import Commodity, Lots, Malformed, Micros, Ppm

from .conftest import TOKEN
from .conftest import Stage as Scene
from .test_agreement import TERMS as NEGOTIATED
from .test_agreement import standard_digest

METER, ARBITER = Signer.from_seed(5, "plant meter"), Signer.from_seed(5, "arbiter")
PERIODS = 4
DAY_LOTS = 100_000
LATER = (1 << 64) - 1
GAS_MOST = {
    "activate": 150_000,
    "settle agreed": 140_000,
    "report": 150_000,
    "challenge": 190_000,
    "rule": 150_000,
    "pay out": 150_000,
    "roll": 65_000,
    "terminate": 100_000,
}
"""What each step may cost at most, as a transaction of its own with the terms of the story."""


def negotiated(scene: Scene, buyer: Signer, seller: Signer) -> LongTermTerms:
    """Return eight hours of silver solar energy, 50 kWh each, at 0.05 per kWh."""
    start_hour = scene.chain.now_s() // 3600 + 2
    instrument = Instrument(Commodity.ENE, "SOLAR", "CISO", start_hour, hours=8, tier=2)
    return replace(
        NEGOTIATED,
        buyer=buyer.address,
        seller=seller.address,
        instrument_id=instrument.id,
        quantity_lots=(Lots(DAY_LOTS // 2),) * 8,
        price_micros=Micros(50_000),
        notice_s=7200,
    )


def execution(agreed: LongTermTerms, **changes: Any) -> Execution:
    """Return how it is kept: periods of two hours, a deposit of 1.00, a fee of 10 bps."""
    usual: dict[str, Any] = {
        "meter": METER.address,
        "arbiter": ARBITER.address,
        "hours_per_period": 2,
        "deposit_micros": Micros(TOKEN),
        "replacement_cap_micros": Micros(80_000),
        "activate_until_s": agreed.instrument.start_s,
        "salt": bytes(range(32)),
        "fee_bps": 10,
        "challenge_s": 1800,
        "ruling_s": 3600,
        "grace_s": 3600,
    }
    return Execution(**usual | changes)


def within(what: str, receipt: Receipt) -> Receipt:
    """Return the receipt of a step that cost no more than it may."""
    assert receipt.gas_used <= GAS_MOST[what], f"{what}: {receipt.gas_used}"
    return receipt


def test_an_agreement_is_kept_until_the_buyer_does_not_fund_it(stage: Scene) -> None:
    chain, contract = stage.chain, stage.market.long_term
    buyer, seller = stage.trader(deposit=17 * TOKEN), stage.trader()
    agreed = negotiated(stage, buyer, seller)
    chosen = execution(agreed)
    terms, activation = ExecutionTerms.of(agreed, chosen), Activation.of(agreed, chosen)
    agreement = activation.id(contract.domain)
    # A period costs 5.00 and 0.005 of fees; the buyer's deposit is 1.00, the seller's collateral 20 %.
    assert (activation.buyer_stake_micros, activation.seller_stake_micros) == (6_005_000, 1_000_000)
    assert terms.quantity_lots == (DAY_LOTS,) * PERIODS

    signatures = buyer.sign(agreement), seller.sign(agreement)
    within("activate", stage.send(contract.activate(activation, *signatures)))
    assert contract.state_of(chain, agreement).stage is Stage.ACTIVE
    assert stage.money(buyer) == (10_995_000, 6_005_000)
    assert stage.money(seller) == (999 * TOKEN, TOKEN)
    with pytest.raises(Reverted, match="WrongStage"):
        stage.send(contract.activate(activation, *signatures))

    for period in range(2):
        chain.set_time(activation.ends_s(period))
        statement = Statement(period, Micros(5_000_000), Micros(0), LATER)
        digest = statement.digest(agreement, contract.domain)
        quiet = contract.settle_agreed(activation, statement, buyer.sign(digest), seller.sign(digest))
        receipt = within("settle agreed", stage.send(quiet))
        assert contract.settled(receipt) == (Payout(Micros(5_000_000), Micros(5_000), Micros(0)),)
        assert contract.state_of(chain, agreement).funded
        with pytest.raises(Reverted, match=r"StatementOfAnotherPeriod|PeriodNotOver"):
            stage.send(quiet)
    assert stage.money(buyer) == (985_000, 6_005_000)

    # The third period is 2 kWh short. Silver owes 30 % of 5.00, and the collateral is the most there is.
    chain.set_time(activation.ends_s(2))
    readings = [
        contract.sign_reading(
            METER, activation, through_hour=activation.last_hour(number), units_lots=Lots(units)
        )
        for number, units in ((1, 2 * DAY_LOTS), (2, 3 * DAY_LOTS - 2_000))
    ]
    within("report", stage.send(contract.report_period(activation, terms, readings)))
    assert contract.state_of(chain, agreement).stage is Stage.IN_CHALLENGE
    expected = payout(
        terms,
        measured(terms, period=2, metered_lots=DAY_LOTS - 2_000),
        fee_bps=10,
        buyer_stake_micros=activation.buyer_stake_micros,
        seller_stake_micros=activation.seller_stake_micros,
    )
    assert expected == Payout(Micros(4_900_000), Micros(4_900), Micros(1_000_000))
    assert contract.payout_of(chain, activation, terms, period=2) == expected
    with pytest.raises(Reverted, match="WindowOpen"):
        stage.send(contract.pay_out(activation, terms))
    chain.set_time(chain.now_s() + activation.challenge_s)
    receipt = within("pay out", stage.send(contract.pay_out(activation, terms)))
    assert contract.settled(receipt) == (expected,)

    # The buyer has less than the stake of the fourth period, and brings nothing within the grace.
    state = contract.state_of(chain, agreement)
    assert (state.period, state.funded, state.compensated) == (3, False, True)
    within("roll", stage.send(contract.roll(activation)))
    with pytest.raises(Reverted, match="GraceRuns"):
        stage.send(contract.terminate(activation))
    chain.set_time(chain.now_s() + activation.grace_s)
    receipt = within("terminate", stage.send(contract.terminate(activation)))
    assert contract.defaults(receipt) == (Default(True, False, Micros(TOKEN), Micros(0)),)
    state = contract.state_of(chain, agreement)
    assert (state.stage, state.outcome) == (Stage.CLOSED, Outcome.TERMINATED)
    assert stage.money(buyer) == (17 * TOKEN - 2 * 5_005_000 - 4_904_900 + TOKEN - TOKEN, 0)
    assert stage.money(seller) == (1000 * TOKEN + 10 * TOKEN + 4_900_000 - TOKEN + TOKEN, 0)


def test_a_claim_is_ruled_and_notice_ends_it(one_stage: Scene) -> None:
    stage, chain, contract = one_stage, one_stage.chain, one_stage.market.long_term
    buyer, seller = stage.trader(ether=True), stage.trader(ether=True)
    stage.send(Transaction(ARBITER.address, b"", 21_000, value_wei=10**18))
    agreed = negotiated(stage, buyer, seller)
    source = Signer.from_seed(5, "price source")
    chosen = execution(agreed, price_source=source.address)
    terms, activation = ExecutionTerms.of(agreed, chosen), Activation.of(agreed, chosen)
    agreement = activation.id(contract.domain)
    stage.send(contract.activate(activation, buyer.sign(agreement), seller.sign(agreement)))
    chain.set_time(activation.ends_s(0))
    reading = contract.sign_reading(
        METER, activation, through_hour=activation.last_hour(0), units_lots=Lots(90_000)
    )
    quoted = contract.sign_replacement(source, activation, period=0, price_micros=Micros(60_000))
    stage.send(contract.report_period(activation, terms, [reading], quoted))
    within("challenge", stage.send(contract.challenge(activation, terms, Lots(99_500)), by=seller))
    chain.set_time(chain.now_s() + activation.challenge_s)
    ruling = contract.rule(activation, terms, delivered_lots=Lots(99_500))
    within("rule", stage.send(ruling, by=ARBITER))
    ruled = Delivery(DAY_LOTS, 99_500, 99_500, replacement_micros=60_000)
    expected = payout(terms, ruled, fee_bps=10, buyer_stake_micros=6_005_000, seller_stake_micros=1_000_000)
    assert contract.payout_of(chain, activation, terms, period=0) == expected
    stage.send(contract.give_notice(activation), by=buyer)
    (paid,) = contract.settled(stage.send(contract.pay_out(activation, terms)))
    # The seller's claim was upheld; the buyer, who claimed nothing, pays what came and no penalty.
    assert (paid.to_seller, paid.to_buyer) == (expected.to_seller, expected.to_buyer)

    state = contract.state_of(chain, agreement)
    assert (state.period, state.ends, state.stage) == (1, 3, Stage.DELIVERING)
    for period in range(1, 3):
        # Counted from when the stakes were full, if that was later than the period's end.
        chain.set_time(
            max(chain.now_s(), activation.ends_s(period)) + activation.reading_s + activation.grace_s
        )
        stage.send(contract.lapse(activation))
    assert contract.state_of(chain, agreement).outcome is Outcome.TERMINATED
    assert stage.money(buyer)[1] == stage.money(seller)[1] == 0


def test_what_was_signed_is_retracted(one_stage: Scene) -> None:
    stage, contract = one_stage, one_stage.market.long_term
    buyer, seller = stage.trader(), stage.trader(ether=True)
    agreed = negotiated(stage, buyer, seller)
    activation = Activation.of(agreed, execution(agreed))
    agreement = activation.id(contract.domain)
    stage.send(contract.retract(activation), by=seller)
    with pytest.raises(Reverted, match="WrongStage"):
        stage.send(contract.activate(activation, buyer.sign(agreement), seller.sign(agreement)))


# --- the twin -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rules(one_stage: Scene) -> Address:
    """The library of the rules, to be asked alone."""
    created = one_stage.send(Transaction(None, artifact("LongTermRules").creation(), 3_000_000)).created
    assert created is not None
    return created


u64 = st.integers(0, (1 << 64) - 1)
u32 = st.integers(0, (1 << 32) - 1)
ppm = st.integers(0, 1_000_000)


@st.composite
def deliveries(draw: st.DrawFn) -> Delivery:
    contracted = draw(u64 | st.integers(0, 1000))
    available = draw(st.integers(0, contracted))
    taken = draw(st.integers(0, available))
    excused = draw(st.integers(0, contracted - available))
    return Delivery(contracted, available, taken, excused, draw(u64), draw(u64))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    delivery=deliveries(),
    tier=st.sampled_from(TIERS),
    price=u64,
    take_or_pay=ppm,
    green=u32,
    green_price=u64,
    fee_bps=st.integers(0, 10_000),
    stakes=st.tuples(st.integers(0, 1 << 128), st.integers(0, 1 << 128)),
)
def test_the_twin_pays_as_the_chain_does(
    one_stage: Scene, rules: Address, delivery: Delivery, tier: Any, stakes: tuple[int, int], **drawn: Any
) -> None:
    terms = replace(
        ExecutionTerms.of(NEGOTIATED, execution(NEGOTIATED)),
        ladder=tier.ladder,
        price_micros=Micros(drawn["price"]),
        take_or_pay_ppm=Ppm(drawn["take_or_pay"]),
        green_ppm=Ppm(drawn["green"]),
        green_price_micros=Micros(drawn["green_price"]),
    )
    bounds = {
        "fee_bps": drawn["fee_bps"],
        "buyer_stake_micros": stakes[0],
        "seller_stake_micros": stakes[1],
    }
    found = payout_on_chain(one_stage.chain, rules, terms, delivery, **bounds)
    assert payout(terms, delivery, **bounds) == found


@pytest.mark.parametrize(
    ("take_or_pay", "checked", "found"),
    [(0, None, (70, 70)), (0, 60, (60, 60)), (800_000, 60, (70, 60)), (800_000, 90, (70, 70))],
)
def test_two_meters_are_read_together(take_or_pay: int, checked: int | None, found: tuple[int, int]) -> None:
    changes = {"take_or_pay_ppm": Ppm(take_or_pay), "hours_per_period": 3}
    terms = ExecutionTerms.of(NEGOTIATED, execution(NEGOTIATED, **changes))
    delivery = measured(terms, period=0, metered_lots=70, checked_lots=checked)
    assert (delivery.contracted_lots, delivery.available_lots, delivery.taken_lots) == (10_000, *found)
    assert measured(terms, period=1, metered_lots=70).contracted_lots == 0


def test_terms_are_hashed_as_the_chain_and_the_standard_do(one_stage: Scene, rules: Address) -> None:
    terms = ExecutionTerms.of(NEGOTIATED, execution(NEGOTIATED, check_meter=ARBITER.address))
    assert terms_hash_on_chain(one_stage.chain, rules, terms) == terms.hash
    names = [field.split(" ")[1] for field in EXECUTION_TERMS_TYPE.split("(")[1].split(")")[0].split(",")]
    message = dict(zip(names, terms.to_abi(), strict=True))
    message["ladder"] = [{"below": below, "credit": credit} for below, credit in terms.ladder]
    message["quantities"] = list(terms.quantity_lots)
    for name in ("priceSource", "meter", "checkMeter", "certificates"):
        message[name] = "0x" + message[name].hex()
    from .test_agreement import DOMAIN

    assert standard_digest(EXECUTION_TERMS_TYPE, message) == DOMAIN.digest(terms.hash)


def test_an_activation_is_kept_under_what_the_standard_makes_of_it(one_stage: Scene) -> None:
    contract = one_stage.market.long_term
    activation = Activation.of(NEGOTIATED, execution(NEGOTIATED))
    abi = artifact("LongTerm").functions["idOf"]
    (found,) = abi.decode_output(one_stage.chain.call(contract.address, abi.encode(activation.to_abi())))
    assert activation.id(contract.domain) == found
    assert ACTIVATION_TYPE.count(",") + 1 == len(activation.to_abi())


@pytest.mark.parametrize("types", [STATEMENT_TYPE, READING_TYPE])
def test_what_is_signed_of_a_period_names_the_agreement(types: str) -> None:
    assert types.split("(")[1].startswith("bytes32 agreement,")
    assert len(hash_words(type_hash(types))) == 32


@pytest.mark.parametrize(
    "changes", [{"price_micros": Micros(1 << 64)}, {"salt": b"short"}, {"agreement": b""}]
)
def test_terms_that_no_contract_can_hold_have_no_hash(changes: dict[str, Any]) -> None:
    terms = ExecutionTerms.of(NEGOTIATED, execution(NEGOTIATED))
    with pytest.raises(Malformed):
        _ = replace(terms, **changes).hash
