"""Result records that are right one by one, and cannot be meant: eval.py doubts them, and evaluates them all the same."""

import json
from pathlib import Path

import pytest

import eval as evaluation_program

GOOD = [
    {"image_id": image, "category_id": 1, "bbox": [30.0, 20.0, 15.0 + image, 12.0], "score": 0.1 * image}
    for image in range(1, 9)
]


def said(tmp_path: Path, capsys, records: list[dict]) -> str:
    """What eval.py prints that is suspicious."""
    images = [{"id": k, "file_name": f"{k}.png", "width": 60, "height": 40} for k in range(1, 9)]
    rows = [{key: value for key, value in row.items() if key != "score"} for row in GOOD]
    rows = [row | {"id": row["image_id"], "area": 200, "iscrowd": 0} for row in rows]
    truth = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(json.dumps(records))
    words = ["--results", tmp_path / "found.json", "--eval_ann_file", tmp_path / "truth.json"]
    evaluation_program.main([str(word) for word in [*words, "--eval_output_dir", tmp_path / "scores"]])
    assert json.loads((tmp_path / "scores" / "metrics.json").read_text())["detections"] == len(records)
    return "\n".join(line for line in capsys.readouterr().out.split("\n") if line.startswith("suspicious: "))


def boxes(change) -> list[dict]:
    """The good records with other boxes."""
    return [row | {"bbox": change(*row["bbox"])} for row in GOOD]


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (
            boxes(lambda x, y, w, h: [x, y, x + w, y + h]),
            "they seem to be corners, [x1, y1, x2, y2]; write [x, y, width",
        ),
        (
            boxes(lambda x, y, w, h: [x * 4, y * 4, w * 4, h * 4]),
            "8 of the 8 boxes reach far beyond their images, such as",
        ),
        (boxes(lambda x, y, w, h: [1e308, 1e308, 1e308, 1e308]), "are they of pictures of another size?"),
        (
            boxes(lambda x, y, w, h: [x / 60, y / 40, w / 60, h / 40]),
            "they seem to be fractions of the image; write pixels",
        ),
        (GOOD + GOOD, "8 of the 16 records repeat another one"),
        ([row | {"score": row["score"] * 100} for row in GOOD], "scores go from 10 to 80, expected 0 to 1"),
    ],
)
def test_what_cannot_be_meant_is_doubted(tmp_path, capsys, records, words):
    doubt = said(tmp_path, capsys, records)
    assert words in doubt and doubt.count("\n") == 0


@pytest.mark.parametrize(
    "records",
    [[], GOOD, GOOD[:1], boxes(lambda x, y, w, h: [x + 9, y, w, h]), [*GOOD * 1, GOOD[0] | {"score": 0.5}]],
)
def test_what_detectors_write_is_not_doubted(tmp_path, capsys, records):
    assert said(tmp_path, capsys, records) == ""
