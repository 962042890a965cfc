"""Load price: theorems A and B hold, limits warn, curves rise, integers are exact."""

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pricing.dynamic import (
    LoadController,
    delay_limits,
    kinked_multiplier,
    next_base_fee,
    smooth_multiplier,
    smoothing_limits,
)
from pricing.errors import PricingError

loads = st.floats(0, 1)


def a_controller(**changes):
    return LoadController(**({"gain": 0.2} | changes))


@st.composite
def segmented_demands(draw):
    """Demand over capacity: a sum of constant-elasticity segments, decreasing, its elasticity at most the largest."""
    segments = draw(st.lists(st.tuples(st.floats(0.01, 3), st.floats(0.05, 3)), min_size=1, max_size=4))
    elasticity_max = max(elasticity for _, elasticity in segments)

    def load(x):
        return min(1.0, sum(size * math.exp(-elasticity * x) for size, elasticity in segments))

    return load, elasticity_max


@given(st.floats(0.01, 50), st.floats(0.05, 1), st.lists(loads, max_size=40))
def test_theorem_a_price_and_step_stay_in_bounds(gain, target, met):
    controller = a_controller(gain=gain, target_load=target)
    x = 0.0
    for load in met:
        after = controller.step(x, load)
        assert controller.log_low <= after <= controller.log_high
        assert abs(after - x) <= controller.step_max * (1 + 1e-12)
        x = after


@given(segmented_demands(), st.floats(0.1, 1), st.floats(0.05, 1), st.floats(0, 1))
def test_theorem_b_converges_monotonically_without_overshoot(demand, target, share_of_limit, start):
    load, elasticity_max = demand
    controller = a_controller(
        gain=share_of_limit * target / elasticity_max, target_load=target, elasticity_max=elasticity_max
    )
    assert controller.diagnose().monotone
    x = controller.log_low + start * (controller.log_high - controller.log_low)
    rising = load(x) > target
    path = [x]
    for _ in range(300):
        path.append(controller.step(path[-1], load(path[-1])))
    moves = [after - before for before, after in itertools.pairwise(path)]
    assert all(move >= -1e-12 if rising else move <= 1e-12 for move in moves)
    # never past the fixed point: the load stays on the side of the target where it began
    assert all(load(x) >= target - 1e-9 if rising else load(x) <= target + 1e-9 for x in path)


@given(st.floats(0.2, 3), st.floats(0.3, 0.95), st.floats(0.3, 0.9))
def test_theorem_b_reaches_the_fixed_point_or_its_bound(elasticity, target, at_base):
    controller = LoadController.for_elasticity(elasticity, target_load=target)
    fixed_point = math.log(at_base / target) / elasticity
    expected = min(controller.log_high, max(controller.log_low, fixed_point))
    x = 0.0
    for _ in range(3000):
        x = controller.step(x, min(1.0, at_base * math.exp(-elasticity * x)))
    assert x == pytest.approx(expected, abs=1e-6)


@given(segmented_demands(), st.floats(0.3, 1))
def test_theorem_c_converges_below_twice_the_limit(demand, target):
    load, elasticity_max = demand
    controller = a_controller(
        gain=1.9 * target / elasticity_max, target_load=target, elasticity_max=elasticity_max
    )
    diagnosis = controller.diagnose()
    assert diagnosis.converges
    assert not diagnosis.monotone
    x = 0.0
    for _ in range(2000):
        x = controller.step(x, load(x))
    assert controller.step(x, load(x)) == pytest.approx(x, abs=1e-4)


@given(st.floats(-0.6, 1.3), loads, loads)
def test_next_price_never_falls_with_load(x, a, b):
    controller = a_controller()
    assert controller.step(x, min(a, b)) <= controller.step(x, max(a, b))


def test_gain_past_every_limit_oscillates_and_is_warned_of():
    # eta*eps = 2.4: the two-cycle of the specification
    controller = a_controller(
        gain=1.6, target_load=0.1, elasticity_max=1.5, step_max=5.0, log_low=-5.0, log_high=5.0
    )
    x, path = 0.5, []
    for _ in range(400):
        x = controller.step(x, min(1.0, 0.1 * math.exp(-1.5 * x)))
        path.append(x)
    assert path[-1] == pytest.approx(path[-3], abs=1e-9)
    assert abs(path[-1] - path[-2]) > 0.5
    diagnosis = controller.diagnose(elasticity=1.5)
    assert diagnosis.predicted_multiplier == pytest.approx(-1.4)
    assert not diagnosis.converges
    assert diagnosis.warnings == ("gain 1.6 is not below 0.133333 = 2u*/ε_max: the price may never settle",)


def test_default_gain_is_half_the_proven_limit_and_warns_of_nothing():
    controller = LoadController.for_elasticity()
    assert controller.gain == 0.2
    diagnosis = controller.diagnose()
    assert diagnosis.predicted_multiplier == pytest.approx(0.6)
    assert diagnosis.monotone
    assert diagnosis.converges
    assert diagnosis.warnings == ()


@pytest.mark.parametrize(
    ("gain", "monotone", "converges"), [(0.4, True, True), (0.5, False, True), (0.8, False, False)]
)
def test_verdict_at_the_limits_themselves(gain, monotone, converges):
    diagnosis = a_controller(gain=gain).diagnose()  # u*/eps_max = 0.8/2
    assert (diagnosis.monotone, diagnosis.converges) == (monotone, converges)


def test_delay_and_smoothing_have_limits_of_their_own():
    controller = a_controller(gain=0.3)
    assert controller.diagnose(elasticity=1.0, delay_slots=1).warnings == (
        "loop gain η·ε 0.3 is over 0.25 = the limit of no overshoot at a delay of 1 slots: "
        "the price may overshoot",
    )
    assert not controller.diagnose(elasticity=2.0, delay_slots=2, smoothing_weight=1.0).monotone
    smoothed = controller.diagnose(elasticity=1.0, smoothing_weight=0.5)
    assert smoothed.converges
    assert not smoothed.monotone
    with pytest.raises(PricingError, match="no limit is proven for both"):
        controller.diagnose(delay_slots=1, smoothing_weight=0.5)


def delayed_loop(k, tau, slots):
    deviations = [1.0] * (tau + 1)
    for _ in range(slots):
        deviations.append(deviations[-1] - k * deviations[-1 - tau])
    return deviations


@pytest.mark.parametrize("tau", [0, 1, 2, 3])
def test_delay_limits_separate_decay_from_growth(tau):
    limit = delay_limits(tau)
    assert max(abs(x) for x in delayed_loop(0.97 * limit.stable_below, tau, 2000)[-20:]) < 0.1
    assert max(abs(x) for x in delayed_loop(1.03 * limit.stable_below, tau, 2000)[-20:]) > 10
    assert min(delayed_loop(limit.no_overshoot_up_to, tau, 200)) >= -1e-12
    assert min(delayed_loop(limit.no_overshoot_up_to * 1.2, tau, 200)) < 0


def test_delay_limits_of_the_specification():
    assert [delay_limits(tau).stable_below for tau in range(5)] == pytest.approx(
        [2, 1, 0.618, 0.445, 0.347], abs=5e-4
    )
    assert delay_limits(3).no_overshoot_up_to == pytest.approx(27 / 256, rel=1e-14)


@given(st.floats(1e-9, 1))
def test_smoothing_only_ever_shrinks_the_region_without_overshoot(weight):
    limits = smoothing_limits(weight)
    assert limits.stable_below >= 2
    assert 0 < limits.no_overshoot_up_to <= 1


def test_kinked_curve_is_gentle_then_steep():
    def m(u):
        return kinked_multiplier(u, at_zero=0.5, rise_to_knee=0.5, rise_above=3.0, knee=0.8)

    assert [m(0), m(0.4), m(0.8), m(0.9), m(1)] == pytest.approx([0.5, 0.75, 1.0, 2.5, 4.0])


@given(loads, loads, st.floats(0.1, 1e4), st.floats(1e-3, 1e3))
def test_curves_never_fall_and_stay_in_bounds(a, b, steepness, balance):
    low, high = sorted((a, b))

    def smooth(u):
        return smooth_multiplier(u, low=0.5, high=4.0, steepness=steepness, balance=balance)

    def kinked(u):
        return kinked_multiplier(u, at_zero=0.5, rise_to_knee=0.5, rise_above=3.0, knee=0.8)

    assert 0.5 <= smooth(low) <= smooth(high) * (1 + 1e-15) <= 4.0 * (1 + 1e-15)
    assert 0.5 <= kinked(low) <= kinked(high) * (1 + 1e-15) <= 4.0 * (1 + 1e-15)
    assert smooth(0) == 0.5
    assert smooth(1) == 4.0


def test_balance_keeps_the_smooth_curve_low_for_longer():
    # H(1/2) = 1/(1 + 3): a quarter of the way from ln 1 to ln 16
    assert smooth_multiplier(0.5, low=1, high=16, balance=3) == pytest.approx(2)


@given(st.integers(0, 10**12), st.integers(0, 1000), st.integers(1, 500))
def test_integer_base_fee_is_the_first_order_form_rounded(base_fee, used, target):
    limit = 2 * target
    assume(used <= limit)
    after = next_base_fee(base_fee=base_fee, used=used, limit=limit)
    exact = base_fee * (1 + (used / target - 1) / 8)
    assert abs(after - exact) <= 2 + 1e-9 * exact
    if used > target:
        assert after > base_fee
    if used == target:
        assert after == base_fee


@pytest.mark.parametrize(
    "figures",
    [(-1, 0, 2), (1.0, 0, 2), (1, -1, 2), (1, 3, 2), (1, 0, 1), (1, 0, 0), (True, 0, 2)],
)
def test_impossible_base_fee_is_refused(figures):
    base_fee, used, limit = figures
    with pytest.raises(PricingError, match="found"):
        next_base_fee(base_fee=base_fee, used=used, limit=limit)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.01, 1.01, None, "0.5"])
def test_bad_load_never_gets_in(bad):
    with pytest.raises(PricingError, match="load: found"):
        a_controller().step(0.0, bad)
    with pytest.raises(PricingError, match="load: found"):
        kinked_multiplier(bad, at_zero=1, rise_to_knee=1, rise_above=1, knee=0.8)
    with pytest.raises(PricingError, match="load: found"):
        smooth_multiplier(bad, low=0.5, high=2)


@pytest.mark.parametrize(
    "changes",
    [
        {"gain": 0},
        {"gain": math.nan},
        {"target_load": 0},
        {"target_load": 1.1},
        {"elasticity_max": 0},
        {"step_max": 0},
        {"log_low": 0.1},
        {"log_high": -0.1},
    ],
)
def test_impossible_controller_is_refused(changes):
    with pytest.raises(PricingError, match=next(iter(changes))):
        a_controller(**changes)


def test_impossible_questions_are_refused():
    with pytest.raises(PricingError, match="log_multiplier"):
        a_controller().step(2.0, 0.5)
    with pytest.raises(PricingError, match="log_multiplier"):
        a_controller().multiplier(math.nan)
    with pytest.raises(PricingError, match=r"elasticity: found 3, expected a number in \(0, 2\]"):
        a_controller().diagnose(elasticity=3)
    with pytest.raises(PricingError, match="delay_slots"):
        delay_limits(-1)
    with pytest.raises(PricingError, match="weight"):
        smoothing_limits(0)
    with pytest.raises(PricingError, match=r"high: found 0\.4"):
        smooth_multiplier(0.5, low=0.5, high=0.4)
    with pytest.raises(PricingError, match="knee"):
        kinked_multiplier(0.5, at_zero=1, rise_to_knee=1, rise_above=1, knee=1)
