"""Print AP and AP50 of each stage: `_stage_table.py STAGE/eval/metrics.json ...`."""

import sys
from pathlib import Path

from src.errors import UserError, entry_point
from src.report.stages import read_metrics


def stage_table(metrics_files: list[Path]) -> str:
    """One line per metrics file, with the name of its run folder (`first_stage/eval/metrics.json`).

    Raises:
        UserError: a file is missing, or is none of eval.py.
    """
    lines = [f"{'stage':<14}{'AP':>8}{'AP50':>8}"]
    for file in metrics_files:
        metrics = read_metrics(file)
        if metrics is None or not {"AP", "AP50"} <= metrics.keys():
            raise UserError(f"{file}: no such file with AP and AP50, as eval.py writes them; evaluate this stage again")
        scores = ("     n/a" if metrics[key] is None else f"{metrics[key]:8.3f}" for key in ("AP", "AP50"))
        lines.append(f"{file.parent.parent.name:<14}" + "".join(scores))
    return "\n".join(lines)


@entry_point
def main() -> None:
    """Print the table."""
    print(stage_table([Path(argument) for argument in sys.argv[1:]]))


if __name__ == "__main__":
    main()
