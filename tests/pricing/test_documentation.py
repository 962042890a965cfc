"""The examples run: those of the reference page, and those of the docstrings."""

import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import pricing

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "pricing.md"
MODULES = sorted(
    module.name for module in pkgutil.iter_modules(pricing.__path__, "pricing.") if not module.ispkg
)


def without_fences(page):
    # doctest would take the closing fence for expected output
    return "\n".join(line for line in page.splitlines() if not line.startswith("```"))


def test_examples_of_the_reference_page_come_out():
    parsed = doctest.DocTestParser().get_doctest(
        without_fences(PAGE.read_text(encoding="utf-8")), {}, PAGE.name, str(PAGE), 0
    )
    result = doctest.DocTestRunner().run(parsed)
    assert result.attempted > 30
    assert result.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_docstrings_come_out(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_every_public_function_is_on_the_reference_page(name):
    module = importlib.import_module(name)
    page = PAGE.read_text(encoding="utf-8")
    for public, value in vars(module).items():
        if public.startswith("_") or getattr(value, "__module__", None) != name:
            continue
        if inspect.isfunction(value) and name != "pricing.errors":
            assert f"{public}(" in page, f"{name}.{public} is not in {PAGE.name}"
