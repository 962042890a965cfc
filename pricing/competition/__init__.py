"""Competition: what do few sellers, a leader, or selfish users do, and what does it cost all of them?

Cournot and Bertrand equilibria; Stackelberg leadership in price and quantity, in closed form and by search; double
marginalisation; Kelly's mechanism with users who anticipate the price; selfish routing with tolls.
"""

from pricing.competition.bertrand import PriceEquilibrium, bertrand
from pricing.competition.cournot import QuantityEquilibrium, competitive, cournot
from pricing.competition.double_marginalisation import Chain, double_marginalisation
from pricing.competition.leader import LocalOptimum, lead
from pricing.competition.resource_allocation import LinearUtility, LogUtility, Shared, Utility, share_by_bids
from pricing.competition.routing import Arc, Demand, Flow, Routing, equilibrium_flow, optimal_flow, route
from pricing.competition.stackelberg import (
    PriceLeadership,
    PriceOptimum,
    QuantityLeadership,
    price_to_log_followers,
    price_to_quadratic_followers,
    quantity_leader,
)

__all__ = [
    "Arc",
    "Chain",
    "Demand",
    "Flow",
    "LinearUtility",
    "LocalOptimum",
    "LogUtility",
    "PriceEquilibrium",
    "PriceLeadership",
    "PriceOptimum",
    "QuantityEquilibrium",
    "QuantityLeadership",
    "Routing",
    "Shared",
    "Utility",
    "bertrand",
    "competitive",
    "cournot",
    "double_marginalisation",
    "equilibrium_flow",
    "lead",
    "optimal_flow",
    "price_to_log_followers",
    "price_to_quadratic_followers",
    "quantity_leader",
    "route",
    "share_by_bids",
]
