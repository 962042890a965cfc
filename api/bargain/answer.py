"""What is found out about a bargaining problem: facts and tables, told to people and to machines in the same words."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Figures = Mapping[str, float | str | None]
Cell = None | bool | int | float | str | Figures
"""A figure, a word, or a figure for each party by its name."""

SHOWN = 100
"""Rows of a table that people see."""
WIDE = 12
"""Columns beyond which a table would not be read."""
_PLACES = 6


@dataclass(frozen=True, slots=True)
class Answer:
    """Facts by name, and tables by name, of rows with the same columns. Names are words joined by underscores.

    `draw` makes the figure of `--plot`; None where there is nothing to draw.
    """

    kind: str
    facts: Mapping[str, Cell]
    tables: Mapping[str, tuple[Mapping[str, Cell], ...]] = field(default_factory=dict)
    draw: "Callable[[], Figure] | None" = None

    def as_dict(self) -> dict[str, object]:
        """Return it for machines.

        >>> Answer("price", {"agreed": True}, {"parties": ({"party": "lab", "gain": 2.0},)}).as_dict()
        {'kind': 'price', 'agreed': True, 'parties': [{'party': 'lab', 'gain': 2.0}]}
        """
        return {
            "kind": self.kind,
            **{name: _plain(each) for name, each in self.facts.items()},
            **{
                name: [{key: _plain(each) for key, each in row.items()} for row in rows]
                for name, rows in self.tables.items()
            },
        }

    def show(self, console: Console) -> None:
        """Print it for people."""
        facts = Table(show_header=False, box=None)
        facts.add_column(style="bold")
        for name, each in _flat(self.facts):
            facts.add_row(Text(name), Text(shown(each)))
        console.print(facts)
        for name, rows in self.tables.items():
            if rows and len(_flat(rows[0])) > WIDE:
                console.print(f"{name}: {len(_flat(rows[0]))} columns; --json prints them")
                continue
            if rows:
                console.print(_table(rows))
            if len(rows) > SHOWN:
                console.print(f"… and {len(rows) - SHOWN:,} more; --json prints all")


def shown(cell: Cell) -> str:
    """Return a cell in words: a number with at most six decimals.

    >>> shown(41.0), shown(1 / 3), shown(None), shown(True), shown(-1e-12)
    ('41', '0.333333', '–', 'yes', '0')
    """
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        rounded = round(cell, _PLACES) + 0.0
        return f"{rounded:.{_PLACES}f}".rstrip("0").rstrip(".") if abs(rounded) < 1e15 else f"{cell:g}"
    return str(cell)


def _table(rows: tuple[Mapping[str, Cell], ...]) -> Table:
    first = _flat(rows[0])
    table = Table(box=None)
    for name, each in first:
        number = isinstance(each, int | float) and not isinstance(each, bool)
        table.add_column(Text(name), justify="right" if number else "left")
    for row in rows[:SHOWN]:
        table.add_row(*(Text(shown(each)) for _, each in _flat(row)))
    return table


def _flat(row: Mapping[str, Cell]) -> list[tuple[str, Cell]]:
    """Return names in words with their cells; figures by party each on their own."""
    return list(_pairs(row))


def _pairs(row: Mapping[str, Cell]) -> Iterator[tuple[str, Cell]]:
    for name, each in row.items():
        words = name.replace("_", " ")
        if isinstance(each, Mapping):
            yield from ((f"{words} {party}", figure) for party, figure in each.items())
        else:
            yield words, each


def _plain(cell: Cell) -> object:
    return dict(cell) if isinstance(cell, Mapping) else cell
