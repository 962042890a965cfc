"""A market that goes on from a snapshot is the market that never stopped: same state, same future, down to each attribute."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MethodType
from typing import Any

import pytest

from ledger.rebuild import open_venue
from ledger.snapshot_encoding import decode, encode
from ledger.snapshots import Standing
from ledger.venue import Decision, Venue
from market.book import OrderBook
from market.keeping import Kept, capture, restore
from market.matching.layout import word_of
from market.orders import Batch, Side
from tests.ledger.days import (
    CONDITION_KINDS,
    ESCROW_KINDS,
    GENESIS,
    HOURS_S,
    MONEY_KINDS,
    NOTICE_KINDS,
    ORDER_KINDS,
    Action,
    SmallDay,
)

SEEDS, SOAK_SEEDS = 500, 100_000
ORDERS = ("bid", "offer")
STEPS = ("lock", "void", "deliver", "open", "pay")
KINDS = (
    (*ORDERS, *ORDERS, "withdraw", "stop", "slices"),
    (*ORDERS, *ORDERS, *ORDER_KINDS, *CONDITION_KINDS, *MONEY_KINDS),
    (*ORDER_KINDS, *CONDITION_KINDS, "replace", "slices", *MONEY_KINDS, *NOTICE_KINDS, *ESCROW_KINDS),
    (*ORDER_KINDS, *NOTICE_KINDS, *ESCROW_KINDS, "lock", "lock", "void"),
    (*STEPS, "lock", "deliver", *MONEY_KINDS, *NOTICE_KINDS, *ESCROW_KINDS),
    (*STEPS, "open", "deliver", *ESCROW_KINDS),
    (*STEPS, "pay", "left", *ESCROW_KINDS),
)
"""What is asked for in each of `HOURS_S`."""


def random_day(seed: int) -> SmallDay:
    chance = random.Random(seed)
    day = SmallDay()
    for seconds, kinds in zip(HOURS_S, KINDS, strict=True):
        wanted = [
            Action(
                chance.choice(kinds),
                chance.randrange(3),
                chance.choice((chance.randint(490, 510), chance.randint(0, 3))),
                chance.choice((chance.randint(1, 5_000), chance.randint(1, 200_000))),
            )
            for _ in range(chance.randint(2, 12))
        ]
        day.act(seconds, wanted)
    return day


def test_a_snapshot_is_what_a_replay_gives_and_goes_on_as_one() -> None:
    print(f"\nsnapshots against replays: {campaign(SEEDS)}")


@pytest.mark.soak
def test_many_snapshots_are_what_replays_give_and_go_on_as_one() -> None:
    print(f"\nsnapshots against replays: {campaign(SOAK_SEEDS)}")


def campaign(seeds: int) -> str:
    """Run the seeds and return what they went through, or fail at the first that differs."""
    counts: Counter[str] = Counter()
    for seed in range(seeds):
        counts += compare_day(seed)
    assert min(counts[each] for each in ("resting", "sliced", "waiting", "trades", "events after")) > 0
    return f"{seeds} seeds, " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def compare_day(seed: int) -> Counter[str]:
    """Take a snapshot of a random day after a random batch, and let it and a replay go on from there."""
    history = random_day(seed).history
    cut = random.Random(~seed).randint(1, len(history))
    live, replayed = Standing(GENESIS), open_venue(GENESIS)
    for batch, decision in history[:cut]:
        go_on(live, batch, decision)
        replayed.absorb(batch, decision.events)
    restored = through_bytes(live)
    where = f"seed {seed}, batch {cut}"
    assert replayed.state_hash() == restored.venue.state_hash() == live.venue.state_hash(), where
    assert list(differences(live, restored)) == [], where
    counts = seen(live.venue)
    for batch, decision in history[cut:]:
        go_on(live, batch, decision)
        go_on(restored, batch, decision)
        counts["events after"] += len(decision.events)
    assert restored.venue.state_hash() == live.venue.state_hash(), where
    assert list(differences(live, restored)) == [], where
    return counts


def go_on(standing: Standing, batch: Batch, expected: Decision) -> None:
    decision = standing.venue.decide(batch)
    assert decision == expected
    assert standing.venue.next_due_us() > 0
    standing.tapes.note(decision.events, time_us=batch.time_us)


def through_bytes(standing: Standing) -> Standing:
    """Return what a start makes of the bytes of a snapshot."""
    parts = [content for content, _ in encode(Standing, capture(standing))]
    again = Standing(GENESIS)
    restore(again, decode(Standing, parts))
    return again


def seen(venue: Venue) -> Counter[str]:
    """Count what a snapshot has to get right."""
    counts = Counter(trades=sum(1 for _ in venue.exchange.trades()))
    for listed in venue.exchange.listings():
        for side in Side:
            rows = listed.book.orders(side)
            counts["resting"] += len(rows)
            counts["sliced"] += int((rows["displayed_lots"] != rows["remaining_lots"]).sum())
            counts["waiting"] += len(listed.book.stops(side))
    return counts


def differences(left: Any, right: Any) -> Iterator[str]:
    """Walk all attributes of two markets, whoever declared them, and name those that differ."""
    yield from _differences(left, right, "market", set())


def _differences(left: Any, right: Any, where: str, met: set[int]) -> Iterator[str]:
    if id(left) in met:
        return
    if type(left) is not type(right):
        yield f"{where}: found {right!r}, expected {left!r}"
    elif isinstance(left, OrderBook):
        if book_facts(left) != book_facts(right):
            yield f"{where}: found {book_facts(right)}, expected {book_facts(left)}"
    elif isinstance(left, MethodType):
        yield from _differences(left.__func__, right.__func__, where, met)
    elif isinstance(left, Kept) or (
        type(left).__module__.startswith(("market.", "ledger.")) and mutable(left)
    ):
        met.add(id(left))
        for name in attributes(left):
            if name != "_admitted":  # what a check found, for the very next call
                yield from _differences(getattr(left, name), getattr(right, name), f"{where}.{name}", met)
    elif isinstance(left, Mapping):
        if (
            left.keys() != right.keys()
        ):  # an index may come in another order; where order counts the hash has it
            yield f"{where}: found keys {list(right)}, expected {list(left)}"
        else:
            for key in left:
                yield from _differences(left[key], right[key], f"{where}[{key!r}]", met)
    elif left != right:
        yield f"{where}: found {right!r}, expected {left!r}"


def attributes(value: Any) -> list[str]:
    slots = (name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ()))
    return [*getattr(value, "__dict__", ()), *(name for name in slots if hasattr(value, name))]


def mutable(value: Any) -> bool:
    return type(value).__eq__ is object.__eq__


def book_facts(book: OrderBook) -> tuple[object, ...]:
    """Return all that decides what a book will do, as far as it shows; whose orders rest shows in what it does."""
    names = ("settings", "weight", "last", "collar_reference", "collar_width")

    return book.state_bytes(), [book._words[word_of(name)] for name in names]
