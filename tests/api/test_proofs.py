"""A participant's own order, proven over HTTP, by whoever placed it and for whoever knows a record hash."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.client import Client
from api.routes.order_form import signed_terms
from ledger.inclusion import Included, read_proof, verify
from market.orders import OrderTerms, PlaceOrder
from tests.api.conftest import BUYER, HOUR_S, METER, SOLAR, SUPPLIER, Market, an_open_market
from tests.api.test_journey import SLOT_S, agree
from tests.api.test_order_entry import problem_of


def included(content: bytes, known: bytes) -> Included:
    return verify(read_proof(content), known)


def test_the_proof_of_an_order_leads_to_the_head_of_the_record(market: Market, tmp_path: Path) -> None:
    buyer = market.client(BUYER)
    order = buyer.buy(SOLAR, price="0.05", quantity="10")
    market.client(SUPPLIER).sell(SOLAR, price="0.09", quantity="1")
    market.house.sequencer.catch_up()
    content = buyer.proof(order.order_id)
    head = buyer.market().record_hash
    proven = included(content, bytes.fromhex(head[2:]))
    assert str(proven.event.order_id) == order.order_id
    assert str(proven.command.terms.client_order_id) == order.client_order_id
    assert proven.command.terms.participant == BUYER.address
    assert len(read_proof(content).headers) == 2
    (tmp_path / "order.json").write_bytes(content)
    checked = CliRunner().invoke(app, ["proof", "verify", str(tmp_path / "order.json"), "--hash", head])
    assert checked.exit_code == 0, checked.output


def test_a_proof_ends_at_a_hash_that_was_noted(market: Market) -> None:
    buyer = market.client(BUYER)
    order = buyer.buy(SOLAR, price="0.05", quantity="10")
    noted = buyer.market().record_hash
    for price in ("0.03", "0.04"):
        buyer.buy(SOLAR, price=price, quantity="1")
    market.house.sequencer.catch_up()
    content = buyer.proof(order.order_id, to=noted)
    assert len(read_proof(content).headers) == 1
    assert included(content, bytes.fromhex(noted[2:])).event.order_id == int(order.order_id)
    assert len(read_proof(buyer.proof(order.order_id)).headers) == 3


def test_a_proof_ends_at_what_a_settlement_batch_carried(market: Market) -> None:
    buyer = market.client(BUYER)
    agree(market)
    market.house.sequencer.catch_up()
    (trade,) = buyer.trades()
    bought = market.house.venue.exchange.trade(int(trade.trade_number)).agreed.buy_order_id
    error = problem_of(lambda: buyer.proof(str(bought), to="anchor"))
    assert (error.status, error.name) == (409, "unprovable")
    assert "it comes with the next settlement batch" in error.detail
    market.move_to(SLOT_S - 800)
    market.move_to(SLOT_S + HOUR_S)
    market.client(METER).report_reading(start_s=SLOT_S, units_lots=100_000)
    market.house.sequencer.catch_up()
    deployment = market.house.deployment
    (anchor,) = deployment.settlement.record_hashes(market.house.chain, from_block=deployment.block_number)
    content = buyer.proof(str(bought), to="anchor")
    assert included(content, anchor).event.order_id == bought


@pytest.fixture(scope="module")
def one_order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Market, str]]:
    """A market that nobody changes, and the buyer's order in it."""
    with an_open_market(tmp_path_factory.mktemp("one-order")) as market:
        order = market.client(BUYER).buy(SOLAR, price="0.05", quantity="10").order_id
        market.house.sequencer.catch_up()
        yield market, order


@pytest.mark.parametrize(
    ("ask", "status", "name"),
    [
        (lambda market, order: market.client(SUPPLIER).proof(order), 404, "unknown_order"),
        (lambda market, _: market.client(BUYER).proof("999"), 404, "unknown_order"),
        (lambda market, _: market.client(BUYER).proof("0"), 422, "malformed"),
        (lambda market, _: market.client(BUYER).proof("-1"), 422, "malformed"),
        (lambda market, _: market.client(BUYER).proof(str(1 << 63)), 422, "malformed"),
        (lambda market, _: market.client(BUYER).proof("one"), 422, "malformed"),
        (lambda market, order: market.client(BUYER).proof(order, to="0x12"), 422, "malformed"),
        (lambda market, order: market.client(BUYER).proof(order, to="0x" + "00" * 32), 409, "unprovable"),
    ],
)
def test_what_is_not_proven_has_a_name(
    one_order: tuple[Market, str], ask: Callable[[Market, str], object], status: int, name: str
) -> None:
    error = problem_of(lambda: ask(*one_order))
    assert (error.status, error.name) == (status, name)


def test_nobody_is_proven_anything_without_a_login(one_order: tuple[Market, str]) -> None:
    market, order = one_order
    answer = market.http.get(f"/v1/orders/{order}/proof")
    assert (answer.status_code, answer.json()["title"]) == (401, "login_required")


def test_an_order_that_the_tables_do_not_know_yet_is_proven_a_moment_later(market: Market) -> None:
    house, buyer = market.house, market.client(BUYER)
    house.sequencer.catch_up()
    command = PlaceOrder(*signed(buyer))
    market.http.portal.call(house.sequencer._take, [command])
    order = str(house.venue.exchange.open_orders(BUYER.address)[0].order_id)
    at_once = market.http.get(
        f"/v1/orders/{order}/proof", headers=buyer._login()
    )  # the client would ask again
    assert (at_once.status_code, at_once.json()["title"]) == (503, "books_behind")
    assert at_once.headers["retry-after"]
    house.sequencer.catch_up()
    assert included(buyer.proof(order), house.record.hash).event.order_id == int(order)


def signed(client: Client) -> tuple[OrderTerms, bytes]:
    _, terms, signature = signed_terms(client._signed(SOLAR, "buy", price="0.05", quantity="10"))
    return terms, signature


def test_a_damaged_record_proves_nothing(market: Market) -> None:
    order = market.client(BUYER).buy(SOLAR, price="0.05", quantity="10").order_id
    market.house.sequencer.catch_up()
    with market.house.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE record SET time_us = time_us + 1 WHERE number = (SELECT max(number) FROM record)"
        )
    error = problem_of(lambda: market.client(BUYER).proof(order))
    assert (error.status, error.name) == (500, "record_broken")
    assert "but its content hashes to" in error.detail
