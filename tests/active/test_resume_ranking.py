"""A ranking that is kept: what it was made by, and what became of its images."""

import json

import pytest

import sorted_values
from src.active.picking.resume_pick import refuse
from src.active.resume_ranking import image_notes, ranking_changes
from src.data.checks.image_files import files_hash
from src.data.provenance import made_from, side_file, write_side_file
from src.errors import UserError

NAMES = ("a.png", "b.png", "sub/c.png")


@pytest.fixture
def ranking(tmp_path):
    """A ranking of three images of the folder `more`, made by the real program from what infer.py would tell."""
    for name in NAMES:
        path = tmp_path / "more" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "images").mkdir()
    (tmp_path / "net.ckpt").write_text("net")
    (tmp_path / "train.json").write_text("{}")
    found = {"pred box": [1, 1, 4, 4], "pred class": 0, "confidence score": 0.6, "pred score": [0.4, 0.6]}
    results = tmp_path / "infer_results.json"
    results.write_text(json.dumps({name: [found] for name in NAMES}))
    inputs = {"checkpoint_path": tmp_path / "net.ckpt", "train_ann_file": tmp_path / "train.json"}
    origin = made_from("infer.py", inputs, {"test_score_thr": 0.05})
    files = files_hash((name, tmp_path / "more" / name) for name in NAMES)
    origin["inputs"]["images"] = {"name": "3 images", "sha256": files}
    write_side_file(results, origin, overwrite=False)
    sorted_values.main(["--infer_json", str(results), "--exp_dir", str(tmp_path)])
    return tmp_path / "top_value_data.json"


def changes(ranking, **settings):
    folder = ranking.parent
    files = {"checkpoint_path": folder / "net.ckpt", "train_ann_file": folder / "train.json"}
    return ranking_changes(ranking, files, settings)


def test_the_same_command_changes_nothing(ranking):
    assert changes(ranking, strategy="reference", weights=[1, 1, 1], seed=10, test_score_thr=0.05, new_option=3) == []


def test_a_file_that_is_gone_is_named(ranking):
    folder = ranking.parent
    (folder / "model_0.ckpt").write_text("other")
    (folder / "net.ckpt").rename(folder / "kept.ckpt")
    told = ranking_changes(ranking, {"checkpoint_path": folder / "model_0.ckpt"}, {})
    assert told == [
        f"checkpoint_path: was {folder / 'net.ckpt'}, which is missing, and {folder / 'model_0.ckpt'} has other content; put that file back"
    ]


def test_each_change_is_told(ranking):
    assert changes(ranking, strategy="entropy") == ["strategy: was reference, is entropy"]
    assert changes(ranking, weights=[1, 2, 1]) == ["weights: was [1, 1, 1], is [1, 2, 1]"]
    assert changes(ranking, test_score_thr=0.3) == ["test_score_thr: was 0.05, is 0.3"]
    (ranking.parent / "net.ckpt").write_text("another net")
    (ranking.parent / "train.json").write_text('{"images": []}')
    assert [sentence.split(":")[0] for sentence in changes(ranking)] == ["checkpoint_path", "train_ann_file"]


def test_of_a_ranking_that_tells_nothing_nothing_is_known(ranking):
    side_file(ranking).unlink()
    assert changes(ranking, strategy="entropy") == []
    assert image_notes(ranking, ranking.parent / "images", ranking.parent / "more") == []


def test_moving_images_to_the_labelled_ones_is_no_change(ranking):
    folder = ranking.parent
    assert image_notes(ranking, folder / "images", folder / "more") == []
    (folder / "more/b.png").rename(folder / "images/b.png")
    assert image_notes(ranking, folder / "images", folder / "more") == []


def test_what_became_of_the_images_is_noted(ranking):
    folder = ranking.parent
    (folder / "more/d.png").write_bytes(b"")
    (folder / "more/a.png").write_bytes(b"B.PNG")
    new, other = image_notes(ranking, folder / "images", folder / "more")
    assert new.startswith("1 image (d.png) of") and "were added after the ranking" in new
    assert "the contents of image files have changed since they were ranked" in other
    (folder / "more/a.png").unlink()
    gone, _ = image_notes(ranking, folder / "images", folder / "more")
    assert gone == "1 image (a.png) were ranked and are missing now"


def test_changes_are_refused_together_or_said(tmp_path, capsys):
    refuse([], tmp_path, "", anyway=False)
    with pytest.raises(
        UserError,
        match="(?s)made with other inputs or settings:\n  one\n  two\nUse the earlier ones.*--resume_anyway, or dance",
    ):
        refuse(["one", "two"], tmp_path, "dance", anyway=False)
    refuse(["one", "two"], tmp_path, "dance", anyway=True)
    assert "resume_anyway" in (said := capsys.readouterr().out) and "one" in said and "two" in said
