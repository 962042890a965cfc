"""Base price: what a unit is worth before anybody bids, from quality, service and energy type.

A base price is a reference: it centres the band, starts quotes and the load price, and never replaces the auction.
Money is US dollars, taken as settlement tokens, per unit of the commodity (GPU·h, Mbps·h, kWh).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from market.instruments import Instrument
from market.quality import TIERS
from market.units import Commodity
from pricing.errors import LOG_MAX, PricingError, number
from pricing.taxonomy import EnergyType, Taxonomy, taxonomy

TONNES_PER_G = 1e-6
W_PER_KW = 1000
EXPONENTS = MappingProxyType({"bf16_tflops_dense": 0.7, "vram_gb": 0.2, "bandwidth_tb_s": 0.1})


def quality_factor(
    quality: Mapping[str, float], reference: Mapping[str, float], exponents: Mapping[str, float]
) -> float:
    """Return Π (q_j / qref_j)^β_j, without unit: how many reference units this quality is worth.

    `quality` and `reference` are positive and in the same units; exponents β_j are not negative.

    >>> quality_factor({"tflops": 312, "vram": 80}, {"tflops": 78, "vram": 80}, {"tflops": 0.5, "vram": 0.2})
    2.0

    Raises:
        PricingError: if the three do not name the same attributes, or a figure is out of range.
    """
    _same_names("quality", quality, exponents)
    _same_names("reference", reference, exponents)
    log = math.fsum(
        number(f"exponent of {name}", beta, low=0)
        * math.log(
            number(
                f"quality {name} over reference",
                number(f"quality {name}", quality[name], low=0, open_low=True)
                / number(f"reference {name}", reference[name], low=0, open_low=True),
                low=0,
                open_low=True,
            )
        )
        for name, beta in exponents.items()
    )
    return number("quality factor", math.exp(log) if log < LOG_MAX else math.inf, low=0)


def service_factor(service: Mapping[str, float], coefficients: Mapping[str, float]) -> float:
    """Return 1 + Σ κ_m s_m, without unit: what the service adds to the price.

    Each s_m in [0, 1] says how much of a service is given, and κ_m >= 0 what all of it adds.

    >>> service_factor({"sla": 0.5, "isolation": 1.0}, {"sla": 0.2, "isolation": 0.05})
    1.15

    Raises:
        PricingError: if the two do not name the same services, or a figure is out of range.
    """
    _same_names("service", service, coefficients)
    return 1 + math.fsum(
        number(f"coefficient of {name}", kappa, low=0)
        * number(f"service {name}", service[name], low=0, high=1)
        for name, kappa in coefficients.items()
    )


@dataclass(frozen=True, slots=True)
class EnergyPrices:
    """What electricity, certificates and carbon cost where a unit is delivered.

    `electricity_usd_per_kwh` buys a kWh of `reference_g_per_kwh`; carbon is per tonne of CO2 equivalent. The factor of
    an energy type stays within [factor_low, factor_high], so that no carbon price makes a price negative.
    """

    electricity_usd_per_kwh: float
    carbon_usd_per_tonne: float
    reference_g_per_kwh: float
    factor_low: float = 0.25
    factor_high: float = 4.0

    def __post_init__(self) -> None:
        number("electricity_usd_per_kwh", self.electricity_usd_per_kwh, low=0, open_low=True)
        number("carbon_usd_per_tonne", self.carbon_usd_per_tonne, low=0)
        number("reference_g_per_kwh", self.reference_g_per_kwh, low=0)
        number("factor_low", self.factor_low, low=0, high=1, open_low=True)
        number("factor_high", self.factor_high, low=1)

    def factor(self, energy: EnergyType) -> float:
        """Return φ_e = 1 + (g_e + τ_c (CI_ref − CI_e)) / π_el, without unit, within the two bounds.

        A kWh cleaner than the reference is worth its certificate and the carbon that it avoids.

        >>> prices = EnergyPrices(0.04, 30.0, 475.0)
        >>> prices.factor(EnergyType(475.0, False, False, 0.0))
        1.0
        >>> round(prices.factor(EnergyType(75.0, True, True, 0.004)), 9)  # + 0.004 + 0.012 over 0.04
        1.4

        Raises:
            PricingError: if the certificate premium or the intensity is negative or not finite.
        """
        premium = number("certificate_usd_per_kwh", energy.certificate_usd_per_kwh, low=0)
        intensity = number("lifecycle_g_per_kwh", energy.lifecycle_g_per_kwh, low=0)
        avoided = self.carbon_usd_per_tonne * TONNES_PER_G * (self.reference_g_per_kwh - intensity)
        factor = 1 + (premium + avoided) / self.electricity_usd_per_kwh
        return min(self.factor_high, max(self.factor_low, factor))


def multiplicative_price(
    *, reference_usd: float, quality_factor: float, service_factor: float, energy_factor: float
) -> float:
    """Return p0 = c_r · Π (q_j/qref_j)^β_j · (1 + Σ κ_m s_m) · φ_e in dollars per unit.

    The form to take where the energy in a unit is not known. It is homogeneous in c_r, the price of the reference unit.

    >>> price = multiplicative_price(
    ...     reference_usd=2.0, quality_factor=1.5, service_factor=1.1, energy_factor=1.0
    ... )
    >>> round(price, 9)
    3.3

    Raises:
        PricingError: if a factor is not positive, or the service factor is below 1.
    """
    price = (
        number("reference_usd", reference_usd, low=0, open_low=True)
        * number("quality_factor", quality_factor, low=0, open_low=True)
        * number("service_factor", service_factor, low=1)
        * number("energy_factor", energy_factor, low=0, open_low=True)
    )
    return number("base price", price, low=0)


def cost_plus_price(
    *,
    capital_usd: float,
    quality_factor: float,
    service_factor: float,
    power_w: float,
    pue: float,
    electricity_usd_per_kwh: float,
    energy_factor: float,
) -> float:
    """Return p0 = K_r · Π (q_j/qref_j)^β_j · (1 + Σ κ_m s_m) + PUE · W/1000 · π_el · φ_e in dollars per unit-hour.

    The form for compute: the energy bill passes through, so the energy type has an economic meaning. `power_w` is the
    computers' draw W(q) for one unit, hosts included and facility not; PUE adds the facility.

    >>> price = cost_plus_price(
    ...     capital_usd=2.0, quality_factor=1.0, service_factor=1.1,
    ...     power_w=1000, pue=1.5, electricity_usd_per_kwh=0.04, energy_factor=1.4,
    ... )
    >>> round(price, 9)  # 2.2 for the machine, 1.5 kWh at 0.056
    2.284

    Raises:
        PricingError: if a figure is out of range (PUE is at least 1).
    """
    capital = (
        number("capital_usd", capital_usd, low=0)
        * number("quality_factor", quality_factor, low=0, open_low=True)
        * number("service_factor", service_factor, low=1)
    )
    energy = (
        number("pue", pue, low=1)
        * (number("power_w", power_w, low=0) / W_PER_KW)
        * number("electricity_usd_per_kwh", electricity_usd_per_kwh, low=0)
        * number("energy_factor", energy_factor, low=0)
    )
    return number("base price", capital + energy, low=0)


@dataclass(frozen=True, slots=True)
class BasePrices:
    """Base prices of instruments: the figures of a taxonomy with this market's own coefficients.

    Anchors: the reference price of an H100 hour is what an H100 hour of tier Q0 and class G0 costs at the survey's PUE.
    The exponents are those of case H02; the service coefficient says that Q4 costs a quarter more than Q0.
    """

    figures: Taxonomy = field(default_factory=taxonomy)
    exponents: Mapping[str, float] = field(default_factory=lambda: EXPONENTS)
    tier_coefficient: float = 0.25
    reference_accelerator: str = "H100"
    reference_site: str = "SURVEY"

    def __post_init__(self) -> None:
        number("tier_coefficient", self.tier_coefficient, low=0)
        for name, exponent in self.exponents.items():
            number(f"exponent of {name}", exponent, low=0)

    @property
    def energy_prices(self) -> EnergyPrices:
        """Electricity, carbon and the grid mix that they are measured against."""
        return EnergyPrices(
            electricity_usd_per_kwh=self.figures.prices["ELECTRICITY"].usd,
            carbon_usd_per_tonne=self.figures.prices["CARBON"].usd,
            reference_g_per_kwh=self.figures.energy["MIX"].lifecycle_g_per_kwh,
        )

    def power_w(self, accelerator: str) -> float:
        """Return what one busy accelerator draws with its share of the host, in W, without the facility."""
        tdp_w = self.figures.accelerators[accelerator].tdp_w
        return tdp_w * self.figures.tasks["INFERENCE"].power * self.figures.host["DEFAULT"].factor

    def price(
        self, instrument: Instrument, *, pue: float | None = None, energy: EnergyType | None = None
    ) -> float:
        """Return the base price of an instrument in dollars per unit.

        Compute is cost-plus, with the energy of its green class and the survey's PUE unless told otherwise. Energy and
        network are multiplicative; the energy type is the product unless told otherwise, and a network path has none.

        >>> from market.instruments import parse_symbol
        >>> prices = BasePrices()
        >>> round(prices.price(parse_symbol("CMP.H100@CISO/2022-03-11T18Z/1h#Q0.G0")), 6)
        2.11
        >>> round(prices.price(parse_symbol("ENE.SOLAR@CISO/2022-03-11T18Z/1h#Q0")), 6)
        0.056866

        Raises:
            PricingError: if the product is not in the taxonomy, or a figure is out of range.
        """
        service = service_factor(
            {"tier": instrument.tier / (len(TIERS) - 1)}, {"tier": self.tier_coefficient}
        )
        match instrument.commodity:
            case Commodity.CMP:
                if energy is None:
                    energy = self.figures.of_green_class(f"G{instrument.green}")
                return self._compute(instrument.product, service, self._site(pue), energy)
            case Commodity.ENE:
                if energy is None:
                    energy = self.figures.energy[instrument.product]
                return multiplicative_price(
                    reference_usd=self.figures.prices["ELECTRICITY"].usd,
                    quality_factor=1.0,
                    service_factor=service,
                    energy_factor=self.energy_prices.factor(energy),
                )
            case Commodity.NET:
                return multiplicative_price(
                    reference_usd=self.figures.prices["NETWORK"].usd,
                    quality_factor=1.0,
                    service_factor=service,
                    energy_factor=1.0,
                )

    def _site(self, pue: float | None) -> float:
        return self.figures.pue[self.reference_site].pue if pue is None else pue

    def _compute(self, accelerator: str, service: float, pue: float, energy: EnergyType) -> float:
        prices = self.energy_prices
        reference = self.reference_accelerator
        reference_bill = (
            self._site(None) * self.power_w(reference) / W_PER_KW * prices.electricity_usd_per_kwh
        )
        return cost_plus_price(
            capital_usd=self.figures.prices[reference].usd - reference_bill,
            quality_factor=quality_factor(
                self._attributes(accelerator), self._attributes(reference), self.exponents
            ),
            service_factor=service,
            power_w=self.power_w(accelerator),
            pue=pue,
            electricity_usd_per_kwh=prices.electricity_usd_per_kwh,
            energy_factor=prices.factor(energy),
        )

    def _attributes(self, accelerator: str) -> dict[str, float]:
        row = self.figures.accelerators[accelerator]
        return {name: getattr(row, name) for name in self.exponents}


def _same_names(what: str, found: Mapping[str, float], expected: Mapping[str, float]) -> None:
    if set(found) != set(expected):
        raise PricingError(f"{what}: found {sorted(found)}, expected {sorted(expected)}")
