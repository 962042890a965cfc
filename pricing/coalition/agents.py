"""Who takes part in a coalition, described by data: what an agent needs, has, can make, store and shift, and its tariff.

A commodity's *rate* is in its unit (kW, GPU, Mbps), an *amount* in unit·hours (kWh, GPU·h, Mbps·h), money in dollars.
Rates and prices are per slot; one number stands for the same in every slot. An agent keeps a balance of each commodity
that it touches; a microgrid is the agent with one balance, of energy.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pricing.errors import PricingError, Unbounded, number, vector

ENERGY = "energy"

Profile = float | tuple[float, ...]
"""A figure for each slot, or one for all."""


def profile(what: str, given: Profile | Iterable[float], *, low: float = -np.inf) -> Profile:
    """Return a figure for all slots, or a tuple of one for each, once every one is a finite number of at least `low`.

    >>> profile("load", [4, 6]), profile("load", 5)
    ((4.0, 6.0), 5.0)

    Raises:
        PricingError: if it is not.
    """
    if isinstance(given, str | dict) or not isinstance(given, Iterable):
        return number(what, given, low=low)  # type: ignore[arg-type]  # a text or a mapping is refused there
    return tuple(vector(what, given, low=low).tolist())


def named_pairs(what: str, given: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return pairs of a name and a figure, once each is one.

    >>> named_pairs("inputs", (("energy", 0.9),))
    [('energy', 0.9)]

    Raises:
        PricingError: if one is not.
    """
    pairs = list(given)
    for place, each in enumerate(pairs):
        if not isinstance(each, tuple | list) or len(each) != 2:
            raise PricingError(f"{what}[{place}]: found {each!r}, expected a name and a figure")
    return pairs


def per_slot(figure: Profile, slots: int) -> NDArray[np.float64]:
    """Return a profile as a read-only array of a figure for each slot.

    >>> per_slot(5.0, 3).tolist()
    [5.0, 5.0, 5.0]
    """
    return np.broadcast_to(np.asarray(figure, np.float64), slots)


def _set(instance: object, **values: object) -> None:
    for name, value in values.items():
        object.__setattr__(instance, name, value)  # the way a frozen dataclass normalises its own fields


@dataclass(frozen=True, slots=True)
class Storage:
    """A battery, or any store: s_t = (1 − δ)^h s_{t−1} + η_c c_t − d_t / η_d, with 0 <= s_t <= capacity.

    `rate_max` limits charging c and discharging d, in units; `capacity`, `initial` and `final_min` are amounts. What goes
    in and what comes out both pay `throughput_cost` per unit·hour. The store ends as full as it began, unless `final_min`
    asks for at least another amount. `hourly_loss` is δ, the share that an hour of waiting costs.

    >>> Storage(rate_max=2, capacity=4, initial=1, charge_efficiency=0.95, discharge_efficiency=0.95).final_min is None
    True
    >>> Storage(rate_max=2, capacity=4, initial=5)
    Traceback (most recent call last):
    pricing.errors.PricingError: storage initial: found 5, expected a number in [0, 4]

    Raises:
        PricingError: if a figure is out of range.
    """

    rate_max: float
    capacity: float
    initial: float = 0.0
    charge_efficiency: float = 1.0
    discharge_efficiency: float = 1.0
    throughput_cost: float = 0.0
    final_min: float | None = None
    hourly_loss: float = 0.0

    def __post_init__(self) -> None:
        number("storage rate_max", self.rate_max, low=0)
        number("storage capacity", self.capacity, low=0)
        number("storage initial", self.initial, low=0, high=self.capacity)
        number("storage charge_efficiency", self.charge_efficiency, low=0, high=1, open_low=True)
        number("storage discharge_efficiency", self.discharge_efficiency, low=0, high=1, open_low=True)
        number("storage throughput_cost", self.throughput_cost, low=0)
        if self.final_min is not None:
            number("storage final_min", self.final_min, low=0, high=self.capacity)
        number("storage hourly_loss", self.hourly_loss, low=0, high=1)


@dataclass(frozen=True, slots=True)
class Generator:
    """Whatever makes a commodity at a cost: (a/2 g² + b g) dollars an hour at the rate g, 0 <= g <= `rate_max`.

    `cost_linear` is b, in dollars per unit·hour, `cost_quadratic` a >= 0. A generator of compute is a cluster, one of
    network a link. `inputs` are what a unit·hour takes of the agent's other balances: (("energy", 0.9),) says 0.9 kWh
    per GPU·h. Without `rate_max` there is no limit.

    >>> Generator(rate_max=8, cost_linear=0.4, inputs=(("energy", 0.9),)).inputs
    (('energy', 0.9),)

    Raises:
        PricingError: if a figure is out of range, or an input is named twice.
    """

    rate_max: float | None = None
    cost_linear: float = 0.0
    cost_quadratic: float = 0.0
    inputs: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if self.rate_max is not None:
            number("generator rate_max", self.rate_max, low=0)
        number("generator cost_linear", self.cost_linear, low=0)
        number("generator cost_quadratic", self.cost_quadratic, low=0)
        pairs = named_pairs("generator inputs", self.inputs)
        inputs = tuple((name, number(f"generator input {name}", each, low=0)) for name, each in pairs)
        if len({name for name, _ in inputs}) < len(inputs):
            raise PricingError(f"generator inputs: found {inputs!r}, expected each commodity once")
        _set(self, inputs=inputs)


@dataclass(frozen=True, slots=True)
class FlexibleLoad:
    """A need for an `amount` at any time from slot `earliest` to slot `latest`, at most `rate_max` at once.

    A car to charge, or a computing job: 40 GPU·h by slot 11 on at most 8 GPUs. Slots count from 0; without `latest` the
    last one counts.

    >>> FlexibleLoad(amount=40, rate_max=8, earliest=2, latest=11).amount
    40

    Raises:
        PricingError: if a figure is out of range, or `latest` is before `earliest`.
    """

    amount: float
    rate_max: float
    earliest: int = 0
    latest: int | None = None

    def __post_init__(self) -> None:
        number("flexible amount", self.amount, low=0)
        number("flexible rate_max", self.rate_max, low=0)
        _slot("flexible earliest", self.earliest, first=0)
        if self.latest is not None:
            _slot("flexible latest", self.latest, first=self.earliest)


@dataclass(frozen=True, slots=True)
class GridTariff:
    """What the world outside the coalition charges (`buy`) and pays (`sell`), in dollars per unit·hour.

    Limits are rates; None is no limit, and 0 no such connection.

    >>> GridTariff(buy=(0.3, 0.5), sell=0.1).sell
    0.1
    >>> GridTariff(buy=0.3, sell=0.4)
    Traceback (most recent call last):
    pricing.errors.Unbounded: grid sell: found 0.4 above the buy price 0.3, expected at most that: to buy and sell at once would earn for ever

    Raises:
        Unbounded: if a slot's sell price is above its buy price.
        PricingError: if a figure is out of range.
    """  # noqa: E501  (the message is one line)

    buy: Profile
    sell: Profile = 0.0
    import_limit: Profile | None = None
    export_limit: Profile | None = None

    def __post_init__(self) -> None:
        _set(self, buy=profile("grid buy", self.buy), sell=profile("grid sell", self.sell))
        buy, sell = np.asarray(self.buy), np.asarray(self.sell)
        if buy.ndim and sell.ndim and len(buy) != len(sell):
            raise PricingError(f"grid sell: found {len(sell)} slots, expected {len(buy)}, as in grid buy")
        for bid, ask in zip(*(each.ravel() for each in np.broadcast_arrays(sell, buy)), strict=True):
            if bid > ask:
                raise Unbounded(
                    f"grid sell: found {bid:g} above the buy price {ask:g}, expected at most that: "
                    "to buy and sell at once would earn for ever"
                )
        for name in ("import_limit", "export_limit"):
            limit = getattr(self, name)
            if limit is not None:
                _set(self, **{name: profile(f"grid {name}", limit, low=0)})


@dataclass(frozen=True, slots=True)
class Balance:
    """What an agent needs and has of one commodity; in every slot what comes in is what goes out.

        e + grid buy + renewable used + generated + discharged = load + grid sell + charged + flexible + inputs of others

    `load` and `renewable` are rates; what is not used of `renewable` is curtailed at no cost. e, the net import from the
    coalition, is limited to ± `exchange_max` (a rate; None is no limit, 0 not traded), and costs `exchange_fee` |e|, what
    the use of the line takes on each side. A fee, however small, also keeps members that would pay the grid the same from
    passing energy on to each other for nothing.

    >>> Balance(load=(4, 6, 8, 5), renewable=(6, 2, 0, 0), grid=GridTariff(buy=0.5)).load
    (4.0, 6.0, 8.0, 5.0)

    Raises:
        PricingError: if a figure is out of range.
    """

    commodity: str = ENERGY
    load: Profile = 0.0
    renewable: Profile = 0.0
    storage: Storage | None = None
    generators: tuple[Generator, ...] = ()
    flexible: tuple[FlexibleLoad, ...] = ()
    grid: GridTariff | None = None
    exchange_max: Profile | None = None
    exchange_fee: float = 0.0

    def __post_init__(self) -> None:
        _set(
            self,
            load=profile(f"{self.commodity} load", self.load),
            renewable=profile(f"{self.commodity} renewable", self.renewable, low=0),
            generators=tuple(self.generators),
            flexible=tuple(self.flexible),
        )
        number(f"{self.commodity} exchange_fee", self.exchange_fee, low=0)
        if self.exchange_max is not None:
            _set(self, exchange_max=profile(f"{self.commodity} exchange_max", self.exchange_max, low=0))

    def profiles(self) -> list[tuple[str, Profile]]:
        """Return every figure that may differ by slot, with its name."""
        found = [(f"{self.commodity} {name}", getattr(self, name)) for name in ("load", "renewable")]
        if self.exchange_max is not None:
            found.append((f"{self.commodity} exchange_max", self.exchange_max))
        if self.grid is not None:
            for field in fields(self.grid):
                limit = getattr(self.grid, field.name)
                if limit is not None:
                    found.append((f"{self.commodity} grid {field.name}", limit))
        return found


@dataclass(frozen=True, slots=True)
class Agent:
    """A member of a coalition: a name, a balance for each commodity it touches, how long a slot is, and how many there are.

    The number of slots is that of its figures per slot; give `slots` where every figure is one for all of them.

    >>> north = Agent("north", (Balance(load=(4, 6), generators=(Generator(rate_max=8, cost_linear=0.3),)),))
    >>> north.slots, north.commodities
    (2, ('energy',))
    >>> centre = Agent("centre", (
    ...     Balance("compute", load=(5, 5), generators=(Generator(rate_max=8, inputs=(("energy", 0.9),)),)),
    ...     Balance("energy", grid=GridTariff(buy=0.2)),
    ... ))
    >>> centre.commodities
    ('compute', 'energy')

    Raises:
        PricingError: if there is no balance, two are of one commodity, figures are not of as many slots, a flexible load
            ends after the last of them, or a generator takes of a commodity without a balance.
    """

    name: str
    balances: tuple[Balance, ...]
    slot_hours: float = 1.0
    slots: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise PricingError(f"agent name: found {self.name!r}, expected a text")
        _set(self, balances=tuple(self.balances))
        number(f"{self.name}: slot_hours", self.slot_hours, low=0, open_low=True)
        if len(set(self.commodities)) < len(self.balances) or not self.balances:
            found = ", ".join(self.commodities) or "none"
            raise PricingError(f"{self.name}: found balances of {found}, expected one for each commodity")
        figures = [each for balance in self.balances for each in balance.profiles()]
        lengths = {what: len(each) for what, each in figures if isinstance(each, tuple)}
        _slot(f"{self.name}: slots", self.slots, first=0)
        _set(self, slots=self.slots or max(lengths.values(), default=0))
        if not self.slots:
            raise PricingError(f"{self.name}: found no figure per slot, expected one, or the number of slots")
        for what, length in lengths.items():
            if length != self.slots:
                raise PricingError(f"{self.name}: {what}: found {length} slots, expected {self.slots}")
        for balance in self.balances:
            for job in balance.flexible:
                if max(job.earliest, job.latest or 0) >= self.slots:
                    raise PricingError(
                        f"{self.name}: found a flexible load in slots {job.earliest} to {job.latest}, "
                        f"expected at most {self.slots - 1}"
                    )
            for generator in balance.generators:
                for taken, _ in generator.inputs:
                    if taken not in self.commodities or taken == balance.commodity:
                        raise PricingError(
                            f"{self.name}: found a generator of {balance.commodity} that takes {taken}, "
                            f"expected another of its balances: {', '.join(self.commodities)}"
                        )

    @property
    def commodities(self) -> tuple[str, ...]:
        """The commodities it keeps a balance of."""
        return tuple(balance.commodity for balance in self.balances)


def commodities_of(agents: Iterable[Agent]) -> tuple[str, ...]:
    """Return the commodities that any of the agents touches, in alphabetical order: the rows of an exchange.

    >>> commodities_of([Agent("north", (Balance(load=(4, 6)),))])
    ('energy',)
    """
    return tuple(sorted({commodity for agent in agents for commodity in agent.commodities}))


def _slot(what: str, value: int, *, first: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < first:
        raise PricingError(f"{what}: found {value!r}, expected an integer of at least {first}")
