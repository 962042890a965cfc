"""All that `pricing` offers is in its reference. Examples there run with all pages, those of docstrings as doctests."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import pricing

FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "pricing"
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(pricing.__path__, "pricing.")
    if not any(part.startswith("_") for part in module.name.split("."))
)


@pytest.fixture(scope="module")
def reference():
    return "\n".join(page.read_text(encoding="utf-8") for page in sorted(FOLDER.glob("*.md")))


@pytest.mark.parametrize("name", MODULES)
def test_every_public_function_and_class_is_in_the_reference(name, reference):
    module = importlib.import_module(name)
    own = {
        public: value
        for public, value in vars(module).items()
        if not public.startswith("_") and getattr(value, "__module__", None) == name
    }
    missing = [
        public
        for public, value in own.items()
        if (inspect.isfunction(value) and f"{public}(" not in reference)
        or (inspect.isclass(value) and public not in reference)
    ]
    assert not missing, f"{name}: {', '.join(missing)} not in {FOLDER.name}"


def test_every_page_is_in_the_index():
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    assert [page.name for page in FOLDER.glob("*.md") if f"({page.name})" not in index] == ["index.md"]
