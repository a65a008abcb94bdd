"""Write and read CSV files (RFC 4180, but with plain line feeds) whose texts no spreadsheet computes as formulas."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

# A spreadsheet would compute a text that begins so; the full-width characters are taken for the others in East Asia.
_FORMULA = ("=", "+", "-", "@", "\t", "＝", "＋", "－", "＠")

Rows = Iterable[Sequence[Any]]


def csv_text(rows: Rows) -> str:
    """Rows, the header first, as the text of a CSV file.

    None and NaN become empty. A text that a spreadsheet would take for a formula gets an apostrophe in front, which
    `cell_text` removes.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        writer.writerow([_plain(cell) for cell in row])
    return out.getvalue()


def cell_text(cell: str) -> str:
    """A text that was written by `csv_text`, as it was before."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def _plain(cell: Any) -> Any:
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.6g}"
    if isinstance(cell, str):
        cell = cell.replace("\r", " ")  # the writer leaves it unquoted, and readers begin a new row there
        return f"'{cell}" if _is_formula(cell) else cell
    return "" if cell is None else cell


def _is_formula(text: str) -> bool:
    """Whether a text is a formula, or one behind apostrophes, which must not be taken for those of `csv_text`."""
    return text.lstrip("'").startswith(_FORMULA)
