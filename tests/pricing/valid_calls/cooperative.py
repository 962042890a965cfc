"""Cooperative values."""

from collections.abc import Iterator

import numpy as np

from pricing import (
    cooperative,
)
from tests.pricing.valid_calls.call import Call, call


def calls() -> Iterator[Call]:
    g = cooperative
    game = g.Game(np.array([0.0, 1.0, 2.0, 4.0]))
    yield call(g.Game, np.array([0.0, 1.0, 2.0, 4.0]))
    yield call(g.Game.from_function, 3, lambda members: float(len(members) ** 2))
    yield call(g.Game.from_coalitions, 2, {(0,): 1.0, (1,): 2.0, (0, 1): 5.0})
    yield call(game.value, [0, 1])
    yield call(game.membership)
    for solution in (g.shapley, g.nucleolus, g.prenucleolus, g.least_core):
        yield call(solution, game)
    yield call(g.excesses, game, (1.5, 2.5))
    for test in (g.blocking_coalitions, g.in_core):
        yield call(test, game, (1.5, 2.5), tolerance=1e-6)
    yield call(g.sample_shapley, 3, lambda members: float(len(members) ** 2), pairs=4, seed=1, confidence=0.9)
    for evenness in (g.gini, g.jain_index):
        yield call(evenness, (1.0, 2.0, 3.0))
    yield call(g.airport_game, (1.0, 2.0, 4.0))
    yield call(g.bankruptcy_game, 200.0, (100.0, 200.0, 300.0))
    yield call(g.glove_game, 1, 2)
    yield call(g.voting_game, 2.0, (1.0, 1.0, 1.0))
    for rule in (g.talmud, g.proportional, g.equal_awards, g.equal_losses):
        yield call(rule, 200.0, (100.0, 200.0, 300.0))
