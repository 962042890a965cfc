"""The coordinator's rounds are those of exchange ADMM, and what they leave is settled to exactly zero."""

import numpy as np
import pytest

from market.units import InvariantBroken
from pricing.coalition.admm import Coordinator
from pricing.coalition.masking import NO_MASKS, from_counts, to_counts, words_of_squares
from pricing.coalition.messages import Absorb, Paid, Ready, Settle, Settled, Share
from pricing.coalition.penalty import adapted_penalty
from pricing.coalition.projection import settle
from pricing.coalition.team import Team
from pricing.errors import NotConverged

SLOPES = np.array([[1.0], [2.0], [4.0]])
DEMANDS = np.array([[6.0, 1.0], [9.0, 2.0], [3.0, 5.0]])


def quadratic_members(proposals):
    """Answer as members with cost a/2 (d − e)² do, in closed form, at α = 1."""
    exchange = np.zeros_like(DEMANDS)

    def deliver(message, members):
        nonlocal exchange
        proposals.append(message)
        share = np.zeros_like(exchange) if message.mean is None else exchange - message.mean
        wanted = share - message.dual
        counts = to_counts("e", (SLOPES * DEMANDS + message.penalty * wanted) / (SLOPES + message.penalty))
        exchange = from_counts(counts)
        squares = np.stack([(exchange**2).sum(axis=1), ((exchange - share) ** 2).sum(axis=1)], axis=1)
        return [
            Share(
                NO_MASKS.hide(np.concatenate([counts[j], words_of_squares(squares[j])]), round=message.round)
            )
            for j in members
        ]

    return deliver


def specified_rounds(rounds, rho=0.1):
    """The specification's formulas, written out with every member's e at hand."""
    e, mean, u = np.zeros_like(DEMANDS), np.zeros(2), np.zeros(2)
    found = []
    for k in range(1, rounds + 1):
        after = (SLOPES * DEMANDS + rho * (e - mean - u)) / (SLOPES + rho)
        mean_after = after.mean(axis=0)
        u = u + mean_after
        r = np.sqrt(3) * np.linalg.norm(mean_after) / max(1, np.linalg.norm(after))
        s = rho * np.linalg.norm((after - mean_after) - (e - mean)) / np.linalg.norm(np.sqrt(3) * rho * u)
        e, mean = after, mean_after
        found.append((r, s))
        new = float(adapted_penalty(np.array([rho]), np.array([r]), np.array([s]), round=k)[0])
        u, rho = u * rho / new, new
    return found, rho * u


def a_coordinator(proposals):
    team = Team(("a", "b", "c"), quadratic_members(proposals))
    return Coordinator(team, exchanges=2, commodities=1, penalty=0.1, relaxation=1.0)


def test_residuals_and_prices_are_those_of_the_specification():
    proposals = []
    consensus = a_coordinator(proposals).agree(tolerance=1e-6, iterations_max=300)
    expected, prices = specified_rounds(len(consensus.residuals))
    found = [(each.primal, each.dual) for each in consensus.residuals]
    assert np.array(found) == pytest.approx(np.array(expected), rel=1e-3, abs=1e-7)
    assert consensus.prices == pytest.approx(prices, abs=1e-7)
    # closed form: λ = Σ d / Σ 1/a
    assert consensus.prices == pytest.approx(DEMANDS.sum(axis=0) / (1 / SLOPES).sum(), abs=1e-4)


def test_every_round_has_its_own_number():
    proposals = []
    a_coordinator(proposals).agree(tolerance=1e-4, iterations_max=300)
    assert [proposal.round for proposal in proposals] == list(range(1, len(proposals) + 1))


def test_the_penalty_moves_at_five_rounds_and_then_rests():
    moved = [
        k for k in range(1, 301) if adapted_penalty(np.ones(1), np.ones(1), np.full(1, 0.1), round=k)[0] != 1
    ]
    assert moved == [5, 10, 20, 40, 80]


@pytest.mark.parametrize(
    ("primal", "dual", "expected"),
    [
        (0.5, 0.1, 1.0),
        (0.51, 0.1, 2.0),
        (0.1, 0.51, 0.5),
        (4.0, 1e-4, 200.0),
        (0.0, 0.0, 1.0),
        (1e-4, 4.0, 0.005),
    ],
)
def test_the_penalty_follows_the_larger_residual(primal, dual, expected):
    assert adapted_penalty(np.ones(1), np.array([primal]), np.array([dual]), round=5) == pytest.approx(
        expected
    )


# Settling


def members_within(exchanges, limits):
    """Commit to these exchanges, and take of a mismatch what the limits (counts) allow."""
    committed = [np.array(each, np.int64) for each in exchanges]
    asked = []

    def deliver(message, members):
        if isinstance(message, Absorb):
            asked.extend(members)
            for j in members:
                committed[j] = np.clip(committed[j] - message.mismatch, -limits[j], limits[j])
        return [Settled(committed[j]) for j in members]

    return Team([f"member {j}" for j in range(len(committed))], deliver), asked


def test_the_largest_member_takes_the_mismatch():
    team, asked = members_within([[5, 1], [-9, 0], [3, 2]], limits=[100, 100, 100])
    settled = settle(team, Settle(np.zeros(2)))
    assert [each.tolist() for each in settled] == [[5, 1], [-8, -3], [3, 2]]
    assert asked == [1]


def test_what_the_largest_cannot_take_the_next_one_does():
    team, asked = members_within([[-5], [9], [-7]], limits=[100, 10, 100])
    assert [each.tolist() for each in settle(team, Settle(np.zeros(1)))] == [[-5], [10], [-5]]
    assert asked == [1, 2]


def test_a_balanced_exchange_asks_nobody():
    team, asked = members_within([[5], [-5]], limits=[5, 5])
    settle(team, Settle(np.zeros(1)))
    assert asked == []


def test_a_mismatch_that_nobody_can_take_is_told():
    fixed = Team(("a", "b"), lambda message, members: [Settled(np.array([2**29], np.int64)) for _ in members])
    with pytest.raises(NotConverged, match=r"found 1 unit·hours out of balance"):
        settle(fixed, Settle(np.zeros(1)))


def test_an_answer_of_another_kind_stops_the_negotiation():
    team = Team(("a",), lambda message, members: [Paid(0)])
    with pytest.raises(InvariantBroken, match=r"Settle: found answers \['Paid'\], expected Ready"):
        team.ask(Settle(np.zeros(1)), Ready)
