"""benchmarks/start.py with stand-ins for the programs, which write what it reads and compile nothing."""

import json

import mindspore as ms
import pytest

from benchmarks import start
from src.checkpoint.detector_file import write_checkpoint
from src.errors import UserError

TRAIN = """import json, shutil, sys, time
from pathlib import Path
words = sys.argv[1:]
run = Path(words[words.index("--save_checkpoint_path") + 1])
cached = words[words.index("--compile_cache") + 1] == "true"
run.mkdir(exist_ok=True)
resumed = "--resume=true" in words
with open(run / "metrics.jsonl", "a") as file:
    for step in range(2 if resumed else 0, 4):
        row = {"step": step, "iter_time": 9.0 if resumed else 1.0 + step, "rpn_cls_loss": 0.5 / (step + 1)}
        file.write(json.dumps(row) + "\\n")
(run / "state.ckpt").write_text("state")
if run.name == "resumed" and not resumed:
    time.sleep(600)
weights = "with.ckpt" if cached else "without.ckpt"
for name in ("model_step_4.ckpt", "teacher_model_step_4.ckpt", "model_0.ckpt"):
    shutil.copyfile(weights, run / name)
"""
DETECT = """import sys
from pathlib import Path
output = Path(sys.argv[sys.argv.index("--eval_output_dir") + 1])
output.mkdir(parents=True)
for name in ("eval_results.json", "infer_results.json"):
    (output / name).write_text("{}")
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A function that writes the stand-ins; it takes a weight that runs with the compile cache write; it is 1 without.

    The metadata of the checkpoints differ, as they hold the settings of the run.
    """

    def write(weight: float) -> None:
        for name, value in (("with.ckpt", weight), ("without.ckpt", 1.0)):
            rows = [{"name": "weight", "data": ms.Tensor([value], ms.float32)}]
            write_checkpoint(rows, tmp_path / name, {"run": name})
        (tmp_path / "train.py").write_text(TRAIN)
        for name in ("eval.py", "infer.py"):
            (tmp_path / name).write_text(DETECT)
        monkeypatch.setattr(start, "ROOT", tmp_path)
        monkeypatch.setattr(start, "make_data", lambda folder, args: None)
        monkeypatch.setattr(start, "imports", lambda: {"train": 0.0, "eval": 0.0, "infer": 0.0})

    return write


def test_every_start_is_timed(programs, tmp_path):
    programs(1.0)
    start.main(["--json", str(tmp_path / "start.json")])
    seconds = json.loads((tmp_path / "start.json").read_text())["seconds"]
    for name in ("without_cache", "empty_cache", "second_start"):
        assert (seconds[name]["first_supervised_step"], seconds[name]["first_semi_supervised_step"]) == (1.0, 2.0)
        assert min(seconds[name][process] for process in ("process", "eval_process", "infer_process")) > 0
    assert seconds["resumed"]["first_semi_supervised_step"] == 9.0  # of the second process, not of the killed one


def test_other_weights_with_the_cache_are_an_error(programs, capsys):
    programs(1.0 + 2**-20)
    with pytest.raises(SystemExit):
        start.main([])
    said = capsys.readouterr().err
    assert "empty_cache: differs from the start without the compile cache in model_step_4.ckpt, teacher_model" in said


def test_a_program_that_fails_is_named(tmp_path, monkeypatch):
    (tmp_path / "train.py").write_text("raise SystemExit('no such file: images')")
    monkeypatch.setattr(start, "ROOT", tmp_path)
    with pytest.raises(UserError, match="train.py ended with status 1: no such file: images"):
        start.Starter(tmp_path, ()).train(tmp_path / "run", None)
