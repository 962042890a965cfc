"""What is found out about a bargaining problem: facts and tables, told to people and to machines in the same words."""

from collections.abc import Callable, Mapping
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
Row = Mapping[str, Cell]

SHOWN = 100
"""Rows of a table that people see."""
WIDE = 10
"""Columns beyond which a table would not be read."""
_PLACES = 6


@dataclass(frozen=True, slots=True)
class Answer:
    """Facts by name, and tables by name, of rows with the same columns. Names are words joined by underscores.

    `draw` makes the figure of `--plot`; None where there is nothing to draw.
    """

    kind: str
    facts: Row
    tables: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
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
        for name, each in self.facts.items():
            facts.add_row(Text(_words(name)), Text(shown(each)))
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

    >>> shown(41.0), shown(1 / 3), shown(None), shown(True), shown({"buyer": -1e-12})
    ('41', '0.333333', '–', 'yes', 'buyer 0')
    """
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, Mapping):
        return ", ".join(f"{name} {shown(each)}" for name, each in cell.items())
    if isinstance(cell, float):
        rounded = round(cell, _PLACES) + 0.0
        return f"{rounded:.{_PLACES}f}".rstrip("0").rstrip(".") if abs(rounded) < 1e15 else f"{cell:g}"
    return str(cell)


def _table(rows: tuple[Row, ...]) -> Table:
    first = _flat(rows[0])
    table = Table(box=None)
    for name, each in first:
        number = isinstance(each, int | float) and not isinstance(each, bool)
        table.add_column(Text(name), justify="right" if number else "left")
    for row in rows[:SHOWN]:
        table.add_row(*(Text(shown(each)) for _, each in _flat(row)))
    return table


def _flat(row: Row) -> list[tuple[str, Cell]]:
    """Return names in words with their cells, figures by party each in a column of its own."""
    cells: list[tuple[str, Cell]] = []
    for name, each in row.items():
        if isinstance(each, Mapping):
            cells += [(f"{_words(name)} {party}", figure) for party, figure in each.items()]
        else:
            cells.append((_words(name), each))
    return cells


def _words(name: str) -> str:
    return name.replace("_", " ")


def _plain(cell: Cell) -> object:
    return dict(cell) if isinstance(cell, Mapping) else cell
