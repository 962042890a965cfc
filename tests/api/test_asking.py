"""Our own client: the same signed request again until it is answered, and never a second order."""

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from api.asking import ATTEMPTS_MAX, ask
from api.client import Client, MarketError, NoAnswer
from contracts.signing import Signer
from tests.api.conftest import BUYER, SOLAR, Market

Trouble = httpx.TransportError | httpx.Response | None


class Troubled:
    """Passes requests on; of the orders, each of the troubles strikes one, before it arrives or on the way back."""

    def __init__(self, market: Market, troubles: Sequence[Trouble], *, arrives: bool = True) -> None:
        self.sent: list[Any] = []
        self._http, self._troubles, self._arrives = market.http, list(troubles), arrives

    def request(self, method: str, url: str, **how: Any) -> httpx.Response:
        """Do as `httpx.Client` does."""
        trouble = None
        if method != "GET" and url != "/v1/login":
            self.sent.append(how.get("json"))
            trouble = self._troubles.pop(0) if self._troubles else None
        if trouble is None:
            return self._http.request(method, url, **how)
        if self._arrives:
            self._http.request(method, url, **how)
        if isinstance(trouble, httpx.Response):
            return trouble
        raise trouble


def lost() -> httpx.TransportError:
    return httpx.ReadTimeout("timed out")


def full(**headers: str) -> httpx.Response:
    problem = {"type": "urn:x", "title": "queue_full", "status": 503, "detail": "as full as may be"}
    return httpx.Response(
        503, json=problem, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def troubled(market: Market, pauses: list[float]) -> Callable[..., tuple[Client, Troubled]]:
    def made(*troubles: Trouble, arrives: bool = True) -> tuple[Client, Troubled]:
        http = Troubled(market, troubles, arrives=arrives)
        return Client("http://testserver", BUYER, http=http, pause=pauses.append), http

    return made


def test_an_order_whose_answer_is_lost_is_sent_again_as_it_was_and_placed_once(
    market: Market, troubled: Callable[..., tuple[Client, Troubled]], pauses: list[float]
) -> None:
    client, http = troubled(lost(), httpx.RemoteProtocolError("cut off"))
    order = client.buy(SOLAR, price="0.04", quantity="1")
    assert order.repeated
    assert [each.order_id for each in market.client(BUYER).open_orders()] == [order.order_id]
    assert http.sent[0] == http.sent[1] == http.sent[2]
    assert pauses == [0.1, 0.2]


def test_an_order_that_finds_no_room_waits_as_long_as_it_is_told(
    troubled: Callable[..., tuple[Client, Troubled]], pauses: list[float]
) -> None:
    client, http = troubled(
        full(Retry_After="7"), full(), full(Retry_After="Fri, 01 Jan 2027 00:00:00 GMT"), arrives=False
    )
    assert not client.buy(SOLAR, price="0.04", quantity="1").repeated
    assert (len(http.sent), pauses) == (4, [7, 0.2, 0.4])


def test_what_must_wait_for_minutes_is_the_callers_to_decide(
    troubled: Callable[..., tuple[Client, Troubled]], pauses: list[float]
) -> None:
    client, http = troubled(full(Retry_After="31"), arrives=False)
    with pytest.raises(MarketError, match="queue_full: as full as may be") as caught:
        client.buy(SOLAR, price="0.04", quantity="1")
    assert (caught.value.status, len(http.sent), pauses) == (503, 1, [])


def test_the_same_call_with_the_same_client_order_id_asks_again_and_places_no_second_order(
    market: Market, troubled: Callable[..., tuple[Client, Troubled]]
) -> None:
    client, http = troubled(*(lost() for _ in range(ATTEMPTS_MAX)))
    with pytest.raises(NoAnswer, match=r"found no answer in 5 attempts \(ReadTimeout\)") as caught:
        client.buy(SOLAR, price="0.04", quantity="1")
    assert len(http.sent) == ATTEMPTS_MAX
    mine = caught.value.client_order_id
    assert mine is not None
    assert f"client_order_id={mine}" in str(caught.value)
    again = client.buy(SOLAR, price="0.04", quantity="1", client_order_id=mine)
    assert again.repeated
    assert [each.order_id for each in market.client(BUYER).open_orders()] == [again.order_id]


def test_a_replacement_and_a_withdrawal_whose_answers_are_lost_count_once(
    market: Market, troubled: Callable[..., tuple[Client, Troubled]]
) -> None:
    order = market.client(BUYER).buy(SOLAR, price="0.04", quantity="5")
    replaced = troubled(lost())[0].replace(order.order_id, SOLAR, "buy", price="0.05", quantity="4")
    assert (replaced.repeated, replaced.order_id, replaced.remaining) == (True, order.order_id, "4")
    free = market.client(BUYER).balances().free
    withdrawn = troubled(lost())[0].withdraw("10", nonce=3)
    assert withdrawn.amount_micros == "10000000"
    assert float(free) - float(market.client(BUYER).balances().free) == 10


def test_a_mass_cancel_whose_answer_is_lost_is_told_that_it_came(
    market: Market, troubled: Callable[..., tuple[Client, Troubled]]
) -> None:
    market.client(BUYER).buy(SOLAR, price="0.04", quantity="5")
    with pytest.raises(MarketError, match="signature_used"):
        troubled(lost())[0].cancel_all()
    assert market.client(BUYER).open_orders() == []


def test_a_refusal_is_not_asked_again(troubled: Callable[..., tuple[Client, Troubled]]) -> None:
    client, http = troubled()
    with pytest.raises(MarketError, match="insufficient_funds"):
        client.buy(SOLAR, price="0.2", quantity="6000")
    assert len(http.sent) == 1


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (httpx.Response(502, html="<h1>Bad Gateway</h1>"), "bad_gateway"),
        (httpx.Response(500, text="Internal Server Error"), "internal_server_error"),
        (httpx.Response(404, json=["not", "ours"]), "not_found"),
    ],
)
def test_an_error_that_is_no_problem_json_is_a_market_error_too(answer: httpx.Response, name: str) -> None:
    def answers(_: httpx.Request) -> httpx.Response:
        return answer

    http = httpx.Client(transport=httpx.MockTransport(answers), base_url="http://proxy")
    with pytest.raises(MarketError, match="whatever answered is not the market") as caught:
        Client("http://proxy", Signer.from_seed(1, "anybody"), http=http).market()
    assert (caught.value.status, caught.value.name) == (answer.status_code, name)


def test_a_full_market_is_asked_a_few_times_and_no_more(pauses: list[float]) -> None:
    asked: list[httpx.Request] = []

    def answers(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return full(Retry_After="1")

    http = httpx.Client(transport=httpx.MockTransport(answers), base_url="http://market")
    with pytest.raises(MarketError, match="queue_full"):
        ask(http, "GET", "/health", pause=pauses.append)
    assert (len(asked), pauses) == (ATTEMPTS_MAX, [1, 1, 1, 1])
