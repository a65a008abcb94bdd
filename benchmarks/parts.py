"""Profile of a graph: operator times of MindSpore's profiler, summed by part of the network and by operator."""

import csv
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mindspore import profiler

from src.errors import UserError

# An operator belongs to the first of these names in its full name; gradients have the name of their forward part.
PARTS = ("backbone", "fpn", "rpn", "roi_align", "box_head", "mask_roi_align", "mask_head", "extra_layers", "multi_box")
PARTS += ("optimizer", "average")
SHOWN = 12  # operators; the others are summed as "others"


def shares(run: Callable[[], object], count: int) -> dict:
    """Profile `count` runs.

    Returns:
        "by_part" and "by_operator": fraction of the summed time of all operators, greatest first; parts of the teacher are apart.
        "operators_s": this sum in seconds per run; greater than the wall-clock time where operators ran in parallel.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_trace = profiler.tensorboard_trace_handler(folder, analyse_flag=False)
        with profiler.profile(activities=[profiler.ProfilerActivity.CPU], on_trace_ready=write_trace) as profile:
            for _ in range(count):
                run()
                profile.step()
        tables = list(Path(folder).rglob("cpu_op_detail_info_*.csv"))
        if not tables:
            raise UserError("MindSpore's profiler wrote no table of CPU operators; expected MindSpore 2.8 on CPU")
        rows = [row for table in tables for row in csv.DictReader(table.open())]
    by_part, by_operator = Counter(), Counter()
    for row in rows:
        seconds = float(row["op_total_time(ms)"]) / 1000
        by_part[part_of(row["full_op_name"])] += seconds
        by_operator[row["op_type"]] += seconds
    total = sum(by_part.values())
    top = by_operator.most_common(SHOWN)
    rest = total - sum(seconds for _, seconds in top)
    return {
        "operators_s": total / count,
        "by_part": {name: seconds / total for name, seconds in by_part.most_common()},
        "by_operator": {name: seconds / total for name, seconds in [*top, ("others", rest)]},
    }


def part_of(name: str) -> str:
    """The part of an operator such as 'Gradients/Default/student-FasterRcnn/gradbackbone-ResNet/...'."""
    words = [word.split("-")[0].removeprefix("grad").lstrip("_") for word in name.split("/")]
    part = next((word for word in words if word in PARTS), "boxes, targets, losses")
    return f"teacher {part}" if "teacher" in words else part
