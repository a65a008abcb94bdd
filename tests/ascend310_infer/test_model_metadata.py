"""What metadata of a model and outputs of a model cannot be, in both languages: C++ and Python refuse the same, in one line."""

import codecs

import cv2
import numpy as np
import pytest

from src.errors import UserError
from src.exporting.runner import open_model
from tests.ascend310_infer.models import copied

MASKS = {"threshold": 0.5, "pasting": "exact", "rule": ""}
MASK_OUTPUT = {"name": "masks", "shape": [2, 3, 7, 7], "dtype": "float32"}
PROBABILITIES = {"name": "probabilities", "shape": [2, 3, 2], "dtype": "float32"}
WRONG = [  # the model has masks, changes, a word of the message that both languages have
    (False, {"sha256": "0" * 64}, "SHA-256"),
    (False, {"mean": [0.5]}, "mean"),
    (False, {"input.shape": None}, "shape"),
    (False, {"input.shape": [3, 64, 96]}, "shape"),
    (False, {"input.shape": [2, 1, 64, 96]}, "shape"),
    (False, {"input.shape": [0, 3, 64, 96]}, "shape"),
    (False, {"input.shape": [2, 3, 64, -96]}, "shape"),
    (False, {"input.shape": [2, 3, 64, 96.5]}, "shape"),
    (False, {"input.shape": [2, 3, 2**14, 2**14]}, "has more than 67108864 pixels"),
    (False, {"input.shape": [2, 3, 2**26, 2**26]}, "has more than 67108864 pixels"),
    (False, {"input.shape": [2**26, 3, 2**26, 2**26]}, "has more than 67108864 pixels"),
    (False, {"input.dtype": "uint8"}, "dtype"),
    (False, {"input.range": [0, 1]}, "range"),
    (False, {"resize.interpolation": "cubic"}, "interpolation"),
    (False, {"resize.crop": 1}, "crop"),
    (False, {"resize.keep_ratio": 1}, "keep_ratio"),
    (False, {"resize.keep_ratio": None}, "keep_ratio"),
    (False, {"resize": []}, "resize"),
    (False, {"input": 3}, "input"),
    (False, {"sha256": 5}, "sha256"),
    (False, {"classes": {}}, "classes"),
    (False, {"classes.0": "square"}, "classes"),
    (False, {"classes.0.name": 7}, "name"),
    (False, {"outputs.0.name": None}, "name"),
    (False, {"outputs.0.dtype": 1}, "dtype"),
    (True, {"masks.pasting": 5}, "pasting"),
    (False, {"resize.sides": [-5, 0]}, "resize"),
    (False, {"resize.sides": [64, 0]}, "resize"),
    (False, {"resize.sides": [64, 2**40]}, "resize"),
    (False, {"resize.sides": [64.5, 96]}, "resize"),
    (False, {"resize.sides": [True, 96]}, "resize"),
    (False, {"resize.sides": [64]}, "resize"),
    (False, {"resize.sides": [64, 96], "resize.keep_ratio": False}, "keep the ratio, but 'keep_ratio' is false"),
    (False, {"classes": []}, "there are no classes"),
    (False, {"classes.1.id": 4}, "two classes have the id 4"),
    (False, {"classes.1.name": "square"}, "two classes have the name 'square'"),
    (False, {"classes.1.name": "a\nb"}, "has a control character"),
    (False, {"classes.1.name": "a\0b"}, "has a control character"),
    (False, {"classes.1.name": "\x7f"}, "has a control character"),
    (False, {"classes.1.name": "a\x85"}, "has a control character"),
    (False, {"classes.1.name": "a\u2029b"}, "has a control character"),
    (False, {"classes.1.id": 2**62}, "id"),
    (False, {"classes.1.id": 5.5}, "id"),
    (
        False,
        {"outputs": [{"name": "boxes", "shape": [2, 3, 4], "dtype": "float32"}]},
        "the outputs must be boxes, scores",
    ),
    (False, {"outputs.4": {"name": "depth", "shape": [2, 3], "dtype": "float32"}}, "the outputs must be boxes, scores"),
    (False, {"outputs.0.shape": [2, 3, 5]}, "the output boxes must be float32 [2, 3, 4], not float32 [2, 3, 5]"),
    (False, {"outputs.0.shape": [3, 3, 4]}, "the output boxes must be float32 [2, 3, 4], not float32 [3, 3, 4]"),
    (False, {"outputs.1.shape": [2]}, "the output boxes must be float32 [2, 1, 4], not float32 [2, 3, 4]"),
    (False, {"outputs.1.shape": [2, 400]}, "the output boxes must be float32 [2, 400, 4], not float32 [2, 3, 4]"),
    (False, {"outputs.2.shape": [2, 1]}, "the output labels must be int32 [2, 3], not int32 [2, 1]"),
    (False, {"outputs.3.shape": [1, 3]}, "the output valid must be bool [2, 3], not bool [1, 3]"),
    (False, {"outputs.2.dtype": "float32"}, "the output labels must be int32 [2, 3], not float32 [2, 3]"),
    (False, {"outputs.4": PROBABILITIES}, "must be float32 [2, 3, 3], not float32 [2, 3, 2]"),
    (False, {"masks": MASKS}, "there is a key 'masks', but no output of that name"),
    (True, {"masks": None}, "there is an output masks, but no key 'masks' that says how to use it"),
    (True, {"masks.shape": "round"}, "shape"),
    (True, {"masks.pasting": "nearest"}, "nearest"),
    (True, {"masks.threshold": None}, "threshold"),
    (True, {"masks.threshold": "half"}, "threshold"),
    (True, {"masks.threshold": 1.5}, "threshold"),
    (True, {"outputs.4.shape": [2, 3, 7]}, "the output masks must be float32 [2, 3, 7, 7], not float32 [2, 3, 7]"),
    (True, {"outputs.4.shape": [2, 3, 7, 8]}, "must be float32 [2, 3, 7, 7], not float32 [2, 3, 7, 8]"),
    (True, {"outputs.4.shape": [2, 4, 7, 7]}, "must be float32 [2, 3, 7, 7], not float32 [2, 4, 7, 7]"),
    (True, {"outputs.4.shape": [2, 3, 2**20, 2**20]}, "must be float32 [2, 3, 1024, 1024], not"),
]


def of_python(model, images: np.ndarray) -> str:
    """What Python says of a model that it must refuse."""
    with pytest.raises(UserError) as refusal:
        open_model(model)[1](images)
    return str(refusal.value)


def of_cpp(program, model, folder, tmp_path) -> str:
    """What the C++ program says of one."""
    done = program.run("--model", model, "--images", folder, "--out", tmp_path / "found.json")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert not list(tmp_path.glob("*found*"))
    return done.stderr.removeprefix("error: ").removesuffix("\n")


@pytest.fixture(scope="session")
def bright(tmp_path_factory):
    """A folder with one bright picture, and what a model gets of it: uint8 [2, 3, 64, 96]."""
    folder = tmp_path_factory.mktemp("bright")
    cv2.imwrite(str(folder / "bright.png"), np.full((64, 96, 3), 200, np.uint8))
    return folder, np.full((2, 3, 64, 96), 200, np.uint8)


@pytest.mark.parametrize(("masks", "changes", "word"), WRONG)
def test_metadata_that_cannot_be_right(program, toy, toy_with_masks, bright, tmp_path, masks, changes, word):
    model = copied(toy_with_masks if masks else toy, tmp_path, changes)
    folder, images = bright
    for said in (of_python(model, images), of_cpp(program, model, folder, tmp_path)):
        assert said.startswith(str(model.with_suffix(".json"))) and word in said and "\n" not in said
        assert "json.exception" not in said and len(said.removeprefix(str(tmp_path))) < 400


@pytest.mark.parametrize("content", ["", "{", '{"a": 1e999}', "[" * 99, "\x00", "null", "[]", '"text"'])
def test_metadata_that_are_none(program, toy, bright, tmp_path, content):
    model = copied(toy, tmp_path)
    model.with_suffix(".json").write_text(content)
    folder, images = bright
    for said in (of_python(model, images), of_cpp(program, model, folder, tmp_path)):
        assert said.startswith(str(model.with_suffix(".json"))) and "json.exception" not in said and "\n" not in said


def test_a_byte_order_mark_and_letters_that_look_like_control_bytes_are_taken(program, toy, bright, tmp_path):
    name = "\u00a0\u00c2\u2027\u202a\u00e2"  # their bytes in UTF-8 are near those of control characters
    model = copied(toy, tmp_path, {"classes.1.name": name})
    card = model.with_suffix(".json")
    card.write_bytes(codecs.BOM_UTF8 + card.read_bytes())
    folder, _ = bright
    assert open_model(model)[0].classes[1].name == name
    done = program.run("--model", model, "--images", folder, "--out", tmp_path / "found.json")
    assert done.returncode == 0, done.stderr


OTHERS = {"input.shape": [1, 3, 64, 96]} | {f"outputs.{place}.shape": [1, 3] for place in (1, 2, 3)}


@pytest.mark.parametrize(
    ("changes", "python", "cpp"),
    [
        ({"input.shape": [2, 3, 32, 96]}, "refuses it or the input", "but its metadata say [2,3,32,96]"),
        (
            OTHERS | {"outputs.0.shape": [1, 3, 4]},
            "refuses it or the input",
            "but its metadata say [1,3,64,96]",
        ),
        ({"classes.1": None}, "found class 2, but its metadata have classes 1 to 1", None),
        (
            {"outputs.0.shape": [2, 9, 4]} | {f"outputs.{place}.shape": [2, 9] for place in (1, 2, 3)},
            "output boxes has the shape [2, 3, 4], but its metadata say [2, 9, 4]",
            "output boxes of the model has the shape [2, 3, 4], but",
        ),
        (
            {"masks": MASKS, "outputs.4": MASK_OUTPUT},
            "has 4 outputs, but its metadata name 5",
            "the model has 4 outputs, but",
        ),
    ],
)
def test_metadata_of_another_network(program, toy, bright, tmp_path, changes, python, cpp):
    model = copied(toy, tmp_path, changes)
    folder, images = bright
    images = images[:1] if changes.get("input.shape", [2])[0] == 1 else images
    images = images[:, :, :32] if changes.get("input.shape", [2, 3, 64])[2] == 32 else images
    said = of_python(model, images)
    assert python in said and "\n" not in said
    said = of_cpp(program, model, folder, tmp_path)
    assert (cpp or python) in said and "\n" not in said


@pytest.mark.parametrize(
    ("wrong", "masks", "words"),
    [
        (("most", "nan"), False, "a score of"),
        (("most", "0"), False, "a score of"),
        (("most", "-255"), False, "a score of"),
        (("label_of_row", "3"), False, "found class 3, but its metadata have classes 1 to 2"),
        (("label_of_row", "-2000000000"), False, "found class -2000000000, but its metadata have classes 1 to 2"),
        (("base_boxes", "nan"), False, "a box with the corner"),
        (("base_boxes", "inf"), False, "a box with the corner"),
        (("base_masks", "nan"), True, "a mask with a cell of"),
        (("base_masks", "9"), True, "a mask with a cell of"),
        (("order", "reversed"), False, "boxes"),
    ],
)
def test_outputs_that_cannot_be_detections(program, write_toy, bright, tmp_path, wrong, masks, words):
    model = write_toy(tmp_path / "wrong.onnx", masks=masks, wrong=wrong)
    folder, images = bright
    for said in (of_python(model, images), of_cpp(program, model, folder, tmp_path)):
        assert words in said and "\n" not in said
