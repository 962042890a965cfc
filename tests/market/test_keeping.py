"""What a part keeps is copied at once, and an order book is again what it was, whatever has happened in it."""

import random
from collections.abc import Callable

import pytest

from market.agenda import Agenda
from market.book import OrderBook
from market.book_content import load_book
from market.keeping import Column, Kept, capture, columns, restore
from market.orders import OrderType, SelfTrade, Side, TimeInForce
from market.units import InvariantBroken, Lots, Ticks


class Shelf(Kept):
    __slots__ = ("_by_length", "agenda", "names")
    agenda: Agenda[bytes]
    names: dict[int, list[str]]

    def __init__(self) -> None:
        self.agenda = Agenda()
        self.names = {}
        self._by_length: dict[int, int] = {}

    def reindex(self) -> None:
        self._by_length = {len(names): key for key, names in self.names.items()}


def test_what_a_part_keeps_is_what_its_class_annotates() -> None:
    assert columns(Shelf) == (
        Column("agenda._due", list[tuple[int, bytes]]),
        Column("names", dict[int, list[str]]),
    )


def test_a_copy_stays_as_it_was_and_is_put_back_with_what_follows_from_it() -> None:
    shelf = Shelf()
    shelf.names[1] = ["a", "b"]
    shelf.agenda.note(5, b"x")
    copy = capture(shelf)
    shelf.names[1].append("c")
    shelf.agenda.take(5)
    again = Shelf()
    names = again.names
    restore(again, copy)
    assert again.names is names  # others may look into it
    assert (again.names, again._by_length, again.agenda.next_us()) == ({1: ["a", "b"]}, {2: 1}, 5)


def a_busy_book(seed: int) -> tuple[OrderBook, dict[int, int]]:
    """Return a book after random orders of every kind, and who owns which."""
    chance = random.Random(seed)
    book, owners = OrderBook(), {}
    for order_id in range(1, 80):
        side = chance.choice(tuple(Side))
        owners[order_id] = chance.randint(1, 4)
        quantity = chance.randint(1, 50)
        special = chance.choice(("", "", "", "slices", "hidden", "wholly", "stop"))
        display = {"slices": max(quantity // 5, 1), "hidden": 0}.get(special)
        stop = chance.randint(95, 105) if special == "stop" else None
        book.place(
            order_id,
            side,
            OrderType.LIMIT,
            TimeInForce.GTC,
            Ticks(chance.randint(95, 105)),
            Lots(quantity),
            owner=owners[order_id],
            self_trade=SelfTrade(chance.randint(1, 4)),
            all_or_none=special == "wholly",
            display_lots=display,
            stop_ticks=stop,
        )
        if chance.random() < 0.1:
            book.cancel(chance.randint(1, order_id))
    if chance.random() < 0.3:
        book.halt()
    return book, owners


@pytest.mark.parametrize("seed", range(40))
def test_a_book_that_is_loaded_goes_on_as_the_book_that_it_was(seed: int) -> None:
    book, owners = a_busy_book(seed)
    again = OrderBook()
    load_book(again, book.state_bytes(), owner_of=owners.__getitem__)
    assert again.state_bytes() == book.state_bytes()
    chance = random.Random(~seed)
    for order_id in range(100, 130):
        side, price = chance.choice(tuple(Side)), Ticks(chance.randint(93, 107))
        wanted = (order_id, side, OrderType.LIMIT, TimeInForce.GTC, price, Lots(chance.randint(1, 120)))
        who, policy = chance.randint(1, 4), SelfTrade(chance.randint(1, 4))
        told = again.place(*wanted, owner=who, self_trade=policy)
        assert told == book.place(*wanted, owner=who, self_trade=policy)
        assert again.state_bytes() == book.state_bytes()


@pytest.mark.parametrize("change", [lambda found: found[:-1], lambda found: found + b"\0", lambda _: b""])
def test_what_is_no_book_is_not_loaded(change: Callable[[bytes], bytes]) -> None:
    book, owners = a_busy_book(1)
    with pytest.raises(InvariantBroken, match="order book: found no content of one"):
        load_book(OrderBook(), change(book.state_bytes()), owner_of=owners.__getitem__)
    with pytest.raises(InvariantBroken, match="expected an empty book to load"):
        load_book(book, book.state_bytes(), owner_of=owners.__getitem__)
