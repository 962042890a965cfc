"""Incentives: does any lie pay? All lies of a finite set are tried, everybody else telling the truth.

For an auction: on each order, prices on a grid and just beside every other limit, where what happens changes (critical
values); less than the true quantity; and an order in two, one of them at another price. False names are not tried.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from market.units import MICROS_PER_TOKEN
from pricing.auctions.orders import LOTS_PER_UNIT, Book
from pricing.bargaining.problem import Vector
from pricing.coalition.agents import Agent, Balance, GridTariff
from pricing.errors import PricingError
from pricing.properties.auction_trial import AuctionTrial
from pricing.properties.bargaining_trial import BargainingTrial, solved
from pricing.properties.coalition_trial import CoalitionTrial, settled, true_costs
from pricing.properties.findings import Answer, Measured, measured
from pricing.properties.menu_trial import MenuTrial
from pricing.properties.transformed import at_disagreement

TICK = 1e-6
"""How far beside another limit a report lies, in dollars per unit."""
SPLIT_REPORTS_MAX = 24
"""So many prices are tried on the second part of an order."""
COST_FACTORS = (0.8, 0.9, 0.95, 1.05, 1.1, 1.25)
"""What a member of a coalition may say that its energy costs, as multiples of the truth."""


@dataclass(frozen=True, slots=True)
class Lie:
    """The lie that pays most: who gains how much more than by the truth, and what he says instead."""

    gain: float
    who: str
    says: str


def no_trader_gains_by_a_lie(trial: AuctionTrial, asked: Answer) -> Measured:
    """Search for a profitable misreport of every participant, in dollars; asked weakly, of prices only."""
    best, tried = Lie(0.0, "", "the truth"), 0
    for owner, told, book in _auction_lies(trial, prices_only=asked is Answer.WEAK):
        gain = trial.gain(owner, book) - float(trial.gains[owner])
        tried += 1
        if gain > best.gain:
            best = Lie(gain, trial.book.participants[owner], told)
    return _found(best, trial.slack, f"of {tried} lies", "dollars")


def no_party_gains_by_its_outside(trial: BargainingTrial, _: Answer) -> Measured | None:
    """Search for a disagreement payoff that pays to overstate, in units of the party's ideal gain.

    A party that asks for more than can be had ends without agreement, with its true disagreement payoff.
    """
    problem = trial.problem
    floor = np.array(problem.disagreement)
    best, tried = Lie(0.0, "", "the truth"), 0
    for party in range(len(floor)):
        most = problem.ideal()[party] - floor[party]
        for share in np.linspace(0, 1, trial.reports + 1)[1:].tolist():
            told = floor.copy()
            told[party] += share * most
            reported = at_disagreement(problem, told.tolist())
            if reported is None or most <= 0:
                continue
            try:
                reached = float(solved(trial.run, reported)[party])
            except PricingError:
                continue  # too little is left to agree on
            tried += 1
            gain = (reached - float(trial.payoffs[party])) / float(trial.unit[party])
            if gain > best.gain:
                best = Lie(gain, f"party {party}", f"to have {told[party]:.6g} without the others")
    return (
        _found(best, 10 * trial.tolerance, f"of {tried} overstatements", "of what it could gain")
        if tried
        else None
    )


def no_type_takes_another_item(trial: MenuTrial, _: Answer) -> Measured:
    """Check all n² incentives U_ij <= U_ii, in money."""
    gains = trial.payoffs - np.diag(trial.payoffs)[:, None]
    i, j = (int(each) for each in np.unravel_index(np.argmax(gains), gains.shape))
    lie = Lie(float(gains[i, j]), f"type {i}", f"to be type {j}")
    return _found(lie, trial.slack, f"of {gains.size} choices", "in money")


def no_member_gains_by_other_costs(trial: CoalitionTrial, _: Answer) -> Measured:
    """Search for costs of a member's own energy that pay to misstate, in dollars: its tariff and generators times a factor.

    What it bears in the end is its true cost of the exchange that it is held to, and its payment.
    """
    best, tried = Lie(0.0, "", "the truth"), 0
    for place, agent in enumerate(trial.agents):
        for factor in COST_FACTORS:
            said = [*trial.agents[:place], _at_costs(agent, factor), *trial.agents[place + 1 :]]
            try:
                exchanges, payments = settled(trial.run, said)
                cost = float(true_costs([agent], exchanges[place : place + 1])[0])
            except PricingError:
                continue
            tried += 1
            gain = (
                float(trial.alone[place])
                - cost
                - payments[place] / MICROS_PER_TOKEN
                - float(trial.gains[place])
            )
            if gain > best.gain:
                best = Lie(gain, agent.name, f"that its energy costs {factor:g} times as much")
    return _found(best, 10 * trial.slack, f"of {tried} lies", "dollars")


def _found(best: Lie, slack: float, tried: str, unit: str) -> Measured:
    if best.gain <= slack:
        return measured(best.gain, slack, f"{tried}, none pays")
    return measured(best.gain, slack, f"{best.who} gains {best.gain:.6g} {unit} by saying {best.says}", best)


def _auction_lies(trial: AuctionTrial, *, prices_only: bool) -> Iterator[tuple[int, str, Book]]:
    """Yield who lies, what he says, and the book with it."""
    book = trial.book
    for at in range(len(book)):
        owner, name = int(book.owners[at]), f"order {at}"
        critical = _beside(np.delete(book.prices, at))
        grid = _grid(book.prices, trial.reports)
        for price in np.union1d(grid, critical).tolist():
            yield owner, f"{price:.6f} on {name}", book.with_price(at, price)
        if prices_only:
            continue
        for lots in _fewer(int(book.lots[at])):
            units = lots / LOTS_PER_UNIT
            smaller = replace(book, lots=np.where(np.arange(len(book)) == at, lots, book.lots))
            yield owner, f"{units:g} units on {name}", smaller
            for price in _thinned(critical).tolist():
                rest = int(book.lots[at]) - lots
                yield (
                    owner,
                    f"{price:.6f} on {rest / LOTS_PER_UNIT:g} units of {name}",
                    _split(smaller, at, rest, price),
                )


def _grid(prices: Vector, reports: int) -> Vector:
    """Return so many whole millionths, evenly over the limits and a quarter of their range beyond."""
    low, high = float(prices.min()), float(prices.max())
    margin = max(0.25 * (high - low), 0.01 * max(abs(low), abs(high), 1.0))
    return np.asarray(np.round(np.linspace(low - margin, high + margin, reports), 6))


def _beside(prices: Vector) -> Vector:
    return np.unique(np.round([prices - TICK, prices, prices + TICK], 6))


def _thinned(reports: Vector) -> Vector:
    return reports[:: -(-len(reports) // SPLIT_REPORTS_MAX)] if len(reports) else reports


def _fewer(lots: int) -> list[int]:
    """Return lesser quantities to tell: whole units of whole units, else parts."""
    if lots % LOTS_PER_UNIT:
        return sorted({lots // 4, lots // 2, 3 * lots // 4} - {0, lots})
    units = lots // LOTS_PER_UNIT
    return [each * LOTS_PER_UNIT for each in sorted({1, units // 2, units - 1} - {0, units})]


def _split(book: Book, at: int, lots: int, price: float) -> Book:
    return Book(
        prices=np.append(book.prices, price),
        lots=np.append(book.lots, lots),
        buys=np.append(book.buys, book.buys[at]),
        owners=np.append(book.owners, book.owners[at]),
        participants=book.participants,
    )


def _at_costs(agent: Agent, factor: float) -> Agent:
    return replace(agent, balances=tuple(_balance_at_costs(balance, factor) for balance in agent.balances))


def _balance_at_costs(balance: Balance, factor: float) -> Balance:
    grid = balance.grid
    if grid is not None:
        buy, sell = (tuple(np.ravel(factor * np.asarray(each)).tolist()) for each in (grid.buy, grid.sell))
        grid = GridTariff(
            buy=buy if len(buy) > 1 else buy[0],
            sell=sell if len(sell) > 1 else sell[0],
            import_limit=grid.import_limit,
            export_limit=grid.export_limit,
        )
    generators = tuple(
        replace(each, cost_linear=factor * each.cost_linear, cost_quadratic=factor * each.cost_quadratic)
        for each in balance.generators
    )
    return replace(balance, grid=grid, generators=generators)
