"""From nearly balanced to balanced: whoever is largest takes the mismatch that the rounds left, before anybody pays."""

from collections.abc import Sequence

import numpy as np

from pricing.coalition.masking import COUNTS_PER_UNIT
from pricing.coalition.messages import Absorb, Counts, Settle, Settled
from pricing.coalition.team import Team
from pricing.errors import NotConverged


def settle(team: Team, last: Settle) -> Sequence[Counts]:
    """Return exchanges, in counts, that every member can keep to and that sum to exactly zero.

    1. Every member commits itself to the exchange nearest to its share of the last round that its limits allow, and
       re-dispatches exactly with that exchange fixed.
    2. What the commitments do not balance goes to the member with the largest exchange, usually through its grid
       connection; what that one cannot take to the next, and so on. Equals take it in the order of their names.

    Raises:
        NotConverged: if all together cannot take it.
    """
    committed = [answer.exchange for answer in team.ask(last, Settled)]
    peaks = [int(np.max(np.abs(exchange))) for exchange in committed]
    mismatch: Counts = np.sum(np.stack(committed), axis=0, dtype=np.int64)
    for member in sorted(range(len(peaks)), key=lambda place: (-peaks[place], team.names[place])):
        if not np.any(mismatch):
            return committed
        taken = team.ask_one(member, Absorb(mismatch), Settled).exchange
        mismatch = mismatch + taken - committed[member]
        committed[member] = taken
    if np.any(mismatch):
        raise NotConverged(
            f"exchange: found {np.max(np.abs(mismatch)) / COUNTS_PER_UNIT:.3g} unit·hours out of balance in a slot "
            "that no member can take, expected 0: ask for a smaller tolerance"
        )
    return committed
