"""One table of the report, as HTML."""

from collections.abc import Iterable, Sequence
from html import escape


def html_table(
    caption: str,
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    text_columns: int = 1,
    long_text: bool = False,
    total: Sequence[str] = (),
) -> str:
    """Write a table: the first column heads its row, columns after the text columns are numbers.

    With `long_text` the last column is a text that may run over several lines.
    """
    rows = list(rows)

    def style(column: int) -> str:
        if long_text and column == len(headers) - 1:
            return ' class="text"'
        return ' class="number"' if column >= text_columns else ""

    def cells(row: Sequence[str]) -> str:
        head = f'<th scope="row">{escape(row[0])}</th>'
        return head + "".join(
            f"<td{style(column)}>{escape(text)}</td>" for column, text in enumerate(row[1:], start=1)
        )

    top = "".join(
        f'<th scope="col"{style(column)}>{escape(text)}</th>' for column, text in enumerate(headers)
    )
    body = "\n".join(f"<tr>{cells(row)}</tr>" for row in rows)
    if not rows:
        body = f'<tr><td colspan="{len(headers)}">none</td></tr>'
    foot = f"<tfoot><tr>{cells(total)}</tr></tfoot>\n" if total and rows else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}">\n<table>\n'
        f"<caption>{escape(caption)}</caption>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>\n{foot}</table>\n</div>"
    )
