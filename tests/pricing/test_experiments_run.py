"""A run is decided by its specification alone: same bytes on any number of processes, and seeds that are recorded."""

import pickle

import pytest

from pricing.errors import EmptySide, NotConverged, PricingError
from pricing.experiments import (
    COLUMNS,
    Competitive,
    Environment,
    ExperimentSpec,
    OpenOutcry,
    PostedPrice,
    Seeds,
    ZeroIntelligence,
    Zip,
    comparators,
    compare,
    measure,
    run,
    run_seed,
    run_until,
    summarise,
    to_csv,
)
from pricing.experiments.seeds import streams

SMITH = [3.25 - 0.25 * k for k in range(11)]
CHART = Environment.of_units(SMITH, SMITH[::-1], name="chart")


def a_spec(**changes):
    return ExperimentSpec(
        **{
            "mechanism": {"outcry": OpenOutcry(price_high=4.0), "posted": PostedPrice()},
            "env": CHART,
            "agents": Zip(),
            "grid": {"agents.beta_high": (0.3, 0.5)},
            "seeds": Seeds(root=7, replicates=30),
            "metrics": ("efficiency", "alpha", "profit"),
            "periods": 2,
        }
        | changes
    )


def test_table_is_tidy_and_complete():
    frame = run(a_spec(seeds=Seeds(7, 5)))
    assert list(frame.columns) == [*COLUMNS, "agents.beta_high"]
    # 2 cells, 5 replicates, 2 mechanisms, 2 periods, 2 market metrics and 22 profits
    assert len(frame) == 2 * 5 * 2 * 2 * 24
    assert frame["value"].notna().all()
    assert not frame.duplicated(["run_id", "period", "agent", "metric"]).any()
    assert frame["run_id"].nunique() == 2 * 5 * 2
    assert set(frame["spec_hash"]) == {a_spec().spec_hash}


def test_same_specification_gives_the_same_bytes_on_any_number_of_processes():
    spec = a_spec(metrics=("alpha", "trades"), periods=1)
    alone = to_csv(run(spec))
    assert to_csv(run(spec)) == alone
    assert to_csv(run(spec, n_jobs=2)) == alone
    assert to_csv(run(a_spec(metrics=("alpha", "trades"), periods=1, seeds=Seeds(8, 30)))) != alone


def test_replicates_have_seeds_of_their_own_and_mechanisms_share_them():
    frame = run(a_spec(metrics=("trades",)))
    runs = frame.drop_duplicates("run_id")
    assert (runs.groupby(["agents.beta_high", "mechanism"])["seed"].nunique() == 30).all()
    assert runs["seed"].nunique() == 2 * 30
    assert (runs.groupby("seed")["mechanism"].nunique() == 2).all()


def test_recorded_seed_gives_the_run_again():
    spec = a_spec(metrics=("alpha",), grid={}, mechanism={"outcry": OpenOutcry()})
    for row in run(spec).iloc[:6].itertuples():
        outcome = OpenOutcry().run(CHART, Zip(), seed=row.seed, periods=2).outcome(row.period)
        assert measure(outcome, ["alpha"])["alpha"] == row.value


def test_streams_are_all_different_and_do_not_depend_on_how_many_traders_there_are():
    few, many = streams(3, traders=2), streams(3, traders=5)
    assert (few == many[:3]).all()
    assert len({tuple(state) for state in many.tolist()}) == 6
    seeds = {
        run_seed(root, cell=cell, replicate=r) for root in range(5) for cell in range(5) for r in range(40)
    }
    assert len(seeds) == 1000


def test_later_replicates_carry_on_where_earlier_ones_stopped():
    whole = run(a_spec(metrics=("alpha",), seeds=Seeds(7, 60)))
    second = run(a_spec(metrics=("alpha",)), first_replicate=30)
    assert to_csv(whole[whole["run_id"].isin(set(second["run_id"]))]) == to_csv(second)


def test_hash_stands_for_everything_but_the_number_of_replicates():
    told = a_spec().spec_hash
    assert a_spec(seeds=Seeds(7, 999)).spec_hash == told
    others = (
        a_spec(seeds=Seeds(8, 30)),
        a_spec(periods=3),
        a_spec(agents=Zip(relative=0.04)),
        a_spec(env=Environment.of_units(SMITH, [2.0])),
        a_spec(metrics=("alpha",)),
        a_spec(grid={"agents.beta_high": (0.3, 0.4)}),
        a_spec(mechanism={"outcry": OpenOutcry(price_high=4.5), "posted": PostedPrice()}),
    )
    assert len({told, *(spec.spec_hash for spec in others)}) == 8


def test_progress_counts_up_to_all_replicates():
    seen = []
    run(a_spec(metrics=("trades",)), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(25, 60), (30, 60), (55, 60), (60, 60)]


def test_markets_and_traders_can_be_varied_whole():
    flat = Environment.of_units(SMITH, [2.0] * 11, name="flat")
    spec = a_spec(
        grid={"env": (CHART, flat), "agents": (Zip(), ZeroIntelligence())},
        seeds=Seeds(replicates=2),
        metrics=("trades",),
    )
    frame = run(spec)
    assert set(zip(frame["env"], frame["agents"], strict=True)) == {
        (market, traders) for market in ("chart", "flat") for traders in ("ZIP", "ZI-C")
    }


def test_every_comparator_runs_beside_a_mechanism():
    spec = a_spec(
        mechanism={"zip": OpenOutcry(), **comparators(price_high=4.0, price_low=0.01, tick=0.01)},
        env=Environment.of_units(SMITH, [cost - 0.1 for cost in SMITH]),
        grid={},
        metrics=("efficiency", "budget"),
        periods=1,
    )
    table = summarise(run(spec)).set_index(["mechanism", "metric"])["mean"]
    assert table["equilibrium", "efficiency"] == table["vcg", "efficiency"] == pytest.approx(100)
    assert table["zi-u", "efficiency"] < table["zi-c", "efficiency"]
    assert table["vcg", "budget"] < 0 == table["equilibrium", "budget"]


def test_comparison_is_of_pairs_and_knows_how_many_there_are():
    frame = run(a_spec(grid={}, metrics=("alpha", "efficiency"), periods=1))
    table = compare(frame, baseline="posted").set_index("metric")
    wide = frame[frame["metric"] == "alpha"].pivot(index="seed", columns="mechanism", values="value")
    assert table.loc["alpha", "mean"] == pytest.approx((wide["outcry"] - wide["posted"]).mean())
    assert table.loc["alpha", "n"] == 30
    assert (table["p_holm"] >= table["p_value"]).all()


def test_runs_go_on_until_the_interval_is_narrow_and_no_longer():
    spec = a_spec(mechanism={"outcry": OpenOutcry()}, grid={}, metrics=("alpha",), periods=1)
    frame = run_until(spec, metric="alpha", half_width=1.0)
    assert summarise(frame)["high"].iloc[0] - summarise(frame)["low"].iloc[0] <= 2.0
    before = summarise(frame.iloc[:-30])
    assert before["high"].iloc[0] - before["low"].iloc[0] > 2.0
    with pytest.raises(NotConverged, match="after 45 replicates"):
        run_until(spec, metric="alpha", half_width=0.01, replicates_max=45)


def test_mechanisms_and_tasks_travel_between_processes():
    for mechanism in comparators(price_high=200).values():
        assert pickle.loads(pickle.dumps(mechanism)) == mechanism


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: a_spec(mechanism={}), EmptySide, "mechanism"),
        (lambda: a_spec(metrics=()), EmptySide, "metrics"),
        (lambda: a_spec(metrics=("joy",)), PricingError, "metrics: found 'joy'"),
        (lambda: a_spec(grid={"agents.mood": (1,)}), PricingError, "grid: found 'agents.mood'"),
        (lambda: a_spec(grid={"weather": (1,)}), PricingError, "grid: found 'weather'"),
        (lambda: a_spec(grid={"weather.rain": (1,)}), PricingError, "grid: found 'weather.rain'"),
        (lambda: a_spec(grid={"agents.beta_high": ()}), EmptySide, "agents.beta_high"),
        (lambda: a_spec(grid={"agents.beta_high": (2.0,)}), PricingError, "beta_high: found 2.0"),
        (lambda: a_spec(periods=0), PricingError, "periods"),
        (lambda: Seeds(root=-1), PricingError, "root: found -1"),
        (lambda: Seeds(replicates=0), PricingError, "replicates: found 0"),
        (lambda: run(a_spec(), n_jobs=0), PricingError, "n_jobs"),
        (lambda: run(a_spec(agents=ZeroIntelligence(constrained=False), grid={})), PricingError, "ZI-U"),
        (lambda: run_until(a_spec(), metric="trades", half_width=1), PricingError, "metric: found 'trades'"),
        (lambda: run_until(a_spec(), metric="alpha", half_width=0), PricingError, "half_width"),
        (lambda: compare(run(a_spec(grid={})), baseline="none"), PricingError, "baseline: found 'none'"),
        (
            lambda: compare(run(a_spec(grid={}, mechanism={"one": Competitive()})), baseline="one"),
            EmptySide,
            "'one' alone",
        ),
        (lambda: summarise(run(a_spec()).drop(columns="seed")), PricingError, "no column 'seed'"),
        (lambda: summarise(run(a_spec(seeds=Seeds(replicates=1)))), EmptySide, "sample: found 1"),
    ],
)
def test_what_is_no_experiment_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
