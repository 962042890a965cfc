"""Order holds: what each open order has set aside of its participant's money."""

from collections.abc import Iterator

from ledger.accounts import purse_of
from ledger.entries import Entry, move
from market.keeping import Kept
from market.orders import Address
from market.units import InvariantBroken, Micros


class OrderHolds(Kept):
    """What every open order holds, by its id. Each change says which entries go with it."""

    _holds: dict[int, tuple[Address, int]]

    def __init__(self) -> None:
        self._holds = {}

    def of(self, order_id: int) -> Micros:
        """Return what an open order holds, in micros (0 for an order that is gone)."""
        hold = self._holds.get(order_id)
        return Micros(hold[1] if hold is not None else 0)

    def items(self) -> Iterator[tuple[int, tuple[Address, int]]]:
        """Iterate over the holds, by order id: whose each is, and how many micros."""
        return iter(sorted(self._holds.items()))

    def release(self, order_id: int, keeps_micros: Micros) -> list[Entry]:
        """Free what an order holds but for `keeps_micros`; an order without collateral holds nothing to begin with."""
        hold = self._holds.get(order_id)
        if hold is None:
            return []
        participant, held = hold
        if keeps_micros > held:
            raise InvariantBroken(
                f"order {order_id}: found a hold of {keeps_micros} micros after it shrank, expected at most {held}"
            )
        return self.hold(order_id, participant, keeps_micros)

    def hold(self, order_id: int, participant: Address, amount_micros: Micros) -> list[Entry]:
        """Set an order's hold to this amount; an order that holds nothing is not kept."""
        held = self._put(order_id, participant, amount_micros)
        purse = purse_of(participant)
        return move(purse.free, purse.order_hold, amount_micros - held)

    def commit(self, order_id: int, participant: Address, *, keeps: int, takes: int) -> list[Entry]:
        """Move what a trade takes out of its order's hold, and free what neither trade nor order needs."""
        freed = self._put(order_id, participant, keeps) - keeps
        residual = freed - takes
        if residual < 0:
            raise InvariantBroken(
                f"order {order_id}: a trade frees {freed} micros of its hold, expected at least {takes}"
            )
        purse = purse_of(participant)
        held = purse.order_hold
        entries: list[Entry] = [(held, -takes), (purse.trade_hold, takes)] if takes else []
        if residual:
            entries += ((held, -residual), (purse.free, residual))
        return entries

    def _put(self, order_id: int, participant: Address, amount_micros: int) -> int:
        """Set what an order holds, and return what it held before."""
        hold = self._holds.get(order_id)
        if hold is not None and hold[0] != participant:
            raise InvariantBroken(
                f"order {order_id}: found 0x{participant.hex()}, expected 0x{hold[0].hex()}, who holds"
            )
        if amount_micros:
            self._holds[order_id] = participant, amount_micros
        elif hold is not None:
            del self._holds[order_id]
        return 0 if hold is None else hold[1]
