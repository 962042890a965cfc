"""Every negotiation of the market: numbered, found by number and by party, moved on by events."""

from collections.abc import Iterator

from market.address import Address
from market.events import NegotiationOpened
from market.negotiations import Negotiation, NegotiationEvent, NegotiationState, after
from market.units import InvariantBroken


class NegotiationRegister:
    """Find negotiations by number and by party. Numbers are given from 1 on, one after the other."""

    __slots__ = ("_by_number", "_by_party", "_by_salt")

    def __init__(self) -> None:
        self._by_number: dict[int, Negotiation] = {}
        self._by_party: dict[Address, list[int]] = {}
        self._by_salt: dict[tuple[Address, bytes], int] = {}

    @property
    def last_number(self) -> int:
        """The number of the latest negotiation, 0 before the first."""
        return len(self._by_number)

    def find(self, number: int) -> Negotiation | None:
        """Return a negotiation, None if none has this number."""
        return self._by_number.get(number)

    def get(self, number: int) -> Negotiation:
        """Return a negotiation that must be there.

        Raises:
            InvariantBroken: if it is not.
        """
        negotiation = self._by_number.get(number)
        if negotiation is None:
            raise InvariantBroken(f"negotiations: found number {number}, expected 1 to {self.last_number}")
        return negotiation

    def of(self, participant: Address) -> tuple[Negotiation, ...]:
        """Return the negotiations of a party, oldest first."""
        return tuple(self._by_number[number] for number in self._by_party.get(participant, ()))

    def revealed(self) -> tuple[Negotiation, ...]:
        """Return the negotiations that await their price, oldest first."""
        return tuple(each for each in self._by_number.values() if each.state is NegotiationState.REVEALED)

    def asked_before(self, participant: Address, salt: bytes) -> int | None:
        """Return the number of the negotiation that a participant opened with this salt, None if there is none."""
        return self._by_salt.get((participant, salt))

    def open(self, event: NegotiationOpened) -> Negotiation:
        """Take in a new negotiation.

        Raises:
            InvariantBroken: if its number is not the next, or it is about nothing.
        """
        lots = sum(event.proposal.quantity_lots)
        if event.number != self.last_number + 1 or lots < 1:
            raise InvariantBroken(
                f"negotiations: found number {event.number} about {lots} lots, expected {self.last_number + 1} "
                "about at least 1"
            )
        negotiation = Negotiation(event.number, event.proposal)
        self._by_number[event.number] = negotiation
        self._by_salt[event.participant, event.proposal.salt] = event.number
        for party in (event.proposal.buyer, event.proposal.seller):
            self._by_party.setdefault(party, []).append(event.number)
        return negotiation

    def move(self, event: NegotiationEvent) -> Negotiation:
        """Take a negotiation one step on, and return it.

        Raises:
            InvariantBroken: if it is unknown, or the event cannot happen to it.
        """
        negotiation = after(self.get(event.number), event)
        self._by_number[event.number] = negotiation
        return negotiation

    def state(self) -> Iterator[tuple[object, ...]]:
        """Return the content in canonical order, for the state hash: nothing at all before the first negotiation."""
        for negotiation in self._by_number.values():
            yield "negotiation", negotiation
        for (participant, salt), number in sorted(self._by_salt.items()):
            yield "asked", participant, salt, number
