"""The pages of the documentation, and what stands in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
REFERENCE = DOCS / "reference"

_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED_BLOCK = re.compile(
    r"`(?P<name>[\w.-]+)`[^`]*?:\n\n```(?:csv|json)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


def page_id(page: Path) -> str:
    """Return the name that a page's test carries."""
    return str(page.relative_to(ROOT))


def read(page: Path) -> str:
    """Return the text of a page."""
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return [found["code"] for found in _BLOCK.finditer(read(page)) if found["language"] == language]


def files(page: Path) -> dict[str, str]:
    """Return the CSV and JSON files that a page shows, by the name that stands before each."""
    return {found["name"]: found["code"] for found in _NAMED_BLOCK.finditer(read(page))}


def table_keys(text: str, column: int = 0) -> list[str]:
    """Return what stands in backticks in a column of the tables of a text."""
    keys = []
    for line in text.splitlines():
        if line.startswith("| "):
            keys += re.findall(r"`([^`]+)`", line.strip("| ").split(" | ")[column])
    return keys


def section(page: Path, heading: str) -> str:
    """Return what stands under a heading, up to the next of its rank."""
    rank = heading.split(" ", maxsplit=1)[0]
    _, found, after = read(page).partition(f"\n{heading}\n")
    assert found, f"{page_id(page)} has no heading {heading!r}"
    return re.split(rf"^{rank} ", after, flags=re.MULTILINE)[0]
