"""Claims in words: each is tried on seeded random instances, and counts where it does not hold.

A case may speak of several claims; those are tried whose words its title and description use. What has to fail somewhere
(egalitarian and utilitarian under other scales, KS without irrelevant alternatives, the k-double auction under lies, Nash
in larger sets) counts as one violation if it never does.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from market.units import MICROS_PER_TOKEN
from pricing.auctions import MECHANISMS, LinearEquilibrium, clear, mcafee, unit_book, vcg
from pricing.bargaining import Polygon, bargain_price, inside_spread_price
from pricing.base import multiplicative_price, quality_factor, service_factor
from pricing.coalition import negotiate, share_savings
from pricing.coalition.private_negotiation import negotiate_privately
from pricing.cooperative import Game, in_core, least_core, nucleolus, shapley
from pricing.dynamic import LoadController, kinked_multiplier, smooth_multiplier
from pricing.errors import PricingError
from pricing.experiments import Environment, ExperimentSpec, GodeSunder, Seeds, run, to_csv
from pricing.load import SharedLinks
from pricing.menus import procurement_menu
from pricing.payments import round_payments
from pricing.properties import SOLUTIONS, Answer, Property, check_properties
from pricing.properties.efficiency import greatest_welfare
from tests.pricing.families import Case, Family, Outcome
from tests.pricing.random_instances import members, polygon, step_market, suppliers, total, unit_market

AXIOMATIC = ("nash", "kalai-smorodinsky", "egalitarian")
SMALL, LARGE = (  # cases B07 and B08: the second set contains the first, with the same ideal payoffs
    Polygon([(0, 1), (0.75, 0.75), (1, 0)], (0, 0)),
    Polygon([(0, 1), (1, 0.7), (1, 0)], (0, 0)),
)


def draws(count: int, seed: int = 7) -> Iterator[np.random.Generator]:
    return map(np.random.default_rng, np.random.SeedSequence(seed).spawn(count))


def broken(mechanism: object, instance: object, *wanted: Property, **options: object) -> int:
    return len(check_properties(mechanism, instance, properties=wanted, **options).violations)


def fails(mechanism: str, instance: object, wanted: Property, **options: object) -> bool:
    return check_properties(mechanism, instance, properties=[wanted], **options)[wanted].holds is False


def everywhere(*wanted: Property) -> int:
    """Try cheap properties of all mechanisms: a thousand auctions, four hundred bargains, fifty menus."""
    found = 0
    for chance in draws(50):
        for book, names in ((unit_market(chance), MECHANISMS), (step_market(chance), MECHANISMS)):
            found += sum(broken(name, book, *wanted) for name in names)
        for problem in (polygon(chance), total(chance, capped=True)):
            found += sum(broken(name, problem, *wanted) for name in SOLUTIONS)
        found += broken("procurement-menu", suppliers(chance), *wanted)
    for chance in draws(3):
        found += sum(broken(name, members(chance), *wanted) for name in ("negotiate", "negotiate-privately"))
    return found


def rationality() -> int:
    found = everywhere(Property.INDIVIDUAL_RATIONALITY)
    for chance in draws(200):
        alone = chance.uniform(1, 50, 4)
        shared = share_savings(alone, alone * chance.uniform(0.2, 1.2, 4), chance.uniform(0, 1, 4))
        found += any(cost > was + 1e-9 for cost, was in zip(shared.final_costs, alone, strict=True))
    return found


def balance() -> int:
    found = everywhere(Property.BUDGET_BALANCE)
    for chance in draws(200):
        outcome = vcg(unit_market(chance))
        # Units bought at low and sold at high, the ends of the interval that clears the market: the deficit in theory
        deficit = outcome.volume * (outcome.interval[1] - outcome.interval[0]) if outcome.interval else 0.0
        found += not math.isclose(-outcome.budget_surplus, deficit, abs_tol=1e-9)
    return found


def efficiency() -> int:
    found = 0
    for chance in draws(25):
        problem = polygon(chance)
        # Drawn sets are strictly comprehensive, and there egalitarian is wholly efficient too
        found += sum(
            broken(name, problem, Property.PARETO, claims={Property.PARETO: Answer.YES}) for name in AXIOMATIC
        )
        found += sum(broken(name, total(chance), Property.EFFICIENCY, Property.PARETO) for name in AXIOMATIC)
        book = unit_market(chance)
        found += sum(broken(name, book, Property.EFFICIENCY, Property.PARETO) for name in MECHANISMS)
    return found


def one_trade_at_most_is_lost() -> int:
    found = 0
    for chance in draws(300):
        book = unit_market(chance)
        greatest, volume = greatest_welfare(book)
        found += mcafee(book).welfare < (1 - 1 / max(volume, 1)) * greatest - 1e-9
    return found


def symmetry() -> int:
    found = 0
    for chance in draws(12):
        book = unit_market(chance, most=4)
        found += sum(broken(name, book, Property.SYMMETRY) for name in MECHANISMS)
    for chance in draws(60):
        for problem in (polygon(chance), total(chance, capped=True)):
            found += sum(broken(name, problem, Property.SYMMETRY) for name in SOLUTIONS)
    return found


def scale_invariance() -> int:
    found, failed = 0, {"egalitarian": False, "utilitarian": False}
    for chance in draws(60):
        problem = polygon(chance)
        found += sum(
            broken(name, problem, Property.SCALE_INVARIANCE) for name in ("nash", "kalai-smorodinsky")
        )
        for name in failed:
            failed[name] |= fails(name, problem, Property.SCALE_INVARIANCE)
    for chance in draws(30):
        book = unit_market(chance)
        found += sum(broken(name, book, Property.SCALE_INVARIANCE) for name in MECHANISMS)
    return found + sum(not each for each in failed.values())


def independence() -> int:
    found = sum(broken("nash", polygon(chance), Property.INDEPENDENCE) for chance in draws(100))
    return found + sum(not fails("kalai-smorodinsky", each, Property.INDEPENDENCE) for each in (SMALL, LARGE))


def monotonicity() -> int:
    found = 0
    for chance in draws(60):
        problem = polygon(chance)
        found += sum(
            broken(name, problem, Property.MONOTONICITY) for name in ("kalai-smorodinsky", "egalitarian")
        )
    for name in ("kalai-smorodinsky", "egalitarian"):
        found += broken(name, LARGE, Property.MONOTONICITY, smaller=[SMALL])
    return found + (not fails("nash", LARGE, Property.MONOTONICITY, smaller=[SMALL]))


def truthfulness() -> int:
    found, lied = 0, False
    for chance in draws(6):
        book = unit_market(chance, most=3)
        found += sum(broken(name, book, Property.INCENTIVES) for name in ("mcafee", "vcg"))
        lied = lied or fails("k-double", book, Property.INCENTIVES)
    return found + (not lied)


def screening() -> int:
    wanted = (Property.INCENTIVES, Property.INDIVIDUAL_RATIONALITY, Property.MONOTONICITY)
    found = 0
    for place, chance in enumerate(draws(200)):
        problem = suppliers(chance)
        found += broken("procurement-menu", problem, *wanted)
        if place < 20:
            found += broken("procurement-menu", problem, Property.EFFICIENCY)
        menu = procurement_menu(problem.costs, problem.probabilities, problem.value)
        found += abs(menu.rents[-1]) > 1e-9  # the dearest type just takes part
    return found


def determinism() -> int:
    spec = ExperimentSpec(
        {"zi-c": GodeSunder(price_high=20)},
        Environment.of_units([10, 8, 5], [2, 4, 9]),
        seeds=Seeds(root=5, replicates=30),
    )
    first = run(spec)
    again, apart = run(spec), run(spec, n_jobs=2)
    found = sum(to_csv(each) != to_csv(first) for each in (again, apart))
    seeds = first.groupby("run_id")["seed"].nunique()
    return found + int((seeds != 1).sum()) + (first["seed"].nunique() != 30)


def rises_with_load() -> int:
    found = 0
    loads = np.linspace(0, 1, 41).tolist()
    for chance in draws(40):
        rises = chance.uniform(0, 3, 3).tolist()
        curve = partial(
            kinked_multiplier,
            at_zero=rises[0],
            rise_to_knee=rises[1],
            rise_above=rises[2],
            knee=float(chance.uniform(0.1, 0.9)),
        )
        smooth = partial(
            smooth_multiplier,
            low=0.5,
            high=float(chance.uniform(0.5, 4)),
            steepness=float(chance.uniform(0.5, 6)),
        )
        controller = LoadController(
            gain=float(chance.uniform(0.01, 2)), target_load=float(chance.uniform(0.1, 1))
        )
        state = float(chance.uniform(controller.log_low, controller.log_high))
        for price in (curve, smooth, partial(controller.step, state)):
            found += _falls([price(load) for load in loads])
        found += _hedonic_falls(chance)
    return found


def _hedonic_falls(chance: np.random.Generator) -> int:
    names = ("tflops", "memory", "bandwidth")
    beta = dict(zip(names, chance.uniform(0, 1.5, 3).tolist(), strict=True))
    reference = dict(zip(names, chance.uniform(0.5, 2, 3).tolist(), strict=True))

    def price(quality: dict[str, float], service: float) -> float:
        return multiplicative_price(
            reference_usd=2.0,
            quality_factor=quality_factor(quality, reference, beta),
            service_factor=service_factor({"sla": service}, {"sla": 0.3}),
            energy_factor=1.0,
        )

    grid = np.linspace(0.2, 3, 15).tolist()
    found = sum(_falls([price(reference | {name: q}, 0.5) for q in grid]) for name in names)
    return found + _falls([price(reference, s) for s in np.linspace(0, 1, 15).tolist()])


def homogeneity() -> int:
    found = 0
    for chance in draws(200):
        c, q, s, e, k = chance.uniform(0.5, 3, 5).tolist()
        price = partial(multiplicative_price, quality_factor=q, service_factor=1 + s, energy_factor=e)
        found += not math.isclose(price(reference_usd=k * c), k * price(reference_usd=c), rel_tol=1e-12)
    return found


def _falls(prices: list[float]) -> bool:
    return any(after < before - 1e-12 for before, after in pairwise(prices))


def convergence() -> int:
    """Theorems A, B and C: on demands of several segments, at the gains up to which they are proven."""
    found = 0
    for chance in draws(120):
        shares, elasticities = chance.uniform(0.1, 1, 3), chance.uniform(0.4, 3, 3)
        target = float(chance.uniform(0.3, 0.9))

        def load(x: float, a: np.ndarray = shares, e: np.ndarray = elasticities) -> float:
            return min(1.0, float(a @ np.exp(-e * x)))

        for share, monotone in ((1.0, True), (0.95 * 2, False)):
            controller = LoadController(gain=share * target / 3.0, target_load=target, elasticity_max=3.0)
            low, high = controller.log_low, controller.log_high
            x, settles = float(chance.uniform(low, high)), _settles(load, target, low, high)
            path = [x]
            for _ in range(250):
                path.append(controller.step(path[-1], load(path[-1])))
            steps = np.diff(path)
            found += bool(
                np.any(np.abs(steps) > controller.step_max + 1e-12)
                or not low <= min(path) <= max(path) <= high
            )
            found += abs(path[-1] - settles) > 1e-5
            if monotone:
                found += bool(np.any(np.sign(settles - x) * steps < -1e-9))
    return found + links_settle()


def _settles(load: Callable[[float], float], target: float, low: float, high: float) -> float:
    if load(low) <= target:
        return low
    if load(high) >= target:
        return high
    return float(brentq(lambda x: load(x) - target, low, high, xtol=1e-14))


def links_settle() -> int:
    """Dual prices of links reach proportional fairness at a gain within the limit."""
    found = 0
    for chance in draws(5):
        links = SharedLinks.from_routes(
            [[0, 1], [0], [1]], chance.uniform(1, 3, 2).tolist(), weights=chance.uniform(0.5, 2, 3).tolist()
        )
        expected = links.equilibrium()
        prices = tuple(1.2 * price for price in expected.prices)
        for _ in range(3000):
            prices = links.step(prices, 0.5 * links.gain_limit())
        found += max(abs(a - b) for a, b in zip(prices, expected.prices, strict=True)) > 1e-4
    return found


def separation() -> int:
    """The private negotiation comes to what the central one does, and both to what their claims say."""
    found = 0
    for chance in draws(3):
        agents = members(chance)
        central, private = negotiate(agents), negotiate_privately(agents, tolerance=1e-6)
        size = sum(schedule.cost for schedule in central.autarky)
        for at, schedule in enumerate(central.autarky):
            ends = [
                schedule.cost - central.sharing.gains[at],
                schedule.cost - private.gains_micros[at] / MICROS_PER_TOKEN,
            ]
            found += abs(ends[0] - ends[1]) > 1e-4 * size
        wanted = (Property.INDIVIDUAL_RATIONALITY, Property.BUDGET_BALANCE, Property.EFFICIENCY)
        found += sum(broken(name, agents, *wanted) for name in ("negotiate", "negotiate-privately"))
    return found


def conservation() -> int:
    """Money comes to exactly zero in micro-units, nobody's moves by a unit, and what is bought is sold."""
    found = 0
    for chance in draws(500):
        payments = chance.normal(0, 10 ** chance.uniform(-3, 6), int(chance.integers(2, 20)))
        payments -= payments.mean()
        rounded = round_payments(payments.tolist())
        found += sum(rounded) != 0
        # the drift of the floats is shared first: that, and less than a unit
        slack = 1 + MICROS_PER_TOKEN * (abs(math.fsum(payments)) + 1e-15 * float(np.abs(payments).max()))
        found += any(
            abs(Fraction(float(paid)) * MICROS_PER_TOKEN - micros) > slack
            for paid, micros in zip(payments, rounded, strict=True)
        )
    for chance in draws(20):
        for book in (unit_market(chance), step_market(chance)):
            for name, mechanism in MECHANISMS.items():
                seed = 1 if "seed" in mechanism.parameters else None
                filled = np.array(clear(name, book, seed=seed).filled)
                found += abs(float(book.signs @ filled)) > 1e-9
    for chance in draws(3):
        agreed = negotiate(members(chance))
        found += sum(agreed.payments_micros) != 0
        found += bool(np.abs(agreed.dispatch.exchanges.sum(axis=0)).max() > 1e-6)
    return found


def cooperative_values() -> int:
    """Shapley shares all, treats equals alike and adds up; in convex games it is in the core. The nucleolus is if any is."""
    found = 0
    for chance in draws(40):
        weights = chance.uniform(0, 3, 4)
        convex = Game.from_function(4, lambda group, w=weights: float(sum(w[j] for j in group) ** 2))
        other = Game.from_function(4, lambda group, w=weights: float(len(group) * w[0] + (len(group) > 2)))
        both = Game.from_function(4, lambda group, a=convex, b=other: a.value(group) + b.value(group))
        values = shapley(convex)
        found += not math.isclose(math.fsum(values), convex.total, rel_tol=1e-9, abs_tol=1e-9)
        found += not in_core(convex, values, tolerance=1e-7)
        found += float(np.ptp(shapley(other))) > 1e-9
        found += not np.allclose(np.add(values, shapley(other)), shapley(both), atol=1e-9)
        if least_core(convex).epsilon <= 0:
            found += not in_core(convex, nucleolus(convex), tolerance=1e-6)
    return found


def best_responses() -> int:
    """Chatterjee and Samuelson's strategies: no bid or offer on a grid earns more against the other's."""
    found = 0
    costs = (np.arange(2000) + 0.5) / 2000
    for k in (0.0, 0.25, 0.5, 0.75, 1.0):
        play = LinearEquilibrium(k)
        asks, bids = (np.array([side(float(each)) for each in costs]) for side in (play.ask, play.bid))

        def buys(value: float, bid: float, k: float = k, asks: np.ndarray = asks) -> float:
            return float(np.where(bid >= asks, value - k * bid - (1 - k) * asks, 0).mean())

        def sells(cost: float, ask: float, k: float = k, bids: np.ndarray = bids) -> float:
            return float(np.where(bids >= ask, k * bids + (1 - k) * ask - cost, 0).mean())

        for each in np.linspace(0.05, 0.95, 10).tolist():
            grid = np.linspace(0, 1, 101).tolist()
            found += max(buys(each, bid) for bid in grid) > buys(each, play.bid(each)) + 1e-3
            found += max(sells(each, ask) for ask in grid) > sells(each, play.ask(each)) + 1e-3
    return found


def zone_of_agreement() -> int:
    """A bargained price leaves both at least their outside option, or there is none."""
    found = 0
    for chance in draws(500):
        v, c, bid, ask, w = *chance.uniform(0, 100, 4).tolist(), float(chance.uniform())
        bid, ask = sorted((bid, ask))
        agreed = inside_spread_price(value=v, cost=c, best_bid=bid, best_ask=ask, weight_seller=w)
        if agreed.price is not None:
            found += not max(c, bid) - 1e-9 <= agreed.price <= min(v, ask) + 1e-9
        d_b, d_s = chance.uniform(0, 30, 2).tolist()
        agreed = bargain_price(value=v, cost=c, outside_buyer=d_b, outside_seller=d_s, weight_seller=w)
        found += (agreed.price is not None) != (v - c >= d_b + d_s)
        if agreed.price is not None:
            found += v - agreed.price < d_b - 1e-9 or agreed.price - c < d_s - 1e-9
    return found


def refusals() -> int:
    """What is no number gets neither in nor out."""
    found = 0
    for wrong in (math.nan, math.inf, -math.inf):
        attempts: tuple[Callable[[], object], ...] = (
            lambda wrong=wrong: Polygon([(0, wrong)], (0, 0)),
            lambda wrong=wrong: clear("vcg", unit_book([wrong], [1.0])),
            lambda wrong=wrong: bargain_price(value=wrong, cost=1),
            lambda wrong=wrong: round_payments([wrong, 0.0]),
            lambda wrong=wrong: share_savings([wrong], [1.0]),
            lambda wrong=wrong: LoadController(gain=wrong),
            lambda wrong=wrong: smooth_multiplier(wrong, low=1, high=2),
        )
        for attempt in attempts:
            try:
                attempt()
            except PricingError:
                continue
            found += 1
    return found


@dataclass(frozen=True)
class Claimed:
    words: str
    violations: Callable[[], int]

    def spoken_of(self, text: str) -> bool:
        return re.search(self.words, text) is not None


CLAIMED = (
    Claimed(r"\bir\b|individual(ly)? rational|outside option|participation", rationality),
    Claimed(r"\bbb\b|budget|deficit", balance),
    Claimed(r"pareto|(?<!inef)ficien(t|cy)\b|dominating", efficiency),
    Claimed(r"1 ?[-−–] ?1/k", one_trade_at_most_is_lost),
    Claimed(r"symmetr|anonym|permut|identical agents|equal treatment", symmetry),
    Claimed(r"scale|affine|rescal|unit of utility", scale_invariance),
    Claimed(r"\biia\b|irrelevant|contraction", independence),
    Claimed(
        r"monotonicity|monotone ?\(s\)|larger set|\bks\b.*monoton|monoton.*\b(ks|kalai|egalitarian)\b",
        monotonicity,
    ),
    Claimed(r"\b(ds)?ic\b|misreport|truthful|strategy-?proof|incentive|manipulat", truthfulness),
    Claimed(r"screening|\bmenus?\b|adverse selection|virtual cost", screening),
    Claimed(r"determinis|reproducib|byte-identical|same seed|worker counts", determinism),
    Claimed(r"in load|utili[sz]ation|hedonic|nondecreasing in", rises_with_load),
    Claimed(r"homogene", homogeneity),
    Claimed(
        r"converge|stabil|stable|overshoot|controller|theorem [abc]\b|bounded|cobweb|lyapunov", convergence
    ),
    Claimed(r"admm|separa|distributed|decentrali|one-?shot|privacy|private|coalition", separation),
    Claimed(
        r"conserv|rounding|integer|micro-?unit|exactly (0|zero)|sums? to (0|zero)|largest remainder|zero-sum",
        conservation,
    ),
    Claimed(r"shapley|nucleolus|\bcore\b|dummy|additiv", cooperative_values),
    Claimed(r"\bbne\b|bayes(ian)?[- ]nash|chatterjee|best[- ]respon", best_responses),
    Claimed(r"zone of agreement|\bzopa\b|inside[- ]spread|collar", zone_of_agreement),
    Claimed(r"\bnan\b|infin|malformed|bad input|invalid input|error handling", refusals),
)


def claims_of(case: Case) -> list[Claimed]:
    """Return the claims that a case speaks of: by its title, or else by its description."""
    inputs = case["inputs"]
    for text in (case.get("title", ""), inputs.get("description", "")):
        found = [claim for claim in CLAIMED if claim.spoken_of(text.lower())]
        if found:
            return found
    return []


def violations(case: Case) -> Outcome:
    return {"violations": sum(int(claim.violations()) for claim in claims_of(case))}


FAMILIES = (
    Family("property", frozenset({"description"}), violations, when=lambda case: bool(claims_of(case))),
)
