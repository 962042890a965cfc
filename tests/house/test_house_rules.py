"""Rules of the house that no linter knows."""

import ast
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from api.cli import app
from tests.house.pages import PAGES, ROOT, read

ROOMS = ("market", "pricing", "ledger", "contracts", "api")
FOREIGN = ("node_modules", "out", "cache", "__pycache__")
TEXTS = {".py", ".sol", ".toml", ".md", ".json", ".mjs", ".html", ".cfg", ".yaml"}
# A folder of somebody's machine, written so that this line is none.
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:" + "work|tmp|root|home|Users|opt|mnt" + r")/[\w.-]+")
COMMANDS = (
    "demo",
    "market-day",
    "match",
    "clear",
    "bargain",
    "price",
    "serve",
    "deploy",
    "backup",
    "restore",
    "audit",
    "rebuild",
    "record",
    "proof",
    "statement",
    "export",
)


def product_files(*suffixes):
    return sorted(
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.suffix in suffixes and not set(FOREIGN) & set(path.relative_to(ROOT).parts)
    )


def test_no_product_code_uses_assert():
    for path in product_files(".py"):
        found = [node.lineno for node in ast.walk(ast.parse(read(path))) if isinstance(node, ast.Assert)]
        assert not found, (
            f"{path.relative_to(ROOT)}, line {found}: `assert` disappears under -O, raise instead"
        )


def test_no_file_names_a_folder_of_a_machine():
    named = [ROOT / "Makefile", ROOT / "pyproject.toml", ROOT / "CHANGELOG.md", *PAGES]
    tests = [path for path in (ROOT / "tests").rglob("*.py") if "__pycache__" not in path.parts]
    for path in [*named, *product_files(*TEXTS), *tests]:
        found = MACHINE_PATH.search(read(path))
        assert found is None, f"{path.relative_to(ROOT)} names {found[0]}"


def test_the_commands_are_the_ones_that_are_there():
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    groups = {group.typer_instance.info.name for group in app.registered_groups}
    assert commands | groups == set(COMMANDS)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_given(command):
    ran = CliRunner().invoke(app, [command, "--help"] if command else ["--help"])
    assert ran.exit_code == 0
    assert "Usage" in ran.output


def test_help_loads_nothing_heavy():
    heavy = ("numba", "pandas", "web3", "fastapi", "sqlalchemy", "matplotlib", "scipy")
    code = f"import sys, api.cli; print([name for name in {heavy!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_only_the_settings_read_the_environment():
    for path in product_files(".py"):
        if path.name in ("settings.py", "cli.py"):
            continue
        found = [
            node.lineno
            for node in ast.walk(ast.parse(read(path)))
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
        ]
        assert not found, (
            f"{path.relative_to(ROOT)}, line {found}: only api/settings.py reads the environment"
        )
