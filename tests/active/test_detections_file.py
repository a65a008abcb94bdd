import json
import math
import os
import tracemalloc

import msgspec
import numpy as np
import pytest

from src.active.detections_file import read_detections
from src.errors import DataError, UserError


def detection(probabilities, score=0.5, label=0):
    return {
        "pred box": [1, 2, 3, 4],
        "confidence score": score,
        "pred score": probabilities,
        "pred class": label,
        "width": 4608,
    }


def write(tmp_path, value):
    (tmp_path / "r.json").write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return tmp_path / "r.json"


def oracle_entropy(rows):
    return sum(-p * math.log2(p) for row in rows for p in row["pred score"] if p > 0)


@pytest.mark.parametrize("count", [1, 7, 1024, 2500])
def test_columns_are_those_of_plain_loops_across_blocks(tmp_path, count):
    rng = np.random.default_rng(0)
    content = {}
    for index in range(count):
        rows = rng.dirichlet([0.5] * 4, rng.integers(0, 4)).round(4)
        content[f"sub/ä{index}.png"] = [
            detection(np.minimum(row, 1).tolist(), float(row.max()), int(row[1:].argmax())) for row in rows
        ]
    content["sub/ä0.png"] = []
    table = read_detections(write(tmp_path, content), boxes=True)
    assert table.names == tuple(content) and table.counts.tolist() == [len(rows) for rows in content.values()]
    flat = [row for rows in content.values() for row in rows]
    assert table.confidence.tolist() == [row["confidence score"] for row in flat]
    assert table.labels.tolist() == [row["pred class"] for row in flat]
    assert table.boxes.tolist() == [row["pred box"] for row in flat]
    np.testing.assert_allclose(table.probabilities.ravel(), np.ravel([row["pred score"] for row in flat]), atol=1e-6)
    entropy, classes = table.sum_per_image(table.entropy), table.count_per_class(0.5)
    for index, rows in enumerate(content.values()):
        assert entropy[index] == pytest.approx(oracle_entropy(rows), abs=1e-9)
        for label in range(classes.shape[1]):
            assert classes[index, label] == sum(
                row["pred class"] == label and row["confidence score"] > 0.5 for row in rows
            )


def test_masks_are_passed_over_and_cost_no_more_than_their_bytes(tmp_path):
    mask = {"pred mask": {"size": [480, 640], "counts": "o" * 2000}}
    content = {f"{index}.png": [detection([0.25, 0.75])] * 5 for index in range(1100)}
    masked = {name: [row | mask for row in rows] for name, rows in content.items()}
    peaks, tables, sizes = [], [], []
    for value in (content, masked):
        path = write(tmp_path, value)
        sizes.append(path.stat().st_size)
        tracemalloc.start()
        tables.append(read_detections(path))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    np.testing.assert_array_equal(tables[0].entropy, tables[1].entropy)
    assert peaks[1] - peaks[0] < 1.1 * (sizes[1] - sizes[0])


def test_a_file_that_is_cut_off_meanwhile_does_not_end_the_program(tmp_path, monkeypatch):
    path = write(tmp_path, {f"{index}.png": [detection([0.25, 0.75])] * 5 for index in range(1100)})
    decode = msgspec.json.decode

    def cut_off_and_decode(*words, **options):
        os.truncate(path, 0)
        return decode(*words, **options)

    monkeypatch.setattr(msgspec.json, "decode", cut_off_and_decode)
    assert len(read_detections(path).names) == 1100


def test_certain_and_undecided_detections(tmp_path):
    table = read_detections(write(tmp_path, {"a": [detection([0, 1.0, 0, 0])], "b": [detection([0.25] * 4)] * 2}))
    np.testing.assert_allclose(table.entropy, [0, 2, 2])


@pytest.mark.parametrize(
    "value, words",
    [
        ("", "expected a JSON object"),
        ("[1]", "expected a JSON object"),
        ('{"a": [', "truncated"),
        ({}, "no images"),
        ({"a": 3}, "image a: Expected `array`"),
        ({"a": [{}]}, "image a: Object missing required field"),
        ({"a": [detection([0.5, 1.5])]}, "image a: Expected `float` <= 1.0001 - at `$[0].pred score[1]`"),
        ({"a": [detection([0.5, 0.5], -1)]}, "image a: Expected `float` >= 0.0 - at `$[0].confidence score`"),
        ({"a": [detection([0.5, 0.5], "x")]}, "Expected `float`, got `str`"),
        ({"a": [detection([0.5, 0.5]), detection([1.0])]}, 'image a: a "pred score" of 1 entries, others have 2'),
        ({"a": [detection([])]}, 'a "pred score" of 0 entries'),
        ({"a": [detection([0.5, 0.5], label=1)]}, 'a "pred class" of 1, but there are 1 classes from 0 on'),
        ({"a": [detection([0.5, 0.5], label=-1)]}, "Expected `int` >= 0"),
    ],
)
def test_broken_files(tmp_path, value, words):
    with pytest.raises(UserError, match="r.json") as error:
        read_detections(write(tmp_path, value))
    assert words in str(error.value)


def test_faults_come_together_and_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError) as error:
        read_detections(write(tmp_path, {"a": [{}], "b": [], "c": 1}))
    assert len(error.value.faults) == 2
    with pytest.raises(UserError, match="none.json: no such file"):
        read_detections(tmp_path / "none.json")


def test_images_without_detections_may_come_first(tmp_path):
    content = {f"{index}": [] for index in range(1024)} | {"last": [detection([0.5, 0.25, 0.25])]}
    assert read_detections(write(tmp_path, content), boxes=True).probabilities.shape == (1, 3)
