"""The harness with the product's own programs on the practice set, from drawn pictures to the tables, with tiny networks.

Programs run operator by operator: compiling four networks would take most of the time and show nothing more here.
"""

import json
import os

from tests.benchmarks.label_efficiency.conftest import REAL, Bench, write_shim
from tests.benchmarks.label_efficiency.plans import ARMS, PLAN, write_plan
from tests.conftest import TINY

PYNATIVE = """
import mindspore as ms
whole = ms.set_context
ms.set_context = lambda mode=None, **more: whole(mode=ms.PYNATIVE_MODE, pynative_synchronize=True, **more)
"""
LENGTHS = ("max_iter", "burn_up_iter")  # the plan decides


def test_the_practice_set_end_to_end(practice_set, tmp_path):
    programs = tmp_path / "programs"
    for name in ("train.py", "eval.py", "infer.py"):
        write_shim(programs, name, PYNATIVE)
    for name in REAL:
        write_shim(programs, name)
    leaf = {key: value for key, value in TINY.items() if key not in LENGTHS}
    leaf |= {"backbone": "resnet_v1_10", "num_gts": 16, "supervised_ema": True, "teacher_start": "average"}
    arms = {name: ARMS[name] for name in ("supervised", "semi_supervised", "entropy")}
    write_plan(tmp_path, leaf, arms=arms)
    bench = Bench(tmp_path, programs, practice_set)
    said = bench.run("--cores", ",".join(map(str, range(min(2, os.cpu_count())))))
    cells = {path.stem: json.loads(path.read_text()) for path in bench.results.glob("*_seed1.json")}
    assert cells.keys() == {"supervised_50_seed1", "semi_supervised_50_seed1", "entropy_50to75_seed1"}
    for name, cell in cells.items():
        score = cell["scores"]["equal_steps"]
        assert 0 <= score["AP"] <= 1 and score["test"]["images"] == PLAN["parts"]["test"], name
        roles = {row["role"] for row in cell["validation"]}
        assert roles == {"student", "average"} | (set() if name.startswith("supervised") else {"teacher"})
        assert score["chosen"]["AP"] == max(
            row["AP"] or 0 for row in cell["validation"] if row["step"] <= score["steps"]
        )
    picked = cells["entropy_50to75_seed1"]
    assert [row["name"] for row in picked["commands"]] == [
        "detections",
        "ranking",
        "labels",
        "train",
        "test_equal_steps",
    ]
    assert picked["labelled"]["images"] == len(picked["labelled_images"]) == 6
    assert cells["supervised_50_seed1"]["scores"]["equal_minutes"]["steps"] == 3
    log = (bench.cells / "supervised_50_seed1" / "run" / "log.txt").read_text()
    assert "max_iter: was 2, is 3" in log and "3 of 3 cells" in said
    assert (bench.results / "chart.svg").is_file()
