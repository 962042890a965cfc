"""Options on standby capacity on every chain: opened, called, delivered, declined; and what Python computes beforehand."""

from dataclasses import replace

import pytest

from contracts.abi import artifact
from contracts.chain import ChainUnavailable, Reverted, Transaction
from contracts.deployment import DELIVERY_WINDOW_S, attach
from contracts.signing import Signer
from contracts.stages import Outcome, Stage
from contracts.standby import (
    NO_CAUSE,
    PLAN_MOST,
    Asked,
    Called,
    CallStatus,
    Delivered,
    Premium,
    StandbyTerms,
)
from market.units import Commodity, Lots, Malformed, Micros

from .conftest import READING_S, TOKEN
from .conftest import Stage as Market

ANSWER_S = 600
ANYTIME_S = 1 << 40
DEPOSIT = 1000 * TOKEN


@pytest.fixture
def holder(stage: Market) -> Signer:
    return stage.trader(ether=True)


@pytest.fixture
def supplier(stage: Market) -> Signer:
    return stage.trader(ether=True)


def terms_of(stage: Market, holder: Signer, supplier: Signer, *, salt: int = 0) -> StandbyTerms:
    """Return an option on compute of the supplier, for two hours from the next free one on."""
    start_hour = stage.hour()
    instrument = stage.instrument(commodity=Commodity.CMP, start_hour=start_hour)
    return StandbyTerms(
        holder=holder.address,
        supplier=supplier.address,
        resource=instrument.resource,
        tier=instrument.tier,
        first_hour=start_hour,
        last_hour=start_hour + 1,
        quantity_lots=Lots(3000),
        strike_micros=Micros(2_400_001),
        premium_micros=Micros(TOKEN),
        answer_window_s=ANSWER_S,
        open_until_s=ANYTIME_S,
        salt=salt.to_bytes(32, "big"),
    )


def opening(stage: Market, terms: StandbyTerms, holder: Signer, supplier: Signer) -> Transaction:
    standby = stage.market.standby
    return standby.open(
        terms,
        holder_signature=terms.sign(holder, standby.domain),
        supplier_signature=terms.sign(supplier, standby.domain),
    )


def opened(
    stage: Market, holder: Signer, supplier: Signer, *, salt: int = 0
) -> tuple[StandbyTerms, bytes, Signer]:
    """Open an option; return it, its id and the supplier's meter."""
    terms = terms_of(stage, holder, supplier, salt=salt)
    instrument = stage.instrument(commodity=Commodity.CMP, start_hour=terms.first_hour)
    meter = stage.meter(supplier, instrument)
    stage.send(opening(stage, terms, holder, supplier))
    return terms, terms.id(stage.market.standby.domain), meter


def called(stage: Market, terms: StandbyTerms, holder: Signer, lots: int) -> Asked:
    receipt = stage.send(stage.market.standby.call(terms, Lots(lots), until_s=ANYTIME_S), by=holder)
    (asked,) = stage.market.standby.asked(receipt)
    return asked


def test_an_option_is_opened_called_delivered_and_closed(
    stage: Market, holder: Signer, supplier: Signer
) -> None:
    chain, standby = stage.chain, stage.market.standby
    from_block = chain.block_number()
    terms, option_id, meter = opened(stage, holder, supplier)
    assert standby.opened(chain, from_block=from_block, holder=holder.address) == {option_id: terms}
    assert standby.stage_of(chain, option_id) is Stage.ACTIVE
    assert stage.money(holder) == (DEPOSIT - TOKEN, TOKEN)
    with pytest.raises(Reverted, match="OptionUsed"):
        stage.send(opening(stage, terms, holder, supplier))

    asked = called(stage, terms, holder, 1001)
    held, paid = terms.strike_held(Lots(1001)), terms.strike_of(Lots(1001))
    assert (held, paid) == (2_402_402, 2_402_401)
    assert (asked.option_id, asked.cause, asked.quantity_lots) == (option_id, NO_CAUSE, 1001)
    assert asked.last_hour == terms.last_hour
    assert standby.lots_left(chain, option_id) == 1999
    assert stage.money(holder) == (DEPOSIT - TOKEN - held, TOKEN + held)

    with pytest.raises(Reverted, match="NotSupplier"):
        stage.send(standby.accept(asked.call_id, terms, start_hour=terms.first_hour), by=holder)
    stage.send(standby.accept(asked.call_id, terms, start_hour=terms.first_hour), by=supplier)
    accepted = standby.call_of(chain, asked.call_id)
    assert accepted == Called(
        CallStatus.ACCEPTED,
        Lots(1001),
        Lots(0),
        asked.answer_by_s,
        terms.first_hour,
        Lots(0),
        meter.address,
    )
    with pytest.raises(Reverted, match="CallNotOver"):
        stage.send(standby.conclude(asked.call_id, terms))

    stage.after(terms.first_hour)
    stage.send(stage.market.settlement.report([stage.reading(meter, terms.first_hour, 2000)]))
    receipt = stage.send(standby.conclude(asked.call_id, terms))
    assert standby.delivered(receipt) == (Delivered(asked.call_id, option_id, Lots(1001), Lots(1001), paid),)
    slot = stage.market.settlement.slot_of(chain, meter.address, terms.first_hour)
    assert (slot.sold_lots, slot.allotted_lots) == (1001, 1001)
    assert stage.money(supplier) == (DEPOSIT + paid, 0)

    with pytest.raises(Reverted, match="HoursNotOver"):
        stage.send(standby.close(terms))
    stage.after(terms.last_hour)
    receipt = stage.send(standby.close(terms))
    assert standby.premiums(receipt) == (Premium(option_id, supplier.address, Micros(TOKEN)),)
    assert standby.stage_of(chain, option_id) is Stage.CLOSED
    assert standby.outcome_of(chain, option_id) is Outcome.FULFILLED
    assert stage.money(supplier) == (DEPOSIT + paid + TOKEN, 0)
    assert stage.money(holder) == (DEPOSIT - paid - TOKEN, 0)


def test_one_who_declines_loses_the_premium(stage: Market, holder: Signer, supplier: Signer) -> None:
    chain, standby = stage.chain, stage.market.standby
    terms, option_id, _ = opened(stage, holder, supplier)
    asked = called(stage, terms, holder, 500)
    receipt = stage.send(standby.decline(asked.call_id, terms), by=supplier)
    assert standby.premiums(receipt) == (Premium(option_id, holder.address, Micros(TOKEN)),)
    assert standby.stage_of(chain, option_id) is Stage.CLOSED
    assert standby.outcome_of(chain, option_id) is Outcome.COMPENSATED
    assert standby.lots_left(chain, option_id) == 0
    assert stage.money(holder) == (DEPOSIT, 0)
    assert stage.money(supplier) == (DEPOSIT, 0)


def test_one_who_does_not_answer_or_has_no_reading_loses_it_too(
    stage: Market, holder: Signer, supplier: Signer
) -> None:
    chain, standby = stage.chain, stage.market.standby
    terms, option_id, _ = opened(stage, holder, supplier)
    first, second = called(stage, terms, holder, 500), called(stage, terms, holder, 700)
    stage.send(standby.accept(second.call_id, terms, start_hour=terms.last_hour), by=supplier)
    assert chain.set_time(first.answer_by_s + 1)
    stage.send(standby.conclude(first.call_id, terms))
    assert standby.call_of(chain, first.call_id).status is CallStatus.DECLINED
    assert standby.stage_of(chain, option_id) is Stage.DELIVERING
    assert standby.outcome_of(chain, option_id) is Outcome.COMPENSATED
    stage.after(terms.last_hour, seconds=READING_S + 1)
    receipt = stage.send(standby.conclude(second.call_id, terms))
    assert standby.delivered(receipt) == (
        Delivered(second.call_id, option_id, Lots(700), Lots(0), Micros(0)),
    )
    assert standby.premiums(receipt) == ()
    assert standby.stage_of(chain, option_id) is Stage.CLOSED
    assert stage.money(holder) == (DEPOSIT, 0)


def test_a_plan_is_for_trades_alone(stage: Market, holder: Signer, supplier: Signer) -> None:
    chain, standby = stage.chain, stage.market.standby
    first, first_id, _ = opened(stage, holder, supplier)
    second, second_id, _ = opened(stage, holder, supplier, salt=1)
    stage.send(standby.join_plan([first, second]), by=holder)
    assert standby.plan_of(chain, holder.address, first.resource) == (first_id, second_id)
    assert standby.is_callable(chain, first, Lots(3000))
    assert not standby.is_callable(chain, first, Lots(3001))
    with pytest.raises(Reverted, match="OptionPlanned"):
        called(stage, first, holder, 1)
    for_a_trade = artifact("Standby").functions["callFor"].encode(NO_CAUSE, first.to_abi(), 1)
    with pytest.raises(Reverted, match="NotGuarantee"):
        stage.send(Transaction(standby.address, for_a_trade, 250_000), by=holder)


def test_what_was_signed_can_be_taken_back_until_it_is_opened(
    stage: Market, holder: Signer, supplier: Signer
) -> None:
    standby = stage.market.standby
    terms = terms_of(stage, holder, supplier)
    stage.send(standby.retract(terms), by=supplier)
    option_id = terms.id(standby.domain)
    assert standby.outcome_of(stage.chain, option_id) is Outcome.TERMINATED
    with pytest.raises(Reverted, match="OptionUsed"):
        stage.send(opening(stage, terms, holder, supplier))


def test_python_and_the_contract_agree_on_ids_and_strikes(one_stage: Market) -> None:
    stage, standby = one_stage, one_stage.market.standby
    holder, supplier = (Signer.from_seed(5, who) for who in ("holder", "supplier"))
    terms = terms_of(stage, holder, supplier)

    def view(name: str, *arguments: object) -> object:
        function = artifact("Standby").functions[name]
        (answer,) = function.decode_output(stage.chain.call(standby.address, function.encode(*arguments)))
        return answer

    assert view("domainSeparator") == standby.domain.separator
    assert view("PLAN_MOST") == PLAN_MOST
    assert view("deliveryWindow") == DELIVERY_WINDOW_S
    most = (1 << 64) - 1
    for commodity in Commodity:
        resource = terms.resource & ~(0xFF << 192) | commodity << 192
        for strike, lots in ((2_400_001, 1), (1, 999), (most, most), (0, 5)):
            one = replace(terms, resource=resource, strike_micros=strike, tier=4, salt=b"\xff" * 32)
            assert view("idOf", one.to_abi()) == one.id(standby.domain)
            assert view("strikeOf", one.to_abi(), lots) == one.strike_of(Lots(lots))
            assert 0 <= one.strike_held(Lots(lots)) - one.strike_of(Lots(lots)) <= 1
    with pytest.raises(Malformed, match="strike_micros"):
        _ = replace(terms, strike_micros=Micros(1 << 64)).hash
    with pytest.raises(Malformed, match="salt"):
        _ = replace(terms, salt=b"").hash


def test_every_step_fits_the_gas_that_it_states(one_stage: Market) -> None:
    stage, standby = one_stage, one_stage.market.standby
    holder, supplier = stage.trader(ether=True), stage.trader(ether=True)

    def send(transaction: Transaction, by: Signer) -> None:
        assert stage.send(transaction, by=by).gas_used <= transaction.gas * 4 // 5

    options = []
    for salt in range(PLAN_MOST + 1):
        terms = terms_of(stage, holder, supplier, salt=salt)
        stage.meter(supplier, stage.instrument(commodity=Commodity.CMP, start_hour=terms.first_hour))
        send(opening(stage, terms, holder, supplier), holder)
        options.append(terms)
    send(standby.join_plan(options[:PLAN_MOST]), holder)
    direct = options[-1]
    asked = called(stage, direct, holder, 1000)
    send(standby.accept(asked.call_id, direct, start_hour=direct.first_hour), supplier)
    send(standby.call(direct, Lots(1000), until_s=ANYTIME_S), holder)
    send(standby.retract(replace(direct, salt=b"\x01" * 32)), holder)
    stage.after(direct.last_hour, seconds=READING_S + 1)
    send(standby.conclude(asked.call_id, direct), holder)
    send(standby.close(options[0]), holder)


def test_another_market_is_not_taken_for_ours(one_stage: Market) -> None:
    market = one_stage.market
    found = attach(one_stage.chain, market.settlement.address, block_number=market.block_number)
    assert found.standby == market.standby
    with pytest.raises(ChainUnavailable, match="does not answer as a settlement"):
        attach(one_stage.chain, market.standby.address)
