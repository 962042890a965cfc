"""An independent suite and its seeded campaigns find nothing that they call wrong in the order book."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from market.book import OrderBook
from tests.market.oracle import SlowBook
from tests.market.tracebook_adapter import PROTOCOL, VERSION, answers

ROOT = Path(__file__).parents[2]
CONFIG = {
    "matching_algorithm": "fifo",
    "tick_size": "0.01",
    "self_trade_policy": "NONE",
    "quantity_decimal_places": 12,
}
HELLO = {"type": "hello", "protocol": PROTOCOL, "protocol_version": VERSION, "config": CONFIG}
EVENTS = [
    {"op": "new", "symbol": "X", "order_id": 1, "side": "SELL", "order_type": "LIMIT", "price": 100.004}
    | {"quantity": 1.5, "owner": 3},
    {"op": "new", "symbol": "X", "order_id": 2, "side": "BUY", "order_type": "MARKET", "quantity": 0.5},
    {"op": "cancel", "symbol": "X", "order_id": 2},
]
PROFILES = ["fifo-limit-v1", "fifo-full-v1", "fifo-partial-fill-v1"]
both_books = pytest.mark.parametrize("new_book", [OrderBook, SlowBook], ids=["kernel", "oracle"])


def conversation():
    events = [{"type": "event", "index": at, "event": each} for at, each in enumerate(EVENTS, start=1)]
    return [HELLO, *events, {"type": "snapshot", "index": 3}, {"type": "finish", "event_count": 3}]


def lines(*messages):
    return [json.dumps(message) for message in messages]


@both_books
def test_a_conversation_tells_outcomes_trades_and_what_rests(new_book):
    ready, first, second, third, snapshot, complete = answers(lines(*conversation()), new_book)
    assert ready["type"] == "ready"
    assert (first["outcome"]["status"], first["trades"], first["resting_order_count"]) == ("applied", [], 1)
    assert second["trades"] == [
        {"symbol": "X", "buy_order_id": 2, "sell_order_id": 1, "price": "100", "quantity": "0.5"}
    ]
    assert third["outcome"] == {"status": "rejected", "reason": "ORDER_NOT_ACTIVE", "message": None}
    assert third["state_hash"] == second["state_hash"] != first["state_hash"]
    offer = {"order_id": 1, "price": "100", "remaining_quantity": "1", "owner": 3, "order_type": "LIMIT"}
    assert snapshot["state"] == {"books": [{"symbol": "X", "bids": [], "asks": [offer]}]}
    assert complete == {"type": "complete", "event_count": 3}


def test_it_runs_as_a_program():
    answered = subprocess.run(
        [sys.executable, "-m", "tests.market.tracebook_adapter"],
        input="\n".join(lines(*conversation())),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    told = [json.loads(line)["type"] for line in answered.stdout.splitlines()]
    assert told == ["ready", "observation", "observation", "observation", "snapshot", "complete"]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({**HELLO, "protocol_version": 2}, "found protocol tracebook.conformance 2"),
        ({"type": "event"}, "found event before hello"),
    ],
)
def test_a_conversation_that_does_not_begin_well_ends_in_words(message, text):
    (answer,) = answers(lines(message))
    assert (answer["type"], text in answer["message"]) == ("error", True)


class Connected:
    """The adapter as the suite's runner wants to have it, without a process of its own."""

    def __init__(self, config, new_book):
        from tracebook.conformance.model import EngineMetadata

        self.unread = []
        self.answers = answers(self.lines(), new_book)
        ready = self.say({**HELLO, "config": config.to_dict()})
        self.metadata = EngineMetadata.from_dict(ready["engine"])

    def lines(self):
        while True:
            yield self.unread.pop()

    def say(self, message):
        self.unread.append(json.dumps(message))
        return next(self.answers)

    def apply(self, event, index):
        from tracebook.conformance.model import Observation

        return Observation.from_dict(self.say({"type": "event", "index": index, "event": event.to_dict()}))

    def snapshot(self):
        from tracebook.conformance.model import BookState

        return BookState.from_dict(self.say({"type": "snapshot"})["state"])

    def close(self):
        self.answers.close()


@both_books
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_packaged_suite_conforms(tmp_path, new_book, version):
    suites = pytest.importorskip(
        "tracebook.conformance.suite", reason="tracebook-conformance is not installed"
    )
    suite = suites.copy_bundled_conformance_suite(tmp_path / "suite", suite_version=version)
    report = suites.run_conformance_suite(suite, lambda config: Connected(config, new_book))
    differing = {each["name"]: each["report"] for each in report["cases"] if not each["report"]["conformant"]}
    assert (differing, report["conformant"]) == ({}, True)


def campaign(new_book, profile, **size):
    campaigns = pytest.importorskip(
        "tracebook.conformance.campaign", reason="tracebook-conformance is not installed"
    )
    result = campaigns.run_campaign(lambda config: Connected(config, new_book), profile=profile, **size)
    assert result.failure is None, result.failure.original_report.to_dict()
    assert result.conformant


@both_books
@pytest.mark.parametrize("profile", PROFILES)
def test_a_short_campaign_finds_no_difference(new_book, profile):
    campaign(new_book, profile, seed=42, traces=1, events_per_trace=60)


@pytest.mark.soak
@pytest.mark.parametrize("profile", PROFILES)
def test_a_long_campaign_finds_no_difference(profile):
    campaign(OrderBook, profile, seed=1337, traces=25, events_per_trace=200)
