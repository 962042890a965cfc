"""What exists is in the reference: routes, commands, events, refusals, settings, options, contracts, the summary's keys."""

import ast
import json
import re
from typing import get_args

import pytest
import typer

from api import order_outcome
from api.cli import app as command_line
from api.routes import accounts, cancels, negotiations, orders, proofs, reading, statements
from api.settings import Settings
from contracts import signing
from contracts.agreement import AGREEMENT_TYPE
from contracts.batches import SkipCode
from market.events import Event
from market.orders import Command
from market.refusals import EXPLANATIONS, Refusal
from tests.house.pages import REFERENCE, ROOT, read, section, table_keys

HTTP = REFERENCE / "http.md"
EVENTS = REFERENCE / "events-and-refusals.md"
SETTINGS = REFERENCE / "settings.md"
COMMANDS = REFERENCE / "command-line.md"
CONTRACTS = REFERENCE / "contracts.md"
SUMMARY = REFERENCE / "summary-json.md"

COMMAND_LINE = typer.main.get_command(command_line)
ROUTERS = (
    reading.router,
    reading.health_router,
    cancels.router,
    orders.router,
    proofs.router,
    negotiations.router,
    accounts.router,
    statements.router,
    accounts.operator_router,
)


def test_every_route_is_listed_and_nothing_else():
    found = {
        (method, route.path) for router in ROUTERS for route in router.routes for method in route.methods
    }
    rows = re.findall(r"^\| (GET|POST|PUT|DELETE) \| `([^`]+)`", section(HTTP, "## Routes"), re.MULTILINE)
    assert sorted(rows) == sorted(found)


def test_every_model_of_a_route_is_named():
    text = section(HTTP, "## Routes")
    for router in ROUTERS:
        for route in router.routes:
            model = get_args(route.response_model) or (route.response_model,)
            if model[0] is not None:  # the answer is a file
                assert f"`{model[0].__name__}`" in text, f"{route.path} answers {model[0].__name__}"
            if route.body_field is not None:
                taken = route.body_field.field_info.annotation
                taken = (get_args(taken) or (taken,))[0]
                assert f"`{taken.__name__}`" in text, f"{route.path} takes {taken.__name__}"


def test_every_order_status_is_named():
    for status in get_args(order_outcome.Status):
        assert f"`{status}`" in read(HTTP)


def test_every_problem_is_listed():
    listed = table_keys(section(HTTP, "## Problems"), column=1)
    for path in (ROOT / "api").rglob("*.py"):
        for name in re.findall(r'Problem\(\s*[\w.]+,\s*"(\w+)"', read(path)):
            assert name in listed, f"{path.name} raises {name}"


def test_every_signed_type_is_listed():
    types = [value for name, value in vars(signing).items() if name.endswith("_TYPE") and name[0] != "_"]
    assert len(types) > 8
    for each in [*types, AGREEMENT_TYPE]:
        assert f"\n{each}\n" in read(HTTP) or each == signing.PERMIT_TYPE


def test_every_command_is_listed_and_nothing_else():
    assert table_keys(section(EVENTS, "## Commands")) == [each.__name__ for each in get_args(Command)]


def test_every_event_is_listed_and_nothing_else():
    assert table_keys(section(EVENTS, "## Events")) == [each.__name__ for each in get_args(Event)]


def test_every_refusal_is_listed_with_its_explanation_and_nothing_else():
    text = section(EVENTS, "## Refusals")
    assert table_keys(text) == [refusal.value for refusal in Refusal]
    for refusal in Refusal:
        assert f"| `{refusal.value}` | {EXPLANATIONS[refusal]} |" in text


def test_every_setting_is_listed_with_its_default_and_nothing_else():
    rows = re.findall(r"^\| `CCEI_(\w+)` \| `?([^`|]*?)`? \|", read(SETTINGS), re.MULTILINE)
    expected = [
        (name.upper(), "none" if field.default is None else str(field.default))
        for name, field in Settings.model_fields.items()
    ]
    assert rows == expected


@pytest.mark.parametrize("name", sorted(COMMAND_LINE.commands))
def test_every_option_is_listed_with_its_default_and_nothing_else(name):
    text = section(COMMANDS, f"## `ccei {name}`")
    command = COMMAND_LINE.commands[name]
    commands = getattr(command, "commands", {name: command}).values()  # those of a group share its section
    options = [each for one in commands for each in one.params if each.param_type_name == "option"]
    expected = sorted({flag for each in options for flag in each.opts if flag.startswith("--")})
    listed = re.findall(r"^\| `(--[\w-]+)`", text, re.MULTILINE)
    assert sorted(listed) == [flag for flag in expected if flag != "--help"]
    for each in options:
        if each.default not in (None, False):
            row = next(line for line in text.splitlines() if line.startswith(f"| `{each.opts[0]}`"))
            assert f"`{each.default}`" in row.split(" | ")[1:-1], f"{each.opts[0]} is {each.default}"


def test_every_command_of_the_line_is_listed_and_nothing_else():
    assert sorted(table_keys(read(COMMANDS).partition("## ")[0])) == sorted(COMMAND_LINE.commands)


@pytest.mark.parametrize("columns", ["match", "clear"])
def test_every_column_is_listed(columns):
    from api import bids, clearing, flows

    text = section(COMMANDS, f"## `ccei {columns}`")
    names = (*flows._REQUIRED, *flows._OPTIONAL) if columns == "match" else bids.COLUMNS
    if columns == "clear":
        assert table_keys(text.partition("### Mechanisms")[2])[: len(clearing.MECHANISMS)] == [
            *clearing.MECHANISMS
        ]
    for name in names:
        assert f"`{name}`" in text


def test_every_skip_code_is_listed_and_nothing_else():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", section(CONTRACTS, "## Skip codes"), re.MULTILINE)
    assert rows == [(str(code.value), code.name) for code in SkipCode]


@pytest.mark.parametrize(
    "name", ["Settlement", "Guarantee", "Standby", "LongTerm", "PayAsYouGo", "Certificate"]
)
def test_every_function_event_and_error_of_a_contract_is_listed(name):
    text = read(CONTRACTS)
    abi = json.loads(read(ROOT / "contracts" / "artifacts" / f"{name}.json"))["abi"]
    for item in abi:
        if item["type"] in ("function", "event", "error"):
            assert re.search(rf"`{item['name']}\b", text), f"{name} has the {item['type']} {item['name']}"


def test_every_key_of_the_summary_is_listed():
    listed = table_keys(read(SUMMARY)) + re.findall(r"`(\w+)`", read(SUMMARY))
    tree = ast.parse(read(ROOT / "api" / "day" / "summary.py"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for function in ("summary", "guarantees", "settlement", "_surplus", "_prices"):
        for node in ast.walk(functions[function]):
            for key in node.keys if isinstance(node, ast.Dict) else ():
                if isinstance(key, ast.Constant):
                    assert key.value in listed, f"{function} writes {key.value!r}"
