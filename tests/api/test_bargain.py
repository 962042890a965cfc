"""`ccei bargain`: problems in JSON files, what comes out of them, and what is refused."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.bargain import KINDS, Asked, solve_file
from api.cli import app
from market.units import Malformed

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "pricing.json"

TWO_HOMES = {
    "kind": "coalition",
    "agents": [
        {"name": "north", "load": [4, 6], "grid": {"buy": 0.5, "sell": 0.1}},
        {"name": "south", "renewable": [9, 3], "grid": {"buy": 0.5, "sell": 0.1}},
    ],
}
PARTNERS = {
    "kind": "game",
    "players": ["compute", "network", "energy"],
    "worth": {"compute+network": 60, "compute+energy": 48, "network+energy": 30, "compute+network+energy": 96},
}  # fmt: skip
PRICE = {"kind": "price", "value": 10, "cost": 4}


@pytest.fixture
def solved(tmp_path):
    """Solve a problem, and return what machines are told."""

    def solve(problem, **asked):
        file = tmp_path / "PROBLEM.json"
        file.write_text(problem if isinstance(problem, str) else json.dumps(problem), encoding="utf-8")
        return solve_file(file, Asked(**asked)).as_dict()

    return solve


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command on a problem in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def ccei(problem, *options):
        Path("PROBLEM.json").write_text(
            problem if isinstance(problem, str) else json.dumps(problem), encoding="utf-8"
        )
        return CliRunner().invoke(app, ["bargain", "PROBLEM.json", *options])

    return ccei


def column(answer, name, *, table="payoffs"):
    return [row[name] for row in answer[table]]


# --- what comes out ---------------------------------------------------------------------------------------------------


def published(case_id):
    if not CASES.exists():
        pytest.skip("the public cases beside the repository are absent")
    cases = json.loads(CASES.read_text(encoding="utf-8"))["cases"]
    return next(case for case in cases if case["id"] == case_id)


@pytest.mark.parametrize("case_id", ["B07", "B08", "B09", "B11"])
def test_published_sets_of_two_parties_come_out(solved, case_id):
    case = published(case_id)
    inputs = dict(case["inputs"])
    kind = "frontier" if "frontier" in inputs else "polygon"
    answer = solved({"kind": kind, "disagreement": inputs.pop("d"), **inputs})
    names = {"ks": "kalai_smorodinsky"}
    for solution, expected in case["expected"].items():
        assert column(answer, names.get(solution, solution)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("case_id", ["B13", "B14", "B15"])
def test_published_totals_are_shared(solved, case_id):
    case = published(case_id)
    inputs = {key: each for key, each in case["inputs"].items() if each is not None}
    answer = solved({"kind": "transferable", "disagreement": inputs.pop("d"), **inputs})
    assert answer["agreed"] is case["expected"]["agreement"]
    assert column(answer, "nash") == pytest.approx(case["expected"]["payoffs"], abs=1e-6)


def test_bill_and_jack_trade_as_nash_has_it(solved):
    inputs = published("B01")["inputs"]
    goods = [
        {"name": each["name"], "values": [each["u_bill"], each["u_jack"]], "owner": each["owner"]}
        for each in inputs["goods"]
    ]
    answer = solved({"kind": "allocation", "parties": ["Bill", "Jack"], "goods": goods}, solution="nash")
    assert (column(answer, "disagreement"), column(answer, "nash")) == ([12, 6], [24, 11])
    assert answer["outcomes"] == [
        {"solution": "nash", "outcome": "Bill: box, pen, toy, knife; Jack: book, whip, ball, bat, hat"}
    ]


def test_goods_go_to_whoever_values_them_most_where_money_changes_hands(solved):
    goods = [
        {"name": "pen", "values": [10, 1], "owner": "Jack"},
        {"name": "book", "values": [2, 4], "owner": "Bill"},
    ]
    answer = solved({"kind": "allocation", "parties": ["Bill", "Jack"], "goods": goods, "money": True})
    assert column(answer, "nash") == [7.5, 6.5]
    assert answer["outcomes"][0]["outcome"] == "Bill: pen; Jack: book"


def test_a_lottery_is_told_by_its_chances(solved):
    finite = {
        "kind": "finite",
        "outcomes": [[4, 0], [2, 3], [1, 5]],
        "disagreement": [1, 1],
        "names": ["a", "b", "c"],
    }
    mixed = solved({**finite, "lotteries": True}, solution="nash")
    assert column(mixed, "nash") == pytest.approx([2.2, 3])
    assert mixed["outcomes"][0]["outcome"] == "a (chance 0.4) or c (chance 0.6)"
    assert solved(finite, solution="nash")["outcomes"][0]["outcome"] == "b"


def test_where_no_total_is_enough_everybody_stays_with_disagreement(solved):
    answer = solved({"kind": "transferable", "total": 20, "disagreement": [20, 10]})
    assert (answer["agreed"], column(answer, "nash")) == (False, [20, 10])


def test_one_solution_can_be_asked_for(solved):
    answer = solved({"kind": "transferable", "total": 10, "disagreement": [0, 0]}, solution="egalitarian")
    assert list(answer["payoffs"][0]) == ["party", "disagreement", "ideal", "egalitarian"]


def test_price_of_a_quantity_lies_between_what_the_book_offers(solved):
    book = {"asks": [[0.06, 3000], [0.08, 9000]], "bids": [[0.04, 9000]]}
    answer = solved({"kind": "price", "value": 0.09, "cost": 0.02, "quantity": 5000, "book": book})
    assert [answer[key] for key in ("lowest_price", "price", "highest_price")] == pytest.approx(
        [0.04, 0.054, 0.068]
    )
    # 3,000 bought with a gain of 0.03 each and 2,000 with 0.01; 5,000 sold with a gain of 0.02
    assert answer["outside"] == pytest.approx({"buyer": 110, "seller": 100})
    assert answer["payment"] == "270"


def test_an_outside_option_is_a_starting_point_or_a_limit(solved):
    option = {**PRICE, "outside_seller": 4}
    assert solved(option)["price"] == 9
    assert solved({**option, "mode": "constraint"})["price"] == 8
    assert solved({**PRICE, "weight_seller": 0.75})["price"] == 8.5


def test_a_price_that_nobody_wants_is_none(solved):
    answer = solved({"kind": "price", "value": 4, "cost": 5})
    assert (answer["agreed"], answer["price"], answer["payment"]) == (False, None, None)


def test_published_contract_and_bundle_come_out(solved):
    contract = solved(
        {
            "kind": "contract",
            "value": {"slope": 60, "curvature": 1},
            "cost": {"slope": 10, "curvature": 1.5},
            "quantity_max": 60,
            "book": {"asks": [[36, 60]], "bids": [[28, 60]], "fee_per_unit": 1},
        }
    )
    assert (contract["quantity"], contract["payment"]) == (20, "665.916667")
    bundle = solved(
        {
            "kind": "bundle",
            "value": 1000,
            "outside_buyer": 60,
            "weight_buyer": 0.4,
            "sellers": [
                {"name": "compute", "cost": 420, "outside": 40, "weight": 0.3},
                {"name": "network", "cost": 90, "outside": 10, "weight": 0.1},
                {"name": "energy", "cost": 180, "outside": 30, "weight": 0.2},
            ],
        }
    )
    assert (bundle["price"], column(bundle, "receives", table="sellers")) == ("872", ["511", "117", "244"])


def test_what_a_bundle_costs_is_what_its_sellers_receive(solved):
    thirds = [{"name": name, "cost": 0} for name in "abc"]
    bundle = solved({"kind": "bundle", "value": 1, "weight_buyer": 0, "sellers": thirds})
    received = column(bundle, "receives", table="sellers")
    assert sum(map(Decimal, received)) == Decimal(bundle["price"])
    assert {Decimal(each) for each in received} <= {Decimal("0.333333"), Decimal("0.333334")}


def test_patience_is_worth_a_larger_share(solved):
    talks = {"kind": "alternating-offers", "discounts": [0.9, 0.8], "parties": ["lab", "plant"]}
    assert solved(talks)["share"] == pytest.approx({"lab": 0.2 / 0.28, "plant": 0.08 / 0.28})
    assert solved({**talks, "first": "plant"})["share"]["plant"] == pytest.approx(0.1 / 0.28)
    assert solved({**talks, "periods": 2})["share"] == pytest.approx({"lab": 0.2, "plant": 0.8})
    fast = solved({"kind": "alternating-offers", "rates": [0.05, 0.1], "period": 1e-6})
    assert fast["share"]["party 1"] == pytest.approx(2 / 3, abs=1e-6)
    assert fast["nash_weight_of_patience"]["party 1"] == pytest.approx(2 / 3)


def test_game_of_compute_network_and_energy(solved):
    answer = solved(PARTNERS)
    assert column(answer, "shapley", table="shares") == pytest.approx([40, 31, 25])
    assert column(answer, "nucleolus", table="shares") == pytest.approx([48, 30, 18])
    assert answer["core"] == "not empty"
    assert column(answer, "in_core", table="stability") == [True, True]


def test_an_empty_core_names_who_leaves_first(solved):
    answer = solved(
        {"kind": "game", "players": ["a", "b", "c"], "worth": {"a+b": 9, "a+c": 8, "b+c": 1, "a+b+c": 9}}
    )
    assert answer["core"] == "not empty"
    majority = {
        "kind": "game",
        "players": ["a", "b", "c"],
        "worth": dict.fromkeys(("a+b", "a+c", "b+c", "a+b+c"), 1),
    }
    answer = solved(majority)
    assert (answer["core"], answer["least_core_excess"]) == ("empty", pytest.approx(1 / 3))
    assert column(answer, "first_to_leave", table="stability") == ["a+b", "a+b"]


def test_a_loss_together_has_a_prenucleolus_only(solved):
    answer = solved({"kind": "game", "players": ["a", "b"], "worth": {"a": 3, "b": 3, "a+b": 4}})
    assert column(answer, "prenucleolus", table="shares") == pytest.approx([2, 2])


def test_claims_are_divided_by_every_rule(solved):
    answer = solved({"kind": "claims", "estate": 200, "claims": [100, 200, 300]})
    assert column(answer, "talmud", table="shares") == [50, 75, 75]
    assert column(answer, "equal_losses", table="shares") == [0, 50, 150]
    assert sum(column(answer, "random_arrival", table="shares")) == pytest.approx(200)


def test_coalition_shares_its_saving_and_payments_sum_to_zero(solved):
    answer = solved(TWO_HOMES)
    # alone 5.0 for the north and −1.2 for the south; together 10 kWh are needed and 12 are there, 2 sold at 0.1
    assert (answer["cost_alone"], answer["cost_together"]) == pytest.approx((3.8, -0.2 + 1.2), abs=1e-4)
    assert sum(Decimal(row["pays"]) for row in answer["members"]) == 0
    assert column(answer, "gain", table="members") == pytest.approx([1.4, 1.4], abs=1e-4)


def test_a_private_coalition_comes_to_the_same(solved):
    rounds = []
    answer = solved(TWO_HOMES, private=True, progress=lambda turn, _: rounds.append(turn))
    assert rounds == list(range(1, answer["rounds"] + 1))
    assert float(answer["saving"]) == pytest.approx(2.8, rel=1e-3)
    assert sum(Decimal(row["pays"]) for row in answer["members"]) == 0
    assert all(Decimal(row["gain"]) >= 0 for row in answer["members"])
    assert solved({**TWO_HOMES, "private": True})["members"] == answer["members"]


def test_lines_limit_what_a_coalition_exchanges(solved):
    feeder = {"name": "feeder", "factors": {"north": 1}, "limit": 2}
    answer = solved({**TWO_HOMES, "lines": [feeder]})
    assert [row["import_of"]["north"] for row in answer["slots"]] == pytest.approx([2, 2], abs=1e-4)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ("", "line 1, column 1: found the end of the file, expected JSON: expecting value"),
        ('{"kind":\n price}', "line 2, column 2: found 'price}', expected JSON: expecting value"),
        ("[1, true]", "the text: found [1, true], expected one JSON object"),
        ("[" * 100_000, "line 1: found brackets 65 levels deep, expected at most 64"),
        ('{"kind":\n' + '{"a": ' * 64, "line 2: found brackets 65 levels deep, expected at most 64"),
        ('{"kind": "price", "value": NaN}', "the text: found NaN, expected a number"),
        ('{"kind": "price", "value": -Infinity}', "the text: found -Infinity, expected a number"),
        ('{"kind": "price", "value": 1e999}', "the text: found 1e999, expected a number that a machine can hold"),
        ('{"kind": "price", "value": 1, "value": 2}', 'the text: found the key "value" twice, expected each key once'),
        ({}, "kind: found nothing, expected one of transferable, polygon"),
        ({"kind": "prize"}, 'kind: found "prize", expected one of transferable, polygon'),
        ({"kind": "price", "value": 1}, "cost: found nothing, expected it to be given"),
        ({**PRICE, "value": "9"}, 'value: found "9", expected a number'),
        ({**PRICE, "value": True}, "value: found true, expected a number"),
        ({**PRICE, "colour": 1}, "colour: found an unknown key, expected one of"),
        ({**PRICE, "mode": "threat"}, "mode: found 'threat', expected one of disagreement, constraint"),
        ({**PRICE, "quantity": 0}, "quantity: found 0.0, expected a number in (0, inf)"),
        ({**PRICE, "book": {"asks": [[1, 2], [3]]}}, "book.asks[1]: found [3], expected a list of length 2"),
        ({**PRICE, "book": {"fees": 1}}, "book.fees: found an unknown key, expected one of asks, bids, fee_per_unit"),
        ({**PRICE, "book": {"fee_per_unit": -1}}, "book.fee_per_unit: found -1.0, expected"),
        ({**PRICE, "book": {}, "outside_buyer": 1}, "outside_buyer: found 1 beside a book, expected one of them"),
        ({"kind": "transferable", "total": 1, "disagreement": [0, 0], "weights": [1, -1]},
         "weights[1]: found -1.0, expected"),
        ({"kind": "transferable", "total": 1, "disagreement": [0, 0], "parties": ["a", "a"]},
         "parties[1]: found 'a', expected a name, each once"),
        ({"kind": "polygon", "vertices": [[1, 1]], "disagreement": [2, 0]}, "disagreement: found (2, 0), expected"),
        ({"kind": "frontier", "frontier": "u2 = exit()", "disagreement": [0, 0]}, "frontier: found"),
        ({"kind": "allocation", "parties": ["a", "b"], "goods": [{"name": "x", "values": [1, 2], "owner": "c"}]},
         "goods[0].owner: found 'c', expected one of a, b"),
        ({"kind": "contract", "value": {"slope": 2}, "cost": {"slope": 1}}, "quantity: found a margin of 1"),
        ({"kind": "bundle", "value": 1, "sellers": [{"name": "a", "cost": 1, "weight": -1}]},
         "sellers[0].weight: found -1.0, expected"),
        ({"kind": "alternating-offers"}, "discounts: found both or neither of discounts and rates"),
        ({"kind": "coalition", "agents": [{"name": "a", "load": [1], "storage": {"rate_max": 1, "capacity": -1}}]},
         "agents[0].storage.capacity: found -1, expected a number in [0, inf)"),
        ({"kind": "coalition", "agents": [{"name": "a", "load": [1], "grid": {"buy": 0.1, "sell": 0.2}}]},
         "agents[0].grid.sell: found 0.2 above the buy price 0.1"),
        ({"kind": "coalition", "agents": [{"name": "a", "lord": [1]}]}, "agents[0]: found unknown key 'lord'"),
        ({"kind": "coalition", "agents": [{"name": "a", "load": [1]}]}, "a alone: found 1 unit·hours of energy too little"),
        ({**TWO_HOMES, "weights": [1]}, "weights: found 1 values, expected 2"),
        ({**TWO_HOMES, "tolerance": 1e-3}, "tolerance: found 0.001, expected it with private only"),
        ({**PARTNERS, "worth": {"compute+wind": 1}}, "worth.compute+wind: found the member 'wind'"),
        ({**PARTNERS, "worth": {"compute+energy": None}}, "worth.compute+energy: found null, expected a number"),
        ({**PARTNERS, "worth": {}}, "worth: found nothing for 'compute+network', expected all 7 coalitions"),
        ({"kind": "claims", "estate": 10, "claims": [1, 2]}, "estate: found 10, expected at most all claims, 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_with_its_place(run, problem, told):
    result = run(problem)
    assert (result.exit_code, result.stdout) == (2, "")
    line, end = result.stderr.split("\n")
    assert (line.startswith(f"ccei: PROBLEM.json, {told}"), end) == (True, ""), line


@pytest.mark.parametrize(
    ("problem", "options", "told"),
    [
        (PRICE, ["--solution", "fair"], "--solution: found 'fair', expected all or one of nash, kalai-smorodinsky"),
        (PRICE, ["--solution", "egalitarian"], "--solution: found egalitarian with the kind price, expected all or nash"),
        (PARTNERS, ["--solution", "nash"], "--solution: found nash with the kind game, expected all"),
        (PRICE, ["--private"], "--private: found it with the kind price, expected it with coalition only"),
        (PARTNERS, ["--plot", "game.png"], "--plot: found it with this problem of the kind game, expected two parties"),
        (PRICE, ["--plot", "price.gif"], "--plot: found 'price.gif', expected a name that ends in .png"),
    ],
)  # fmt: skip
def test_an_option_that_does_not_go_with_the_problem_is_refused(run, problem, options, told):
    result = run(problem, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"ccei: {told}"), result.stderr


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(Malformed, match="opening it: found no such file"):
        solve_file(tmp_path / "absent.json")
    with pytest.raises(Malformed, match="opening it: found a folder"):
        solve_file(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'{"kind":\n"\xe9"}')
    with pytest.raises(Malformed, match="line 2: found bytes that are no UTF-8"):
        solve_file(tmp_path / "latin.json")


# --- what people see --------------------------------------------------------------------------------------------------


def test_people_see_solutions_side_by_side(run):
    result = run(
        {"kind": "transferable", "total": 100, "disagreement": [20, 10], "parties": ["[lab]", "plant"]}
    )
    assert result.exit_code == 0
    assert "[lab]" in result.stdout  # and not taken for markup
    assert "kalai smorodinsky" in " ".join(result.stdout.split())


def test_json_is_one_document(run):
    assert json.loads(run(PRICE, "--json").stdout)["price"] == 7


@pytest.mark.parametrize(
    "problem",
    [
        {"kind": "frontier", "frontier": "u2 = 1 - u1**2", "disagreement": [0, 0]},
        {"kind": "polygon", "vertices": [[0, 2], [2, 1.5], [3, 0]], "disagreement": [0, 0]},
        {"kind": "transferable", "total": 1, "disagreement": [0.5, 0.5]},
        {"kind": "finite", "outcomes": [[4, 0], [2, 3]], "disagreement": [1, 1]},
        {"kind": "finite", "outcomes": [[1, 1]], "disagreement": [1, 1]},
        {**PRICE, "book": {"asks": [[6, 1]], "bids": [[5, 1]]}},
        {"kind": "price", "value": 4, "cost": 5},
        TWO_HOMES,
        {**TWO_HOMES, "private": True},
        {"kind": "coalition", "agents": [{"name": f"m{n}", "load": [n], "grid": {"buy": n + 1}} for n in range(20)]},
    ],
)  # fmt: skip
def test_a_plot_is_drawn(run, problem):
    result = run(problem, "--plot", "figure.svg")
    assert result.exit_code == 0, result.output
    assert Path("figure.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_a_plot_marks_the_solutions_where_they_are(tmp_path):
    file = tmp_path / "curve.json"
    file.write_text('{"kind": "frontier", "frontier": "u2 = 1 - u1**2", "disagreement": [0, 0]}')
    answer = solve_file(file, plot=True)
    drawn = {
        line.get_label().partition("\n")[0]: line.get_xydata()[0].tolist()
        for line in answer.draw().axes[0].get_lines()
    }
    assert drawn["nash"] == pytest.approx([0.57735, 0.666667], abs=1e-5)
    assert drawn["disagreement"] == [0, 0]


def test_help_names_every_kind():
    text = CliRunner().invoke(app, ["bargain", "--help"]).stdout
    assert [line.split()[0] for line in text.partition("bargained over:")[2].splitlines()[1 : len(KINDS) + 1]] == [
        *KINDS
    ]  # fmt: skip
    assert text.count("Example: ccei bargain ") == 3
