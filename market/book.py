"""One instrument's order book: strict price, then time."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from market import matching
from market.listing import Allocation, TradePriceRule
from market.matching import CONDITIONS, MESSAGE, OUTCOME
from market.matching.compiled import kernel
from market.matching.layout import COLLAR, HALT, NO_WEIGHT, PRO_RATA, word_of
from market.matching.output import Output
from market.matching.trading import GROW, HIGHEST
from market.orders import OrderType, SelfTrade, Side, TimeInForce
from market.placement import Placement, Run
from market.single_messages import SingleMessages, out_of_range, rested
from market.units import PPM_ONE, InvariantBroken, Lots, Malformed, Ppm, Ticks

_NO_WEIGHT = Ppm(0)
_SETTINGS, _LAST, _WEIGHT = map(word_of, ("settings", "last", "weight"))
_COLLAR_REFERENCE, _COLLAR_WIDTH = word_of("collar_reference"), word_of("collar_width")

_place: Callable[..., Any] = kernel.place
_cancel: Callable[..., Any] = kernel.cancel


class OrderBook(SingleMessages):
    """Resting orders of one instrument, and the matching of new ones against them.

    Prices are in ticks, quantities in lots, all signed 64-bit. What a participant may ask (tick, band, cap, who owns
    an order) is checked upstairs; a call that should not have come this far raises `InvariantBroken`.

    >>> book = OrderBook(rule=TradePriceRule.MIDPOINT)
    >>> book.rest(1, Side.SELL, Ticks(100), Lots(5))
    >>> book.place(2, Side.BUY, OrderType.LIMIT, TimeInForce.GTC, Ticks(103), Lots(7)).fills
    (Fill(taker_order_id=2, maker_order_id=1, price_ticks=101, maker_limit_ticks=100, quantity_lots=5),)
    >>> book.best_bid(), book.remaining(2)
    (103, 2)
    """

    def __init__(
        self,
        *,
        rule: TradePriceRule = TradePriceRule.MAKER,
        weight_ppm: Ppm = _NO_WEIGHT,
        allocation: Allocation = Allocation.TIME,
        capacity: int = 64,
    ) -> None:
        """Make an empty book with room for `capacity` orders; it grows as they come."""
        super().__init__(capacity)
        self._words[_SETTINGS] = PRO_RATA if allocation is Allocation.PRO_RATA else 0
        self.set_rule(rule, weight_ppm)

    def set_rule(self, rule: TradePriceRule, weight_ppm: Ppm) -> None:
        """Set who gets the surplus of later trades. `weight_ppm`, the supplier's share, counts under NASH alone."""
        if not 0 <= weight_ppm <= PPM_ONE:
            raise InvariantBroken(f"supplier's weight: found {weight_ppm} ppm, expected 0 to {PPM_ONE}")
        weights = {TradePriceRule.MAKER: NO_WEIGHT, TradePriceRule.MIDPOINT: PPM_ONE // 2}
        self._words[_WEIGHT] = weights.get(rule, weight_ppm)

    def set_collar(self, reference_ticks: Ticks, width_ticks: Ticks) -> None:
        """Halt before a trade further than `width_ticks` from the last price, or from the reference before the first.

        A width of 0 takes the collar off.
        """
        if width_ticks < 0:
            raise InvariantBroken(f"collar: found a width of {width_ticks} ticks, expected at least 0")
        self._words[_COLLAR_REFERENCE], self._words[_COLLAR_WIDTH] = reference_ticks, width_ticks
        self._set(COLLAR, wanted=width_ticks > 0)

    def halt(self) -> None:
        """Collect orders from here on, and match none."""
        self._set(HALT, wanted=True)

    def resume(self) -> None:
        """Match again. What collected is for an auction to match, and `activate` to wake."""
        self._set(HALT, wanted=False)

    def note_price(self, price_ticks: Ticks) -> None:
        """Take note of a trade that was made elsewhere (in an auction, in the record). It wakes nothing by itself."""
        self._words[_LAST] = price_ticks

    @property
    def nbytes(self) -> int:
        """The size of the book's memory in bytes."""
        singles = (self._message, self._outcome, self._conditions, self._output.fills, self._output.notices)
        return self._memory.nbytes + sum(each.nbytes for each in singles)

    def place(
        self,
        order_id: int,
        side: Side,
        order_type: OrderType,
        time_in_force: TimeInForce,
        price_ticks: Ticks,
        quantity_lots: Lots,
        *,
        post_only: bool = False,
        owner: int = 0,
        self_trade: SelfTrade | None = None,
        all_or_none: bool = False,
        minimum_lots: int = 0,
        display_lots: int | None = None,
        stop_ticks: int | None = None,
        budget: int | None = None,
    ) -> Placement:
        """Match an order at once; what is left of a limit order rests unless it is IOC or FOK, of any other it is dropped.

        A market order's price is its protective limit. It trades at the maker's price whatever the rule. `owner` numbers
        the participant, 0 is nobody; `self_trade` is what happens where two orders of one owner meet. What the other
        keywords ask is in `docs/reference/order-types.md`; `display_lots` None shows all, `budget` is in ticks times lots.

        Raises:
            InvariantBroken: if an order of this id rests already, or a number is out of range.
        """
        if (
            all_or_none
            or minimum_lots
            or post_only
            or owner
            or self_trade
            or display_lots is not None
            or stop_ticks is not None
            or budget is not None
        ):
            return self._placement(
                self._tell(
                    matching.NEW,
                    order_id,
                    side,
                    order_type,
                    time_in_force,
                    price_ticks,
                    quantity_lots,
                    post_only,
                    owner,
                    self_trade or 0,
                    self._ask(all_or_none, minimum_lots, display_lots, stop_ticks, budget),
                )
            )
        try:
            answer = _place(
                self._address, order_id, side, order_type, time_in_force, price_ticks, quantity_lots
            )
        except OverflowError:
            raise out_of_range(order_id, price_ticks, quantity_lots) from None
        return rested(answer) if answer >= 0 else self._placement(answer)

    def replace(
        self,
        order_id: int,
        order_type: OrderType,
        time_in_force: TimeInForce,
        price_ticks: Ticks,
        quantity_lots: Lots,
        *,
        post_only: bool = False,
        owner: int = 0,
        self_trade: SelfTrade | None = None,
        all_or_none: bool = False,
        minimum_lots: int = 0,
        display_lots: int | None = None,
        stop_ticks: int | None = None,
        budget: int | None = None,
    ) -> Placement:
        """Put a new price and remaining quantity in place of a resting order's.

        It keeps its priority if only the quantity shrinks; else it leaves and is placed anew, and if that is refused the
        old order stays.

        Raises:
            InvariantBroken: if it does not rest here, or a number is out of range.
        """
        answer = self._tell(
            matching.REPLACE,
            order_id,
            Side.BUY,  # the order keeps its own
            order_type,
            time_in_force,
            price_ticks,
            quantity_lots,
            post_only,
            owner,
            self_trade or 0,
            self._ask(all_or_none, minimum_lots, display_lots, stop_ticks, budget),
        )
        return self._placement(answer)

    def cancel(self, order_id: int) -> Lots | None:
        """Take an order off the book; return what was left of it in lots, None if it does not rest here."""
        try:
            dropped: Lots = _cancel(self._address, order_id)
        except OverflowError:
            raise out_of_range(order_id) from None
        if dropped == GROW:
            self._go_on()
            dropped = self._dropped()
        return dropped if dropped else None

    def reduce(self, order_id: int, remaining_lots: Lots) -> None:
        """Shrink a resting order to `remaining_lots`; it keeps its priority.

        Raises:
            InvariantBroken: if it does not rest here, or has less.
        """
        self._must(self._tell(matching.REDUCE, order_id, quantity=remaining_lots))

    def rest(
        self,
        order_id: int,
        side: Side,
        price_ticks: Ticks,
        quantity_lots: Lots,
        *,
        order_type: OrderType = OrderType.LIMIT,
        time_in_force: TimeInForce = TimeInForce.GTC,
        post_only: bool = False,
        owner: int = 0,
        self_trade: SelfTrade | None = None,
        all_or_none: bool = False,
        minimum_lots: int = 0,
        display_lots: int | None = None,
        stop_ticks: int | None = None,
        budget: int | None = None,
    ) -> None:
        """Put an order where it belongs without matching it: to wait if it has a stop, else at the end of its queue.

        The book may be crossed afterwards. What else the order asks matters when it wakes.

        Raises:
            InvariantBroken: if an order of this id is here already, a number is out of range, its conditions conflict, or
                the book is full.
        """
        answer = self._tell(
            matching.REST,
            order_id,
            side,
            order_type,
            time_in_force,
            price_ticks,
            quantity_lots,
            post_only,
            owner,
            self_trade or 0,
            self._ask(all_or_none, minimum_lots, display_lots, stop_ticks, budget),
        )
        self._must(answer)

    def take(self, order_id: int, quantity_lots: Lots, *, incoming: bool = False) -> None:
        """Take what traded elsewhere (in an auction, in the record) off a resting order.

        The slice of an iceberg is used up as by a fill; one that was `incoming` in that trade has it cut afresh instead,
        and keeps its place.

        Raises:
            InvariantBroken: if it does not rest here, or has less.
        """
        action = matching.TAKE_INCOMING if incoming else matching.TAKE
        self._must(self._tell(action, order_id, quantity=quantity_lots))

    def trigger(self, order_id: int) -> None:
        """Let a waiting stop rest at the back of its queue, without matching it.

        Raises:
            InvariantBroken: if no stop of this id waits.
        """
        self._must(self._tell(matching.TRIGGER, order_id))

    def activate(self) -> Placement:
        """Wake the stops that the last price has reached, and return what that caused."""
        return self._placement(self._tell(matching.ACTIVATE, 0))

    def publish(self, wanted: bool) -> None:
        """Keep changes of what is displayed from here on, or no longer."""
        self._changes.publish(wanted)

    def changes(self) -> NDArray[np.void]:
        """Return the changes of what is displayed since the last call (`CHANGE`), in the order in which they happened.

        An order that is added, or shows a new slice, is one whose `delta_lots` are all that it shows: it is at the back of
        its queue. `shown_lots` of 0 says that it is gone. Hidden orders and waiting stops never appear.
        """
        return self._changes.take()

    def run(self, messages: NDArray[np.void], conditions: NDArray[np.void] | None = None) -> Run:
        """Carry out a whole batch of `MESSAGE` records and return their fills, notices and outcomes.

        NEW matches as `place` does; CANCEL, REPLACE, REDUCE, REST and so on as the methods of their names. A message whose
        `conditions` is not 0 asks for that row of the `CONDITIONS` given; row 0 is not used. A message that cannot be
        carried out changes nothing and its outcome says why.

        Raises:
            Malformed: if the records are no `MESSAGE` and `CONDITIONS`, an enumerated field is outside its values, or there
                are no such conditions.
        """
        asked = self._conditions[:1] if conditions is None else conditions
        for what, found, expected in (("messages", messages, MESSAGE), ("conditions", asked, CONDITIONS)):
            if found.dtype != expected or found.ndim != 1:
                raise Malformed(f"{what}: found {found.dtype}, expected one row of {expected}")
        messages, asked = np.ascontiguousarray(messages), np.ascontiguousarray(asked)
        row = kernel.find_malformed(messages.ctypes.data, len(messages), max(len(asked), 1))
        if row >= 0:
            highest = ", ".join(f"{name} {value}" for name, value in HIGHEST.items())
            raise Malformed(
                f"message {row}: found {messages[row]}, expected conditions below {max(len(asked), 1)} and at most {highest}"
            )
        self._memory.reserve(len(messages))
        outcomes = np.empty(len(messages), OUTCOME)
        fills_at_most = len(self) + 2 * len(messages)  # where nothing is sliced
        output = Output(self._words, fills_at_most)
        self._take_messages(messages, asked, outcomes, output)
        self._finish(output)
        self._memory.trim()
        fills, notices = output.end()
        self._take_single_messages()
        return Run(fills=fills, outcomes=outcomes, notices=notices)

    def _set(self, setting: int, *, wanted: bool) -> None:
        self._words[_SETTINGS] = self._words[_SETTINGS] & ~setting | (setting if wanted else 0)
