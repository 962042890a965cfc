"""Every negotiation of the market: numbered, found by number, by party and by salt, moved on by events."""

from collections.abc import Iterator

from market.address import Address
from market.keeping import Kept
from market.negotiations import OVER, Negotiation, NegotiationEvent, NegotiationState, after
from market.proposals import NegotiationOpened, fault_in_proposal
from market.units import InvariantBroken


class NegotiationRegister(Kept):
    """Find negotiations by number, party and salt. Numbers are given from 1 on, one after the other."""

    __slots__ = ("_asked_for", "_by_number", "_by_party", "_by_salt", "_to_price")
    _by_number: dict[int, Negotiation]
    _asked_for: dict[Address, set[int]]

    def __init__(self) -> None:
        self._by_number = {}
        self._by_party: dict[Address, list[int]] = {}
        self._by_salt: dict[bytes, int] = {}
        # Of those that are not over: which somebody asked for, and which await their price.
        self._asked_for = {}
        self._to_price: set[int] = set()

    def reindex(self) -> None:
        """Find the negotiations by party, by salt and by what they await again."""
        for negotiation in self._by_number.values():
            self._find_by_party_and_salt(negotiation)
            if negotiation.state is NegotiationState.REVEALED:
                self._to_price.add(negotiation.number)

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
        return tuple(self._by_number[number] for number in sorted(self._to_price))

    def waiting(self, participant: Address) -> int:
        """Return how many negotiations that a participant asked for are not over."""
        return len(self._asked_for.get(participant, ()))

    def with_salt(self, salt: bytes) -> Negotiation | None:
        """Return the negotiation whose proposal has this salt, None if there is none."""
        number = self._by_salt.get(salt)
        return None if number is None else self._by_number[number]

    def open(self, event: NegotiationOpened) -> Negotiation:
        """Take in a new negotiation.

        Raises:
            InvariantBroken: if its number is not the next, its proposal does not fit together or has the salt of another, or
                a stranger asked for it.
        """
        negotiation = Negotiation(event.number, event.proposal)
        fault = fault_in_proposal(event.proposal)
        if event.number != self.last_number + 1:
            fault = f"found this number, expected {self.last_number + 1}"
        elif negotiation.side_of(event.participant) is None:
            fault = f"found 0x{event.participant.hex()} asking, expected a party"
        elif event.proposal.salt in self._by_salt:
            fault = "found the salt of another proposal, expected one of its own"
        if fault is not None:
            raise InvariantBroken(f"negotiation {event.number}: {fault}")
        self._by_number[event.number] = negotiation
        self._find_by_party_and_salt(negotiation)
        self._asked_for.setdefault(event.participant, set()).add(event.number)
        return negotiation

    def move(self, event: NegotiationEvent) -> Negotiation:
        """Take a negotiation one step on, and return it.

        Raises:
            InvariantBroken: if it is unknown, or the event cannot happen to it.
        """
        negotiation = after(self.get(event.number), event)
        self._by_number[event.number] = negotiation
        if negotiation.state is NegotiationState.REVEALED:
            self._to_price.add(event.number)
        else:
            self._to_price.discard(event.number)
        if negotiation.state in OVER:
            for party in negotiation.parties:
                self._forget_asking(party, event.number)
        return negotiation

    def state(self) -> Iterator[tuple[object, ...]]:
        """Return the content in canonical order, for the state hash: nothing at all before the first negotiation."""
        for negotiation in self._by_number.values():
            yield "negotiation", negotiation
        for participant, numbers in sorted(self._asked_for.items()):
            yield "asked", participant, tuple(sorted(numbers))

    def _find_by_party_and_salt(self, negotiation: Negotiation) -> None:
        self._by_salt[negotiation.proposal.salt] = negotiation.number
        for party in negotiation.parties:
            self._by_party.setdefault(party, []).append(negotiation.number)

    def _forget_asking(self, participant: Address, number: int) -> None:
        """Count a negotiation no longer; whoever has none is not kept, so that equal content means equal state."""
        numbers = self._asked_for.get(participant, set())
        numbers.discard(number)
        if not numbers:
            self._asked_for.pop(participant, None)
