"""Negotiating over HTTP: who may do and see what, and what the record keeps of it."""

from collections.abc import Iterator

import pytest

from api.negotiating import conclusions
from contracts.agreement import LongTermTerms, agreement_digest
from contracts.signing import Signer, recover
from ledger.audit import audit
from market.negotiations import Negotiation, NegotiationState
from market.proposals import RevealReservation
from market.units import Micros
from pricing.rules import nash_weight
from tests.api.conftest import BUYER, HOUR_S, SOLAR, START_S, SUPPLIER, Market, an_open_market
from tests.api.test_order_entry import problem_of

OTHER = Signer.from_seed(1, "another buyer")
WINDOW = "ENE.SOLAR@CISO/2022-03-12T03Z/3h#Q1"
NEXT_HOUR = "ENE.SOLAR@CISO/2022-03-12T04Z/1h#Q1"
QUANTITIES = ["100", "0", "300"]
SALTS = {BUYER.address: b"\x0b" * 32, SUPPLIER.address: b"\x05" * 32}
VALUE, COST = "0.06", "0.04"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """One market for all: each test opens a negotiation of its own, and leaves the books empty or does not look."""
    with an_open_market(tmp_path_factory.mktemp("market")) as market:
        yield market


def opened(market: Market, **changes: object) -> str:
    asked = {"quantities": QUANTITIES, "notice_s": 3600, "answer_by": START_S + HOUR_S, **changes}
    buyer, supplier = market.client(BUYER), market.client(SUPPLIER)
    return buyer.negotiate(
        WINDOW,
        buyer=buyer.participant,
        seller=supplier.participant,
        **asked,  # type: ignore[arg-type]
    ).number


def sealed(market: Market, number: str, *, value: str = VALUE, cost: str = COST) -> None:
    market.client(BUYER).seal(number, price=value, salt=SALTS[BUYER.address])
    market.client(SUPPLIER).seal(number, price=cost, salt=SALTS[SUPPLIER.address])


def revealed(market: Market, number: str, *, value: str = VALUE, cost: str = COST) -> None:
    market.client(SUPPLIER).reveal(number, price=cost, salt=SALTS[SUPPLIER.address])
    market.client(BUYER).reveal(number, price=value, salt=SALTS[BUYER.address])


def the(market: Market, number: str) -> Negotiation:
    found = market.house.venue.exchange.negotiation(int(number))
    assert found is not None
    return found


def test_a_contract_is_negotiated_agreed_and_signed(market: Market) -> None:
    buyer, supplier = market.client(BUYER), market.client(SUPPLIER)
    number = opened(market)
    sealed(market, number)
    half = supplier.reveal(number, price=COST, salt=SALTS[SUPPLIER.address])
    assert (half.state, half.revealed, half.agreement) == ("sealed", ["sell"], None)
    agreed = buyer.reveal(number, price=VALUE, salt=SALTS[BUYER.address])
    assert agreed.state == "agreed"
    assert agreed.agreement is not None
    price = 40_000 + nash_weight(tier=1, load=0.0, energy="SOLAR") * 20_000 // 1_000_000
    assert agreed.agreement.price == f"{price / 1e6:.6f}".rstrip("0")
    assert (agreed.agreement.availability, agreed.agreement.collateral_rate) == ("0.95", "0.1")
    assert buyer.negotiations()[-1] == supplier.negotiations()[-1] == agreed
    signed = supplier.sign_agreement(supplier.negotiation(number))
    assert (signed.state, signed.signed) == ("agreed", ["sell"])
    signed = buyer.sign_agreement(buyer.negotiation(number))
    assert (signed.state, signed.signed) == ("signed", ["buy", "sell"])
    negotiation = the(market, number)
    terms = LongTermTerms.of(negotiation)
    assert agreed.agreement.hash == f"0x{terms.hash.hex()}"
    assert [lots for _, lots in terms.slots] == [100_000, 300_000]
    digest = agreement_digest(terms, market.house.deployment.domain)
    for signature, signer in zip(negotiation.signatures, (BUYER, SUPPLIER), strict=True):
        assert signature is not None
        assert recover(digest, signature) == signer.address


def test_there_may_be_no_agreement(market: Market) -> None:
    number = opened(market)
    sealed(market, number, value="0.0399")
    revealed(market, number, value="0.0399")
    told = market.client(BUYER).negotiation(number)
    assert (told.state, told.agreement) == ("failed", None)


def test_neither_side_is_told_the_others_reservation(market: Market) -> None:
    number = opened(market)
    sealed(market, number, value="0.061234", cost="0.041235")
    revealed(market, number, value="0.061234", cost="0.041235")
    for signer in (BUYER, SUPPLIER):
        told = market.client(signer).negotiation(number).model_dump_json()
        for secret in ("61234", "41235", SALTS[BUYER.address].hex(), SALTS[SUPPLIER.address].hex()):
            assert secret not in told
    public = ["/v1/trades", "/v1/instruments", "/v1/market"]
    assert all("61234" not in market.http.get(path).text for path in public)


def test_only_its_parties_see_a_negotiation(market: Market) -> None:
    number = opened(market)
    other = market.client(OTHER)
    assert other.negotiations() == []
    mine = market.client(BUYER).negotiations(after=int(number) - 1, limit=1)
    assert [each.number for each in mine] == [number]
    error = problem_of(lambda: other.negotiation(number))
    assert (error.status, error.name) == (404, "unknown_negotiation")
    error = problem_of(lambda: other.seal(number, price=VALUE, salt=bytes(32)))
    assert (error.status, error.name) == (409, "unknown_negotiation")
    assert market.http.get(f"/v1/negotiations/{number}").status_code == 401


def test_nobody_signs_for_somebody_else(market: Market) -> None:
    number = opened(market)
    sealed(market, number)
    revealed(market, number)
    told = market.client(BUYER).negotiation(number)
    forged = {"participant": f"0x{SUPPLIER.address.hex()}", "signature": "0x" + BUYER.sign(bytes(32)).hex()}
    answer = market.http.post(f"/v1/negotiations/{number}/signature", json=forged)
    assert (answer.status_code, answer.json()["title"]) == (401, "signature_invalid")
    assert told.agreement is not None
    dearer = told.model_copy(update={"agreement": told.agreement.model_copy(update={"price": "0.01"})})
    error = problem_of(lambda: market.client(BUYER).sign_agreement(dearer))
    assert (error.status, error.name) == (401, "signature_invalid")
    answer = market.http.post(f"/v1/negotiations/{number}/seal", json={**forged, "seal": "0x" + "00" * 32})
    assert answer.json()["title"] == "signature_invalid"


def test_refusals_carry_their_names(market: Market) -> None:
    number = opened(market)
    buyer = market.client(BUYER)
    for call, name in (
        (lambda: buyer.reveal(number, price=VALUE, salt=bytes(32)), "negotiation_not_in_that_state"),
        (lambda: opened(market, quantities=["1"]), "inconsistent_negotiation"),
        (lambda: opened(market, quantities=["1001", "0", "0"]), "over_registered_capacity"),
        (lambda: opened(market, answer_by=START_S), "inconsistent_negotiation"),
    ):
        error = problem_of(call)
        assert (error.status, error.name) == (409, name)
    early = {"participant": f"0x{BUYER.address.hex()}", "signature": "0x" + BUYER.sign(bytes(32)).hex()}
    answer = market.http.post(f"/v1/negotiations/{number}/signature", json=early)
    assert (answer.status_code, answer.json()["title"]) == (409, "negotiation_not_in_that_state")
    sealed(market, number)
    error = problem_of(lambda: buyer.reveal(number, price="0.05", salt=SALTS[BUYER.address]))
    assert (error.status, error.name) == (409, "seal_differs")


@pytest.mark.parametrize("field", ["salt", "seal", "signature", "quantities"])
def test_malformed_requests_stop_at_the_door(market: Market, field: str) -> None:
    path = "/v1/negotiations/1/seal" if field == "seal" else "/v1/negotiations"
    answer = market.http.post(path, json={field: "0x12"})
    assert answer.status_code == 422
    assert f"body.{field}" in answer.json()["detail"]


def test_what_was_left_unpriced_is_priced_later(market: Market) -> None:
    number = opened(market)
    sealed(market, number)
    exchange = market.house.venue.exchange
    assert conclusions(exchange) == []
    supplier = market.client(SUPPLIER)
    supplier.reveal(number, price=COST, salt=SALTS[SUPPLIER.address])
    market.process(RevealReservation(BUYER.address, int(number), Micros(60_000), SALTS[BUYER.address]))
    assert the(market, number).state is NegotiationState.REVEALED
    (command,) = conclusions(exchange)
    market.process(command)
    assert the(market, number).state is NegotiationState.AGREED


def test_it_lapses_and_what_was_revealed_stays_untold(market: Market) -> None:
    number = opened(market, answer_by=START_S + 60)
    sealed(market, number, cost="0.041235")
    market.client(SUPPLIER).reveal(number, price="0.041235", salt=SALTS[SUPPLIER.address])
    market.move_to(START_S + 60)
    told = market.client(BUYER).negotiation(number)
    assert told.state == "lapsed"
    assert "41235" not in told.model_dump_json()


def test_the_audit_runs_a_negotiation_again(market: Market) -> None:
    market.operator("deposits", {"participant": f"0x{OTHER.address.hex()}", "amount": "1000"})
    market.client(OTHER).buy(SOLAR, price="0.058", quantity="80")
    number = opened(market)
    sealed(market, number)
    revealed(market, number)
    for signer in (BUYER, SUPPLIER):
        market.client(signer).sign_agreement(market.client(signer).negotiation(number))
    report = audit(market.house.record, tables=market.house.engine)
    assert report.findings == ()
    assert report.state_hash == market.house.venue.state_hash()
