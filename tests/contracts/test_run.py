"""Properties of a training run of every detector: it fits four images, its teacher gives pseudo-labels, its checkpoint can be exported and loaded."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import export as export_script
import train as training_script
from src.checkpoint.pretrained import load_pretrained
from tests.contracts.conftest import DETECTORS
from tests.contracts.shapes import write_shapes

# One run of each kind of detector: the two losses of SSD differ in one function, which tests/Ssd/test_loss.py compares with definitions.
TRAINED = [each for each in DETECTORS if each.name != "ssd_hard_negative"]
pytestmark = pytest.mark.parametrize(
    "detector", TRAINED, ids=[each.name for each in TRAINED], indirect=True, scope="session"
)

RUN = """
    --strong_view false --flip_ratio 0 --batch_size 4 --unlabelled_batch_size 2 --unsup_loss_weight 1
    --warmup_step 10 --lr_schedule cosine --ema_keep_rate 0.5
    --test_max_per_img 8 --print_interval_iter 4 --save_checkpoint_interval 200
"""


@pytest.fixture(scope="module")
def run(detector, tmp_path_factory) -> Path:
    """The folder of a run on four labelled and two unlabelled images: burn-in, then four steps with a teacher."""
    folder = tmp_path_factory.mktemp("run")
    write_shapes(folder, labelled=4, unlabelled=2)
    words = ["--config_path", detector.config_path, *detector.options, *RUN.split(), *detector.training]
    words += ["--train_img_dir", folder / "images", "--train_ann_file", folder / "train.json"]
    words += ["--eval_img_dir", folder / "images", "--eval_ann_file", folder / "val.json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_script, "forecast", lambda run: None)  # it would time forty steps more
        training_script.main([str(word) for word in [*words, "--save_checkpoint_path", folder / "run"]])
    return folder / "run"


@pytest.fixture(scope="module")
def metrics(run) -> list[dict[str, float]]:
    """The rows of its metrics.jsonl."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_student_fits_four_images_and_teaches_others(metrics, network, detector):
    steps = [row for row in metrics if "loss" in row]
    assert all(np.isfinite(list(row.values())).all() and row["overflow"] == 0 for row in steps)
    burn_in = [row for row in steps if "pseudo_boxes" not in row]
    for term in network.loss_terms:
        assert burn_in[0][term] > 2 * burn_in[-1][term] > 0, term
        assert f"{term}_pseudo" in steps[-1]
    assert steps[-1]["pseudo_boxes"] > 1
    estimates = [row for row in metrics if any(key.startswith("threshold/") for key in row)]
    assert len(estimates) == (2 if "label_prior" in detector.training else 0)
    student, teacher = (row for row in metrics if "student/AP50" in row)
    kinds = ["", "segm/"] if network.has_masks else [""]
    assert all(student[f"student/{kind}AP50"] >= 0.9 and teacher[f"teacher/{kind}AP50"] >= 0.9 for kind in kinds)


def test_its_exported_model_detects_the_same(run, tmp_path, capsys):
    words = ["--checkpoint_path", run / "best_model.ckpt", "--file_format", "ONNX", "--file_name", tmp_path / "model"]
    words += ["--infer_img_dir", run.parent / "images"]
    export_script.main([str(word) for word in [*words, "--device_target", "CPU"]])
    compared = re.search(r"check: 2 images, (\d+) detections: ", capsys.readouterr().out)
    assert int(compared[1]) > 0
    assert {file.name for file in tmp_path.iterdir()} == {"model.onnx", "model.json"}


def test_its_checkpoint_starts_a_run_for_other_classes(run, detector):
    two, three = (detector.build(count, *detector.training) for count in (2, 3))
    before = {name: parameter.asnumpy() for name, parameter in three.parameters_and_names()}
    depends_on_classes = {name for name, each in two.parameters_and_names() if each.shape != before[name].shape}
    report = load_pretrained(three, run / "best_model.ckpt")
    assert set(report.missing) == set(report.other_classes) == depends_on_classes != set()
    assert not report.unused
    moved = {name for name, each in three.parameters_and_names() if (each.asnumpy() != before[name]).any()}
    assert moved and not moved & depends_on_classes
