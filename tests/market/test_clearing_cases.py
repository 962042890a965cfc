"""Published auctions: of one product, of many hours with blocks, and of many zones."""

import json
from pathlib import Path

import pytest

from tests.market.run_cases import main as run_any_cases
from tests.market.run_clearing_cases import load, main, run

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases" / "clearing.json"
published = pytest.mark.skipif(not CASES.exists(), reason=f"{CASES.name} is not beside the repository")


def a_case(family, inputs, expect, **more):
    return {"id": "one", "family": family, "inputs": inputs, "expect": expect, "tolerance": 0.0001, **more}


def an_order(side, price, qty, **more):
    return {"id": f"{side}{price}", "side": side, "price": price, "qty": qty, **more}


def a_file(folder, *cases):
    path = folder / "cases.json"
    path.write_text(json.dumps({"cases": cases}))
    return path


@published
def test_every_case_of_our_families_comes_out(capsys):
    assert main([CASES]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "47 passed, 0 failed"
    assert told[-2] == "48 later, of families that other rooms clear; 1 without their file"


def test_a_case_that_comes_out_otherwise_is_told_and_fails_the_run(tmp_path, capsys):
    book = {"orders": [an_order("buy", 10, 2), an_order("sell", 6, 3)]}
    path = a_file(
        tmp_path,
        a_case("uniform_price", book, {"volume": 2, "price": 7}),
        a_case("uniform_price", book, {"volume": 2, "price": 6}),
    )
    assert run_any_cases([path]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "failed    one: price: found 6, expected 7",
        "passed    one",
        "1 passed, 1 failed",
    ]


def test_what_is_expected_and_cannot_be_compared_fails_the_case(tmp_path):
    book = {"orders": [an_order("buy", 10, 2)]}
    ((case, _),) = load(a_file(tmp_path, a_case("uniform_price", book, {"beauty": 1})))
    assert run(case) == ["beauty: found nothing to compare, expected 1"]
    assert run({**case, "inputs": {**book, "mood": "good"}}) == ["asks for mood"]


def test_families_of_later_rooms_are_told_and_counted_before_the_last_line(tmp_path, capsys):
    assert main([a_file(tmp_path, a_case("mcafee", {}, {}))]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "later     one: family mcafee",
        "1 later, of families that other rooms clear; 0 without their file",
        "0 passed, 0 failed",
    ]


def test_real_zones_come_from_a_file_of_their_own_with_border_prices(tmp_path, capsys):
    path = a_file(tmp_path, a_case("zonal_real", {"file": "real.json"}, {"price": {"N": 40, "S": 40}}))
    assert main([path]) == 0
    assert "no file   one: its file real.json is not beside cases.json" in capsys.readouterr().out

    real = {
        "zones": ["N", "S"],
        "orders": [an_order("buy", 90, 30, zone="S"), an_order("sell", 70, 50, zone="N")],
        "lines": [
            {"id": "NS", "from": "N", "to": "S", "min": -20, "max": 100},
            {"id": "XN", "from": "X", "to": "N", "min": 0, "max": 35},
        ],
        "border_prices": {"X": 40},
    }
    (tmp_path / "real.json").write_text(json.dumps(real))
    assert main([path]) == 0
    assert capsys.readouterr().out.splitlines() == ["passed    one", "1 passed, 0 failed"]
