"""What an agent decides for itself, as one quadratic program: all that a solver has to know of it.

The columns are the net imports e first, then what the agent does inside; the rows are the balances first, in the order of
e, then storage and flexible loads, then the bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pricing.coalition.agents import (
    Agent,
    Balance,
    FlexibleLoad,
    Generator,
    GridTariff,
    Storage,
    commodities_of,
    per_slot,
)
from pricing.errors import LARGEST, PricingError, vector

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Matrix: TypeAlias = "sparse.csc_array[np.float64]"


@dataclass(frozen=True, slots=True, eq=False)
class LocalProblem:
    """min ½ x'Px + q'x + constant subject to l <= Ax <= u: the form of OSQP (Stellato et al. 2020).

    P holds its upper triangle. `exchange` are the places in x of the net import e from the coalition, in unit·hours:
    commodity by commodity, slot by slot, so e[c · slots + t]. `columns` names the places of every quantity in x.
    The objective is in dollars. The arrays are not to be changed.
    """

    P: Matrix
    q: Floats
    A: Matrix
    l: Floats  # noqa: E741  (the name it has in OSQP)
    u: Floats
    constant: float
    exchange: Places
    columns: tuple[tuple[str, slice], ...] = ()

    def cost(self, x: Floats) -> float:
        """Return ½ x'Px + q'x + constant in dollars.

        Raises:
            PricingError: if x does not have one finite number for each column.
        """
        x = vector("x", x, size=len(self.q), low=-LARGEST, high=LARGEST)
        upper = x @ (self.P @ x)  # P_ij x_i x_j once for every i <= j
        return float(upper - 0.5 * (self.P.diagonal() @ (x * x)) + self.q @ x + self.constant)


def local_problem(agent: Agent, commodities: Sequence[str] | None = None) -> LocalProblem:
    """Return the problem of an agent that may import e of each of `commodities` (default: those it touches, by name).

    Of a commodity that it does not touch it imports nothing, so that all members' e have one shape. Variables are amounts
    in unit·hours: rates times the hours of a slot.

    >>> from pricing.coalition.agents import Balance, GridTariff
    >>> problem = local_problem(Agent("north", (Balance(load=(4, 6), grid=GridTariff(buy=0.3, sell=0.1)),)))
    >>> problem.exchange.tolist(), [name for name, _ in problem.columns]
    ([0, 1], ['energy exchange', 'energy grid buy', 'energy grid sell'])
    >>> problem.q.tolist()
    [0.0, 0.0, 0.3, 0.3, -0.1, -0.1]

    Raises:
        PricingError: if the agent touches a commodity that is not among them.
    """
    wanted = tuple(commodities) if commodities is not None else commodities_of([agent])
    if not set(agent.commodities) <= set(wanted):
        raise PricingError(
            f"commodities: found {wanted}, expected those of {agent.name}: {agent.commodities}"
        )
    balances = {balance.commodity: balance for balance in agent.balances}
    build = _Builder(agent.slots, agent.slot_hours)
    for commodity in wanted:
        build.exchange(balances.get(commodity, Balance(commodity, exchange_max=0.0)))
    for commodity in wanted:
        if commodity in balances:
            build.inside(balances[commodity])
    return build.problem(exchanged=len(wanted) * agent.slots)


@dataclass(slots=True)
class _Builder:
    """Collects columns, rows and entries as blocks of arrays, and stacks them once."""

    slots: int
    hours: float
    width: int = 0
    height: int = 0
    names: list[tuple[str, slice]] = field(default_factory=list)
    figures: list[Floats] = field(default_factory=list)
    sides: list[tuple[Floats, Floats]] = field(default_factory=list)
    entries: list[tuple[Places, Places, Floats]] = field(default_factory=list)
    balance_rows: dict[str, Places] = field(default_factory=dict)
    imports: dict[str, Places] = field(default_factory=dict)

    def column(
        self,
        name: str,
        *,
        low: float | Floats = 0.0,
        high: float | Floats = np.inf,
        linear: float | Floats = 0.0,
        quadratic: float = 0.0,
    ) -> Places:
        """Add a variable for each slot, in [low, high], costing ½ quadratic x² + linear x."""
        places = np.arange(self.width, self.width + self.slots)
        self.names.append((name, slice(self.width, self.width + self.slots)))
        self.width += self.slots
        figures = np.empty((4, self.slots))
        for row, figure in zip(figures, (quadratic, linear, low, high), strict=True):
            row[:] = figure
        self.figures.append(figures)
        return places

    def row(self, low: Floats, high: Floats) -> Places:
        """Add constraints low <= (what is put there) <= high."""
        places = np.arange(self.height, self.height + len(low))
        self.height += len(low)
        self.sides.append((low, high))
        return places

    def put(self, rows: Places, columns: Places, value: float) -> None:
        """Set A[rows, columns] = value, pair by pair."""
        self.entries.append((rows, columns, np.full(len(rows), value)))

    def exchange(self, balance: Balance) -> None:
        """Add the balance rows of a commodity, and its net import, the only link to the other members."""
        load = per_slot(balance.load, self.slots) * self.hours
        most = self._amount(balance.exchange_max)
        rows = self.balance_rows[balance.commodity] = self.row(load, load)
        imported = self.column(f"{balance.commodity} exchange", low=np.negative(most), high=most)
        self.imports[balance.commodity] = imported
        self.put(rows, imported, 1.0)

    def inside(self, balance: Balance) -> None:
        """Add what an agent does within its balance of a commodity."""
        name, rows = balance.commodity, self.balance_rows[balance.commodity]
        if balance.exchange_fee:
            self._fee(name, balance.exchange_fee)
        if np.any(balance.renewable):
            self.put(rows, self.column(f"{name} renewable", high=self._amount(balance.renewable)), 1.0)
        if balance.grid is not None:
            self._grid(name, rows, balance.grid)
        if balance.storage is not None:
            self._storage(name, rows, balance.storage)
        for place, generator in enumerate(balance.generators, start=1):
            self._generator(f"{name} generator {place}", rows, generator)
        for place, job in enumerate(balance.flexible, start=1):
            self._flexible(f"{name} flexible {place}", rows, job)

    def _fee(self, name: str, fee: float) -> None:
        split = self.row(np.zeros(self.slots), np.zeros(self.slots))  # e − taken + given = 0
        self.put(split, self.imports[name], 1.0)
        self.put(split, self.column(f"{name} taken", linear=fee), -1.0)
        self.put(split, self.column(f"{name} given", linear=fee), 1.0)

    def _grid(self, name: str, rows: Places, grid: GridTariff) -> None:
        buy, sell = (per_slot(each, self.slots) for each in (grid.buy, grid.sell))
        self.put(rows, self.column(f"{name} grid buy", high=self._amount(grid.import_limit), linear=buy), 1.0)
        sold = self.column(f"{name} grid sell", high=self._amount(grid.export_limit), linear=-sell)
        self.put(rows, sold, -1.0)

    def _storage(self, name: str, rows: Places, storage: Storage) -> None:
        rate, cost = storage.rate_max * self.hours, storage.throughput_cost
        charge = self.column(f"{name} charge", high=rate, linear=cost)
        discharge = self.column(f"{name} discharge", high=rate, linear=cost)
        low, high = np.zeros(self.slots), np.full(self.slots, float(storage.capacity))
        if storage.final_min is None:
            low[-1] = high[-1] = storage.initial
        else:
            low[-1] = storage.final_min
        stored = self.column(f"{name} stored", low=low, high=high)
        kept = (1 - storage.hourly_loss) ** self.hours
        start = np.zeros(self.slots)
        start[0] = kept * storage.initial
        step = self.row(start, start)  # s_t − kept s_{t−1} − η_c c_t + d_t / η_d = 0, s_0 given
        self.put(step, stored, 1.0)
        self.put(step[1:], stored[:-1], -kept)
        self.put(step, charge, -storage.charge_efficiency)
        self.put(step, discharge, 1 / storage.discharge_efficiency)
        self.put(rows, charge, -1.0)
        self.put(rows, discharge, 1.0)

    def _generator(self, name: str, rows: Places, generator: Generator) -> None:
        made = self.column(
            name,
            high=self._amount(generator.rate_max),
            linear=generator.cost_linear,
            quadratic=generator.cost_quadratic / self.hours,  # (a/2 g² + b g) h with g = amount / h
        )
        self.put(rows, made, 1.0)
        for commodity, amount in generator.inputs:
            self.put(self.balance_rows[commodity], made, -amount)

    def _flexible(self, name: str, rows: Places, job: FlexibleLoad) -> None:
        window = slice(job.earliest, None if job.latest is None else job.latest + 1)
        high = np.zeros(self.slots)
        high[window] = job.rate_max * self.hours
        served = self.column(name, high=high)
        self.put(rows, served, -1.0)
        whole = np.array([float(job.amount)])
        self.put(np.repeat(self.row(whole, whole), self.slots), served, 1.0)

    def _amount(self, rate: float | tuple[float, ...] | None) -> float | Floats:
        return np.inf if rate is None else per_slot(rate, self.slots) * self.hours

    def problem(self, *, exchanged: int) -> LocalProblem:
        """Stack the blocks; a bound is a row of A, and none where both sides are infinite."""
        quadratic, linear, low, high = np.concatenate(self.figures, axis=1)
        bounded = np.flatnonzero(np.isfinite(low) | np.isfinite(high))
        self.put(self.row(low[bounded], high[bounded]), bounded, 1.0)
        rows, columns, values = (np.concatenate(each) for each in zip(*self.entries, strict=True))
        lower, upper = (np.concatenate(each) for each in zip(*self.sides, strict=True))
        curved = np.flatnonzero(quadratic)
        return LocalProblem(
            P=_matrix(curved, curved, quadratic[curved], (self.width, self.width)),
            q=linear,
            A=_matrix(rows, columns, values, (self.height, self.width)),
            l=lower,
            u=upper,
            constant=0.0,
            exchange=np.arange(exchanged),
            columns=tuple(self.names),
        )


def _matrix(rows: Places, columns: Places, values: Floats, shape: tuple[int, int]) -> Matrix:
    order = np.lexsort((rows, columns))
    starts = np.searchsorted(columns[order], np.arange(shape[1] + 1))
    return sparse.csc_array((values[order], rows[order], starts), shape=shape)
