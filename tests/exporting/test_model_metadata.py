"""The description of an exported model, and what is said of a wrong one."""

import json

import msgspec
import numpy as np
import pytest

from src.data.augment.transforms import resize_to_fit
from src.errors import UserError
from src.evaluation.masks import Pasting, decode_mask, paste
from src.exporting.metadata_file import metadata_path, read_model_metadata
from src.exporting.model_metadata import (
    Class,
    ModelMetadata,
    Origin,
    mask_rule,
    output_metadata,
    raw_rgb_input,
    resize_rule,
)
from src.exporting.outputs import OUTPUTS
from src.files import file_hash

KINDS = [((4,), np.float32), ((), np.float32), ((), np.int32), ((), bool)]


@pytest.fixture
def model(tmp_path):
    """A model file and its metadata."""
    path = tmp_path / "faces v1.onnx"
    path.write_bytes(b"weights")
    metadata = ModelMetadata(
        "ONNX",
        path.name,
        file_hash(path),
        "faster_rcnn",
        raw_rgb_input(1, 64, 96),
        resize_rule(True),
        output_metadata(OUTPUTS, [np.zeros((1, 8, *row), kind) for row, kind in KINDS]),
        [Class(4, "Maske"), Class(9, "口罩")],
        Origin("best_model.ckpt", "0" * 64, 400),
    )
    metadata_path(path).write_bytes(msgspec.json.encode(metadata))
    return path


def test_metadata_is_read_as_it_was_written(model):
    metadata = read_model_metadata(model)
    assert metadata_path(model).name == "faces v1.json"
    assert metadata.input.shape == (1, 3, 64, 96) and metadata.input.range == (0, 255)
    assert [(output.name, output.shape, output.dtype) for output in metadata.outputs] == [
        ("boxes", (1, 8, 4), "float32"),
        ("scores", (1, 8), "float32"),
        ("labels", (1, 8), "int32"),
        ("valid", (1, 8), "bool"),
    ]
    assert [(item.id, item.name) for item in metadata.classes] == [(4, "Maske"), (9, "口罩")]


def _fault(model) -> str:
    with pytest.raises(UserError) as raised:
        read_model_metadata(model)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_missing_model_or_metadata_is_named(model):
    assert "no such model" in _fault(model.with_name("none.onnx"))
    metadata_path(model).unlink()
    assert "faces v1.json: missing" in _fault(model)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": "TXT"}'])
def test_a_broken_metadata_is_named(model, text):
    metadata_path(model).write_text(text)
    assert "faces v1.json: not the metadata of an exported model" in _fault(model)


def test_a_wrong_field_is_named(model):
    values = json.loads(metadata_path(model).read_text())
    values["input"]["shape"] = [1, 3, 64]
    metadata_path(model).write_text(json.dumps(values))
    assert "input.shape" in _fault(model)


def test_metadata_of_another_file_is_refused(model):
    model.write_bytes(b"other weights")
    assert "SHA-256" in _fault(model)


def _by_rule(keep_ratio: bool, w: int, h: int, W: int, H: int) -> tuple[int, int]:
    """The rule's words, followed by the letter."""
    assert ("scale = min(W / w, H / h)" in resize_rule(keep_ratio).rule) == keep_ratio
    if not keep_ratio:
        return W, H
    scale = min(W / w, H / h)
    return tuple(min(max(int(side * scale + 0.5), 1), limit) for side, limit in ((w, W), (h, H)))


def test_the_rule_of_sides_in_words_is_the_rule_in_code():
    rule = resize_rule(True, (35, 80)).rule
    assert "min(35 / min(w, h), 80 / max(w, h))" in rule and "int(w * scale)" in rule
    for w, h in np.random.default_rng(0).integers(1, 400, (40, 2)).tolist():
        scale = min(35 / min(w, h), 80 / max(w, h))
        resized, _ = resize_to_fit(np.zeros((h, w, 3), np.uint8), 80, 80, True, (35, 80))
        assert resized.shape[1::-1] == (max(int(w * scale), 1), max(int(h * scale), 1))


@pytest.mark.parametrize("keep_ratio", [True, False])
def test_the_rule_in_words_is_the_rule_in_code(keep_ratio):
    rng = np.random.default_rng(0)
    for w, h in [(1, 500), (500, 1), (96, 64), *rng.integers(1, 400, (40, 2)).tolist()]:
        resized, _ = resize_to_fit(np.zeros((h, w, 3), np.uint8), 64, 96, keep_ratio)
        assert resized.shape[1::-1] == _by_rule(keep_ratio, w, h, 96, 64)


_SPANS = {
    "exact": ("begin = x1 - (x2 - x1) / M to end = x2 + (x2 - x1) / M:", lambda begin, end: (begin, end)),
    "torchvision": ("to end = trunc(x2 + (x2 - x1) / M) + 1", lambda begin, end: (int(begin), int(end) + 1)),
}


def _mask_by_rule(cells: np.ndarray, box: np.ndarray, size: tuple[int, int], span, threshold: float) -> np.ndarray:
    """The rule's words, followed by the letter, pixel by pixel."""
    count, mask = len(cells) + 2, np.zeros(size, bool)
    ringed = np.zeros((count, count))
    ringed[1:-1, 1:-1] = cells
    rings = (box[2:] - box[:2]) / len(cells)
    axes = [span(*ends) for ends in zip(box[:2] - rings, box[2:] + rings, strict=True)]
    for row, column in np.ndindex(size):
        shares = []
        for pixel, (begin, end) in zip((column, row), axes, strict=True):
            if not np.floor(begin) <= pixel < np.ceil(end):
                break
            place = min(max((pixel + 0.5 - begin) * count / (end - begin) - 0.5, 0), count - 1)
            shares.append([(int(place), int(place) + 1 - place), (min(int(place) + 1, count - 1), place - int(place))])
        else:
            value = sum(ringed[i, j] * across * down for j, across in shares[0] for i, down in shares[1])
            mask[row, column] = value > threshold
    return mask


@pytest.mark.parametrize("pasting", list(_SPANS))
def test_the_rule_of_masks_in_words_is_the_rule_in_code(pasting):
    rule, rng, (words, span) = mask_rule(0.4, pasting), np.random.default_rng(0), _SPANS[pasting]
    assert (rule.threshold, rule.pasting) == (0.4, pasting)
    assert words in rule.rule and "(c + 0.5 - begin) * N / (end - begin) - 0.5, limited to 0..N - 1" in rule.rule
    for _ in range(8):
        corner = rng.uniform(-15, 25, 2)
        box, cells = np.concatenate([corner, corner + rng.uniform(0.5, 40, 2)]), rng.random((5, 5))
        found = decode_mask(paste(cells, box, (31, 27), Pasting(0.4, pasting)))
        np.testing.assert_array_equal(found, _mask_by_rule(cells, box, (27, 31), span, 0.4))


def test_metadata_without_masks_is_one_from_before_there_were_masks(model):
    assert "masks" not in json.loads(metadata_path(model).read_text())
    assert read_model_metadata(model).masks is None
