"""Order holds: what each open order has set aside of its participant's money."""

from collections.abc import Iterator

from ledger.accounts import Account, AccountKind
from ledger.entries import Entry, move
from ledger.holds import Hold
from market.keeping import Kept
from market.orders import Address
from market.units import InvariantBroken, Micros

_FREE = AccountKind.FREE
_ORDER_HOLD = AccountKind.ORDER_HOLD
_TRADE_HOLD = AccountKind.TRADE_HOLD


class OrderHolds(Kept):
    """What every open order holds, by its id. Each change says which entries go with it."""

    _holds: dict[int, Hold]

    def __init__(self) -> None:
        self._holds = {}

    def of(self, order_id: int) -> Micros:
        """Return what an open order holds, in micros (0 for an order that is gone)."""
        hold = self._holds.get(order_id)
        return Micros(hold.amount_micros if hold is not None else 0)

    def items(self) -> Iterator[tuple[int, Hold]]:
        """Iterate over the holds, by order id."""
        return iter(sorted(self._holds.items()))

    def release(self, order_id: int, keeps_micros: Micros) -> list[Entry]:
        """Free what an order holds but for `keeps_micros`; an order without collateral holds nothing to begin with."""
        hold = self._holds.get(order_id)
        if hold is None:
            return []
        if keeps_micros > hold.amount_micros:
            raise InvariantBroken(
                f"order {order_id}: found a hold of {keeps_micros} micros after it shrank, "
                f"expected at most {hold.amount_micros}"
            )
        return self.hold(order_id, hold.participant, keeps_micros)

    def hold(self, order_id: int, participant: Address, amount_micros: Micros) -> list[Entry]:
        """Set an order's hold to this amount; an order that holds nothing is not kept."""
        held = self._held_by(order_id, participant)
        self._keep(order_id, participant, amount_micros)
        return move(Account(_FREE, participant), Account(_ORDER_HOLD, participant), amount_micros - held)

    def commit(self, order_id: int, participant: Address, *, keeps: int, takes: int) -> list[Entry]:
        """Move what a trade takes out of its order's hold, and free what neither trade nor order needs."""
        freed = self._held_by(order_id, participant) - keeps
        residual = freed - takes
        if residual < 0:
            raise InvariantBroken(
                f"order {order_id}: a trade frees {freed} micros of its hold, expected at least {takes}"
            )
        self._keep(order_id, participant, keeps)
        hold = Account(_ORDER_HOLD, participant)
        return [
            *move(hold, Account(_TRADE_HOLD, participant), takes),
            *move(hold, Account(_FREE, participant), residual),
        ]

    def _held_by(self, order_id: int, participant: Address) -> int:
        hold = self._holds.get(order_id)
        if hold is None:
            return 0
        if hold.participant != participant:
            raise InvariantBroken(
                f"order {order_id}: found 0x{participant.hex()}, expected 0x{hold.participant.hex()}, who holds"
            )
        return hold.amount_micros

    def _keep(self, order_id: int, participant: Address, amount_micros: int) -> None:
        if amount_micros:
            self._holds[order_id] = Hold(participant, amount_micros)
        else:
            self._holds.pop(order_id, None)
