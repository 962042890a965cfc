"""A malformed bargaining problem is refused by name, and no NaN gets in or out."""

import math

import numpy as np
import pytest

from pricing.bargaining import (
    ConvexSet,
    FiniteSet,
    Frontier,
    Limits,
    Polygon,
    Transferable,
    Utility,
    egalitarian,
    nash,
    utilitarian,
)
from pricing.errors import DisagreementOutside, EmptySide, Infeasible, PricingError, Unbounded


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Transferable(math.nan, (0, 0)), "total: found nan"),
        (lambda: Transferable(1, (0, math.inf)), r"disagreement\[1\]: found inf"),
        (lambda: Transferable(1, (0, 0), caps=(1,)), "caps: found 1 values, expected 2"),
        (lambda: Transferable(1, (0, 0), caps=(1, math.nan)), r"caps\[1\]: found nan"),
        (lambda: Polygon([(1, 2, 3)], (0, 0)), r"vertices\[0\]: found 3 values, expected 2"),
        (lambda: Polygon([(1, math.nan)], (0, 0)), r"vertices\[0\]\[1\]: found nan"),
        (lambda: Polygon([(1, 1)], (0, 0, 0)), "disagreement: found 3 values, expected 2"),
        (lambda: FiniteSet([(1, 1, 1)], (0, 0)), r"outcomes\[0\]: found 3 values, expected 2"),
        (lambda: Frontier(lambda x: x, 0, 1, (0, 0)), "function: found one that rises"),
        (lambda: Frontier(lambda x: (1 - x) ** 2, 0, 1, (0, 0)), "not concave"),
        (lambda: Frontier(lambda x: math.nan, 0, 1, (0, 0)), r"function\(0\): found nan"),
        (lambda: Frontier(lambda x: math.sqrt(1 - x), 0, 2, (0, 0)), "function: at 1.03125"),
        (lambda: Frontier(lambda x: 1 / x, 0, 2, (0, 0)), "function: at 0"),
        (lambda: Frontier(lambda x: 1 - x, 1, 1, (0, 0)), "high: found 1"),
        (lambda: Utility([1, math.nan]), r"linear\[1\]: found nan"),
        (lambda: Utility([1], curvature=[[-1]]), "curvature: found the eigenvalue -1"),
        (lambda: Utility([1, 1], curvature=[[1, 2], [0, 1]]), "curvature: found no symmetric matrix"),
        (lambda: Utility([1], curvature=[["a"]]), "curvature: found"),
        (lambda: Limits([1, 2], [1]), "matrix: found"),
        (lambda: Limits([[1, 2], [3]], [1, 1]), "matrix: found"),
        (lambda: Limits([[1, 2]], [1, 1]), "bounds: found 2 values, expected 1"),
        (lambda: ConvexSet([Utility([1])], (0, 0)), "disagreement: found 2 values, expected 1"),
        (lambda: ConvexSet([Utility([1]), Utility([1, 2])], (0, 0)), "utilities: found"),
        (lambda: nash(Transferable(1, (0, 0)), (1, -1)), r"weights\[1\]: found -1"),
        (lambda: nash(Transferable(1, (0, 0)), (0, 0)), "weights: found a sum of 0"),
        (lambda: egalitarian(Transferable(1, (0, 0)), (1, 1, 1)), "weights: found 3 values, expected 2"),
        (lambda: utilitarian(Transferable(1, (0, 0)), (1, math.nan)), r"weights\[1\]: found nan"),
    ],
)
def test_malformed_input_is_named(make, words):
    with pytest.raises(PricingError, match=words):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Transferable(1, ()),
        lambda: Polygon([], (0, 0)),
        lambda: FiniteSet([], (0, 0)),
        lambda: ConvexSet([], ()),
    ],
)
def test_nobody_or_nothing_to_agree_on_is_an_empty_side(make):
    with pytest.raises(EmptySide):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Polygon([(0, 1), (1, 0)], (0.6, 0.6)),
        lambda: Polygon([(0, 1), (1, 0)], (1.1, -1)),
        lambda: Frontier(lambda x: 1 - x, 0, 1, (0.6, 0.6)),
        lambda: Frontier(lambda x: 1 - x, 0, 1, (2, -5)),
        lambda: nash(ConvexSet.polytope([[1, 1]], [1], (0.6, 0.6))),
        lambda: egalitarian(ConvexSet.polytope([[1, 1]], [1], (0.6, 0.6))),
    ],
)
def test_disagreement_outside_the_set_is_told(make):
    with pytest.raises(DisagreementOutside, match="disagreement: found"):
        make()


def test_limits_that_contradict_each_other_or_bound_nothing_are_told():
    impossible = ConvexSet([Utility([1.0])], (0,), limits=Limits([[1.0], [-1.0]], [1.0, -2.0]))
    with pytest.raises(Infeasible, match="limits: found no decision"):
        nash(impossible)
    endless = ConvexSet([Utility([1.0]), Utility([0.0])], (0, 0), limits=Limits([[-1.0]], [0.0]))
    for solve in (nash, utilitarian):
        with pytest.raises(Unbounded, match="without limit"):
            solve(endless)


def test_what_is_handed_in_is_not_changed_and_what_is_kept_cannot_be():
    matrix = np.array([[1.0, 1.0]])
    limits = Limits(matrix, [1.0])
    matrix[0, 0] = 5.0
    assert limits.matrix[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        limits.matrix[0, 0] = 2.0
