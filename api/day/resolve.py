"""From a scenario file and outside figures to the parts of a day, in the market's integers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

from api.day.inputs import HOURS, Generation, PathFigures, read_network
from api.day.parts import Demand, Meter, Outage, Participant, Role, Series, Site, StandbyOption
from api.day.scenario_file import ScenarioFile
from api.day.scenario_layout import DataCentre, NetworkPath
from api.day.tokens import Tokens
from market.instruments import SECONDS_PER_HOUR, Instrument
from market.listing import TradePriceRule
from market.units import BPS_ONE, MICROS_PER_TOKEN, Commodity, Lots, Micros
from pricing.base import BasePrices, quality_factor
from pricing.taxonomy import taxonomy

_WH_PER_KW_HOUR = Decimal(1000)
# 1 GB is 8,000 megabits, and 1 Mbps carries 3,600 of them in an hour.
_MBPS_HOURS_PER_GB = Fraction(8000, SECONDS_PER_HOUR)
# A path's price follows its list price in proportion and its speed weakly: ten times faster is worth a quarter more.
_PATH_EXPONENTS = {"usd_per_gb": 1.0, "round_trips_per_s": 0.1}


@dataclass
class Resolver:
    """What has been resolved so far. Call `energy`, `compute`, `emergencies` and `network` in this order."""

    file: ScenarioFile
    first_hour: int
    prices: BasePrices = field(default_factory=BasePrices)
    participants: dict[str, Participant] = field(default_factory=dict)
    series: list[Series] = field(default_factory=list)
    meters: list[Meter] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    options: list[StandbyOption] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def note(self, label: str, text: str) -> None:
        """Keep a text for the report."""
        self.notes.append((label, text))

    def energy(self, generation: Generation) -> None:
        """Add energy types, generators and buyers of energy; generators offer what they produced the day before."""
        energy, layout = self.file.layout.energy, self.file.layout
        self.file.distinct("energy.type", "product", [kind.product for kind in energy.type])
        self.file.shares_fit("generator", [(it.product, it.share) for it in layout.generator])
        wh_per_mw = energy.kw_per_mw * _WH_PER_KW_HOUR
        kinds = {kind.product: kind for kind in energy.type}
        known = generation.day[0].mw
        places: dict[str, int] = {}
        for index, kind in enumerate(energy.type):
            self.file.known(f"energy.type[{index}].product", kind.product, known)
            capacity = max(hour.mw[kind.product] for hour in generation.before) * wh_per_mw
            places[kind.product] = self._list(
                Instrument(Commodity.ENE, kind.product, energy.place, self.first_hour, tier=kind.tier),
                capacity_lots=ceil(capacity),
                rule=energy.rule,
                fee_bps=energy.fee_bps,
            )
        for index, generator in enumerate(layout.generator):
            key = f"generator[{index}]"
            self.file.known(f"{key}.product", generator.product, kinds)
            owner = self._join(key, generator.name, Role.GENERATOR, generator.deposit)
            kind = kinds[generator.product]
            lots_per_mw = wh_per_mw * generator.share
            before = [hour.mw[kind.product] * lots_per_mw for hour in generation.before]
            real = [Lots(floor(hour.mw[kind.product] * lots_per_mw)) for hour in generation.day]
            self._meter(
                owner,
                places[generator.product],
                capacity_lots=ceil(max(before)),
                cost=kind.cost,
                offered_lots=[Lots(floor(lots * (1 - kind.haircut))) for lots in before],
                delivered_lots=real if kind.metered else None,
            )
        for index, buyer in enumerate(layout.energy_buyer):
            key = f"energy_buyer[{index}]"
            buying = self._join(key, buyer.name, Role(buyer.role), buyer.deposit)
            for product, share in buyer.wants.items():
                self.file.known(f"{key}.wants", product, kinds)
                offered = self._offered(places[product])
                self._want(buying, places[product], buyer.worth, [lots * share for lots in offered])

    def compute(self, tokens: Tokens) -> None:
        """Add data centres with their need for energy, and buyers of compute."""
        layout = self.file.layout
        compute = layout.compute
        self.file.distinct("zone", "code", [zone.code for zone in layout.zone])
        self.file.distinct("compute.class", "product", [row.product for row in compute.class_])
        self.file.shares_fit("compute_buyer", [("all tokens", it.share) for it in layout.compute_buyer])
        zones = {zone.code for zone in layout.zone}
        classes = {row.product: row for row in compute.class_}
        for index, row in enumerate(compute.class_):
            self.file.known(f"compute.class[{index}].product", row.product, taxonomy().accelerators)
        capacities: dict[tuple[str, str], int] = {}
        for index, centre in enumerate(layout.data_centre):
            self.file.known(f"data_centre[{index}].zone", centre.zone, zones)
            for product in self.file.each(f"data_centre[{index}].gpus", centre.gpus, classes):
                slot = (product, centre.zone)
                lots = centre.gpus[product] * Commodity.CMP.lots_per_unit
                capacities[slot] = capacities.get(slot, 0) + lots
        places: dict[tuple[str, str], int] = {}
        for zone in layout.zone:
            for row in compute.class_:
                if capacity := capacities.get((row.product, zone.code)):
                    places[row.product, zone.code] = self._list(
                        Instrument(
                            Commodity.CMP,
                            row.product,
                            zone.code,
                            self.first_hour,
                            tier=row.tier,
                            green=row.green,
                        ),
                        capacity_lots=capacity,
                        rule=compute.rule,
                        fee_bps=compute.fee_bps,
                    )
        for index, centre in enumerate(layout.data_centre):
            self._data_centre(f"data_centre[{index}]", centre, places)
        peaks = {name: row.bf16_tflops_dense for name, row in taxonomy().accelerators.rows.items()}
        measured_on = layout.workload.measured_on
        for index, buyer in enumerate(layout.compute_buyer):
            key = f"compute_buyer[{index}]"
            self.file.known(f"{key}.class", buyer.class_, classes)
            # a class that was not measured needs as many more hours as its peak throughput is lower
            slower = Fraction(peaks[measured_on]) / Fraction(peaks[buyer.class_])
            share = Fraction(buyer.share) * slower * Commodity.CMP.lots_per_unit / len(buyer.zones)
            buying = self._join(key, buyer.name, Role(buyer.role), buyer.deposit)
            for zone_code in self.file.each(f"{key}.zones", buyer.zones, zones):
                if (buyer.class_, zone_code) not in places:
                    raise self.file.error(
                        f"{key}.zones",
                        found=f"no {buyer.class_} in {zone_code}",
                        expected="zones that have some",
                    )
                self._want(
                    buying,
                    places[buyer.class_, zone_code],
                    buyer.worth,
                    [hours * share for hours in tokens.accelerator_hours],
                )

    def network(self, tokens: Tokens, directory: Path | None) -> None:
        """Add paths, carriers and buyers of paths; `directory` holds figures that replace the scenario's."""
        layout = self.file.layout
        network = layout.network
        names = [f"{path.from_}>{path.to}" for path in network.path]
        self.file.distinct("network.path", "to", names)
        self.file.shares_fit("carrier", [(name, it.share) for it in layout.carrier for name in it.paths])
        figures = self._path_figures(network.path, directory)
        usd_mean = sum(it.usd_per_gb for it in figures) / len(figures)
        speed_mean = sum(1000 / it.rtt_ms for it in figures) / len(figures)
        places: dict[str, int] = {}
        for name, path, its in zip(names, network.path, figures, strict=True):
            places[name] = self._list(
                Instrument(
                    Commodity.NET,
                    path.product,
                    path.from_,
                    self.first_hour,
                    tier=path.tier,
                    place_to=path.to,
                ),
                capacity_lots=floor(its.mbps),
                rule=network.rule,
                fee_bps=network.fee_bps,
                price_factor=quality_factor(
                    {"usd_per_gb": float(its.usd_per_gb), "round_trips_per_s": float(1000 / its.rtt_ms)},
                    {"usd_per_gb": float(usd_mean), "round_trips_per_s": float(speed_mean)},
                    _PATH_EXPONENTS,
                ),
            )
        capacity = {name: its.mbps for name, its in zip(names, figures, strict=True)}
        for index, carrier in enumerate(layout.carrier):
            key = f"carrier[{index}]"
            owner = self._join(key, carrier.name, Role.CARRIER, carrier.deposit)
            for name in self.file.each(f"{key}.paths", carrier.paths, places):
                lots = Lots(floor(capacity[name] * carrier.share))
                cost = Decimal(repr(self.series[places[name]].base_usd)) * network.cost_share
                self._meter(owner, places[name], capacity_lots=lots, cost=cost, offered_lots=[lots] * HOURS)
        self._network_buyers(tokens, places)

    def emergencies(self) -> None:
        """Add standby options between data centres, and outages; what is kept ready is offered to nobody else."""
        for index, stated in enumerate(self.file.layout.standby):
            key = f"standby[{index}]"
            held, kept = (
                self._meter_of(f"{key}.{side}", name, stated.class_)
                for side, name in (("holder", stated.holder), ("supplier", stated.supplier))
            )
            lots = Lots(stated.gpus * Commodity.CMP.lots_per_unit)
            ready = self.meters[kept]
            if self.meters[held].series != ready.series or held == kept:
                raise self.file.error(
                    f"{key}.supplier",
                    found=stated.supplier,
                    expected=f"another data centre with {stated.class_} in the holder's zone",
                )
            if lots > min(ready.offered_lots):
                raise self.file.error(
                    f"{key}.gpus",
                    found=stated.gpus,
                    expected=f"at most the {stated.class_} that the supplier has and keeps for nobody else",
                )
            offered = tuple(Lots(each - lots) for each in ready.offered_lots)
            self.meters[kept] = replace(ready, offered_lots=offered)
            strike, premium = (Micros(round(it * MICROS_PER_TOKEN)) for it in (stated.strike, stated.premium))
            holder = self.meters[held].owner
            self.options.append(StandbyOption(holder, ready.owner, kept, lots, strike, premium))
            self.note(
                "Emergency plan",
                f"{stated.holder} holds an option on {stated.gpus} {stated.class_} of {stated.supplier}: {stated.premium} "
                f"tokens for the day, {stated.strike} tokens per GPU·h that is called.",
            )
        for index, outage in enumerate(self.file.layout.outage):
            meter = self._meter_of(f"outage[{index}].data_centre", outage.data_centre, outage.class_)
            self.note(
                "Outage",
                f"In the hour from {outage.hour:02d}:00 UTC {outage.data_centre} delivers {outage.delivered * 100:.0f} % of "
                f"the {outage.class_} that it sold. This is the scenario's own.",
            )
            self.outages.append(Outage(meter, outage.hour, round(outage.delivered * BPS_ONE)))

    def _meter_of(self, key: str, name: str, product: str) -> int:
        for index, meter in enumerate(self.meters):
            owner = list(self.participants)[meter.owner]
            first = self.series[meter.series].instruments[0]
            if owner == name and first.commodity is Commodity.CMP and first.product == product:
                return index
        raise self.file.error(key, found=name, expected=f"a data centre with {product}")

    def _data_centre(self, key: str, centre: DataCentre, places: dict[tuple[str, str], int]) -> None:
        energy = {
            line.instruments[0].product: index
            for index, line in enumerate(self.series)
            if line.commodity is Commodity.ENE
        }
        owner = self._join(key, centre.name, Role.DATA_CENTRE, centre.deposit)
        use: list[tuple[int, int]] = []
        for product, gpus in centre.gpus.items():
            place = places.get((product, centre.zone))
            if not gpus or place is None:
                continue
            price = self.prices.price(self.series[place].instruments[0], pue=float(centre.pue))
            lots = Lots(gpus * Commodity.CMP.lots_per_unit)
            watts = Fraction(repr(self.prices.power_w(product)))
            use.append((len(self.meters), ceil(watts * Fraction(centre.pue))))
            self._meter(
                owner,
                place,
                capacity_lots=lots,
                cost=Decimal(repr(price)) * self.file.layout.compute.cost_share,
                offered_lots=[lots] * HOURS,
            )
        self.sites.append(
            Site(
                owner=owner,
                expected_load_bps=round(centre.expected_load * BPS_ONE),
                wh_per_gpu_hour=tuple(use),
                energy=tuple(energy[it] for it in self.file.each(f"{key}.energy", centre.energy, energy)),
                premium_micros=Micros(round(centre.premium * MICROS_PER_TOKEN)),
            )
        )

    def _network_buyers(self, tokens: Tokens, places: dict[str, int]) -> None:
        layout = self.file.layout
        shares = {buyer.name: buyer.share for buyer in layout.compute_buyer}
        bytes_per_token = Fraction(repr(taxonomy().tasks["INFERENCE"].bytes_per_token))
        for index, buyer in enumerate(layout.network_buyer):
            key = f"network_buyer[{index}]"
            if buyer.name in self.participants and buyer.role is None and buyer.deposit is None:
                buying = list(self.participants).index(buyer.name)
            elif buyer.role is None or buyer.deposit is None:
                raise self.file.error(
                    key,
                    found=f"{buyer.name} without role and deposit",
                    expected="both, or a name that another table has introduced",
                )
            else:
                buying = self._join(key, buyer.name, Role(buyer.role), buyer.deposit)
            share = Fraction(shares.get(buyer.name, Decimal(0))) / len(buyer.paths)
            for name in self.file.each(f"{key}.paths", buyer.paths, places):
                gigabytes = [
                    Fraction(buyer.gb_per_hour) * weight + count * share * bytes_per_token / 10**9
                    for weight, count in zip(tokens.weights, tokens.counts, strict=True)
                ]
                self._want(buying, places[name], buyer.worth, [gb * _MBPS_HOURS_PER_GB for gb in gigabytes])

    def _path_figures(self, paths: Sequence[NetworkPath], directory: Path | None) -> list[PathFigures]:
        if not paths:
            raise self.file.error("network", found="no network.path", expected="at least one")
        regions = {zone.code: zone.region for zone in self.file.layout.zone}
        for index, path in enumerate(paths):
            self.file.known(f"network.path[{index}].from", path.from_, regions)
            self.file.known(f"network.path[{index}].to", path.to, regions)
        if directory is None:
            self.note("Network", "Prices, round trips and capacities of the paths are the scenario's own.")
            return [PathFigures(path.usd_per_gb, path.rtt_ms, path.mbps) for path in paths]
        pairs = [(regions[path.from_], regions[path.to]) for path in paths]
        found = read_network(directory, pairs)
        stands = ", ".join(f"{zone.code} by {zone.region}" for zone in self.file.layout.zone)
        self.note(
            "Network",
            f"Price, round trip and capacity of the paths from {directory.name}; the places are stood for by the "
            f"nearest cloud region measured: {stands}.",
        )
        return [found[pair] for pair in pairs]

    def _join(self, key: str, name: str, role: Role, deposit: Decimal) -> int:
        if name in self.participants:
            raise self.file.error(
                f"{key}.name", found=f"{name} again", expected="each participant introduced once"
            )
        label = f"{self.file.path.parent.name}/{name}"
        micros = Micros(floor(deposit * MICROS_PER_TOKEN))
        self.participants[name] = Participant(name, role, label, micros)
        return len(self.participants) - 1

    def _list(
        self,
        first: Instrument,
        *,
        capacity_lots: int,
        rule: TradePriceRule,
        fee_bps: int,
        price_factor: float = 1.0,
    ) -> int:
        instruments = tuple(
            Instrument(
                first.commodity,
                first.product,
                first.place,
                first.start_hour + hour,
                tier=first.tier,
                green=first.green,
                place_to=first.place_to,
            )
            for hour in range(HOURS)
        )
        # an order for more than all the capacity there is can only be a mistake
        cap = Lots(max(1, capacity_lots))
        self.series.append(Series(instruments, self.prices.price(first) * price_factor, rule, fee_bps, cap))
        return len(self.series) - 1

    def _meter(
        self,
        owner: int,
        series: int,
        *,
        capacity_lots: int,
        cost: Decimal,
        offered_lots: Sequence[Lots],
        delivered_lots: Sequence[Lots] | None = None,
    ) -> None:
        if not capacity_lots:
            return
        first = self.series[series].instruments[0]
        place = f"{first.place}>{first.place_to}" if first.place_to else first.place
        label = list(self.participants.values())[owner].label
        self.meters.append(
            Meter(
                owner=owner,
                series=series,
                label=f"{label}/{first.commodity.name}.{first.product}@{place}",
                capacity_lots=Lots(capacity_lots),
                cost_micros=Micros(ceil(cost * MICROS_PER_TOKEN)),
                offered_lots=tuple(offered_lots),
                delivered_lots=None if delivered_lots is None else tuple(delivered_lots),
            )
        )

    def _want(
        self, buyer: int, series: int, worth: Decimal, lots: Sequence[Decimal] | Sequence[Fraction]
    ) -> None:
        wanted = tuple(Lots(floor(it)) for it in lots)
        self.demands.append(Demand(buyer, series, round(worth * BPS_ONE), wanted))

    def _offered(self, series: int) -> list[int]:
        meters = [meter for meter in self.meters if meter.series == series]
        return [sum(meter.offered_lots[hour] for meter in meters) for hour in range(HOURS)]
