"""Registered capacity: what suppliers' meters vouch for, what they offered and sold of it, and the load that follows.

Load is *sold over registered* capacity of a resource in an hour, never over offered capacity, or withholding would
raise the price.
"""

from typing import TypeVar

from market.keeping import Kept
from market.listing import RegisterMeter
from market.orders import Address
from market.units import InvariantBroken, Lots

Key = TypeVar("Key")


class Capacity(Kept):
    """Count capacity per delivery hour, in lots. Offers and sales of one slot share it, whatever tier they promise."""

    __slots__ = ("_committed", "_meter_of", "_meters", "_sold", "_total")
    _meters: dict[Address, RegisterMeter]
    _committed: dict[tuple[Address, int, int], int]
    _sold: dict[tuple[int, int], int]

    def __init__(self) -> None:
        self._meters = {}
        self._meter_of: dict[tuple[Address, int], RegisterMeter] = {}
        self._total: dict[int, int] = {}
        self._committed = {}
        self._sold = {}

    def register(self, registration: RegisterMeter) -> None:
        """Admit a meter: one per supplier and resource, and no meter twice, as the contract has it."""
        self._meters[registration.meter] = registration
        self._meter_of[registration.participant, registration.resource] = registration
        before = self._total.get(registration.resource, 0)
        self._total[registration.resource] = before + registration.capacity_lots

    def reindex(self) -> None:
        """Find the meters by supplier and resource again, and their sums."""
        for registration in tuple(self._meters.values()):
            self.register(registration)

    def has_meter(self, meter: Address) -> bool:
        """Return whether a meter is registered."""
        return meter in self._meters

    def registration(self, participant: Address, resource: int) -> RegisterMeter | None:
        """Return the meter of a supplier for a resource."""
        return self._meter_of.get((participant, resource))

    def committed_lots(self, participant: Address, resource: int, start_hour: int) -> Lots:
        """Return a supplier's open offers plus sales of a slot."""
        return Lots(self._committed.get((participant, resource, start_hour), 0))

    def load(self, resource: int, start_hour: int) -> tuple[Lots, Lots]:
        """Return what is sold of a resource in an hour and its registered capacity."""
        return Lots(self._sold.get((resource, start_hour), 0)), Lots(self._total.get(resource, 0))

    def commit(self, participant: Address, resource: int, start_hour: int, lots: int) -> None:
        """Count an offer's lots as committed; negative lots when an offer leaves or shrinks.

        Raises:
            InvariantBroken: if more were committed than is registered, or fewer than none.
        """
        key = (participant, resource, start_hour)
        committed = self._committed.get(key, 0) + lots
        meter = self._meter_of.get((participant, resource))
        registered = meter.capacity_lots if meter is not None else 0
        if not 0 <= committed <= registered:
            raise InvariantBroken(
                f"capacity: found {committed} lots committed by {participant.hex()} in hour {start_hour}, "
                f"expected 0 to {registered}"
            )
        _keep_unless_zero(self._committed, key, committed)

    def sell(self, resource: int, start_hour: int, lots: int) -> None:
        """Count lots as sold (they stay committed); negative lots when a trade is void.

        Raises:
            InvariantBroken: if fewer than none would be sold.
        """
        sold = self._sold.get((resource, start_hour), 0) + lots
        if sold < 0:
            raise InvariantBroken(
                f"capacity: found {sold} lots sold in hour {start_hour}, expected none or more"
            )
        _keep_unless_zero(self._sold, (resource, start_hour), sold)

    def state(self) -> list[tuple[str | int | bytes, ...]]:
        """Return the content in canonical order, for the state hash."""
        meters = sorted(self._meters.values(), key=lambda each: each.meter)
        return [
            *(("meter", each.meter, each.participant, each.resource, each.capacity_lots) for each in meters),
            *(("committed", *key, lots) for key, lots in sorted(self._committed.items())),
            *(("sold", *key, lots) for key, lots in sorted(self._sold.items())),
        ]


def _keep_unless_zero(counts: dict[Key, int], key: Key, count: int) -> None:
    """Store a count; a count of zero is not stored, so that equal content means equal state."""
    if count:
        counts[key] = count
    else:
        counts.pop(key, None)
