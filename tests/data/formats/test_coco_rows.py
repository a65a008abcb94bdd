import json

import msgspec
import pytest

from src.data.formats.coco import read_coco
from src.data.formats.coco_rows import write_coco
from src.data.formats.label_states import hide_labels
from src.errors import DataError, UserError

ROW = '{"id": 7, "image_id": 1, "category_id": 3, "bbox": [0.5, 1, 20, 20], %s}'
OUTLINE = '"segmentation": [[1.10, 2e0,\n 3.0, 4]], "keypoints": {"Ä": [1, 2, null]}, "area": 4.0, "note": "ö \\" [1]"'
REST = '"info": {"year": 2017}, "images": [{"id": 1, "file_name": "ä.png", "width": 100, "height": 50, "tags": [1]}]'
FILE = '{"annotations": [%s], ' + REST + ', "categories": [{"id": 3, "name": "mask", "more": [1, [2]]}]}'


def read(tmp_path, text):
    (tmp_path / "a.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_coco(tmp_path / "a.json")


def written(tmp_path, coco):
    write_coco(tmp_path / "b.json", coco, overwrite=True)
    return (tmp_path / "b.json").read_text(encoding="utf-8")


def test_what_is_long_in_a_row_stays_text_and_is_written_as_it_stood(tmp_path):
    whole = FILE % (ROW % OUTLINE)
    coco = read(tmp_path, whole)
    row = coco["annotations"][0]
    assert {key for key, value in row.items() if isinstance(value, msgspec.Raw)} == {"segmentation", "keypoints"}
    assert row["bbox"] == [0.5, 1, 20, 20] and row["area"] == 4.0 and row["note"] == 'ö " [1]'
    text = written(tmp_path, coco)
    assert OUTLINE in text and json.loads(text) == json.loads(whole)
    assert json.loads(written(tmp_path, hide_labels(coco, {1})))["annotations"] == [
        json.loads(ROW % OUTLINE) | {"id": 1}
    ]


@pytest.mark.parametrize("rows", ["", ROW % '"iscrowd": 1', f"{ROW % OUTLINE}, {ROW.replace('7', '8') % OUTLINE}"])
def test_a_file_comes_back_equal_for_any_number_of_rows(tmp_path, rows):
    assert json.loads(written(tmp_path, read(tmp_path, FILE % rows))) == json.loads(FILE % rows)


def test_numbers_that_json_does_not_have_are_kept_as_before(tmp_path):
    text = written(tmp_path, read(tmp_path, FILE % (ROW % '"segmentation": [[1]], "score": NaN')))
    assert '"segmentation": [[1]], "score": NaN' in text


@pytest.mark.parametrize(
    "field, words",
    [(b'{"a": ["\xff"]}', "not UTF-8"), (b'["\\ud800"]', "half a character"), (b"[01]", "not valid JSON")],
)
def test_what_stays_text_is_checked_nevertheless(tmp_path, field, words):
    with pytest.raises(DataError) as error:
        read(tmp_path, (FILE % (ROW % '"segmentation": HERE')).encode().replace(b"HERE", field))
    assert words in str(error.value)


def test_nothing_is_left_when_a_piece_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="is not valid text"):
        write_coco(tmp_path / "b.json", {"images": [{"file_name": "\udcff.png"}], "annotations": []})
    assert list(tmp_path.iterdir()) == []
