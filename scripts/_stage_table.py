"""Print AP and AP50 of each stage: `python scripts/_stage_table.py STAGE/eval/metrics.json ...`."""

import json
import sys
from pathlib import Path


def stage_table(metrics_files: list[Path]) -> str:
    """One line per metrics file, with the name of its run folder (`first_stage/eval/metrics.json`)."""
    lines = [f"{'stage':<14}{'AP':>8}{'AP50':>8}"]
    for file in metrics_files:
        metrics = json.loads(file.read_text(encoding="utf-8"))
        scores = ("     n/a" if metrics[key] is None else f"{metrics[key]:8.3f}" for key in ("AP", "AP50"))
        lines.append(f"{file.parent.parent.name:<14}" + "".join(scores))
    return "\n".join(lines)


if __name__ == "__main__":
    print(stage_table([Path(argument) for argument in sys.argv[1:]]))
