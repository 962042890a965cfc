"""Problems and options that `ccei bargain` cannot use: each is told with its place."""

import pytest

from api.bargain import solve_file
from market.units import Malformed
from tests.api.bargain.conftest import PARTNERS, PRICE, TWO_HOMES


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
