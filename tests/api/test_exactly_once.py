"""Every trade is settled once, or void with its holds released and its cause named, whatever goes wrong on the way."""

import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from api.outgoing import Outgoing
from contracts.chain import Receipt
from ledger.outbox import OutboxEntry
from tests.api.adversity import Stage, a_day, open_stage, troubled
from tests.contracts.conftest import need_node_modules

DEFAULT_SCHEDULES = 200
SOAK_SCHEDULES = 10_000
FIRST_SEED = 1


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    need_node_modules()
    logging.disable(logging.WARNING)  # what goes wrong here is meant to
    with open_stage() as opened:
        yield opened
    logging.disable(logging.NOTSET)


def campaign(stage: Stage, schedules: int, capsys: pytest.CaptureFixture[str]) -> None:
    happened: Counter[str] = Counter()
    kills = 0
    for seed in range(FIRST_SEED, FIRST_SEED + schedules):
        day = a_day(stage, seed)
        try:
            happened.update(troubled(day))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        kills += day.kills
        day.record.close()
        day.engine.dispose()
    with capsys.disabled():
        told = ", ".join(f"{count} {what}" for what, count in sorted(happened.items()))
        print(f"\n{schedules} schedules, {kills} of the kills struck: {told}")


def test_every_trade_is_settled_once_or_void(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    campaign(stage, DEFAULT_SCHEDULES, capsys)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_every_trade_is_settled_once_or_void_at_length(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign(stage, SOAK_SCHEDULES, capsys)


class BroadcastsFirst(Outgoing):
    """Planted: what is abroad is stored too late for a crash between the two."""

    def _store(
        self, kind: str, reference: str, raw: bytes, *, nonce: int, trades: tuple[int, ...]
    ) -> OutboxEntry:
        self._chain.broadcast(raw)
        return super()._store(kind, reference, raw, nonce=nonce, trades=trades)


class BelievesTheFirstBlock(Outgoing):
    """Planted: what is in a block counts as final."""

    def is_final(self, receipt: Receipt, *, head: int) -> bool:
        return True


@pytest.mark.parametrize("planted", [BroadcastsFirst, BelievesTheFirstBlock])
def test_a_planted_bug_is_caught(stage: Stage, planted: type[Outgoing]) -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + DEFAULT_SCHEDULES):
        day = a_day(stage, seed, outgoing=planted)
        try:
            troubled(day)
        except Exception:
            return
    pytest.fail(f"{planted.__name__} passed {DEFAULT_SCHEDULES} schedules")
