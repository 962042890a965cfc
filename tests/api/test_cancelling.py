"""Mass cancel and dead-man timer over HTTP: what they take off the books, and that each signature counts once."""

import httpx
import pytest

from api.client import MarketError
from api.sequencer import Answer, QueueFull
from contracts.signing import Signer, cancel_digest, dead_man_timer_digest, mass_cancel_digest, recover
from ledger.record import RecordReader
from market.orders import CancelOrder, Command, MassCancel, SetDeadManTimer, Side
from tests.api.conftest import BUYER, GPU, SOLAR, START_S, SUPPLIER, Market

DAY_S = 86_400


def asked(
    market: Market,
    command: MassCancel | SetDeadManTimer,
    *,
    nonce: int = 1,
    deadline_s: int = START_S + 60,
    signer: Signer = BUYER,
) -> dict[str, str | int]:
    """Return the signed part of a request."""
    digest_of = mass_cancel_digest if isinstance(command, MassCancel) else dead_man_timer_digest
    digest = digest_of(command, nonce=nonce, deadline_s=deadline_s, domain=market.house.deployment.domain)
    return {
        "participant": f"0x{BUYER.address.hex()}",
        "nonce": str(nonce),
        "deadline": deadline_s,
        "signature": f"0x{signer.sign(digest).hex()}",
    }


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["title"]


def test_a_mass_cancel_takes_what_it_names_off_the_books(market: Market) -> None:
    supplier, buyer = market.client(SUPPLIER), market.client(BUYER)
    solar_bid = supplier.buy(SOLAR, price="0.04", quantity="1").order_id
    solar_offer = supplier.sell(SOLAR, price="0.06", quantity="1").order_id
    gpu_offer = supplier.sell(GPU, price="2", quantity="1").order_id
    gpu_stop = supplier.sell(GPU, price="1.5", quantity="1", stop_price="1.6").order_id
    other = buyer.buy(SOLAR, price="0.03", quantity="1").order_id
    assert supplier.cancel_all(SOLAR, "sell").order_ids == [solar_offer]
    assert supplier.cancel_all(GPU).order_ids == [gpu_offer, gpu_stop]
    assert supplier.cancel_all(side="sell").order_ids == []
    assert supplier.cancel_all().order_ids == [solar_bid]
    assert supplier.open_orders() == []
    assert supplier.balances().held_for_orders == "0"
    assert [order.order_id for order in buyer.open_orders()] == [other]


@pytest.mark.parametrize("order_id", [-1, 0, 1 << 63, 10**90])
def test_what_can_be_no_order_is_malformed_and_not_recorded(market: Market, order_id: int) -> None:
    request = {
        "participant": f"0x{BUYER.address.hex()}",
        "deadline": START_S + 60,
        "signature": f"0x{'00' * 65}",
    }
    before = market.house.record.number
    answer = market.http.post(f"/v1/orders/{order_id}/cancel", json=request)
    assert problem(answer) == (422, "malformed")
    assert "path.order_id: found " in answer.json()["detail"]
    assert market.house.record.number == before


def test_a_signed_mass_cancel_counts_once(market: Market) -> None:
    buyer = market.client(BUYER)
    query = asked(market, MassCancel(BUYER.address))
    first = buyer.buy(SOLAR, price="0.04", quantity="1").order_id
    assert market.http.delete("/v1/orders", params=query).json() == {"order_ids": [first]}
    later = buyer.buy(SOLAR, price="0.04", quantity="1").order_id
    again = market.http.delete("/v1/orders", params=query)
    assert problem(again) == (401, "signature_used")
    assert "found 1 under the same request again" in again.json()["detail"]
    assert [order.order_id for order in buyer.open_orders()] == [later]
    market.move_to(START_S + 61)
    assert problem(market.http.delete("/v1/orders", params=query)) == (401, "signature_expired")
    fresh = asked(market, MassCancel(BUYER.address), deadline_s=START_S + 90)
    assert market.http.delete("/v1/orders", params=fresh).json() == {"order_ids": [later]}


def test_a_mass_cancel_is_what_was_signed_by_whom_it_concerns(market: Market) -> None:
    everything = MassCancel(BUYER.address)
    for query, expected in (
        (asked(market, everything, signer=SUPPLIER), (401, "signature_invalid")),
        (
            asked(market, MassCancel(BUYER.address, side=Side.BUY)) | {"side": "sell"},
            (401, "signature_invalid"),
        ),
        (asked(market, everything, deadline_s=START_S - 1), (401, "signature_expired")),
        (asked(market, everything, deadline_s=START_S + 301), (401, "deadline_too_far")),
        (asked(market, everything) | {"side": "both"}, (422, "malformed")),
        (asked(market, everything) | {"sides": "buy"}, (422, "malformed")),
        (asked(market, everything) | {"instrument": "ENE.SOLAR"}, (422, "malformed")),
        (
            asked(market, everything) | {"instrument": "ENE.WIND@CISO/2022-03-12T03Z/1h#Q1"},
            (404, "unknown_instrument"),
        ),
    ):
        assert problem(market.http.delete("/v1/orders", params=query)) == expected


def test_a_dead_man_timer_cancels_everything_unless_it_is_wound_up_again(market: Market) -> None:
    buyer = market.client(BUYER)
    buyer.buy(SOLAR, price="0.04", quantity="1")
    assert buyer.timer().expires is None
    assert buyer.set_timer(60).expires == START_S + 60
    market.move_to(START_S + 30)
    assert buyer.set_timer(60).expires == START_S + 90
    market.move_to(START_S + 89)
    assert len(buyer.open_orders()) == 1
    assert buyer.timer().expires == START_S + 90
    market.move_to(START_S + 90)
    assert (buyer.open_orders(), buyer.timer().expires) == ([], None)


def test_a_disarmed_timer_cannot_be_wound_up_with_an_old_signature(market: Market) -> None:
    buyer = market.client(BUYER)
    content = asked(market, SetDeadManTimer(BUYER.address, 60)) | {"timeout_s": 60}
    assert market.http.put("/v1/orders/timer", json=content).json() == {"expires": START_S + 60}
    assert buyer.set_timer(0).expires is None
    assert problem(market.http.put("/v1/orders/timer", json=content)) == (401, "signature_used")
    assert buyer.timer().expires is None


def test_a_timer_runs_for_a_day_at_most(market: Market) -> None:
    buyer = market.client(BUYER)
    assert buyer.set_timer(DAY_S).expires == START_S + DAY_S
    with pytest.raises(MarketError, match="found a timeout of 86401 s, expected 0 to 86400 s") as caught:
        buyer.set_timer(DAY_S + 1)
    assert (caught.value.status, caught.value.name) == (409, "timeout_out_of_range")
    content = asked(market, SetDeadManTimer(BUYER.address, 60)) | {"timeout_s": -1}
    answer = market.http.put("/v1/orders/timer", json=content)
    assert problem(answer) == (422, "malformed")
    assert "body.timeout_s: found -1; Input should be greater than or equal to 0" in answer.json()["detail"]


def test_the_record_keeps_what_was_signed_to_cancel(market: Market) -> None:
    buyer, domain = market.client(BUYER), market.house.deployment.domain
    order = buyer.buy(SOLAR, price="0.04", quantity="1").order_id
    buyer.cancel(order)
    buyer.cancel_all()
    buyer.set_timer(60)
    recorded = [
        command for row in RecordReader(market.house.engine).rows() for command in row.batch().commands
    ]
    (cancel,) = (command for command in recorded if isinstance(command, CancelOrder))
    digest = cancel_digest(
        participant=BUYER.address, order_id=cancel.order_id, deadline_s=cancel.deadline_s, domain=domain
    )
    assert recover(digest, cancel.signature) == BUYER.address
    (everything,) = (command for command in recorded if isinstance(command, MassCancel))
    nonce, deadline_s = everything.nonce, everything.deadline_s
    digest = mass_cancel_digest(everything, nonce=nonce, deadline_s=deadline_s, domain=domain)
    assert recover(digest, everything.signature) == BUYER.address
    (timer,) = (command for command in recorded if isinstance(command, SetDeadManTimer))
    digest = dead_man_timer_digest(timer, nonce=timer.nonce, deadline_s=timer.deadline_s, domain=domain)
    assert recover(digest, timer.signature) == BUYER.address


def test_a_request_that_the_full_queue_sent_away_may_come_again(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = asked(market, MassCancel(BUYER.address))

    async def full(_: Command) -> Answer:
        raise QueueFull("as full as it may be")

    with monkeypatch.context() as crowded:
        crowded.setattr(market.house.sequencer, "submit", full)
        assert problem(market.http.delete("/v1/orders", params=query)) == (503, "queue_full")
    assert market.http.delete("/v1/orders", params=query).status_code == 200
    assert problem(market.http.delete("/v1/orders", params=query)) == (401, "signature_used")
