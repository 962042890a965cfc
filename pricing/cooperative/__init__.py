"""Cooperative values: what is each member's fair share of what a coalition earns, or costs?

`Game` and the usual games; the Shapley value, exact or sampled; nucleolus and prenucleolus; core and least core; the
Talmud rule and its rivals for dividing too little; Jain's index and Gini's coefficient.
"""

from pricing.cooperative.core import LeastCore, blocking_coalitions, excesses, in_core, least_core
from pricing.cooperative.fairness import gini, jain_index
from pricing.cooperative.game import Game
from pricing.cooperative.nucleolus import nucleolus, prenucleolus
from pricing.cooperative.shapley import ShapleyEstimate, sample_shapley, shapley
from pricing.cooperative.standard_games import airport_game, bankruptcy_game, glove_game, voting_game
from pricing.cooperative.talmud import equal_awards, equal_losses, proportional, talmud

__all__ = [
    "Game",
    "LeastCore",
    "ShapleyEstimate",
    "airport_game",
    "bankruptcy_game",
    "blocking_coalitions",
    "equal_awards",
    "equal_losses",
    "excesses",
    "gini",
    "glove_game",
    "in_core",
    "jain_index",
    "least_core",
    "nucleolus",
    "prenucleolus",
    "proportional",
    "sample_shapley",
    "shapley",
    "talmud",
    "voting_game",
]
