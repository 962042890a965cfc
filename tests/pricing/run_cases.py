"""Run a file of pricing cases: `python -m tests.pricing.run_cases FILE.json`, one line per case, exit 1 if any failed."""

import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pricing.base import multiplicative_price, quality_factor, service_factor
from pricing.dynamic import LoadController, delay_limits, kinked_multiplier, next_base_fee, smoothing_limits
from pricing.hedonic import fit_hedonic

Inputs = dict[str, Any]
Outcome = dict[str, Any]


class Unsupported(Exception):
    """No solver here for this kind of case."""


def named(values: list[float]) -> dict[str, float]:
    return {str(j): value for j, value in enumerate(values)}


def hedonic_recovery(inputs: Inputs, expected: Outcome) -> Outcome:
    # the last column is a dummy, the others enter as logs; "pred_24_96_1" names the row to predict
    def row(values: list[float]) -> list[float]:
        return [1.0, *(math.log(value) for value in values[:-1]), values[-1]]

    fit = fit_hedonic([row(values) for values in inputs["rows"]], inputs["price"])
    found: Outcome = {"beta": list(fit.coefficients)}
    for key in expected:
        if re.fullmatch(r"pred(_[\d.]+)+", key):
            found[key] = fit.predict(row([float(text) for text in key.split("_")[1:]]))
    return found


def base_price(inputs: Inputs, _: Outcome) -> Outcome:
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


def base_fee(inputs: Inputs, _: Outcome) -> Outcome:
    rows = zip(inputs["base_fee"], inputs["gas_used"], inputs["gas_limit"], strict=True)
    return {
        "next": [
            next_base_fee(
                base_fee=fee,
                used=used,
                limit=limit,
                elasticity=inputs["elasticity"],
                denominator=inputs["denominator"],
            )
            for fee, used, limit in rows
        ]
    }


def controlled_path(inputs: Inputs, _: Outcome) -> Outcome:
    # The cases clip neither step nor load: a target far below capacity, and bounds out of reach
    fixed_point = (inputs["A"] / inputs["target"]) ** (1 / inputs["eps"])
    controller = LoadController(
        gain=inputs["eta"],
        target_load=1e-6,
        elasticity_max=inputs["eps"],
        step_max=100.0,
        log_low=-100.0,
        log_high=100.0,
    )
    capacity = inputs["target"] / controller.target_load
    x, path = 0.0, {}
    for step in range(1, max(inputs["steps"]) + 1):
        demand = inputs["A"] * (inputs["p0"] * controller.multiplier(x)) ** -inputs["eps"]
        x = controller.step(x, demand / capacity)
        path[step] = inputs["p0"] * controller.multiplier(x)
    predicted = controller.diagnose(elasticity=inputs["eps"]).predicted_multiplier
    return {
        "fixed_point": fixed_point,
        "path": [path[step] for step in inputs["steps"]],
        "local_multiplier": predicted,
        "stable": abs(predicted) < 1,
        "monotone_local": 0 <= predicted < 1,
    }


def kinked(inputs: Inputs, _: Outcome) -> Outcome:
    return {
        "p": [
            kinked_multiplier(
                u, at_zero=inputs["r0"], rise_to_knee=inputs["s1"], rise_above=inputs["s2"], knee=inputs["k"]
            )
            for u in inputs["u"]
        ]
    }


def delayed(inputs: Inputs, _: Outcome) -> Outcome:
    limits = [delay_limits(tau) for tau in inputs["tau"]]
    return {
        "k_stable": [limit.stable_below for limit in limits],
        "k_no_overshoot": [limit.no_overshoot_up_to for limit in limits],
    }


def smoothed(inputs: Inputs, _: Outcome) -> Outcome:
    limits = [smoothing_limits(weight) for weight in inputs["a"]]
    return {
        "k_stable": [limit.stable_below for limit in limits],
        "k_no_overshoot": [limit.no_overshoot_up_to for limit in limits],
    }


SOLVERS: dict[tuple[str, frozenset[str]], Callable[[Inputs, Outcome], Outcome]] = {
    ("hedonic", frozenset({"rows", "price"})): hedonic_recovery,
    ("hedonic", frozenset({"c", "q", "q_ref", "beta", "service", "kappa", "phi"})): base_price,
    ("dynamic", frozenset({"base_fee", "gas_used", "gas_limit", "elasticity", "denominator"})): base_fee,
    ("dynamic", frozenset({"A", "eps", "target", "eta", "p0", "steps"})): controlled_path,
    ("dynamic", frozenset({"r0", "s1", "s2", "k", "u"})): kinked,
    ("dynamic", frozenset({"tau"})): delayed,
    ("dynamic", frozenset({"a"})): smoothed,
}


def supported(case: dict[str, Any]) -> bool:
    return (case["module"], frozenset(case["inputs"])) in SOLVERS


def solve(case: dict[str, Any]) -> Outcome:
    solver = SOLVERS.get((case["module"], frozenset(case["inputs"])))
    if solver is None:
        raise Unsupported(f"{case['module']} case with inputs {', '.join(sorted(case['inputs']))}")
    return solver(case["inputs"], case["expected"])


def differences(expected: Any, found: Any, tolerance: float, where: str = "") -> list[str]:
    """Compare by the file's convention, |x − y| <= tol · max(1, |y|); a key that was not computed is a difference."""
    if isinstance(expected, dict):
        return [
            line
            for key, value in expected.items()
            for line in (
                differences(value, found[key], tolerance, f"{where}.{key}")
                if key in found
                else [f"{where}.{key}: not computed"]
            )
        ]
    if isinstance(expected, list):
        if len(expected) != len(found):
            return [f"{where}: found {len(found)} values, expected {len(expected)}"]
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for j, (y, x) in pairs for line in differences(y, x, tolerance, f"{where}[{j}]")]
    if isinstance(expected, bool) or isinstance(found, bool) or expected is None:
        same = expected is found
    else:
        same = abs(found - expected) <= tolerance * max(1, abs(expected))
    return [] if same else [f"{where}: found {found!r}, expected {expected!r}"]


def failures(case: dict[str, Any]) -> list[str]:
    """Solve a case; return what differs from the expected outcome."""
    return differences(case["expected"], solve(case), case["tolerance"]["rel_or_abs"])


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m tests.pricing.run_cases FILE.json", file=sys.stderr)
        return 2
    passed = failed = 0
    for case in json.loads(Path(arguments[0]).read_text(encoding="utf-8"))["cases"]:
        try:
            problems = failures(case)
        except Unsupported as reason:
            problems = [f"unsupported: {reason}"]
        except Exception as error:
            problems = [f"{type(error).__name__}: {error}"]
        passed, failed = (passed + 1, failed) if not problems else (passed, failed + 1)
        print(f"{case['id']} {'ok' if not problems else 'FAILED  ' + '; '.join(problems)}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
