"""The families of bargaining cases compute other cases of their kind than the published ones."""

import math

import pytest

from tests.pricing.families import Unsupported, clearing_solvers, differences, solver_of


def outcome(**inputs):
    case = {"module": "bargaining", "inputs": inputs}
    return solver_of(case)(case)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (
            {"pie": 3, "u1_exponent": 1, "u2_exponent": 1, "alpha": 0.25, "d": [0, 0]},
            {"x1": 0.75, "x2": 2.25},
        ),
        ({"pie": 1, "u1_exponent": 0.5, "u2_exponent": 1, "alpha": 0.3}, {"x1": 3 / 17, "x2": 14 / 17}),
        ({"pie": 10, "u1_exponent": 1, "u2_exponent": 1, "alpha": 0.5, "d": [4, 2]}, {"x1": 6, "x2": 4}),
        (
            {"vertices": [[0, 20], [2, 15], [3, 0]], "d": [0, 0]},  # B11 with the second utility times 10
            {"nash": [2, 15], "ks": [27 / 13, 180 / 13]},
        ),
        ({"vertices": [[0, 1], [1, 0]], "d": [0.2, 0.4]}, {"nash": [0.4, 0.6], "egalitarian": [0.4, 0.6]}),
        ({"vertices": [[0, 1], [1, 0]], "d": None, "weights": [1, 3]}, {"nash": [0.25, 0.75]}),
        ({"frontier": "u2=sqrt(1-u1)", "u1_range": [0, 1], "d": [0, 0]}, {"nash": [2 / 3, math.sqrt(1 / 3)]}),
        (
            {"frontier": "u2 = 4 - u1^2", "u1_range": [0, 2], "d": [0, 1]},
            {"nash": [1, 3], "utilitarian": [0.5, 3.75]},
        ),
        ({"frontier": "u1**2+u2**2=1", "d": [0, 0]}, {"ks": [math.sqrt(0.5), math.sqrt(0.5)]}),
        (
            {
                "total": 100,
                "d": [10, 20, 5, 0],
                "weights": [0.4, 0.3, 0.2, 0.1],
                "caps": [30, 40, None, None],
            },
            {"agreement": True, "payoffs": [30, 40, 5 + 25 * 2 / 3, 25 / 3]},
        ),
        (
            {"total": 20, "d": [15, 10], "weights": [0.5, 0.5], "caps": None},
            {"agreement": False, "payoffs": [15, 10]},
        ),
        ({"total": 9, "d": [0, 3, 0]}, {"agreement": True, "payoffs": [2, 5, 2]}),
        ({"pie": 1, "delta": [0.9, 0.8], "first": 2}, {"x1": 0.9 * 0.2 / 0.28, "x2": 0.1 / 0.28}),
        ({"pie": 1, "delta": [0.9, 0.8], "first": 1, "periods": 2}, {"x1": 0.2, "x2": 0.8}),
        ({"r": [0.2, 0.1], "deltas": [0.5]}, {"limit": 1 / 3, "alpha": 1 / 3}),
        (
            {"pie": 10, "cases": [{"b": [1, 8]}, {"b": [6, 7]}]},
            {"disagreement": [[1.5, 8.5], [6, 7]], "constraint": [[2, 8], [6, 7]]},
        ),
        (
            {"a": 40, "b": 2, "c": 10, "e": 1, "d_buyer": 20, "d_seller": 30, "alpha_seller": 0.4},
            {
                "q": 10,
                "transfer": 150 + 30 + 0.4 * 100,
                "unit_price": 22,
                "gain_buyer": 60,
                "gain_seller": 40,
            },
        ),
        (
            {
                "a": 60,
                "b": 1,
                "c": 10,
                "e": 1.5,
                "best_bid": None,
                "best_ask": 70,
                "fee": 1,
                "alpha_seller": 0.5,
            },
            {"q": 20, "d_buyer": 0, "d_seller": 0, "transfer": 750},
        ),
        ({"a": 100, "beta_upstream": 1}, {"w": 50, "q": 25, "retail": 75, "pi_up": 1250, "pi_down": 625}),
        (
            {"a": 100, "c": 20, "beta_upstream": 0.5},
            {"w": 40, "q": 30, "retail": 70, "pi_up": 600, "pi_down": 900},
        ),
        (
            {
                "V": 10,
                "costs": {"compute": 4},
                "d": {"buyer": 1, "compute": 1},
                "weights": {"buyer": 1, "compute": 3},
            },
            {"surplus": 4, "payments": {"compute": 8}, "bundle_price": 8, "buyer_utility": 2},
        ),
        (
            {"V": 5, "costs": {"compute": 4, "energy": 3}},
            {"agreement": False, "surplus": -2, "bundle_price": None, "buyer_utility": 0},
        ),
        (
            {"total": 100, "d_true": [20, 30], "weights": [0.3, 0.7], "overstate_player2": 10},
            {"truthful": [35, 65], "manipulated": [32, 68], "gain2": 3},
        ),
        (
            {
                "goods": [
                    {"name": "pen", "u_ann": 1, "u_bob": 5, "owner": "Ann"},
                    {"name": "cup", "u_ann": 3, "u_bob": 1, "owner": "Bob"},
                ]
            },
            {
                "disagreement": [1, 1],
                "utilities": [3, 5],
                "nash_product": 8,
                "ann_gets": ["cup"],
                "bob_gets": ["pen"],
            },
        ),
    ],
)
def test_other_cases_of_a_family_come_out(inputs, expected):
    assert differences(expected, outcome(**inputs), 1e-6) == []


@pytest.mark.parametrize(
    ("family", "inputs", "expected"),
    [
        (
            "nash_bargaining",
            {"buyer_value": 10, "seller_cost": 4, "disagreement": [1, 2], "power": [0.5, 0.5]},
            {"price": 7.5, "buyer_gain": 1.5, "seller_gain": 1.5, "trade": True},
        ),
        ("nash_bargaining_frontier", {"frontier": "u1+2*u2=12, u1<=4"}, {"u": [4, 4]}),
        (
            "nash_bargaining_frontier",
            {"frontier": "u1+u2=10", "disagreement": [2, 0], "power": [0.25, 0.75]},
            {"u": [4, 6]},
        ),
        (
            "kalai_smorodinsky",
            {"frontier": "u1+u2=10, u2<=5", "disagreement": [0, 0]},
            {"u": [20 / 3, 10 / 3]},
        ),
        ("rubinstein", {"delta": [0.9, 0.8]}, {"first_mover": 0.2 / 0.28, "second_mover": 0.08 / 0.28}),
    ],
)
def test_other_clearing_cases_come_out(family, inputs, expected):
    found = clearing_solvers()[family]({"family": family, "inputs": inputs})
    assert differences(expected, found, 1e-6) == []


def test_an_input_that_no_family_knows_is_unsupported():
    with pytest.raises(Unsupported, match="mood"):
        outcome(total=1, d=[0, 0], mood="good")
    with pytest.raises(Unsupported, match="mood"):
        clearing_solvers()["rubinstein"]({"family": "rubinstein", "inputs": {"delta": [0.9, 0.9], "mood": 1}})
