"""The numbers of a run, one row of JSON a line, of which some are told again by a run that goes on from an earlier step."""

import json
from pathlib import Path

from src.files import write_text


def keep_rows_before(path: Path, step: int) -> int:
    """Remove the rows of `step` and later ones, and a last line that was cut off.

    Args:
        path: metrics.jsonl, or no file at all.

    Returns:
        How many lines were removed.
    """
    lines = []
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:  # a line ends at a line feed only
            lines = list(file)
    kept = [line for line in lines if line.endswith("\n") and _step(line) < step]
    if len(kept) < len(lines):
        write_text(path, "".join(kept), overwrite=True)
    return len(lines) - len(kept)


def _step(line: str) -> float:
    """The step of a row; infinity for a line that is none."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
