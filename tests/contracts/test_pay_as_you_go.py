"""Pay-as-you-go on every chain: drawn against a deposit as units are metered, stopped with notice, never run unpaid."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.abi import artifact
from contracts.chain import ChainUnavailable, Reverted, Transaction
from contracts.deployment import MODULES, attach
from contracts.pay_as_you_go import (
    CumulativeReading,
    Draw,
    PayAsYouGo,
    PayAsYouGoTerms,
    State,
    cumulative_reading_digest,
    draw,
    sign_cumulative_reading,
)
from contracts.signing import Domain, Signer
from contracts.stages import Outcome, Stage
from market.instruments import Instrument
from market.units import Commodity, InvariantBroken, Lots, Malformed, Micros

from .conftest import TOKEN
from .conftest import Stage as Market

NOTICE_S, WINDOW_S = 86_400, 7_200
DEPOSIT = 10_100_000
SUN = Instrument(Commodity.ENE, "SOLAR", "CISO", 457_500)


def some_terms(**changes: object) -> PayAsYouGoTerms:
    """Energy at 0.05 per kWh with a fee of 1 %; the deposit covers 200 kWh."""
    who = Signer.from_seed(5, "anybody").address
    terms = PayAsYouGoTerms(
        buyer=who,
        seller=Signer.from_seed(5, "somebody").address,
        meter=who,
        resource=SUN.resource,
        price_micros=Micros(50_000),
        fee_bps=100,
        deposit_micros=Micros(DEPOSIT),
        notice_s=NOTICE_S,
        reading_window_s=WINDOW_S,
        open_until_s=1 << 40,
        salt=bytes(range(32)),
    )
    return replace(terms, **changes)


@dataclass
class Agreement:
    """An agreement between a new buyer and a new seller on one chain."""

    market: Market
    module: PayAsYouGo
    buyer: Signer
    seller: Signer
    meter: Signer
    terms: PayAsYouGoTerms

    def send(self, transaction: Transaction, *, by: Signer | None = None) -> int:
        """Send it, and check that it stated gas enough; return what it used."""
        receipt = self.market.send(transaction, by=by)
        assert receipt.gas_used <= transaction.gas
        return receipt.gas_used

    def opening(self) -> Transaction:
        digest = self.terms.id_in(self.module.domain)
        return self.module.open(
            self.terms, buyer_signature=self.buyer.sign(digest), seller_signature=self.seller.sign(digest)
        )

    def reading(self, units: int, *, through_s: int | None = None) -> CumulativeReading:
        return sign_cumulative_reading(
            self.meter,
            self.terms,
            through_s=self.market.chain.now_s() if through_s is None else through_s,
            units_lots=Lots(units),
            domain=self.module.domain,
        )

    def draw(self, units: int, *, through_s: int | None = None) -> Draw | None:
        transaction = self.module.draw(self.terms, self.reading(units, through_s=through_s))
        return self.module.drawn(self.market.send(transaction))

    def state(self) -> State:
        return self.module.state_of(self.market.chain, self.terms)

    def wait(self, seconds: int) -> None:
        self.market.chain.set_time(self.market.chain.now_s() + seconds)


def an_agreement(market: Market, **changes: object) -> Agreement:
    buyer, seller = market.trader(ether=True), market.trader(ether=True)
    instrument = market.instrument()
    meter = market.meter(seller, instrument)
    terms = some_terms(
        buyer=buyer.address,
        seller=seller.address,
        meter=meter.address,
        resource=instrument.resource,
        **changes,
    )
    return Agreement(market, market.market.pay_as_you_go, buyer, seller, meter, terms)


@pytest.fixture
def agreement(stage: Market) -> Agreement:
    return an_agreement(stage)


# The story, on three chains


def test_units_are_paid_as_they_are_metered_until_the_buyer_stops(
    stage: Market, agreement: Agreement
) -> None:
    stage.send(agreement.opening())
    assert stage.money(agreement.buyer) == (1000 * TOKEN - DEPOSIT, DEPOSIT)
    with pytest.raises(Reverted, match="AgreementNotNew"):
        stage.send(agreement.opening())

    agreement.wait(3600)
    assert agreement.draw(100_000) == Draw(Lots(100_000), Micros(5_000_000), Micros(50_000), None)
    with pytest.raises(Reverted, match="ReadingNotNewer"):
        agreement.draw(100_000, through_s=agreement.state().through_s)
    agreement.wait(60)
    with pytest.raises(Reverted, match="ReadingFell"):
        agreement.draw(99_999)

    with pytest.raises(Reverted, match="NotAParty"):
        stage.send(agreement.module.stop(agreement.terms))
    stage.send(agreement.module.stop(agreement.terms), by=agreement.buyer)
    state = agreement.state()
    assert (state.stage, state.outcome) == (Stage.ACTIVE, Outcome.FULFILLED)
    assert state.ends_at_s == stage.chain.now_s() + NOTICE_S

    stage.chain.set_time(state.ends_at_s + 600)
    with pytest.raises(Reverted, match="ReadingBeyondEnd"):
        agreement.draw(120_000, through_s=state.ends_at_s + 1)
    with pytest.raises(Reverted, match="ReadingWindowOpen"):
        stage.send(agreement.module.close(agreement.terms))
    assert agreement.draw(120_000, through_s=state.ends_at_s) == Draw(
        Lots(120_000), Micros(1_000_000), Micros(10_000), None
    )
    receipt = stage.send(agreement.module.close(agreement.terms))
    assert agreement.module.returned(receipt) == DEPOSIT - 6_060_000
    assert agreement.module.drawn(receipt) is None
    assert agreement.state().stage is Stage.CLOSED
    assert stage.money(agreement.buyer) == (1000 * TOKEN - 6_060_000, 0)
    assert stage.money(agreement.seller) == (1000 * TOKEN + 6_000_000, 0)


def test_what_the_deposit_does_not_cover_is_not_owed(stage: Market, agreement: Agreement) -> None:
    stage.send(agreement.opening())
    agreement.wait(3600)
    assert agreement.draw(250_000) == Draw(
        Lots(250_000), Micros(10_000_000), Micros(100_000), Micros(2_500_000)
    )
    exhausted_at_s = agreement.state().exhausted_at_s
    assert exhausted_at_s == stage.chain.now_s()

    with pytest.raises(Reverted, match="NotTheBuyer"):
        stage.send(agreement.module.top_up(agreement.terms, Micros(TOKEN)))
    stage.send(agreement.module.top_up(agreement.terms, Micros(TOKEN)), by=agreement.buyer)
    assert agreement.state().exhausted_at_s == 0
    agreement.wait(60)
    assert agreement.draw(260_000) == Draw(Lots(260_000), Micros(500_000), Micros(5_000), None)


def test_a_seller_left_unpaid_for_a_notice_stops_at_once(stage: Market, agreement: Agreement) -> None:
    stage.send(agreement.opening())
    agreement.wait(3600)
    agreement.draw(250_000)
    agreement.wait(NOTICE_S)
    stage.send(agreement.module.stop(agreement.terms), by=agreement.seller)
    state = agreement.state()
    assert state == State(
        Stage.ACTIVE,
        Outcome.TERMINATED,
        Lots(250_000),
        state.through_s,
        stage.chain.now_s(),
        state.exhausted_at_s,
    )
    agreement.wait(WINDOW_S + 1)
    assert agreement.module.returned(stage.send(agreement.module.close(agreement.terms))) == 0
    assert stage.money(agreement.buyer) == (1000 * TOKEN - DEPOSIT, 0)
    assert stage.money(agreement.seller) == (1000 * TOKEN + 10_000_000, 0)


def test_a_signature_is_taken_back_before_opening(stage: Market, agreement: Agreement) -> None:
    stage.send(agreement.module.retract(agreement.terms), by=agreement.seller)
    assert agreement.state().outcome is Outcome.TERMINATED
    with pytest.raises(Reverted, match="AgreementNotNew"):
        stage.send(agreement.opening())


# The twin


def view(market: Market, function: str, *arguments: object) -> tuple[object, ...]:
    abi = artifact("PayAsYouGo").functions[function]
    module = market.market.pay_as_you_go.address
    return abi.decode_output(market.chain.call(module, abi.encode(*arguments)))


def test_ids_and_readings_have_the_digests_that_the_contract_gives_them(stage: Market) -> None:
    domain = stage.market.pay_as_you_go.domain
    terms = some_terms()
    assert view(stage, "domainSeparator") == (domain.separator,)
    assert view(stage, "settlement") == (stage.market.settlement.address,)
    assert view(stage, "idOf", terms.to_abi()) == (terms.id_in(domain),)
    digest = cumulative_reading_digest(
        agreement=terms.id_in(domain), meter=terms.meter, through_s=7, units_lots=Lots(9), domain=domain
    )
    assert view(stage, "readingDigest", terms.id_in(domain), terms.meter, 7, 9) == (digest,)


NAMES = {Commodity.CMP: ("H100", ""), Commodity.NET: ("GOLD", "NYC"), Commodity.ENE: ("GAS", "")}


@pytest.mark.parametrize("commodity", list(Commodity))
def test_units_cost_what_the_contract_says(one_stage: Market, commodity: Commodity) -> None:
    name, place_to = NAMES[commodity]
    resource = Instrument(commodity, name, "CISO", 457_500, place_to=place_to).resource
    for price, units, fee_bps in [(45_300, 1_999, 33), (1, 1, 0), ((1 << 64) - 1, (1 << 64) - 1, 10_000)]:
        terms = some_terms(resource=resource, price_micros=Micros(price), fee_bps=fee_bps)
        assert view(one_stage, "costOf", terms.to_abi(), units) == terms.cost(Lots(units))


def test_every_draw_pays_what_was_computed_beforehand(one_stage: Market) -> None:
    agreement = an_agreement(
        one_stage, price_micros=Micros(33_333), fee_bps=37, deposit_micros=Micros(1_000_003)
    )
    one_stage.send(agreement.opening())
    drawn, left = Lots(0), agreement.terms.deposit_micros
    for units in (1, 7, 1_000, 17_777, 17_777, 29_880, 30_000, 40_000):
        agreement.wait(60)
        expected = draw(agreement.terms, drawn_lots=drawn, units_lots=Lots(units), left_micros=left)
        assert agreement.draw(units) == expected
        drawn, left = Lots(units), Micros(left - expected.paid - expected.fee)
        assert one_stage.money(agreement.buyer)[1] == left
    assert left == 0


MICROS = st.integers(0, 10**12)


@given(
    price=MICROS,
    fee_bps=st.integers(0, 10_000),
    counts=st.lists(st.integers(0, 10**6), min_size=1, max_size=20),
    deposit=st.integers(1, 10**9),
)
def test_draws_never_pay_beyond_the_deposit_nor_beyond_what_came(
    price: int, fee_bps: int, counts: list[int], deposit: int
) -> None:
    terms = some_terms(price_micros=Micros(price), fee_bps=fee_bps)
    drawn, left, paid, fees, unpaid = Lots(0), Micros(deposit), 0, 0, 0
    for units in sorted(counts):
        one = draw(terms, drawn_lots=drawn, units_lots=Lots(units), left_micros=left)
        drawn, left = one.units_lots, Micros(left - one.paid - one.fee)
        paid, fees, unpaid = paid + one.paid, fees + one.fee, unpaid + (one.unpaid or 0)
        assert left >= 0
        assert (one.unpaid is None) == (left > 0)
    worth, fee = terms.cost(drawn)
    assert paid + unpaid == worth
    assert fees <= fee
    assert fees * 10_000 <= paid * fee_bps
    assert unpaid or fees == fee


@pytest.mark.parametrize(
    "changes",
    [
        {"price_micros": -1},
        {"fee_bps": 1 << 16},
        {"deposit_micros": 1 << 128},
        {"notice_s": 1 << 32},
        {"reading_window_s": -1},
        {"open_until_s": 1 << 64},
        {"salt": b"short"},
    ],
)
def test_terms_that_do_not_fit_the_contract_have_no_hash(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed, match=next(iter(changes))):
        _ = some_terms(**changes).hash


def test_two_draws_in_one_transaction_are_not_ours(one_stage: Market) -> None:
    agreement = an_agreement(one_stage)
    one_stage.send(agreement.opening())
    agreement.wait(60)
    receipt = one_stage.send(agreement.module.draw(agreement.terms, agreement.reading(1)))
    with pytest.raises(InvariantBroken, match="found 2 draws"):
        agreement.module.drawn(replace(receipt, logs=receipt.logs * 2))


# Deployment and gas


def test_the_module_is_found_again(one_stage: Market) -> None:
    market = one_stage.market
    found = attach(one_stage.chain, market.settlement.address).pay_as_you_go
    assert found == market.pay_as_you_go
    assert found.domain == Domain(one_stage.chain.chain_id, found.address)


def test_a_settlement_with_other_modules_is_not_ours(
    one_stage: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contracts.deployment.MODULES", MODULES[:1])
    with pytest.raises(ChainUnavailable, match="found 4 modules, expected 1"):
        attach(one_stage.chain, one_stage.market.settlement.address)


def test_every_step_stays_within_its_gas(one_stage: Market) -> None:
    agreement = an_agreement(one_stage)
    module, terms = agreement.module, agreement.terms
    another = replace(terms, salt=b"\xff" * 32)
    used = {"open": agreement.send(agreement.opening())}
    for step, units in (("first draw", 100_000), ("draw", 120_000)):
        agreement.wait(60)
        used[step] = agreement.send(module.draw(terms, agreement.reading(units)))
    used["top up"] = agreement.send(module.top_up(terms, Micros(TOKEN)), by=agreement.buyer)
    used["stop"] = agreement.send(module.stop(terms), by=agreement.buyer)
    agreement.wait(NOTICE_S + WINDOW_S + 1)
    used["close"] = agreement.send(module.close(terms))
    used["retract"] = agreement.send(module.retract(another), by=agreement.seller)
    most = {
        "open": 107_000,
        "first draw": 103_000,
        "draw": 86_000,
        "top up": 50_000,
        "stop": 36_000,
        "close": 52_000,
        "retract": 52_000,
    }
    assert {step: gas for step, gas in used.items() if gas > most[step]} == {}, used
