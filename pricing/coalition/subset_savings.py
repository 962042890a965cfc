"""What each part of a coalition would save by itself: the game whose Shapley values may weigh the bargain."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pricing.coalition.agents import Agent, commodities_of
from pricing.coalition.dispatch import autarky, dispatch
from pricing.coalition.lines import Line
from pricing.errors import PricingError

MEMBERS_MAX = 12


def subset_savings(agents: Sequence[Agent], lines: Sequence[Line] = ()) -> NDArray[np.float64]:
    """Return v(T) = Σ_{i∈T} C_i⁰ − C(T) in dollars for every part T of the coalition, at the place Σ_{i∈T} 2^i.

    The values of a cooperative game with transferable utility: v is zero for nobody and for one alone, and never negative.
    2^n − n − 1 dispatches, for at most 12 members.

    >>> from pricing.coalition.agents import Balance, GridTariff
    >>> buyer = Agent("buyer", (Balance(load=(5,), grid=GridTariff(buy=0.5)),))
    >>> seller = Agent("seller", (Balance(load=(0,), renewable=5, grid=GridTariff(buy=0.5, sell=0.1)),))
    >>> [round(dollars, 6) for dollars in subset_savings([buyer, seller]).tolist()]
    [0.0, 0.0, 0.0, 2.0]

    Raises:
        Infeasible: if a member cannot meet its needs alone; names it.
        PricingError: if there are more than 12 members.
    """
    if len(agents) > MEMBERS_MAX:
        raise PricingError(f"agents: found {len(agents)}, expected at most {MEMBERS_MAX}")
    alone = [autarky(agent).cost for agent in agents]
    values = np.zeros(2 ** len(agents))
    for part in range(len(values)):
        places = [place for place in range(len(agents)) if part >> place & 1]
        if len(places) < 2:
            continue
        members = [agents[place] for place in places]
        cost = dispatch(members, _between(lines, members)).cost
        values[part] = max(0.0, sum(alone[place] for place in places) - cost)
    values.flags.writeable = False
    return values


def _between(lines: Sequence[Line], members: Sequence[Agent]) -> list[Line]:
    """Return the lines as far as these members use them."""
    names, commodities = {member.name for member in members}, commodities_of(members)
    used = [(line, tuple(pair for pair in line.factors if pair[0] in names)) for line in lines]
    return [replace(line, factors=own) for line, own in used if own and line.commodity in commodities]
