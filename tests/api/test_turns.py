"""One thread at a time uses the chain; an operator whose turn does not come is told what is waited for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.turn import Turn, TurnTaken
from contracts.chain import ChainUnavailable
from ledger.outbox import OutboxStatus
from ledger.writer import PlaceLost
from market.orders import Address
from market.units import Micros
from tests.api.conftest import Market
from tests.api.test_journey import SLOT_S, agree
from tests.api.test_unavailable import A_METER, OPERATOR, problem, raising


@contextmanager
def in_use(turn: Turn, doing: str) -> Iterator[None]:
    """Let another thread have the turn."""
    has_it, is_over = threading.Event(), threading.Event()

    def use() -> None:
        with turn.taken(doing):
            has_it.set()
            is_over.wait(timeout=20)

    thread = threading.Thread(target=use)
    thread.start()
    has_it.wait(timeout=20)
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_a_turn_is_had_again_once_the_other_is_done() -> None:
    turn = Turn()
    with (
        in_use(turn, "settling"),
        pytest.raises(TurnTaken, match=r"in use for 0 s \(settling\)"),
        turn.taken("registering meters", within_s=0.01),
    ):
        pytest.fail("two have it")
    with turn.taken("registering meters", within_s=0.01):
        pass


def test_a_turn_is_left_when_what_it_was_for_fails() -> None:
    turn = Turn()
    with pytest.raises(ChainUnavailable), turn.taken("settling"):
        raise ChainUnavailable
    with turn.taken("settling", within_s=0.01):
        pass


@pytest.mark.parametrize("route", ["meters", "deposits"])
def test_an_operator_is_told_what_is_waited_for(
    market: Market, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    monkeypatch.setattr("api.settler.TURN_WITHIN_S", 0.01)
    content = A_METER if route == "meters" else {"participant": A_METER["participant"], "amount": "1"}
    with in_use(market.house.settler._turn, "settling what is due"):
        answer = market.http.post(f"/v1/operator/{route}", json=content, headers=OPERATOR)
        assert problem(answer) == (503, "chain_in_use", "application/problem+json")
        assert answer.headers["Retry-After"] == "5"
        assert "in use for 0 s (settling what is due), expected to be next" in answer.json()["detail"]
    assert market.http.post(f"/v1/operator/{route}", json=content, headers=OPERATOR).status_code != 503


def test_a_step_waits_for_its_turn(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.settler.TURN_WITHIN_S", 0.01)
    settler = market.house.settler
    with in_use(settler._turn, "registering meters"):
        stepping = threading.Thread(target=settler.step)
        stepping.start()
        stepping.join(timeout=0.1)
        assert stepping.is_alive()
    stepping.join(timeout=20)
    assert not stepping.is_alive()


def test_what_waits_for_its_broadcast_takes_its_nonce_before_an_operator_does(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(market)
    settler, outgoing = market.house.settler, market.house.settler._outgoing
    with monkeypatch.context() as silent:
        silent.setattr(type(outgoing), "_broadcast", raising(ChainUnavailable("node does not answer")))
        with pytest.raises(ChainUnavailable):
            market.move_to(SLOT_S - 800)
    assert [entry.status for entry in outgoing.outbox.pending()] == [OutboxStatus.SIGNED]
    settler.fund({Address(b"\x0a" * 20): Micros(1)})
    assert market.house.deployment.settlement.last_batch(market.house.chain) == 1
    settler.recover()
    assert outgoing.outbox.pending() == ()


def test_an_operator_takes_no_nonce_of_the_outbox(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the settlement would be overtaken by another program, and that program would be us."""
    agree(market)
    chain, outgoing = market.house.chain, market.house.settler._outgoing
    monkeypatch.setattr(type(outgoing), "_broadcast", lambda *_: None)  # refused: the price is too low
    monkeypatch.setattr(type(outgoing), "wait", lambda *_: None)
    market.move_to(SLOT_S - 800)
    (waiting,) = outgoing.outbox.pending()
    with pytest.raises(ChainUnavailable, match=f"found nonce {waiting.nonce} next, which is taken"):
        market.house.settler.fund({Address(b"\x0a" * 20): Micros(1)})
    assert chain.look(chain.operator.address, ()).nonce == waiting.nonce
    monkeypatch.undo()
    market.house.settler.fund({Address(b"\x0a" * 20): Micros(1)})
    assert chain.receipt(waiting.hash) is not None


def test_a_settler_that_lost_its_place_sends_nothing(market: Market) -> None:
    agree(market)
    settler, chain = market.house.settler, market.house.chain
    nonce = chain.nonce(chain.operator.address)
    market.clock.move_to(SLOT_S - 800)
    market.http.portal.call(market.house.sequencer.tick)
    lock = Path(f"{market.house.engine.url.database}.lock")
    moved = lock.rename(lock.with_suffix(".moved"))
    with pytest.raises(PlaceLost, match="found another lock file, or none"):
        settler.step()
    with pytest.raises(PlaceLost):
        settler.fund({Address(b"\x0a" * 20): Micros(1)})
    assert chain.nonce(chain.operator.address) == nonce
    assert settler._outbox.pending() == ()
    moved.rename(lock)  # for whoever looks whether the place is held
