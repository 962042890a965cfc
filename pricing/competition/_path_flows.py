"""Move flow from dearer paths to cheaper ones until every demand uses cheapest paths only."""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pricing.errors import Infeasible, NotConverged

GAP = 1e-12
"""Of what a demand pays: the most that all of it could save on a cheapest path."""
ROUNDS = 1000
SWEEPS = 30

Path = frozenset[int]
Exits = Mapping[str, Sequence[tuple[int, str]]]


@dataclass(slots=True)
class Traffic:
    """The amount from an origin to a destination, and how much of it takes which path (a set of arcs)."""

    origin: str
    destination: str
    amount: float
    paths: dict[Path, float] = field(default_factory=dict)


@dataclass(slots=True)
class PathFlows:
    """Arc e costs fixed[e] + slopes[e]·flows[e]; `exits` lists the arcs out of each place and where they end."""

    exits: Exits
    fixed: Sequence[float]
    slopes: Sequence[float]
    traffics: Sequence[Traffic]
    flows: list[float] = field(default_factory=list)

    def settle(self) -> list[float]:
        """Bring all flow onto cheapest paths; return what a unit of each traffic pays.

        1. Find a cheapest path for each at present costs; add it to those that are known.
        2. Stop once nobody could save more than a 10⁻¹² of what is paid.
        3. Shift flow between the known paths, one pair after the other, and go on at 1.

        Raises:
            Infeasible: if a traffic has no path.
            NotConverged: if 1000 rounds did not do.
        """
        worst = 0.0
        for _ in range(ROUNDS):
            self._add_up()
            unit_costs, worst = [], 0.0
            for place, traffic in enumerate(self.traffics):
                found = self._cheapest(traffic.origin, traffic.destination)
                if found is None:
                    raise Infeasible(
                        f"demands[{place}]: found no path from {traffic.origin} to {traffic.destination}"
                    )
                path, least = found
                unit_costs.append(least)
                paid = math.fsum(flow * self._cost(used) for used, flow in traffic.paths.items())
                saved = (paid - traffic.amount * least) / paid if paid > 0 else 0.0
                if not traffic.paths:
                    traffic.paths[path], saved = traffic.amount, 1.0
                elif saved > GAP:
                    traffic.paths.setdefault(path, 0.0)
                worst = max(worst, saved)
            if worst <= GAP:
                return unit_costs
            self._add_up()
            for _ in range(SWEEPS):
                moved = [self._shift(traffic) for traffic in self.traffics]
                if not any(moved):
                    break
        raise NotConverged(
            f"arcs: found that a demand could save {worst:.1e} of what it pays after {ROUNDS} rounds, expected {GAP}"
        )

    def _shift(self, traffic: Traffic) -> bool:
        """Move flow from each known path to the cheapest until both cost the same, or no flow is left to move.

        The difference in cost falls by the slopes of the arcs that only one of them has, so the step is Newton's.
        """
        best = min(traffic.paths, key=self._cost)
        moved_any = False
        for path, flow in list(traffic.paths.items()):
            left, taken = path - best, best - path
            saving = self._cost(left) - self._cost(taken)
            if path == best or saving <= 0:
                continue
            slope = math.fsum(self.slopes[arc] for arc in left | taken)
            moved = flow if flow * slope <= saving else saving / slope
            for arc in left:
                self.flows[arc] -= moved
            for arc in taken:
                self.flows[arc] += moved
            traffic.paths[best] += moved
            traffic.paths[path] = flow - moved
            if moved == flow:
                del traffic.paths[path]
            moved_any |= moved > 0
        return moved_any

    def _cost(self, path: Path) -> float:
        return math.fsum(self.fixed[arc] + self.slopes[arc] * self.flows[arc] for arc in path)

    def _add_up(self) -> None:
        # from the paths, so that what arcs carry never drifts from what is demanded
        self.flows = [0.0] * len(self.fixed)
        for traffic in self.traffics:
            for path, flow in traffic.paths.items():
                for arc in path:
                    self.flows[arc] += flow

    def _cheapest(self, origin: str, destination: str) -> tuple[Path, float] | None:
        """Return a cheapest path and its cost, or None if there is no path. Dijkstra (1959)."""
        waiting: list[tuple[float, int, str, Path]] = [(0.0, -1, origin, frozenset())]
        done: set[str] = set()
        while waiting:
            cost, _, place, path = heapq.heappop(waiting)
            if place == destination:
                return path, cost
            if place in done:
                continue
            done.add(place)
            for arc, end in self.exits.get(place, ()):
                if end not in done:
                    step = self.fixed[arc] + self.slopes[arc] * self.flows[arc]
                    heapq.heappush(waiting, (cost + step, arc, end, path | {arc}))
        return None
