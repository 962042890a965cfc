"""The register of trades: each by its number, how far it has come, and what its parties signed until it is locked."""

from collections.abc import Iterable, Iterator

from market.events import TradeAgreed
from market.keeping import Kept
from market.open_orders import SignedOrder
from market.settlement import GuaranteeOpened, GuaranteePaid, TradeDelivered, TradeLocked, TradeVoided
from market.trades import Trade, TradeState, after
from market.units import InvariantBroken

TradeEvent = TradeLocked | TradeVoided | TradeDelivered | GuaranteeOpened | GuaranteePaid
OVER = frozenset({TradeState.VOID, TradeState.DELIVERED, TradeState.PAID_OUT})
"""The states that a trade ends in."""
_AGREED = TradeState.AGREED  # by itself, as `BUY` is in market/sides.py


class TradeRegister(Kept):
    """Find trades by number, state and delivery hour. Numbers are given from 1 on, one after the other."""

    __slots__ = ("_by_hour", "_by_number", "_by_state", "_signed", "_voided")
    _by_number: dict[int, Trade]
    _by_hour: dict[int, list[int]]
    _signed: dict[int, tuple[SignedOrder, SignedOrder]]
    _voided: dict[int, TradeVoided]

    def __init__(self) -> None:
        self._by_number = {}
        self._by_hour = {}
        self._by_state: dict[TradeState, set[int]] = {state: set() for state in TradeState}
        self._signed = {}
        self._voided = {}

    def reindex(self) -> None:
        """Find the trades by state again."""
        for number, trade in self._by_number.items():
            self._by_state[trade.state].add(number)

    @property
    def last_number(self) -> int:
        """The number of the latest trade, 0 before the first."""
        return len(self._by_number)

    def find(self, number: int) -> Trade | None:
        """Return a trade, None if no trade has this number."""
        return self._by_number.get(number)

    def get(self, number: int) -> Trade:
        """Return a trade that must exist.

        Raises:
            InvariantBroken: if it does not.
        """
        trade = self._by_number.get(number)
        if trade is None:
            raise InvariantBroken(f"trade {number}: found none, expected 1 to {self.last_number}")
        return trade

    def signed(self, number: int) -> tuple[SignedOrder, SignedOrder] | None:
        """Return what the buyer and the seller of a trade had signed when it was agreed, None once it is locked or void."""
        return self._signed.get(number)

    def voided(self, number: int) -> TradeVoided | None:
        """Return how a trade became void, None if it did not."""
        return self._voided.get(number)

    def select(self, *, state: TradeState | None, start_hour: int | None) -> Iterator[Trade]:
        """Iterate over the trades in a state, of a delivery hour, or both, by number."""
        numbers: Iterable[int]
        if start_hour is not None:
            numbers = tuple(self._by_hour.get(start_hour, ()))
        elif state is not None:
            numbers = sorted(self._by_state[state])
        else:
            numbers = range(1, self.last_number + 1)
        for number in numbers:
            trade = self._by_number[number]
            if state is None or trade.state is state:
                yield trade

    def agree(self, event: TradeAgreed, *, start_hour: int, buy: SignedOrder, sell: SignedOrder) -> None:
        """Enter a new trade, with what its parties signed."""
        number = event.trade_number
        if number != self.last_number + 1:
            raise InvariantBroken(f"trade numbers: found {number}, expected {self.last_number + 1}")
        self._by_number[number] = Trade(event)
        self._by_hour.setdefault(start_hour, []).append(number)
        self._by_state[_AGREED].add(number)
        self._signed[number] = (buy, sell)

    def move(self, event: TradeEvent) -> Trade:
        """Take a trade to its next state and return it."""
        number = event.trade_number
        before = self._by_number.get(number)
        if before is None:
            raise InvariantBroken(
                f"trade {number}: found none, expected the trade of a {type(event).__name__}"
            )
        trade = after(before, event)
        self._by_number[number] = trade
        self._by_state[before.state].remove(number)
        self._by_state[trade.state].add(number)
        self._signed.pop(number, None)
        if isinstance(event, TradeVoided):
            self._voided[number] = event
        return trade

    def state(self) -> Iterator[tuple[object, ...]]:
        """Return the content in canonical order, for the state hash."""
        for trade in self._by_number.values():
            yield "trade", trade
        for number, (buy, sell) in self._signed.items():
            yield "signed", number, buy, sell
        for number, voided in sorted(self._voided.items()):
            if voided.at_fault is not None:
                yield "fault", number, voided.at_fault
