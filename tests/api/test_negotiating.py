"""Negotiating over HTTP: who may do and see what, and what the record keeps of it."""

import logging
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import inspect, text

from api.app import create_app
from api.client import Client
from api.clock import DrivenClock
from api.house import House, open_house
from api.negotiating import conclusions
from api.routes.negotiation_form import proposal_of
from api.sequencer import Answer, QueueFull
from contracts.agreement import LongTermTerms, agreement_digest
from contracts.opening import open_chain
from contracts.signing import Domain, Signer, proposal_digest, recover, seal_digest
from ledger.audit import audit
from market.instruments import parse_symbol
from market.listing import RegisterMeter
from market.negotiations import Negotiation, NegotiationState
from market.orders import Address, Command
from market.proposals import (
    ConcludeNegotiation,
    RequestNegotiation,
    RevealReservation,
    SealReservation,
    seal_of,
)
from market.units import Lots, Micros
from pricing.rules import nash_weight
from tests.api.conftest import BUYER, HOUR_S, SOLAR, START_S, SUPPLIER, Market, an_open_market, settings
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
        **asked,
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


def test_a_step_that_is_sent_again_is_answered_with_the_negotiation_as_it_stands(market: Market) -> None:
    buyer, supplier = market.client(BUYER), market.client(SUPPLIER)
    salt = b"\x77" * 32
    number = opened(market, salt=salt)
    assert opened(market, salt=salt) == number
    sealed(market, number)
    sealed(market, number)
    error = problem_of(lambda: buyer.seal(number, price="0.05", salt=SALTS[BUYER.address]))
    assert (error.status, error.name) == (409, "first_one_stands")
    error = problem_of(lambda: opened(market, salt=salt, notice_s=0))
    assert (error.status, error.name) == (409, "first_one_stands")
    revealed(market, number)
    agreed = buyer.reveal(number, price=VALUE, salt=SALTS[BUYER.address])
    assert agreed.state == "agreed"
    once, again = (supplier.sign_agreement(agreed) for _ in range(2))
    assert (once, once.signed) == (again, ["sell"])
    assert opened(market, salt=salt) == number


def test_a_signature_counts_for_one_step_of_one_negotiation_of_one_market(market: Market) -> None:
    domain = market.house.deployment.domain
    number, other = opened(market), opened(market)
    seal = seal_of(number=int(number), participant=BUYER.address, price_micros=Micros(1), salt=bytes(32))
    request = SealReservation(BUYER.address, int(number), seal, b"")

    def answer(number: str, signature: bytes) -> str:
        content = {
            "participant": f"0x{BUYER.address.hex()}",
            "seal": f"0x{seal.hex()}",
            "signature": f"0x{signature.hex()}",
        }
        return str(market.http.post(f"/v1/negotiations/{number}/seal", json=content).json().get("title"))

    signature = BUYER.sign(seal_digest(request, domain))
    order = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
    high_s = (order - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    elsewhere = Domain(domain.chain_id + 1, domain.verifying_contract)
    for forged in (
        signature[:32] + high_s + bytes((55 - signature[64],)),
        signature[:64] + bytes((signature[64] - 27,)),
        BUYER.sign(seal_digest(request, elsewhere)),
        BUYER.sign(seal_digest(request, replace(domain, verifying_contract=Address(bytes(20))))),
        SUPPLIER.sign(seal_digest(request, domain)),
    ):
        assert answer(number, forged) == "signature_invalid"
    assert answer(other, signature) == "signature_invalid"
    assert the(market, number).seals == the(market, other).seals == (None, None)
    asked = market.client(BUYER).negotiation(number)
    proposal = RequestNegotiation(BUYER.address, proposal_of(asked), b"")
    told = asked.model_dump(
        include={"buyer", "seller", "instrument", "quantities", "notice_s", "answer_by", "salt"}
    )
    stolen = {
        **told,
        "participant": f"0x{SUPPLIER.address.hex()}",
        "signature": f"0x{BUYER.sign(proposal_digest(proposal, domain)).hex()}",
    }
    assert market.http.post("/v1/negotiations", json=stolen).json()["title"] == "signature_invalid"


def test_a_full_queue_after_a_reveal_delays_the_price_and_refuses_nothing(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = opened(market)
    sealed(market, number)
    sequencer = market.house.sequencer
    submit = sequencer.submit

    async def crowded(command: Command) -> Answer:
        if isinstance(command, ConcludeNegotiation):
            raise QueueFull("10000 commands wait")
        return await submit(command)

    monkeypatch.setattr(sequencer, "submit", crowded)
    revealed(market, number)
    assert market.client(BUYER).negotiation(number).state == "revealed"
    monkeypatch.undo()
    again = market.client(BUYER).reveal(number, price=VALUE, salt=SALTS[BUYER.address])
    assert again.state == "agreed"


def test_no_log_table_or_other_route_tells_a_reservation(
    market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    number = opened(market)
    sealed(market, number, value="0.063217", cost="0.037219")
    revealed(market, number, value="0.063217", cost="0.037219")
    market.client(SUPPLIER).sign_agreement(market.client(SUPPLIER).negotiation(number))
    engine = market.house.engine
    market.house.sequencer.catch_up()
    rows = []
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            if table != "record":
                rows += connection.execute(text(f"SELECT * FROM {table}")).all()
    paths = [path for path in market.http.get("/openapi.json").json()["paths"] if "{" not in path]
    symbol = {"symbol": SOLAR, "width": "1m"}
    pages = [market.http.get(path, params=symbol).text for path in paths]
    told = "\n".join([caplog.text, *map(str, rows), *pages])
    assert len(rows) > 5
    for secret in ("63217", "37219", SALTS[BUYER.address].hex(), SALTS[SUPPLIER.address].hex()):
        assert secret not in told


def test_a_list_is_as_long_as_it_was_asked_to_be(market: Market) -> None:
    numbers = [opened(market) for _ in range(3)]
    buyer = market.client(BUYER)
    assert [each.number for each in buyer.negotiations(after=int(numbers[0]) - 1, limit=2)] == numbers[:2]
    assert problem_of(lambda: buyer.negotiations(limit=101)).status == 422


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
    market.house.sequencer.catch_up()
    report = audit(market.house.record, tables=market.house.engine)
    assert report.findings == ()
    assert report.state_hash == market.house.venue.state_hash()


def test_a_market_that_stops_before_the_price_finds_it_when_it_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the last reveal and the price, started again on the same record and chain."""
    with open_chain("tester", start_time_s=START_S) as chain:
        monkeypatch.setattr("api.house.open_chain", lambda *_, **__: nullcontext(chain))
        with open_house(settings(tmp_path), DrivenClock(START_S), start_time_s=START_S) as house:
            window = "ENE.MAGIC@CISO/2022-03-12T03Z/3h#Q1"  # of an energy that no catalogue knows
            resource = parse_symbol(window).resource
            house.sequencer.process(
                [RegisterMeter(SUPPLIER.address, Address(b"\x3e" * 20), resource, Lots(1_000_000))]
            )
            with TestClient(create_app(house)) as http:
                market = Market(house, http, DrivenClock(START_S))
                buyer, supplier = market.client(BUYER), market.client(SUPPLIER)
                asked = buyer.negotiate(
                    window,
                    buyer=buyer.participant,
                    seller=supplier.participant,
                    quantities=QUANTITIES,
                    notice_s=0,
                    answer_by=START_S + HOUR_S,
                )
                sealed(market, asked.number)
                supplier.reveal(asked.number, price=COST, salt=SALTS[SUPPLIER.address])
                market.process(RevealReservation(BUYER.address, 1, Micros(60_000), SALTS[BUYER.address]))
            stopped = house.venue.state_hash()
        with open_house(settings(tmp_path), DrivenClock(START_S + 7)) as house:
            assert house.recovered_batches > 0
            assert house.venue.state_hash() == stopped
            with TestClient(create_app(house, due=lambda: ())) as http:
                found = priced_by_itself(house, http)
            house.sequencer.catch_up()
            assert audit(house.record, tables=house.engine).findings == ()
    weight = nash_weight(tier=1, load=0.0, energy="OTHER")
    assert found.price_micros == 40_000 + weight * 20_000 // 1_000_000


def priced_by_itself(house: House, http: TestClient) -> Negotiation:
    """Wait until the service has priced the first negotiation, of which nobody reminds it."""
    buyer = Client("http://testserver", BUYER, http=http)
    for _ in range(100):
        if buyer.negotiation("1").state != "revealed":
            break
        time.sleep(0.02)
    found = house.venue.exchange.negotiation(1)
    assert found is not None
    return found
