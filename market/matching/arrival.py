"""What a message does that is off the beaten track: one that asks for more than price and time, or meets a book that does.

An order that arrives goes through phases, kept in the head of the book: it walks, it rests and the all-or-none orders across
look at it, stops that its trades have reached wake one after the other and do the same. Where there is no room to tell what
happens, the message stays in its phase until there is. Every check comes before the first change.
"""

# mypy: disable-error-code="no-any-return"

from typing import Any

from market.matching.ladder import ladder_is_full, rank_of
from market.matching.layout import (
    COLLAR,
    CONDITIONS_SIZE,
    HALT,
    HIDDEN,
    NO_BUDGET,
    NONE,
    PRO_RATA,
    WAITS,
    Book,
    called,
    conditions_at,
    extra_of,
    head_of,
    inlined,
    level_of,
    message_at,
    open_book,
    order_of,
    outcome_at,
    side_of,
    stay_apart,
    taker_of,
)
from market.matching.messages import (
    ACTIVATE,
    BOOK_FULL,
    CANCEL,
    CANNOT_FILL_MINIMUM,
    CANNOT_FILL_WHOLLY,
    CONDITIONS_CONFLICT,
    DONE,
    DROPPED,
    NEW,
    NO_PRICE,
    NOT_ALLOWED_IN_CALL,
    ORDER_ID_IN_USE,
    PRICE_LIMIT,
    PRICE_OUT_OF_RANGE,
    QUANTITY_OUT_OF_RANGE,
    REPLACE,
    REST,
    RESTED,
    TAKE,
    TAKE_INCOMING,
    TRIGGER,
    TRIGGERED,
    UNKNOWN_ORDER,
    WOULD_TAKE,
)
from market.matching.queues import find_order, home_of
from market.matching.resting import cut, drop, has_room, notice, put, put_to_wait, take_off, total_lots
from market.matching.walking import fillable, first_of, try_patient, walk, walk_pro_rata
from market.orders import OrderType, Side, TimeInForce
from market.units import QUANTITY_MAX

NO_ROOM = -1
"""In place of a code: the message is not done, the book has to grow first."""
IDLE, _WALKING, _MEETING, _WAKING = range(4)

_BUY = int(Side.BUY)
_MARKET = int(OrderType.MARKET)
_IOC, _FOK = int(TimeInForce.IOC), int(TimeInForce.FOK)


# --- checks -----------------------------------------------------------------------------------------------------------


@inlined
def _can_rest(book: Book) -> bool:
    taker = taker_of(book)
    return taker.order_type != _MARKET and taker.time_in_force not in (_IOC, _FOK)


@inlined
def _conflict(book: Book) -> bool:
    """Tell whether the conditions of the order in hand contradict each other, its type, or the book."""
    taker = taker_of(book)
    patient, display, budget = taker.all_or_none != 0, taker.display, taker.budget
    if taker.minimum < 0 or taker.minimum > taker.left or display < -1:
        return True
    if (patient and (display != -1 or taker.post_only != 0)) or (taker.minimum > 0 and taker.post_only != 0):
        return True
    if not _can_rest(book) and (display != -1 or taker.post_only != 0):
        return True
    if budget != NO_BUDGET:
        is_market_bid = taker.order_type == _MARKET and taker.side == _BUY
        if budget <= 0 or not is_market_bid or taker.time_in_force == _FOK or patient or taker.minimum > 0:
            return True
    return head_of(book).settings & PRO_RATA != 0 and (patient or display > 0)


@inlined
def _is_within(book: Book, side: int, reach: int) -> bool:
    best = side_of(book, side).best
    return best != NONE and level_of(book, best).rank <= reach


@inlined
def _overflows(book: Book, held: int) -> bool:
    """Tell whether the side of the order in hand would hold more lots than can be counted, once `held` have left it."""
    taker = taker_of(book)
    return side_of(book, taker.side).lots - held > QUANTITY_MAX - taker.left


@inlined
def _centre(book: Book) -> None:
    """Say where the collar lies for the order in hand."""
    head, taker = head_of(book), taker_of(book)
    taker.low, taker.high = -PRICE_LIMIT, PRICE_LIMIT
    if head.settings & COLLAR != 0:
        centre = head.collar_reference if head.last == NO_PRICE else head.last
        taker.low, taker.high = centre - head.collar_width, centre + head.collar_width


@called
def _check(address: int, held: int) -> int:
    """Return why the order in hand, which is not to wait, cannot be taken; DONE if it can."""
    stay_apart()
    book = open_book(address)
    taker = taker_of(book)
    _centre(book)
    rests = _can_rest(book)
    patient, minimum = taker.all_or_none != 0, taker.minimum
    if head_of(book).settings & HALT != 0:
        if not rests or taker.post_only != 0 or patient or minimum > 0:
            return NOT_ALLOWED_IN_CALL
    elif taker.post_only != 0:
        other = 1 - taker.side
        reach = rank_of(other, taker.limit)
        if _is_within(book, other, reach) or _is_within(book, other + HIDDEN, reach):
            return WOULD_TAKE
    elif taker.time_in_force == _FOK or patient or minimum > 0:
        filled = fillable(address)
        if filled < taker.left:
            if taker.time_in_force == _FOK or (patient and not rests):
                return CANNOT_FILL_WHOLLY
            if patient:
                filled = 0  # it would rest without any trade
        if filled < minimum:
            return CANNOT_FILL_MINIMUM
    if rests and _overflows(book, held):
        return BOOK_FULL
    return DONE


# --- an order arrives -------------------------------------------------------------------------------------------------


@inlined
def _is_reached(side: int, stop: int, low: int, high: int) -> bool:
    return stop <= high if side == _BUY else stop >= low


@called
def _read_order(address: int, message_place: int, side: int) -> int:
    """Take the order of a message in hand; return its stop price, or NO_PRICE."""
    stay_apart()
    book = open_book(address)
    head, taker, message = head_of(book), taker_of(book), message_at(message_place)
    taker.order_id = message.order_id
    taker.side = side
    taker.limit = message.price_ticks
    taker.left = message.quantity_lots
    taker.owner = message.owner if message.self_trade != 0 or message.action == REST else 0
    taker.self_trade = message.self_trade
    taker.order_type = message.order_type
    taker.time_in_force = message.time_in_force
    taker.post_only = message.post_only
    taker.woken = 0
    taker.all_or_none = 0
    taker.minimum = 0
    taker.display = -1
    taker.budget = NO_BUDGET
    if message.conditions == 0:
        return NO_PRICE
    asked = conditions_at(head.conditions + message.conditions * CONDITIONS_SIZE)
    taker.all_or_none = asked.all_or_none
    taker.minimum = asked.minimum_lots
    taker.display = asked.display_lots
    if asked.budget != 0:
        taker.budget = asked.budget if asked.budget > 0 else 0
    return asked.stop_ticks


@inlined
def _is_price(price: int) -> bool:
    return -PRICE_LIMIT < price < PRICE_LIMIT


@inlined
def _check_terms(book: Book, stop: int) -> int:
    """Return what is wrong with the order in hand whatever the book holds; DONE if nothing is."""
    taker = taker_of(book)
    if taker.left <= 0:
        return QUANTITY_OUT_OF_RANGE
    if not _is_price(taker.limit) or (stop != NO_PRICE and not _is_price(stop)):
        return PRICE_OUT_OF_RANGE
    return CONDITIONS_CONFLICT if _conflict(book) else DONE


@called
def _arrive(address: int, message_place: int, side: int, replaced: int, outcome_place: int) -> int:
    """Check an order, then let it rest, or wait for its stop price, or be the order in hand that walks."""
    stay_apart()
    book = open_book(address)
    head, taker = head_of(book), taker_of(book)
    stop = _read_order(address, message_place, side)
    code = _check_terms(book, stop)
    if code != DONE:
        return code
    held = total_lots(book, replaced) if replaced != NONE else 0
    is_told = message_at(message_place).action == REST  # it is not to match
    wakes = stop != NO_PRICE and not is_told and head.settings & HALT == 0 and head.last != NO_PRICE
    if wakes:
        wakes = _is_reached(side, stop, head.last, head.last)
    waits = stop != NO_PRICE and not wakes
    if not waits and not is_told:
        code = _check(address, held)
    elif _overflows(book, held):
        code = BOOK_FULL
    if code == DONE and not has_room(book, 1):
        code = NO_ROOM
    if code != DONE:
        return code
    if replaced != NONE:
        drop(address, replaced)
    if waits:
        put_to_wait(address, stop)
    elif is_told:
        _rest(book)
    else:
        if wakes:
            notice(address, taker.order_id, TRIGGERED, taker.left)
        head.phase = _WALKING
        return DONE
    outcome_at(outcome_place).resting_lots = taker.left
    return DONE


@inlined
def _rest(book: Book) -> None:
    taker = taker_of(book)
    put(
        book.head,
        taker.side,
        taker.limit,
        taker.left,
        taker.order_id,
        taker.owner,
        taker.display,
        taker.all_or_none,
    )


@called
def _proceed(address: int, outcome_place: int) -> int:
    """Carry out the order in hand from its phase on, then all that it wakes."""
    stay_apart()
    book = open_book(address)
    head, taker, outcome = head_of(book), taker_of(book), outcome_at(outcome_place)
    while True:
        if head.phase == _WALKING:
            halted = head.settings & HALT != 0
            # one that was found infeasible has filled nothing yet, one that walks already has, or stays feasible
            walks = not halted and (taker.all_or_none == 0 or fillable(address) == taker.left)
            if walks:
                pro_rata = head.settings & PRO_RATA != 0
                done = walk_pro_rata(address) if pro_rata else walk(address)
                if not done:
                    return NO_ROOM
            head.phase = _MEETING
            head.cursor = NONE
            if taker.left > 0 and _can_rest(book):
                _rest(book)
                if head.patient > 0 and head.settings & HALT == 0:
                    head.cursor = first_of(book, 1 - taker.side)
        if head.phase == _MEETING:
            if head.cursor != NONE and not try_patient(address):
                return NO_ROOM
            if not has_room(book, 1):
                return NO_ROOM
            _conclude(book, outcome)
            head.phase = _WAKING
        if not _wake(address):
            if head.phase == _WAKING:
                return NO_ROOM
            return DONE


@inlined
def _conclude(book: Book, outcome: Any) -> None:
    """Tell what became of the order in hand: in the outcome of its message, or in a notice if it was woken."""
    taker = taker_of(book)
    resting = dropped = 0
    if taker.left > 0:
        if _can_rest(book):
            number = find_order(book, home_of(book, taker.order_id), taker.order_id)
            resting = 0 if number == NONE else total_lots(book, number)
        else:
            dropped = taker.left
    if taker.woken == 0:
        outcome.resting_lots = resting
        outcome.dropped_lots = dropped
        return
    if resting > 0:
        notice(book.head, taker.order_id, RESTED, resting)
    if dropped > 0:
        notice(book.head, taker.order_id, DROPPED, dropped)


# --- stops wake -------------------------------------------------------------------------------------------------------


@inlined
def _due(book: Book) -> int:
    """Return the stop that wakes next, or NONE: bids from the lowest, then offers from the highest."""
    head = head_of(book)
    for side in range(2):
        number = first_of(book, WAITS + side)
        if number != NONE:
            stop = rank_of(WAITS + side, level_of(book, order_of(book, number).level).rank)
            if _is_reached(side, stop, head.low, head.high):
                return number
    return NONE


@called
def _wake(address: int) -> bool:
    """Take the next stop that is due in hand; False if there is none (the book is idle then) or no room."""
    stay_apart()
    book = open_book(address)
    head, taker = head_of(book), taker_of(book)
    while True:
        number = NONE if head.settings & HALT != 0 else _due(book)
        if number == NONE:
            head.phase = IDLE
            return False
        if not has_room(book, 1) or head.nodes_vacant < 2 or ladder_is_full(book):
            return False
        _take_in_hand(book, number)
        drop(address, number)
        notice(address, taker.order_id, TRIGGERED, taker.left)
        if _check(address, 0) == DONE:
            head.phase = _WALKING
            return True
        notice(address, taker.order_id, DROPPED, taker.left)


@inlined
def _take_in_hand(book: Book, number: int) -> None:
    """Take a waiting stop in hand, as it was when it arrived."""
    taker = taker_of(book)
    order = order_of(book, number)
    extra = extra_of(book, order.extra)
    taker.order_id = order.id
    taker.side = level_of(book, order.level).side - WAITS
    taker.limit = extra.limit
    taker.left = order.remaining
    taker.budget = extra.budget
    taker.owner = order.owner
    taker.self_trade = extra.self_trade
    taker.order_type = extra.order_type
    taker.time_in_force = extra.time_in_force
    taker.post_only = extra.post_only
    taker.all_or_none = extra.all_or_none
    taker.minimum = extra.minimum
    taker.display = extra.display
    taker.woken = 1


# --- messages ---------------------------------------------------------------------------------------------------------


@called
def carry_out(address: int, message_place: int, number: int, outcome_place: int) -> int:
    """Carry out a message, or go on with it; return how it ended, or NO_ROOM."""
    stay_apart()
    book = open_book(address)
    head = head_of(book)
    code = DONE
    if head.phase == IDLE:
        code = _begin(book, message_place, number, outcome_place)
    if head.phase != IDLE:
        code = _proceed(address, outcome_place)
    return code


@inlined
def _begin(book: Book, message_place: int, number: int, outcome_place: int) -> int:
    """Do what a message asks; where an order is to walk or stops may wake, that is left to the phase it begins."""
    head = head_of(book)
    if not has_room(book, 1) or (head.extras_free == NONE and head.extras_used >= head.extras_room):
        return NO_ROOM
    message = message_at(message_place)
    action = message.action
    head.low, head.high = PRICE_LIMIT, -PRICE_LIMIT
    if action == ACTIVATE:
        if head.last != NO_PRICE:
            head.low, head.high = head.last, head.last
            head.phase = _WAKING
        return DONE
    arrives = action in (NEW, REST)
    if arrives != (number == NONE):
        return ORDER_ID_IN_USE if arrives else UNKNOWN_ORDER
    side = message.side
    if number != NONE:
        level = level_of(book, order_of(book, number).level)
        side = level.side & 1
        moves = level.side >= WAITS or level.rank != rank_of(side, message.price_ticks)
        arrives = action == REPLACE and (moves or message.quantity_lots > total_lots(book, number))
    if arrives:
        return _arrive(book.head, message_place, side, number, outcome_place)
    return _change(book.head, message_place, number, outcome_place)


@called
def _change(address: int, message_place: int, number: int, outcome_place: int) -> int:
    """Change an order that is here where it stands, or take it off, or let it rest; return how that ended."""
    stay_apart()
    book = open_book(address)
    message, outcome = message_at(message_place), outcome_at(outcome_place)
    action, quantity = message.action, message.quantity_lots
    total = total_lots(book, number)
    waits = level_of(book, order_of(book, number).level).side >= WAITS
    if action == CANCEL:
        outcome.dropped_lots = total
        drop(address, number)
        return DONE
    if action == TRIGGER:
        if not waits:
            return UNKNOWN_ORDER
        _take_in_hand(book, number)
        drop(address, number)
        outcome.resting_lots = total
        _rest(book)
        return DONE
    if quantity <= 0 or quantity > total:
        return QUANTITY_OUT_OF_RANGE
    if action in (TAKE, TAKE_INCOMING):
        if waits:
            return UNKNOWN_ORDER
        outcome.resting_lots = total - quantity
        take_off(address, number, quantity, 1 if action == TAKE_INCOMING else 0)
    else:
        outcome.resting_lots = quantity
        if quantity < total:
            cut(address, number, total - quantity)
    return DONE


@called
def go_on_later(address: int, message_place: int, left: int) -> None:
    """Take a plain order in hand that has found no room for more fills."""
    stay_apart()
    book = open_book(address)
    head, taker = head_of(book), taker_of(book)
    _read_order(address, message_place, message_at(message_place).side)
    _centre(book)
    taker.left = left
    head.wanted = 1
    head.phase = _WALKING
