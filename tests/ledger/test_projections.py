from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, select

from ledger.accounts import CUSTODY
from ledger.database import open_database
from ledger.projections import BALANCES, TABLES, Lag, Projector, read_postings
from ledger.projections.journal import ACCOUNTS
from ledger.rebuild import rebuild
from ledger.record import Record
from market.listing import Allocation, TradingRules
from market.transfers import CreditDeposit
from market.units import MONEY_MAX, InvariantBroken, Micros, Ticks
from tests.ledger.builders import ALICE, BOB, CAROL, CONTINUOUS_S, SOLAR, a_bid, a_listing, an_offer
from tests.ledger.days import GENESIS, TX, Action, SmallDay, a_whole_day


@pytest.fixture(scope="module")
def day() -> SmallDay:
    return a_whole_day()


def projected(day: SmallDay, engine: Engine | None = None) -> Engine:
    engine = engine or open_database("sqlite://")
    project(Projector(engine), day)
    return engine


def project(projector: Projector, day: SmallDay) -> None:
    for batch, decision in day.history:
        if batch.number > projector.position:
            projector.apply(batch, decision.events, decision.postings)


def recorded(day: SmallDay) -> Record:
    record = Record(open_database("sqlite://"), GENESIS)
    for batch, decision in day.history:
        record.append(batch, decision.events)
    return record


def contents(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    with engine.connect() as connection:
        return {
            each.name: [tuple(row) for row in connection.execute(select(each).order_by(*each.primary_key))]
            for each in TABLES
        }


def rows(engine: Engine, name: str) -> list[dict[str, Any]]:
    of = next(each for each in TABLES if each.name == name)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(of).order_by(*of.primary_key)).mappings()]


def balances(engine: Engine) -> dict[tuple[str, str, str], int]:
    """What stands on each account: its kind, participant and asset."""
    same = ACCOUNTS.c.account_number == BALANCES.c.account_number
    statement = select(ACCOUNTS.c.kind, ACCOUNTS.c.participant, ACCOUNTS.c.asset, BALANCES.c.amount)
    with engine.connect() as connection:
        return {tuple(name): amount for *name, amount in connection.execute(statement.where(same))}


def pick(found: Iterable[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in found]


def test_the_tables_hold_as_much_money_as_the_books_may(url: str) -> None:
    day = SmallDay()
    held = -day.venue.books.balances.on(CUSTODY)
    more = CreditDeposit(ALICE, Micros(MONEY_MAX - held), TX, 7)
    day.run(CONTINUOUS_S, more, replace(more, amount_micros=Micros(1), log_index=8))
    found = balances(projected(day, open_database(url)))
    assert [amount for (kind, *_), amount in found.items() if kind == "custody"] == [-MONEY_MAX]
    assert sum(found.values()) == 0


def test_trades_tell_their_whole_life(day: SmallDay) -> None:
    trades = rows(projected(day), "trades")
    assert pick(trades, "trade_number", "taker", "quantity_lots", "state", "settlement_batch") == [
        (1, "auction", 3_000, "void", 0),
        (2, "sell", 1_000, "paid_out", 1),
        (3, "buy", 700, "delivered", 1),
    ]
    assert trades[0]["void_reason"] == "skipped by the contract: 4"
    assert pick(trades, "price_micros", "bid_micros", "ask_micros")[1] == (52_000, 52_000, 50_000)
    assert (trades[1]["buyer"], trades[1]["seller"]) == (f"0x{ALICE.hex()}", f"0x{BOB.hex()}")


def test_orders_tell_how_they_ended(day: SmallDay) -> None:
    orders = rows(projected(day), "orders")
    assert pick(orders, "order_id", "side", "status", "reason", "remaining_lots", "hold_micros") == [
        (1, "buy", "filled", "", 0, 0),
        (2, "sell", "filled", "", 0, 0),
        (3, "buy", "cancelled", "remainder_not_resting", 500, 0),
        (4, "sell", "cancelled", "gate_closed", 300, 0),
        (5, "sell", "cancelled", "gate_closed", 1_500, 0),
        (6, "buy", "filled", "", 0, 0),
        (7, "buy", "cancelled", "gate_closed", 200, 0),
    ]
    assert {row["symbol"] for row in orders} == {SOLAR.symbol}
    assert pick(orders, "price_micros", "quantity_lots")[6] == (45_500, 200)


def test_instruments_and_clearings_are_readable(day: SmallDay) -> None:
    engine = projected(day)
    (instrument,) = rows(engine, "instruments")
    assert (instrument["symbol"], instrument["session"]) == (SOLAR.symbol, "settled")
    assert instrument["instrument_id"] == f"0x{SOLAR.id:064x}"
    assert (instrument["band_low_micros"], instrument["band_high_micros"]) == (10_000, 100_000)
    (clearing,) = rows(engine, "clearings")
    assert (clearing["low_micros"], clearing["high_micros"], clearing["volume_lots"]) == (
        clearing["price_micros"],
        clearing["price_micros"],
        3_000,
    )


def test_guarantees_and_settlement_batches_are_readable(day: SmallDay) -> None:
    engine = projected(day)
    (guarantee,) = rows(engine, "guarantees")
    assert pick([guarantee], "trade_number", "delivered_lots", "compensation_micros") == [(2, 100, 20)]
    assert guarantee["paid_to_seller_micros"] == 5_200
    assert guarantee["paid_transaction"] == f"0x{TX.hex()}"
    (settled,) = rows(engine, "settlement_batches")
    assert pick([settled], "batch_number", "locked_trades", "delivered_trades", "opened_trades") == [
        (1, 2, 1, 1)
    ]


def test_conditions_and_the_life_of_a_stop_are_readable() -> None:
    day = SmallDay()
    wanted = (
        ("offer", 1, 500, 1_000),
        ("stop", 2, 490, 2_000),
        ("slices", 0, 400, 3_000),
        ("any", 0, 450, 100),
    )
    day.act(CONTINUOUS_S, [Action(*each) for each in wanted])
    before = rows(projected(day), "orders")
    columns = "order_id", "status", "stop_micros", "display_lots", "triggered_us", "self_trade"
    assert pick(before, *columns) == [
        (1, "open", None, None, 0, "cancel_newest"),
        (2, "waiting", 49_000, None, 0, "cancel_both"),
        (3, "open", None, 1_001, 0, "cancel_newest"),
        (4, "cancelled", None, None, 0, "cancel_newest"),
    ]
    assert before[3]["symbol"].startswith("0xff")
    day.act(CONTINUOUS_S + 1, [Action("bid", 0, 500, 400)])
    after = rows(projected(day), "orders")
    assert pick(after, "order_id", "status", "triggered_us")[1] == (2, "open", (CONTINUOUS_S + 1) * 1_000_000)


def test_a_projector_that_goes_on_knows_the_orders_that_wait() -> None:
    day, engine = SmallDay(), open_database("sqlite://")
    day.act(CONTINUOUS_S, [Action("offer", 1, 500, 1_000), Action("stop", 2, 490, 2_000)])
    project(Projector(engine), day)
    day.act(CONTINUOUS_S + 1, [Action("bid", 0, 500, 400), Action("cancel", 2, 0, 0)])
    project(Projector(engine), day)
    assert pick(rows(engine, "orders"), "order_id", "status")[1] == (2, "cancelled")


def test_a_halt_and_the_rules_of_an_instrument_are_readable() -> None:
    rules = TradingRules(Allocation.TIME, Ticks(5), 60, hidden_orders=True)
    other = replace(SOLAR, tier=2)
    day = SmallDay()
    day.run(CONTINUOUS_S, a_listing(other, rules=rules))
    day.run(CONTINUOUS_S + 1, an_offer(price=510, instrument=other), a_bid(price=510, instrument=other))
    instrument = rows(projected(day), "instruments")[1]
    assert (instrument["allocation"], instrument["collar_micros"], instrument["halt_s"]) == ("time", 500, 60)
    assert (instrument["session"], instrument["hidden_orders"]) == ("halted", True)
    assert instrument["halted_until_us"] == (CONTINUOUS_S + 61) * 1_000_000


def test_balances_are_those_of_the_books(day: SmallDay) -> None:
    found = {account: amount for account, amount in balances(projected(day)).items() if amount}
    assert found == {
        (account.kind.name.lower(), f"0x{account.participant.hex()}", "token"): amount
        for account, amount in day.venue.books.balances.items()
    }
    assert found["free", f"0x{CAROL.hex()}", "token"] == 3_000_000 - 370_000
    assert sum(found.values()) == 0


def test_the_journal_reads_back_as_the_postings(day: SmallDay) -> None:
    written = [posting for _, decision in day.history for posting in decision.postings]
    assert list(read_postings(projected(day))) == written


def test_a_journal_that_does_not_balance_is_not_read_back(day: SmallDay) -> None:
    engine = projected(day)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE entries SET amount = 5 WHERE batch_number = 1 AND line = 0")
    with pytest.raises(InvariantBroken, match="posting of batch 1"):
        list(read_postings(engine))


def test_tables_made_again_from_the_record_are_equal(day: SmallDay) -> None:
    engine = projected(day)
    before = contents(engine)
    projector = Projector(engine)
    projector.reset()
    assert all(found == [] for found in contents(engine).values())
    venue = rebuild(recorded(day), projector=projector)
    assert contents(engine) == before
    assert venue.state_hash() == day.venue.state_hash()


@pytest.mark.parametrize("stop", range(1, 11))
def test_a_projector_that_stopped_anywhere_goes_on_from_there(day: SmallDay, stop: int) -> None:
    engine = open_database("sqlite://")
    first = Projector(engine)
    for batch, decision in day.history[:stop]:
        first.apply(batch, decision.events, decision.postings)
    rebuild(recorded(day), projector=Projector(engine))
    assert contents(engine) == contents(projected(day))


def test_batches_are_applied_once_and_in_order(day: SmallDay) -> None:
    projector = Projector(projected(day))
    batch, decision = day.history[-1]
    with pytest.raises(InvariantBroken, match=f"found batch {batch.number}, expected {batch.number + 1}"):
        projector.apply(batch, decision.events, decision.postings)


def test_tables_are_the_same_in_either_database_and_made_again(day: SmallDay, url: str) -> None:
    engine = projected(day, open_database(url))
    assert contents(engine) == contents(projected(day))
    engine.dispose()
    again = open_database(url)
    Projector(again).reset()
    assert all(found == [] for found in contents(again).values())
    rebuild(recorded(day), projector=Projector(again))
    assert contents(again) == contents(projected(day))
    assert list(read_postings(again)) == list(read_postings(projected(day)))
    again.dispose()


def test_what_is_noted_is_written_in_one_commit_later(day: SmallDay) -> None:
    engine = open_database("sqlite://")
    projector = Projector(engine)
    for batch, decision in day.history:
        projector.note(batch, decision.events, decision.postings)
    first, last = day.history[0][0], day.history[-1][0]
    assert projector.lag == Lag(len(day.history), last.time_us - first.time_us)
    assert all(found == [] for found in contents(engine).values())
    projector.flush()
    assert projector.lag == Lag(0, 0)
    assert projector.position == projector.noted == len(day.history)
    assert contents(engine) == contents(projected(day))


def test_what_was_noted_when_the_process_died_comes_back_from_the_record(day: SmallDay, url: str) -> None:
    engine = open_database(url)
    dies = Projector(engine)
    for batch, decision in day.history[:7]:
        dies.note(batch, decision.events, decision.postings)
        if batch.number == 4:
            dies.flush()
    rebuild(recorded(day), projector=Projector(engine))
    assert contents(engine) == contents(projected(day))
    engine.dispose()
