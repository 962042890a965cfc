"""Prices of several resources that move each other's load: settle where the eigenvalues say so."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.dynamic import LoadController
from pricing.errors import PricingError
from pricing.load import CoupledController

COMPLEMENTS = [[1.5, 0.4, 0.2], [0.3, 1.2, 0.3], [0.1, 0.2, 0.9]]  # compute, network, energy in a bundle


def simulated(controller, elasticities, slots, start):
    """Return the largest deviation of x from its fixed point 0 after each slot, load at target there."""
    cross = np.array(elasticities)
    targets = np.array([each.target_load for each in controller.controllers])
    x, sizes = np.array(start), []
    for _ in range(slots):
        x = np.array(controller.step(x, np.minimum(1.0, targets * np.exp(-cross @ x))))
        sizes.append(np.max(np.abs(x)))
    return sizes


def test_bundle_settles_with_the_default_gains():
    controller = CoupledController.for_elasticities(COMPLEMENTS, target_loads=[0.8] * 3)
    diagnosis = controller.diagnose(COMPLEMENTS)
    assert diagnosis.converges
    assert diagnosis.sufficient
    assert diagnosis.warnings == ()
    assert simulated(controller, COMPLEMENTS, 200, [0.3, -0.2, 0.1])[-1] < 1e-9


def test_spectral_radius_is_the_rate_at_which_deviations_shrink():
    controller = CoupledController.for_elasticities(COMPLEMENTS, target_loads=[0.8] * 3)
    sizes = simulated(controller, COMPLEMENTS, 60, [1e-4] * 3)
    assert sizes[-1] / sizes[-2] == pytest.approx(controller.diagnose(COMPLEMENTS).spectral_radius, rel=1e-3)


def test_gains_past_the_spectral_limit_oscillate_and_are_warned_of():
    controller = CoupledController(
        tuple(LoadController(gain=g, target_load=0.5, step_max=5.0) for g in (1.2, 1.2))
    )
    cross = [[1.5, 0.5], [0.5, 1.5]]  # eigenvalues 2 and 1: J has 1 − 2.4 and 1 − 1.2
    diagnosis = controller.diagnose(cross)
    assert diagnosis.spectral_radius == pytest.approx(1.4)
    assert not diagnosis.converges
    assert diagnosis.warnings[0] == "spectral radius 1.4 is not below 1: the prices may never settle"
    assert diagnosis.warnings[1] == (
        "resource 0: gain 1.2 is over 0.333333 = u*/E_jj: the price may overshoot"
    )
    assert min(simulated(controller, cross, 300, [1e-3, 1e-3])[-20:]) > 0.1


def test_complements_beyond_dominance_rest_on_the_eigenvalues():
    controller = CoupledController.for_elasticities([[1.0, 1.2], [0.2, 1.0]], target_loads=[0.8, 0.8])
    diagnosis = controller.diagnose([[1.0, 1.2], [0.2, 1.0]])
    assert diagnosis.converges
    assert not diagnosis.sufficient
    assert "own elasticity 1 is not above 1.2" in diagnosis.warnings[0]


def test_strong_complements_on_both_sides_never_settle():
    cross = [[1.0, 1.5], [1.5, 1.0]]  # an eigenvalue −0.5: together they run away
    diagnosis = CoupledController.for_elasticities(cross, target_loads=[0.8, 0.8]).diagnose(cross)
    assert diagnosis.spectral_radius > 1


@given(st.integers(1, 5), st.integers(0, 10_000), st.floats(0.05, 1))
def test_gershgorin_condition_is_sufficient(n, seed, share_of_limit):
    rng = np.random.default_rng(seed)
    cross = rng.uniform(-1, 1, (n, n))
    np.fill_diagonal(cross, 0)
    np.fill_diagonal(cross, np.abs(cross).sum(axis=1) * rng.uniform(1.01, 3, n) + 0.01)
    targets = rng.uniform(0.1, 1, n)
    controller = CoupledController(
        tuple(
            LoadController(gain=share_of_limit * u / e, target_load=u)
            for u, e in zip(targets, np.diag(cross), strict=True)
        )
    )
    diagnosis = controller.diagnose(cross.tolist())
    assert diagnosis.sufficient
    assert diagnosis.converges


def test_one_resource_is_the_plain_controller():
    one = LoadController.for_elasticity(2.0)
    coupled = CoupledController.for_elasticities([[2.0]], target_loads=[0.8])
    assert coupled.controllers == (one,)
    assert coupled.step([0.1], [0.95]) == (one.step(0.1, 0.95),)
    assert coupled.diagnose([[1.5]]).spectral_radius == pytest.approx(
        one.diagnose(elasticity=1.5).predicted_multiplier
    )


def test_impossible_couplings_are_refused():
    controller = CoupledController((LoadController(gain=0.2), LoadController(gain=0.2)))
    with pytest.raises(PricingError, match="controllers: found none"):
        CoupledController(())
    with pytest.raises(PricingError, match="elasticities: found 1 rows, expected 2"):
        controller.diagnose([[1.0, 0.0]])
    with pytest.raises(PricingError, match=r"elasticities\[1\]: found 1 values, expected 2"):
        controller.diagnose([[1.0, 0.0], [1.0]])
    with pytest.raises(PricingError, match=r"elasticities\[0\]\[1\]: found nan"):
        controller.diagnose([[1.0, math.nan], [0.0, 1.0]])
    with pytest.raises(PricingError, match="loads: found 1 values, expected 2"):
        controller.step([0.0, 0.0], [0.5])
    with pytest.raises(PricingError, match=r"diagonal\[0\]: found 0"):
        CoupledController.for_elasticities([[0.0]], target_loads=[0.8])
