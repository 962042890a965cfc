"""The pages hold together: links lead somewhere, files and functions they name exist, examples run, commands are real."""

import doctest
import importlib
import re
import shlex
from functools import reduce

import click
import pytest
import typer

from api.cli import app as command_line
from tests.house.pages import DOCS, PAGES, ROOT, blocks, page_id, read

CODE_FILE = re.compile(r"`((?:api|market|pricing|ledger|contracts|tests|docs)/[\w./-]+\.\w+)`")
PLACE = re.compile(r"`([a-z]+/[\w/]+\.py)` \| `([\w.]+)`")
COMMAND_LINE = typer.main.get_command(command_line)

pages = pytest.mark.parametrize("page", PAGES, ids=page_id)


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", read(page), flags=re.M | re.S), re.MULTILINE
    )
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pages
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", read(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link} names no heading"


@pages
def test_files_that_are_named_exist(page):
    for name in CODE_FILE.findall(read(page)):
        assert (ROOT / name).exists(), f"{name} does not exist"


@pages
def test_functions_that_are_named_beside_their_file_exist(page):
    for file, name in PLACE.findall(read(page)):
        module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
        reduce(getattr, name.split("."), module)


@pages
def test_examples_run(page):
    # doctest would take a closing fence for expected output
    text = "\n".join(line for line in read(page).splitlines() if not line.startswith("```"))
    parsed = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert doctest.DocTestRunner().run(parsed).failed == 0


@pages
def test_commands_that_are_shown_can_be_given(page):
    shown = [line for block in blocks(page, "sh") for line in block.splitlines()]
    shown += re.findall(r"`(ccei [^`]+)`", read(page))
    for line in shown:
        _, found, arguments = re.sub(r"\s+#.*", "", line).partition("ccei ")
        if not found:
            continue
        name, *rest = [word for word in shlex.split(arguments) if word != "--help"]
        if name == "COMMAND":
            continue
        assert name in COMMAND_LINE.commands, line
        # What an argument stands for is the reader's to fill in: only its presence is checked here.
        given = [re.sub(r"^\[?([A-Z]+)\]?$", r"\1", word) for word in rest]
        try:
            with COMMAND_LINE.commands[name].make_context(name, given, resilient_parsing=not given):
                pass
        except click.ClickException as error:
            pytest.fail(f"{line}: {error.message}")


@pages
def test_make_verbs_that_are_shown_exist(page):
    verbs = re.findall(r"^([a-z]+):.*## ", read(ROOT / "Makefile"), re.MULTILINE)
    shown = re.findall(r"(?:^|`)make ([a-z]+)", read(page), re.MULTILINE)
    assert set(shown) <= set(verbs)


def test_every_page_can_be_reached_from_the_readme():
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        reached.add(page)
        for link in re.findall(r"\]\(([^)#\s]+)", read(page)):
            target = (page.parent / link).resolve()
            if target.is_dir():
                reached |= set(target.glob("*.md"))
            elif target.suffix == ".md" and target.exists() and target not in reached:
                todo.append(target)
    assert set(DOCS.rglob("*.md")) <= reached
