"""Negotiating over HTTP: the order book is what each side could do instead, and neither is told the other's limit."""

import json

import pytest

from api.client import Client
from api.negotiating import conclusion, conclusions
from contracts.agreement import LongTermTerms, agreement_digest
from contracts.signing import Signer, recover
from ledger.audit import audit
from market.instruments import parse_symbol
from market.negotiations import Negotiation, NegotiationState
from market.units import Micros, Ppm
from pricing.bargaining import bargain_price
from pricing.rules import nash_weight
from tests.api.conftest import BUYER, HOUR_S, SOLAR, START_S, SUPPLIER, Market, listing
from tests.api.test_order_entry import problem_of

OTHER = Signer.from_seed(1, "another buyer")
WINDOW = "ENE.SOLAR@CISO/2022-03-12T03Z/3h#Q1"
NEXT_HOUR = "ENE.SOLAR@CISO/2022-03-12T04Z/1h#Q1"
QUANTITIES = ["100", "0", "300"]
SALTS = {BUYER.address: b"\x0b" * 32, SUPPLIER.address: b"\x05" * 32}
VALUE, COST = "0.06", "0.04"
HALF = nash_weight(tier=1, load=0.0, energy="SOLAR")


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


def price_of(market: Market) -> int | None:
    number = opened(market)
    sealed(market, number)
    revealed(market, number)
    return the(market, number).price_micros


def expected_price(*, outside_buyer: float = 0.0, outside_seller: float = 0.0, load: float = 0.0) -> float:
    """The price per kWh in micros that the library of bargaining finds for the 400 kWh as a whole."""
    weight = nash_weight(tier=1, load=load, energy="SOLAR")
    found = bargain_price(
        value=60_000 * 400,
        cost=40_000 * 400,
        outside_buyer=outside_buyer,
        outside_seller=outside_seller,
        weight_seller=weight / 1_000_000,
    )
    assert found.price is not None
    return found.price / 400


def funded(market: Market) -> Client:
    market.operator("deposits", {"participant": f"0x{OTHER.address.hex()}", "amount": "1000"})
    return market.client(OTHER)


def test_a_contract_is_negotiated_agreed_and_signed(market: Market) -> None:
    buyer, supplier = market.client(BUYER), market.client(SUPPLIER)
    number = opened(market)
    sealed(market, number)
    half = supplier.reveal(number, price=COST, salt=SALTS[SUPPLIER.address])
    assert (half.state, half.revealed, half.agreement) == ("sealed", ["sell"], None)
    agreed = buyer.reveal(number, price=VALUE, salt=SALTS[BUYER.address])
    assert agreed.state == "agreed"
    assert agreed.agreement is not None
    price = 40_000 + HALF * 20_000 // 1_000_000
    assert agreed.agreement.price == f"{price / 1e6:.6f}".rstrip("0")
    assert (agreed.agreement.availability, agreed.agreement.collateral_rate) == ("0.95", "0.1")
    assert buyer.negotiations() == supplier.negotiations() == [agreed]
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


def test_without_a_book_the_weight_alone_splits_the_surplus(market: Market) -> None:
    price = price_of(market)
    assert price == int(expected_price())


def test_a_cheap_offer_in_the_book_helps_the_buyer(market: Market) -> None:
    market.process(listing(NEXT_HOUR))
    before = price_of(market)
    carol = Signer.from_seed(1, "another supplier")
    market.operator("deposits", {"participant": f"0x{carol.address.hex()}", "amount": "1000"})
    meter = Signer.from_seed(1, "another meter")
    market.operator(
        "meters",
        {
            "participant": f"0x{carol.address.hex()}",
            "meter": f"0x{meter.address.hex()}",
            "instrument": SOLAR,
            "capacity": "1000",
        },
    )
    market.client(carol).sell(SOLAR, price="0.05", quantity="60")
    market.client(carol).sell(SOLAR, price="0.055", quantity="500")
    market.client(carol).sell(NEXT_HOUR, price="0.03", quantity="500")  # no contract hour is bought there
    after = price_of(market)
    # 60 kWh at 0.05 and 40 at 0.055, a fee of 10 basis points on each, of the first hour's 100
    gain = 60 * (60_000 - 50_000 * 1.001) + 40 * (60_000 - 55_000 * 1.001)
    concluded = conclusion_of_last(market)
    assert concluded.outside_buyer_micros == round(gain)
    assert concluded.outside_seller_micros == 0
    assert before is not None
    assert after is not None
    assert after < before
    assert abs(after - expected_price(outside_buyer=gain)) < 2


def conclusion_of_last(market: Market):  # type: ignore[no-untyped-def]
    exchange = market.house.venue.exchange
    return conclusion(exchange, exchange.negotiations(BUYER.address)[-1])


def test_a_high_bid_in_the_book_helps_the_supplier(market: Market) -> None:
    other = funded(market)
    other.buy(SOLAR, price="0.058", quantity="80")
    price = price_of(market)
    gain = 80 * (58_000 - 40_000)
    assert conclusion_of_last(market).outside_seller_micros == gain
    assert price is not None
    assert abs(price - expected_price(outside_seller=gain)) < 2
    assert price > expected_price()


def test_the_parties_own_orders_are_no_outside_option(market: Market) -> None:
    market.client(BUYER).buy(SOLAR, price="0.059", quantity="100")
    market.client(SUPPLIER).sell(SOLAR, price="0.0595", quantity="100")
    number = opened(market)
    sealed(market, number)
    revealed(market, number)
    concluded = conclusion_of_last(market)
    assert (concluded.outside_buyer_micros, concluded.outside_seller_micros) == (0, 0)


def test_what_is_not_displayed_or_not_trading_does_not_count(market: Market) -> None:
    other = funded(market)
    other.buy(SOLAR, price="0.058", quantity="80", display_quantity="10")
    price_of(market)
    assert conclusion_of_last(market).outside_seller_micros == 10 * (58_000 - 40_000)
    market.move_to(parse_symbol(SOLAR).start_s - 900)
    assert conclusion_of_last(market).outside_seller_micros == 0


def test_load_raises_the_suppliers_weight(market: Market) -> None:
    market.client(SUPPLIER).sell(SOLAR, price="0.05", quantity="500")
    market.client(BUYER).buy(SOLAR, price="0.05", quantity="500")
    price_of(market)
    assert conclusion_of_last(market).weight_ppm == nash_weight(tier=1, load=500 / 2000, energy="SOLAR")


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
    from market.proposals import RevealReservation

    market.process(RevealReservation(BUYER.address, int(number), Micros(60_000), SALTS[BUYER.address]))
    assert the(market, number).state is NegotiationState.REVEALED
    (command,) = conclusions(exchange)
    market.process(command)
    assert the(market, number).state is NegotiationState.AGREED
    assert command.weight_ppm == Ppm(HALF)


def test_it_lapses_and_what_was_revealed_stays_untold(market: Market) -> None:
    number = opened(market)
    sealed(market, number)
    market.client(SUPPLIER).reveal(number, price="0.041235", salt=SALTS[SUPPLIER.address])
    market.move_to(START_S + HOUR_S)
    told = market.client(BUYER).negotiation(number)
    assert told.state == "lapsed"
    assert "41235" not in json.dumps(told.model_dump())


def test_the_audit_runs_a_negotiation_again(market: Market) -> None:
    funded(market).buy(SOLAR, price="0.058", quantity="80")
    number = opened(market)
    sealed(market, number)
    revealed(market, number)
    for signer in (BUYER, SUPPLIER):
        market.client(signer).sign_agreement(market.client(signer).negotiation(number))
    report = audit(market.house.record, tables=market.house.engine)
    assert report.findings == ()
    assert report.state_hash == market.house.venue.state_hash()
