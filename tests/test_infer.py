"""infer.py from files to files, on a tiny network with random weights."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_masks

import export
import infer
import sorted_values
from src.active.detections_file import read_detections
from src.checkpoint.restore import saved_settings
from src.data.formats.feature_file import read_features
from src.engine.inference import detectors

ROOT = Path(__file__).resolve().parents[1]

KEYS = {"pred box", "confidence score", "pred score", "pred class", "width", "height"}


def _run(detector, output, **values) -> dict:
    values = {"checkpoint_path": detector, "eval_output_dir": output, "device_target": "CPU"} | values
    infer.main([word for key, value in values.items() for word in (f"--{key}", str(value))])
    return json.loads((output / "infer_results.json").read_text(encoding="utf-8"))


def _refusal(capsys, *arguments, **values) -> str:
    with pytest.raises(SystemExit) as stopped:
        _run(*arguments, **values)
    assert stopped.value.code == 2
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def of_folder(tiny_detector, tiny_data, tmp_path_factory):
    """Output folder and results of a folder of images, with pictures."""
    output = tmp_path_factory.mktemp("infer")
    results = _run(tiny_detector, output, infer_img_dir=tiny_data.img_dir, draw_pics="true")
    return output, results


def test_every_image_of_the_folder_is_there_with_its_true_size(of_folder):
    _, results = of_folder
    assert len(results) == 8 and "day 1/Bild_ä_2.png" in results
    for name, rows in results.items():
        size = (60, 50) if int(name[-5]) * 2 + int(name[4]) < 5 else (50, 90)
        for row in rows:
            assert set(row) == KEYS and (row["width"], row["height"]) == size
            x, y, width, height = row["pred box"]
            assert 0 <= x < x + width <= size[0] + 0.002 and 0 <= y < y + height <= size[1] + 0.002
            assert len(row["pred score"]) == 3 and sum(row["pred score"]) == pytest.approx(1, abs=1e-4)
            assert row["pred score"][row["pred class"] + 1] == pytest.approx(row["confidence score"], abs=1e-4)
        scores = [row["confidence score"] for row in rows]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("size", [1, 3], ids=["one by one", "with a last batch that is not full"])
def test_the_size_of_a_batch_does_not_change_what_is_found(size, of_folder, tiny_detector, tiny_data, tmp_path):
    _, wanted = of_folder  # images of two sizes, in batches of the default
    found = _run(tiny_detector, tmp_path, infer_img_dir=tiny_data.img_dir, test_batch_size=size)
    assert list(found) == list(wanted) and sum(map(len, wanted.values())) > 8
    for name, rows in wanted.items():
        assert [row["pred class"] for row in found[name]] == [row["pred class"] for row in rows], name
        for key, tolerance in (("pred box", 0.01), ("pred score", 1e-4), ("confidence score", 1e-4)):
            np.testing.assert_allclose([row[key] for row in found[name]], [row[key] for row in rows], atol=tolerance)


def test_pictures_keep_sub_folders(of_folder):
    output, results = of_folder
    pictures = sorted(path.relative_to(output / "pictures").as_posix() for path in output.rglob("*.jpg"))
    assert pictures == sorted(f"{name}_infer.jpg" for name in results)
    assert cv2.imread(str(next(output.rglob("*.jpg")))).shape[1] >= 200


def test_older_results_are_kept(of_folder, tiny_detector, tiny_data, capsys):
    output, _ = of_folder
    assert "--overwrite" in _refusal(capsys, tiny_detector, output, infer_img_dir=tiny_data.img_dir)


def test_a_run_that_was_stopped_goes_on_when_it_is_started_again(
    tiny_detector, tiny_data, tmp_path, monkeypatch, capsys
):
    for number, path in enumerate(sorted(tiny_data.img_dir.rglob("*.png"))[:3]):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / f"{number}.png").write_bytes(path.read_bytes())
    output, values = tmp_path / "out", {"infer_img_dir": tmp_path / "images", "draw_pics": "true"}
    draw_picture = infer.write_picture

    def stop_at_the_last(path, *more):
        if path.name.startswith("2.png"):
            raise KeyboardInterrupt
        draw_picture(path, *more)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(infer, "write_picture", stop_at_the_last)
        _run(tiny_detector, output, **values)
    pictures = [output / "pictures" / f"{number}.png_infer.jpg" for number in range(3)]
    journal = output / "infer_results.unfinished_0_of_1.jsonl"
    assert sorted(path for path in output.rglob("*") if path.is_file()) == [journal, *pictures[:2]], (
        "nothing half written"
    )

    said = _refusal(capsys, tiny_detector, output, **values, test_score_thr=0.9)
    assert f"{journal}: the unfinished detections of another run" in said and "pass --overwrite to discard them" in said
    assert set(_run(tiny_detector, output, **values)) == {"0.png", "1.png", "2.png"}
    assert all(path.is_file() for path in pictures) and not journal.exists()
    first = (output / "infer_results.json").read_bytes()
    _run(tiny_detector, output, **values, overwrite="true")
    assert (output / "infer_results.json").read_bytes() == first, "the same bytes without a stop"


def test_unlabelled_images_of_a_file_and_a_folder(tiny_detector, tiny_data, tmp_path, of_folder):
    (tmp_path / "more").mkdir()
    source = next(tiny_data.img_dir.rglob("*_0.png"))
    (tmp_path / "more" / "extra.png").write_bytes(source.read_bytes() + b"\0")
    (tmp_path / "found").mkdir()
    (tmp_path / "found/.writing-abc.json").write_text("of a start that was killed")
    (tmp_path / "more" / "copy.png").write_bytes(source.read_bytes())
    results = _run(
        tiny_detector,
        tmp_path / "found",
        train_img_dir=tiny_data.img_dir,
        train_ann_file=tiny_data.train_file,
        unlabelled_img_dir=tmp_path / "more",
    )
    names = {"day 1/Bild_ä_2.png", "day 0/Bild_ä_3.png", "day 1/Bild_ä_3.png"}
    assert set(results) == names | {"extra.png"}
    assert not [path for path in (tmp_path / "found").iterdir() if path.name.startswith(".writing-")]
    _, everything = of_folder
    for name in names:
        first, second = ([row["confidence score"] for row in rows[name]] for rows in (results, everything))
        assert first == pytest.approx(second, abs=1e-4)


def test_eval_finds_the_same(of_folder, scored):
    _, results = of_folder
    records = json.loads((scored.folder / "eval_results.json").read_text())
    found = sorted(record["score"] for record in records if record["image_id"] == 12)
    assert found == pytest.approx(sorted(row["confidence score"] for row in results["day 0/Bild_ä_1.png"]), abs=1e-4)


def test_nothing_to_look_at_is_refused(tiny_detector, tiny_data, tmp_path, capsys):
    assert "--infer_img_dir" in _refusal(capsys, tiny_detector, tmp_path)
    values = {"train_img_dir": tiny_data.img_dir, "train_ann_file": tiny_data.val_file}
    assert "no unlabelled images" in _refusal(capsys, tiny_detector, tmp_path, **values)


def test_drawn_pictures_never_lie_among_the_images_of_the_next_run(tiny_detector, tiny_data, tmp_path, capsys):
    photos = tmp_path / "photos"
    shutil.copytree(tiny_data.img_dir / "day 1", photos)
    values = {"infer_img_dir": photos, "draw_pics": "true"}
    said = _refusal(capsys, tiny_detector, photos / "found", **values)
    assert "pictures: lies in the folder of --infer_img_dir" in said and not (photos / "found").exists()


def test_two_images_of_one_name_and_missing_images_are_refused(tiny_detector, tiny_data, tmp_path, capsys):
    values = {"train_img_dir": tiny_data.img_dir, "train_ann_file": tiny_data.train_file}
    other = tmp_path / "more" / "day 1" / "Bild_ä_3.png"  # 7 of the data, which is unlabelled
    other.parent.mkdir(parents=True)
    other.write_bytes((tiny_data.img_dir / "day 1" / "Bild_ä_2.png").read_bytes() + b"\0")  # no copy
    said = _refusal(capsys, tiny_detector, tmp_path, **values, unlabelled_img_dir=tmp_path / "more")
    assert "different images of one name" in said and "day 1/Bild_ä_3.png" in said
    said = _refusal(capsys, tiny_detector, tmp_path, **values | {"train_img_dir": tmp_path})
    assert "no such image file" in said
    assert not (tmp_path / "infer_results.json").exists()


def test_a_name_of_300_letters_is_one_line(tiny_detector, tiny_data, tmp_path, capsys):
    coco = json.loads(tiny_data.train_file.read_text(encoding="utf-8"))
    coco["images"].append({"id": 999, "file_name": "x" * 300 + ".png", "width": 9, "height": 9, "labelled": False})
    (tmp_path / "train.json").write_text(json.dumps(coco), encoding="utf-8")
    values = {"train_img_dir": tiny_data.img_dir, "train_ann_file": tmp_path / "train.json"}
    said = _refusal(capsys, tiny_detector, tmp_path / "out", **values)
    assert f"{'x' * 300}.png: File name too long" in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_broken_images_are_passed_over_listed_and_counted(tiny_detector, tiny_data, tmp_path, capsys):
    (tmp_path / "images").mkdir()
    for name, path in zip(("a.png", "b.png", "c.png"), sorted(tiny_data.img_dir.rglob("*.png"))):
        (tmp_path / "images" / name).write_bytes(path.read_bytes()[: 60 if name == "b.png" else None])
    shutil.copyfile(tmp_path / "images/a.png", tmp_path / "images/e.png")
    (tmp_path / "images" / "d.jpg").write_bytes(b"no picture")
    with pytest.raises(SystemExit) as stopped:
        _run(tiny_detector, tmp_path / "out", infer_img_dir=tmp_path / "images")
    assert str(stopped.value.code).startswith("error: 2 images cannot be read: passed over"), "status 1"
    said, results = capsys.readouterr().out, json.loads((tmp_path / "out" / "infer_results.json").read_text())
    assert "3 images, written" in said and list(results) == ["a.png", "c.png", "e.png"]
    assert (
        "suspicious: 1 image is in the folder under another name as well, such as e.png" in said
        and results["a.png"] == results["e.png"]
    )
    reasons = json.loads((tmp_path / "out" / "not_read.json").read_text())
    assert set(reasons) == {"b.png", "d.jpg"} and all(name in reason for name, reason in reasons.items())


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as found:
        found.bind(("", 0))
        return found.getsockname()[1]


def test_two_processes_share_the_images_and_write_one_result(of_folder, tiny_detector, tiny_data, tmp_path):
    launcher = [sys.executable, "-m", "mindspore.parallel.cluster.run", "--worker_num=2", "--local_worker_num=2"]
    launcher += [
        f"--master_port={free_port()}",
        f"--log_dir={tmp_path / 'logs'}",
        "--join=True",
        str(ROOT / "infer.py"),
    ]
    words = [
        "--checkpoint_path",
        tiny_detector,
        "--eval_output_dir",
        tmp_path / "out",
        "--infer_img_dir",
        tiny_data.img_dir,
    ]
    words += ["--run_distribute", "true", "--device_target", "CPU"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}  # msrun starts `python`
    subprocess.run(
        [*launcher, *map(str, words)], cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=500
    )
    alone, _ = of_folder
    assert (tmp_path / "out" / "infer_results.json").read_bytes() == (alone / "infer_results.json").read_bytes()
    assert not list((tmp_path / "out").glob("*.jsonl"))


def test_a_broken_image_is_named_and_leaves_no_half_written_file(tiny_detector, tmp_path, capsys):
    (tmp_path / "images").mkdir()
    header = cv2.imencode(".png", cv2.UMat(40, 40, cv2.CV_8UC3).get())[1].tobytes()[:60]
    (tmp_path / "images" / "half.png").write_bytes(header)
    assert "half.png" in _refusal(capsys, tiny_detector, tmp_path / "out", infer_img_dir=tmp_path / "images")
    assert not list((tmp_path / "out").glob("*"))


def test_masks_are_written_and_drawn(tiny_detector, tiny_data, tmp_path, monkeypatch):
    """A network with a sixth output; its rule of pasting is that of the recipe."""

    def masked(network):
        def run(images, image_sizes):
            count = len(images)
            boxes = np.tile(np.array([[8, 16, 40, 48], [0, 0, 8, 8]], np.float32), (count, 1, 1))
            scores, labels = np.tile([0.9, 0.2], (count, 1)), np.tile([2, 1], (count, 1))
            masks = np.zeros((count, 2, 28, 28), np.float32)
            masks[:, 0, :14] = 1
            return boxes, scores, labels, np.full((count, 2, 3), 0.5), np.ones((count, 2), bool), masks

        return run

    monkeypatch.setattr(detectors, "numpy_forward", masked)
    results = _run(tiny_detector, tmp_path, infer_img_dir=tiny_data.img_dir, draw_pics="true")
    for rows in results.values():
        first, second = (row["pred mask"] for row in rows)
        mask, box = coco_masks.decode(first), rows[0]["pred box"]
        assert mask.shape == (rows[0]["height"], rows[0]["width"]) and not coco_masks.decode(second).any()
        assert mask.sum() == pytest.approx(box[2] * box[3] / 2, rel=0.15)
    assert len(list(tmp_path.rglob("*.jpg"))) == len(results)
    assert len(read_detections(tmp_path / "infer_results.json").names) == len(results)


def test_features_and_a_second_detector_serve_the_strategies(tiny_detector, tiny_data, tmp_path):
    values = {"train_img_dir": tiny_data.img_dir, "train_ann_file": tiny_data.train_file}
    results = _run(tiny_detector, tmp_path, **values, features="true", second_checkpoint=tiny_detector)
    second = json.loads((tmp_path / "infer_results_second.json").read_text(encoding="utf-8"))
    assert second.keys() == results.keys()
    table = read_features(tmp_path / "infer_features.npz")
    images = {image["file_name"] for image in json.loads(tiny_data.train_file.read_text(encoding="utf-8"))["images"]}
    assert set(table.names) == images and table.features.shape[1] <= 128, "labelled images, too"
    for name, rows in results.items():
        mine = table.owner == table.index_of[name]
        assert table.labels[mine].tolist() == [row["pred class"] for row in rows]
        assert table.scores[mine].tolist() == pytest.approx([row["confidence score"] for row in rows], abs=1e-5)
    options = ["--infer_json", tmp_path / "infer_results.json", "--features_file", tmp_path / "infer_features.npz"]
    options += ["--second_infer_json", tmp_path / "infer_results_second.json", "--pick_ratio", "80"]
    options += ["--combine_ann_file", tiny_data.train_file, "--exp_dir", tmp_path, "--overwrite"]
    for strategy in ("ppal", "coverage", "disagreement"):
        sorted_values.main([*map(str, options), "--strategy", strategy])
        scores = json.loads((tmp_path / "top_value_data.json").read_text(encoding="utf-8"))
        assert scores.keys() == results.keys()
    assert max(scores.values()) == pytest.approx(0, abs=1e-4), "a detector agrees with itself"


def test_features_of_whole_images_need_no_detector(tiny_detector, tiny_data, tmp_path, capsys):
    """The backbone of the detector stands for a pre-trained one."""
    photos = tmp_path / "photos"
    shutil.copytree(tiny_data.img_dir, photos)
    (photos / "broken.png").write_bytes(b"no image")
    words = ["--features", "true", "--pre_trained", tiny_detector, "--infer_img_dir", photos]
    words += ["--eval_output_dir", tmp_path, "--device_target", "CPU", "--img_width", "96", "--img_height", "64"]
    words += ["--backbone", saved_settings(tiny_detector)["backbone"]]
    with pytest.raises(SystemExit) as ended:
        infer.main([*map(str, words)])
    assert (
        "1 image cannot be read: passed over" in str(ended.value)
        and "broken.png" in (tmp_path / "not_read.json").read_text()
    )
    (tmp_path / "not_read.json").unlink()
    words += ["--leave_out_faulty", "--faulty_at_most", "20"]
    capsys.readouterr()
    infer.main([*map(str, words), "--overwrite"])
    assert (
        "left out 1 of 9 images" in capsys.readouterr().out and "broken.png" in (tmp_path / "left_out.json").read_text()
    )
    table = read_features(tmp_path / "infer_features.npz")
    assert len(table.names) == 8 and (table.counts == 1).all() and (table.scores == 1).all() and not table.labels.any()
    assert table.features.astype(float).std(axis=0).any() and not (tmp_path / "infer_results.json").exists()
    options = ["--features_file", tmp_path / "infer_features.npz", "--strategy", "coverage", "--pick_ratio", "50"]
    sorted_values.main([*map(str, options), "--exp_dir", str(tmp_path)])
    assert f"--img_dir {photos}" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "top_value_data.json").read_text(encoding="utf-8"))) == 8
    with pytest.raises(SystemExit):
        infer.main([*map(str, words)])
    assert "--overwrite" in capsys.readouterr().err


def test_an_exported_model_detects_the_same_as_its_checkpoint(of_folder, exported, tiny_data, tmp_path):
    _, expected = of_folder
    words = ("--model", exported["ONNX"], "--infer_img_dir", tiny_data.img_dir, "--eval_output_dir", tmp_path)
    command = [sys.executable, str(ROOT / "infer.py"), *map(str, words)]
    usual = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    done = subprocess.run(command, env=usual, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "faces.onnx: run by OpenVINO" in done.stdout, done.stderr
    results = json.loads((tmp_path / "infer_results.json").read_text(encoding="utf-8"))
    assert results.keys() == expected.keys()
    for name, rows in results.items():
        for key, tolerance in (("pred box", 0.01), ("confidence score", 1e-4), ("pred score", 1e-4), ("pred class", 0)):
            found, known = (np.array([row[key] for row in each]) for each in (rows, expected[name]))
            np.testing.assert_allclose(found, known, atol=tolerance)
    origin = json.loads((tmp_path / "infer_results.made_from.json").read_text())["made_from"]
    assert origin["inputs"].keys() == {"model", "images"} and origin["inputs"]["model"]["name"] == "faces.onnx"


def test_a_model_without_probabilities_is_refused_first_with_the_command_that_exports_it_again(
    exported, tiny_detector, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "my models"
    shutil.copytree(exported["MINDIR"].parent, folder)
    shutil.copy(tiny_detector, folder)
    model = folder / exported["MINDIR"].name
    with pytest.raises(SystemExit) as ended:
        infer.main([f"--model={model}", "--infer_img_dir=nowhere", f"--eval_output_dir={tmp_path / 'out'}"])
    assert ended.value.code == 2
    told, command = capsys.readouterr().err.splitlines()
    assert told.endswith("the probabilities of the classes, by which images are ranked; export it again with")
    words = shlex.split(command)
    assert Path(words[1]).resolve() == ROOT / "export.py" and words[-1] == "--overwrite"
    given, before = [], export.checked_target
    monkeypatch.setattr(export, "checked_target", lambda config: given.append((config, before(config))) or sys.exit(0))
    with pytest.raises(SystemExit):
        export.main(words[2:])
    config, target = given[0]
    assert target == model and config.probabilities and config.checkpoint_path == str(folder / tiny_detector.name)
    size = json.loads(model.with_suffix(".json").read_text())["input"]["shape"]
    assert [config.batch_size, 3, config.img_height, config.img_width] == size

    (folder / tiny_detector.name).unlink()
    with pytest.raises(SystemExit):
        infer.main([f"--model={model}", "--infer_img_dir=nowhere", f"--eval_output_dir={tmp_path / 'out'}"])
    place = f"PATH/TO/{tiny_detector.name}"
    told, command = capsys.readouterr().err.splitlines()
    assert f"the path of its checkpoint in place of {place}, with" in told and place in shlex.split(command)


def test_what_an_exported_model_cannot_do_is_said(exported, tiny_detector, tiny_data, tmp_path, capsys):
    words = {"infer_img_dir": tiny_data.img_dir}

    def refusal(model, checkpoint=None, **values) -> str:
        given = {"model": model} | ({"checkpoint_path": checkpoint} if checkpoint else {}) | words | values
        with pytest.raises(SystemExit):
            infer.main([f"--{key}={value}" for key, value in given.items()] + [f"--eval_output_dir={tmp_path}"])
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    assert "--model and --checkpoint_path are both given" in refusal(exported["ONNX"], tiny_detector)
    assert "features: exported models do not output them" in refusal(exported["ONNX"], features="true")
    assert "on the CPU, not on GPU" in refusal(exported["ONNX"], device_target="GPU")
    assert not list(tmp_path.iterdir())
