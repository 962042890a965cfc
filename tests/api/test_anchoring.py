"""A record may go on only with contracts whose last batch it knows: a copy that is behind the chain may not."""

import pytest

from api.anchoring import check_not_behind
from contracts.chain import Chain, ChainUnavailable
from ledger.genesis import WrongMarket
from ledger.record import RecordReader
from tests.api.conftest import Market
from tests.api.test_journey import SLOT_S, agree


def check(market: Market) -> None:
    house = market.house
    check_not_behind(RecordReader(house.engine), house.settler._outbox, house.chain, house.deployment)


def test_what_this_record_settled_is_its_own(market: Market) -> None:
    check(market)
    agree(market)
    market.move_to(SLOT_S - 800)
    assert market.house.deployment.settlement.last_batch(market.house.chain) == 1
    check(market)


def test_without_its_outbox_a_record_is_known_by_the_hash_that_the_batch_carries(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    monkeypatch.setattr(market.house.settler._outbox, "signed", lambda *_, **__: ())
    check(market)


def test_a_node_that_has_not_got_the_events_of_the_last_batch_is_no_reason_to_go_on(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the batch before the last would speak for a copy that lacks the last one."""
    agree(market)
    market.move_to(SLOT_S - 800)
    house = market.house
    monkeypatch.setattr(house.settler._outbox, "signed", lambda *_, **__: ())
    monkeypatch.setattr(Chain, "block_number", lambda _: house.deployment.block_number)
    with pytest.raises(ChainUnavailable, match="found no events of batch 1"):
        check(market)


def test_a_copy_that_lacks_what_was_settled_is_refused(market: Market) -> None:
    agree(market)
    market.move_to(SLOT_S - 800)
    house = market.house
    with house.engine.begin() as connection:  # as in a copy from before the trade
        connection.exec_driver_sql("DELETE FROM outbox")
        connection.exec_driver_sql("DELETE FROM record WHERE number > 3")
    with pytest.raises(WrongMarket, match=r"batch 1 on chain carries record hash 0x.* behind the chain"):
        check(market)
