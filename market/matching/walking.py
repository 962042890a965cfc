"""The walk of an order that is more than plain, or that meets more than plain orders: maker by maker, in priority order.

A walk may stop wherever it is when there is no room to tell what it does: it changes the order in hand and the book as it
goes, so that starting again finds what is left of both. An all-or-none maker that was passed over is passed over again.
"""

# mypy: disable-error-code="no-any-return"

from market.matching.ladder import next_level, rank_of
from market.matching.layout import (
    FILL_SIZE,
    HALT,
    HIDDEN,
    NO_BUDGET,
    NO_WEIGHT,
    NONE,
    PRO_RATA,
    Book,
    called,
    fill_at,
    head_of,
    inlined,
    level_of,
    open_book,
    order_of,
    side_of,
    stay_apart,
    taker_of,
)
from market.matching.messages import HALTED, SELF_TRADE_CANCELLED, SELF_TRADE_REDUCED
from market.matching.resting import (
    cut,
    drop,
    has_room,
    is_all_or_none,
    notice,
    take_off,
    tell_refreshed,
    total_lots,
    trade_away,
)
from market.matching.sharing import trade_price
from market.orders import OrderType, SelfTrade, Side

_BUY = int(Side.BUY)
_MARKET = int(OrderType.MARKET)
_NEWEST, _OLDEST, _DECREMENT = (
    int(SelfTrade.CANCEL_NEWEST),
    int(SelfTrade.CANCEL_OLDEST),
    int(SelfTrade.DECREMENT),
)


@inlined
def first_of(book: Book, side: int) -> int:
    """Return the first order of a side, or NONE."""
    best = side_of(book, side).best
    return NONE if best == NONE else level_of(book, best).next


@inlined
def after(book: Book, number: int) -> int:
    """Return the order that follows on the same side, at its price or the next, or NONE."""
    order = order_of(book, number)
    if order.next != order.level:
        return order.next
    level = next_level(book, order.level)
    return NONE if level == NONE else level_of(book, level).next


@inlined
def _rank(book: Book, number: int) -> int:
    return level_of(book, order_of(book, number).level).rank


@inlined
def is_displayed_next(book: Book, displayed: int, hidden: int) -> bool:
    """Tell which of the two comes first: at one price the displayed order. One of them must be there."""
    return hidden == NONE or (displayed != NONE and _rank(book, displayed) <= _rank(book, hidden))


@inlined
def _affordable(book: Book, price: int) -> int:
    """Return how much of what is left the budget buys at a price; a price of 0 or less costs nothing."""
    taker = taker_of(book)
    if taker.budget == NO_BUDGET or price <= 0:
        return taker.left
    return min(taker.left, taker.budget // price)


@inlined
def is_own(book: Book, number: int) -> bool:
    """Tell whether the order in hand must not trade with a maker, being of the same participant."""
    taker = taker_of(book)
    return taker.self_trade != 0 and taker.owner != 0 and order_of(book, number).owner == taker.owner


@inlined
def is_outside_collar(book: Book, price: int) -> bool:
    """Tell whether the order in hand must not trade at a price."""
    taker = taker_of(book)
    return price < taker.low or price > taker.high


@inlined
def tell_fill(book: Book, taker_id: int, maker_id: int, price: int, maker_limit: int, lots: int) -> None:
    """Tell a trade, and keep its price as the last one."""
    head = head_of(book)
    fill = fill_at(head.fills + head.filled * FILL_SIZE)
    fill.taker_order_id = taker_id
    fill.maker_order_id = maker_id
    fill.price_ticks = price
    fill.maker_limit_ticks = maker_limit
    fill.quantity_lots = lots
    head.filled += 1
    head.last = price
    head.low = min(head.low, price)
    head.high = max(head.high, price)


@called
def _trade(address: int, maker: int, maker_limit: int, lots: int) -> int:
    """Trade with a maker; return whether it is displayed afresh, at the back of its queue."""
    stay_apart()
    book = open_book(address)
    taker = taker_of(book)
    weight = NO_WEIGHT if taker.order_type == _MARKET else head_of(book).weight
    limit = min(max(taker.limit, taker.low), taker.high)
    price = trade_price(weight, taker.side, limit, maker_limit)
    tell_fill(book, taker.order_id, order_of(book, maker).id, price, maker_limit, lots)
    taker.left -= lots
    if taker.budget != NO_BUDGET:
        taker.budget -= max(price, 0) * lots
    refreshed = trade_away(book, maker, lots)
    if refreshed != 0:
        tell_refreshed(book, maker)
    return refreshed


@called
def _prevent_self_trade(address: int, maker: int) -> None:
    """Let the taker's policy say who of two orders of one participant gives way; the maker is told first."""
    stay_apart()
    book = open_book(address)
    taker = taker_of(book)
    maker_id, of_maker = order_of(book, maker).id, total_lots(book, maker)
    from_maker = 0 if taker.self_trade == _NEWEST else of_maker
    from_taker = 0 if taker.self_trade == _OLDEST else taker.left
    if taker.self_trade == _DECREMENT:
        from_maker = min(from_maker, from_taker)
        from_taker = from_maker
    if from_maker == of_maker:
        drop(address, maker)
        notice(address, maker_id, SELF_TRADE_CANCELLED, from_maker)
    elif from_maker > 0:
        cut(address, maker, from_maker)
        notice(address, maker_id, SELF_TRADE_REDUCED, from_maker)
    if from_taker > 0:
        taker.left -= from_taker
        kind = SELF_TRADE_CANCELLED if taker.left == 0 else SELF_TRADE_REDUCED
        notice(address, taker.order_id, kind, from_taker)


@inlined
def _halt(book: Book) -> None:
    head, taker = head_of(book), taker_of(book)
    head.settings |= HALT
    notice(book.head, taker.order_id, HALTED, taker.left)


@called
def walk(address: int) -> bool:
    """Match the order in hand; return False if it has to stop for want of room."""
    stay_apart()
    book = open_book(address)
    taker = taker_of(book)
    other = 1 - taker.side
    reach = rank_of(other, taker.limit)
    displayed, hidden = first_of(book, other), first_of(book, other + HIDDEN)
    while taker.left > 0 and (displayed != NONE or hidden != NONE):
        is_displayed = is_displayed_next(book, displayed, hidden)
        maker = displayed if is_displayed else hidden
        rank = _rank(book, maker)
        if rank > reach:
            return True
        maker_limit = rank_of(other, rank)
        available = _affordable(book, maker_limit)
        if available == 0:
            return True
        if not has_room(book, 1):
            return False
        following = after(book, maker)
        if is_all_or_none(book, maker) and order_of(book, maker).remaining > available:
            pass
        elif is_own(book, maker):
            _prevent_self_trade(address, maker)
        elif is_outside_collar(book, maker_limit):
            _halt(book)
            return True
        else:
            at_the_end = order_of(book, maker).next == order_of(book, maker).level
            lots = min(available, order_of(book, maker).remaining)
            if _trade(address, maker, maker_limit, lots) != 0 and at_the_end:
                following = maker
        if is_displayed:
            displayed = following
        else:
            hidden = following
    return True


# --- pro rata ----------------------------------------------------------------------------------------------------------


@inlined
def _share(lots: int, quantity: int, total: int) -> int:
    """Return lots x quantity / total, rounded down, exactly; quantity is at most the total."""
    if lots < 1 << 31 and quantity < 1 << 31:
        return lots * quantity // total
    quotient, rest = 0, 0  # of the bits of `lots` so far, times quantity; the rest stays below the total
    for bit in range(62, -1, -1):
        quotient += quotient
        if rest >= total - rest:
            rest -= total - rest
            quotient += 1
        else:
            rest += rest
        if lots >> bit & 1:
            if rest >= total - quantity:
                rest -= total - quantity
                quotient += 1
            else:
                rest += quantity
    return quotient


@inlined
def _deal_with_own(book: Book, level_number: int) -> int:
    """Let the taker's policy deal with its own orders of a level; return how many others there are."""
    others = 0
    maker = level_of(book, level_number).next
    for _ in range(level_of(book, level_number).count):
        following = order_of(book, maker).next
        if not is_own(book, maker):
            others += 1
        elif taker_of(book).left > 0:
            _prevent_self_trade(book.head, maker)
        maker = following
    return others


@inlined
def _share_out(book: Book, level_number: int, others: int, lots: int, maker_limit: int) -> None:
    """Trade lots with the first orders of a level, so many, each by its share; the earliest get what is left over."""
    level = level_of(book, level_number)
    total = level.quantity
    rest = lots
    maker = level.next
    for _ in range(others):
        rest -= _share(lots, order_of(book, maker).remaining, total)
        maker = order_of(book, maker).next
    maker = level.next
    for _ in range(others):
        order = order_of(book, maker)
        following = order.next
        share = _share(lots, order.remaining, total)
        more = min(rest, order.remaining - share)
        rest -= more
        if share + more > 0:
            _trade(book.head, maker, maker_limit, share + more)
        maker = following


@called
def walk_pro_rata(address: int) -> bool:
    """Match the order in hand with whole levels, each of which it shares out; False if it has to stop for want of room."""
    stay_apart()
    book = open_book(address)
    taker = taker_of(book)
    other = 1 - taker.side
    reach = rank_of(other, taker.limit)
    while taker.left > 0:
        displayed, hidden = first_of(book, other), first_of(book, other + HIDDEN)
        if displayed == NONE and hidden == NONE:
            return True
        first = displayed if is_displayed_next(book, displayed, hidden) else hidden
        level_number = order_of(book, first).level
        level = level_of(book, level_number)
        if level.rank > reach:
            return True
        maker_limit = rank_of(other, level.rank)
        if _affordable(book, maker_limit) == 0:
            return True
        if not has_room(book, level.count):
            return False
        others = _deal_with_own(book, level_number)
        if others == 0 or taker.left == 0:
            continue
        if is_outside_collar(book, maker_limit):
            _halt(book)
            return True
        lots = min(_affordable(book, maker_limit), level.quantity)
        _share_out(book, level_number, others, lots, maker_limit)
    return True


# --- what a walk would fill ----------------------------------------------------------------------------------------------


@inlined
def _lost_to(book: Book, maker: int, left: int) -> int:
    """Return how much of what is left self-trade prevention would take off the order in hand at an own maker."""
    policy = taker_of(book).self_trade
    if policy == _DECREMENT:
        return min(left, total_lots(book, maker))
    return 0 if policy == _OLDEST else left


@called
def fillable(address: int) -> int:
    """Return how much of the order in hand, which has no budget, its walk would fill. Changes nothing."""
    stay_apart()
    book = open_book(address)
    taker = taker_of(book)
    other = 1 - taker.side
    reach = rank_of(other, taker.limit)
    pro_rata = head_of(book).settings & PRO_RATA != 0
    left = taker.left
    filled = 0
    displayed, hidden = side_of(book, other).best, side_of(book, other + HIDDEN).best
    while left > 0 and (displayed != NONE or hidden != NONE):
        is_displayed = hidden == NONE or (
            displayed != NONE and level_of(book, displayed).rank <= level_of(book, hidden).rank
        )
        number = displayed if is_displayed else hidden
        level = level_of(book, number)
        if level.rank > reach:
            break
        outside = is_outside_collar(book, rank_of(other, level.rank))
        reserves = 0
        owns = taker.self_trade != 0 and taker.owner != 0
        for own_turn in range(2 if pro_rata and owns else 1):
            maker = level.next
            while maker != number and left > 0:
                order = order_of(book, maker)
                own = is_own(book, maker)
                if pro_rata and owns and own != (own_turn == 0):
                    pass  # there own orders of a price come first
                elif is_all_or_none(book, maker) and order.remaining > left:
                    pass
                elif own:
                    left -= _lost_to(book, maker, left)
                elif outside:
                    return filled
                else:
                    lots = min(left, order.remaining)
                    filled += lots
                    left -= lots
                    reserves += total_lots(book, maker) - order.remaining
                maker = order.next
        lots = min(left, reserves)
        filled += lots
        left -= lots
        if is_displayed:
            displayed = next_level(book, number)
        else:
            hidden = next_level(book, number)
    return filled


# --- all-or-none orders at rest --------------------------------------------------------------------------------------------


@inlined
def _meet(book: Book, patient: int, carry_out: bool) -> int:
    """Walk an all-or-none order across, as if it arrived; the others are the takers, each with all that it has.

    Returns how many it meets if they fill it wholly, else 0. Carries that out if asked to.
    """
    head, taker = head_of(book), taker_of(book)
    order = order_of(book, patient)
    level = level_of(book, order.level)
    side, patient_id, owner, left = level.side, order.id, order.owner, order.remaining
    limit = rank_of(side, level.rank)
    other = 1 - side
    reach = rank_of(other, limit)
    met = 0
    displayed, hidden = first_of(book, other), first_of(book, other + HIDDEN)
    while left > 0 and (displayed != NONE or hidden != NONE):
        is_displayed = is_displayed_next(book, displayed, hidden)
        number = displayed if is_displayed else hidden
        rank = _rank(book, number)
        price = rank_of(other, rank)
        if rank > reach or is_outside_collar(book, price):
            break
        following = after(book, number)
        each = order_of(book, number)
        total = total_lots(book, number)
        passed = (owner != 0 and each.owner == owner) or (is_all_or_none(book, number) and total > left)
        if not passed:
            lots = min(left, total)
            left -= lots
            met += 1
            if carry_out:
                clipped = min(max(price, taker.low), taker.high)
                traded_at = trade_price(head.weight, other, clipped, limit)
                tell_fill(book, each.id, patient_id, traded_at, limit, lots)
                take_off(book.head, patient, lots, 0)
                take_off(book.head, number, lots, 1)
        if is_displayed:
            displayed = following
        else:
            hidden = following
    return met if left == 0 else 0


@called
def try_patient(address: int) -> bool:
    """Try each all-or-none order across that reaches the newcomer, from the cursor on; False for want of room."""
    stay_apart()
    book = open_book(address)
    head, taker = head_of(book), taker_of(book)
    other = 1 - taker.side
    reach = rank_of(other, taker.limit)
    while head.cursor != NONE and _rank(book, head.cursor) <= reach:
        patient = head.cursor
        following = after(book, patient)
        if is_all_or_none(book, patient) and not is_outside_collar(
            book, rank_of(other, _rank(book, patient))
        ):
            met = _meet(book, patient, False)
            if met > 0:
                if not has_room(book, met):
                    return False
                _meet(book, patient, True)
        head.cursor = following
    return True
