"""Coalitions: what microgrids, computing centres and networks save together, and who pays whom.

Agents are described by data (`agents`, `description`); each is one quadratic program (`local_problem`). `autarky` and
`dispatch` solve them alone and together, `sharing` divides the saving, and `negotiate` tells the whole story.
`negotiate_privately` comes to the same agreement while everybody keeps costs and limits to themselves.
"""

from pricing.coalition.agents import Agent, Balance, FlexibleLoad, Generator, GridTariff, Storage
from pricing.coalition.description import agents_from, lines_from
from pricing.coalition.dispatch import Dispatch, autarky, dispatch
from pricing.coalition.lines import Line
from pricing.coalition.local_problem import LocalProblem, local_problem
from pricing.coalition.negotiation import Negotiation, agree, negotiate
from pricing.coalition.payment_rounds import PaymentRounds, payment_rounds
from pricing.coalition.private_negotiation import PrivateNegotiation, negotiate_privately
from pricing.coalition.schedule import Schedule
from pricing.coalition.sharing import Sharing, contribution_weights, share_savings, traded_values
from pricing.coalition.sharing_prices import (
    SharingPrices,
    mid_market_prices,
    ratio_prices,
    supply_demand_prices,
)
from pricing.coalition.subset_savings import subset_savings

__all__ = [
    "Agent",
    "Balance",
    "Dispatch",
    "FlexibleLoad",
    "Generator",
    "GridTariff",
    "Line",
    "LocalProblem",
    "Negotiation",
    "PaymentRounds",
    "PrivateNegotiation",
    "Schedule",
    "Sharing",
    "SharingPrices",
    "Storage",
    "agents_from",
    "agree",
    "autarky",
    "contribution_weights",
    "dispatch",
    "lines_from",
    "local_problem",
    "mid_market_prices",
    "negotiate",
    "negotiate_privately",
    "payment_rounds",
    "ratio_prices",
    "share_savings",
    "subset_savings",
    "supply_demand_prices",
    "traded_values",
]
