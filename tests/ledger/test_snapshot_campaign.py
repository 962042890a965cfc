"""A market that goes on from a snapshot is the market that never stopped: same state, same future, in each attribute."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MethodType
from typing import Any

import pytest

from ledger.rebuild import open_venue
from ledger.snapshot_encoding import decode, encode
from ledger.snapshots import Standing
from ledger.venue import Decision, Venue
from market.book import OrderBook
from market.keeping import Kept, capture, columns, restore
from market.matching.layout import word_of
from market.orders import Batch, Command, Side, TimeInForce
from market.proposals import (
    ConcludeNegotiation,
    Proposal,
    RequestNegotiation,
    RevealReservation,
    SealReservation,
    SignAgreement,
    seal_of,
)
from market.settlement import SubmitReading
from market.units import InvariantBroken, Lots, Micros, Ppm
from tests.campaigns import Tally
from tests.ledger.builders import ALICE, BOB, CAROL, GATE_S, METER, SOLAR, a_bid
from tests.ledger.days import (
    CERTIFICATE_KINDS,
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

SEEDS, SOAK_SEEDS, FORGETFUL_SEEDS = 500, 100_000, 24
ORDERS = ("bid", "offer")
STEPS = ("lock", "void", "deliver", "open", "pay")
KINDS = (
    (*ORDERS, *ORDERS, "withdraw", "stop", "slices"),
    (*ORDERS, *ORDERS, *ORDER_KINDS, *CONDITION_KINDS, *MONEY_KINDS),
    (*ORDER_KINDS, *CONDITION_KINDS, "replace", "slices", *MONEY_KINDS, *NOTICE_KINDS, *ESCROW_KINDS),
    (*ORDER_KINDS, *NOTICE_KINDS, *ESCROW_KINDS, "lock", "lock", "void"),
    (*STEPS, "lock", "deliver", *MONEY_KINDS, *NOTICE_KINDS, *ESCROW_KINDS, *CERTIFICATE_KINDS),
    (*STEPS, "open", "deliver", *ESCROW_KINDS, *CERTIFICATE_KINDS),
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
            for _ in range(chance.randint(4, 11))
        ]
        day.act(seconds, wanted)
        if seconds == HOURS_S[1]:
            until_midnight = a_bid(CAROL, tif=TimeInForce.DAY, price=110, quantity=10, client_order_id=10**6)
            day.run(seconds, until_midnight)
            negotiation = negotiation_of(seed)
            day.run(seconds + 1, *negotiation[: chance.randint(1, len(negotiation))])
        if seconds == SOLAR.end_s:
            day.run(seconds + 1, SubmitReading(METER, SOLAR.start_hour, Lots(100), b"signed"))
    return day


def negotiation_of(seed: int) -> tuple[Command, ...]:
    """Return the steps of a negotiation for the hour and the next; a day takes the first few."""
    instrument = replace(SOLAR, hours=2)
    salts = {ALICE: b"\x0a" * 32, BOB: b"\x0b" * 32}
    proposal = Proposal(ALICE, BOB, instrument.id, (Lots(40), Lots(60)), 60, GATE_S, seed.to_bytes(32, "big"))
    prices = {ALICE: Micros(60_000), BOB: Micros(40_000 if seed % 3 else 70_000)}
    sealed = (
        SealReservation(
            who, 1, seal_of(number=1, participant=who, price_micros=prices[who], salt=salts[who]), b"signed"
        )
        for who in salts
    )
    revealed = (RevealReservation(who, 1, prices[who], salts[who]) for who in salts)
    return (
        RequestNegotiation(ALICE, proposal, b"signed"),
        *sealed,
        *revealed,
        ConcludeNegotiation(1, Ppm(500_000), Micros(0), Micros(0)),
        *(SignAgreement(who, 1, b"signed") for who in salts),
    )


@pytest.mark.timeout(900)  # a campaign: minutes, where the machine is busy
def test_a_snapshot_is_what_a_replay_gives_and_goes_on_as_one(tally: Tally) -> None:
    campaign(SEEDS, tally)


@pytest.mark.soak
def test_many_snapshots_are_what_replays_give_and_go_on_as_one(tally: Tally) -> None:
    campaign(SOAK_SEEDS, tally)


def test_a_snapshot_that_forgets_anything_is_caught(tally: Tally) -> None:
    """Forget each thing that is kept, in turn, in each of a few days: the comparison has to notice, or nothing was in it."""
    forgotten: Counter[str] = Counter()
    for seed in range(FORGETFUL_SEEDS):
        live = Standing(GENESIS)
        for batch, decision in random_day(seed).history[: 4 + seed % 7]:
            go_on(live, batch, decision)
        kept = capture(live)
        for path, value in kept.items():
            if value:
                again = Standing(GENESIS)
                try:
                    restore(again, {name: each for name, each in kept.items() if name != path})
                except InvariantBroken:  # an order rests in a book, and there is no such order
                    caught = True
                else:
                    caught = bool(list(differences(live, again)))
                unchanged = path.endswith("notice_period_s")  # which follows from the genesis
                assert caught != unchanged, path
                forgotten[path] += 1
    never = {path for path, _ in columns(Standing)} - forgotten.keys()
    tally.line(
        f"snapshots that forget: {sum(forgotten.values()):,}, each of {len(forgotten)} things; "
        f"never there: {', '.join(sorted(never)) or 'none'}"
    )
    assert never <= {"venue.books._taken", "venue.funds._paid"}  # seldom there


def campaign(seeds: int, tally: Tally) -> None:
    """Run the seeds and tell what they went through, or fail at the first that differs."""
    counts: Counter[str] = Counter()
    for seed in tally.through(range(seeds)):
        counts += compare_day(seed)
    assert min(counts[each] for each in ("resting", "sliced", "waiting", "trades", "events after")) > 0
    tally.counts("snapshots against replays", {"seeds": seeds, **dict(sorted(counts.items()))})


def compare_day(seed: int) -> Counter[str]:
    """Take a snapshot of a random day after a random batch, and let it and a replay go on from there."""
    history = random_day(seed).history
    chance = random.Random(~seed)
    cut = chance.choice((chance.randint(1, len(history)), chance.randint(2, 5)))
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
