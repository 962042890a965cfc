"""Base price: recovery by regression, and the product of quality, service and energy type."""

import math
import re

from pricing.base import multiplicative_price, quality_factor, service_factor
from pricing.hedonic import fit_hedonic
from tests.pricing.families import Case, Family, Outcome


def named(values: list[float]) -> dict[str, float]:
    return {str(j): value for j, value in enumerate(values)}


def hedonic_recovery(case: Case) -> Outcome:
    inputs, expected = case["inputs"], case["expected"]
    columns = list(zip(*inputs["rows"], strict=True))
    # dummies, and columns with a 0, enter as they are, the others as logs
    logged = [all(value > 0 for value in column) and not set(column) <= {0, 1} for column in columns]

    def row(values: list[float]) -> list[float]:
        return [1.0, *(math.log(v) if log else v for v, log in zip(values, logged, strict=True))]

    fit = fit_hedonic([row(values) for values in inputs["rows"]], inputs["price"])
    found: Outcome = {"beta": list(fit.coefficients), "se": list(fit.standard_errors)}
    found |= {"smearing": fit.smearing, "r_squared": fit.r_squared, "n": fit.observations}
    for key in expected:  # "pred_24_96_1" names the row to predict
        if re.fullmatch(r"pred(_[\d.]+)+", key):
            found[key] = fit.predict(row([float(text) for text in key.split("_")[1:]]))
    return found


def base_price(case: Case) -> Outcome:
    inputs = case["inputs"]
    beta = named(inputs["beta"])
    quality = quality_factor(named(inputs["q"]), named(inputs["q_ref"]), beta)
    service = service_factor(named(inputs["service"]), named(inputs["kappa"]))
    return {
        "p0": {
            energy: multiplicative_price(
                reference_usd=inputs["c"], quality_factor=quality, service_factor=service, energy_factor=phi
            )
            for energy, phi in inputs["phi"].items()
        }
    }


FAMILIES = (
    Family("hedonic", frozenset({"rows", "price"}), hedonic_recovery),
    Family("hedonic", frozenset({"c", "q", "q_ref", "beta", "service", "kappa", "phi"}), base_price),
)
