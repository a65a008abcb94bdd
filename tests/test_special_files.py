"""What is no regular file is refused by name, at once: to open a FIFO waits for a writer, and a device never ends."""

import os
import signal
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import first_pick
import import_labels
import pick_select
import random_select
from src.active.cost.past_rounds import read_report
from src.active.detections_file import read_detections
from src.active.picking.pick_list import read_list
from src.active.ranking import read_ranking
from src.active.terms_file import read_terms
from src.checkpoint.convert.torch_file import read_state_dict
from src.checkpoint.detector_file import read_metadata
from src.checkpoint.weight_file import read_weights
from src.config.load import load_config
from src.data.annotations import Annotations, ImageEntry
from src.data.checks.image_files import check_images, files_hash
from src.data.formats.coco_annotations import read_annotations
from src.data.formats.feature_file import read_features
from src.data.formats.reading import read_data
from src.data.formats.tools.cvat import read_cvat
from src.data.formats.tools.labelme import read_labelme
from src.data.formats.tools.yolo import keypoint_numbers, read_labels, read_names
from src.data.formats.voc import read_voc
from src.data.images import image_size, read_image
from src.data.provenance import read_side_file
from src.errors import UserError
from src.evaluation.results_file import read_results
from src.exporting.metadata_file import read_model_metadata
from src.files import file_hash, is_regular
from src.labelling.picked import read_reasons
from src.labelling.returned import read_exports
from src.labelling.task import read_manifest
from src.labelling.tools.voc_tasks import read_voc_image
from src.recipe.start_weights import read_weight_file
from src.report.stages import read_metrics
from src.yaml_file import read_yaml


@contextmanager
def a_second_or_two():
    """Whatever takes longer than 2 s waits for what will never come."""

    def too_late(*_):
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(2)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


KINDS = [fifo, device, link_to_itself, Path.mkdir]
READERS = {  # by the name of the file
    "a.json": read_annotations,
    "b.json": partial(read_results, annotations=None),
    "c.json": read_detections,
    "d.json": read_ranking,
    "e.txt": partial(read_data, img_dir=".", class_names=("cat",)),
    "f": partial(read_data, img_dir="."),
    "g.xml": read_voc,
    "h.png": read_image,
    "i.jpg": image_size,
    "j.yaml": read_yaml,
    "k.yaml": lambda path: load_config("", ["--config_path", str(path)]),
    "l.ckpt": read_weights,
    "m.ckpt": read_metadata,
    "n.npz": read_weights,
    "o.pth": read_state_dict,
    "p.onnx": read_model_metadata,
    "q.png": file_hash,
    "r.png": lambda path: files_hash([("r.png", path)]),
    "s.txt": read_list,
    "t.csv": read_terms,
    "u.csv": read_reasons,
    "v.features.npz": read_features,
    "w.json": read_manifest,
    "x.xml": read_cvat,
    "y.json": read_labelme,
    "z.names": read_names,
    "A.txt": partial(read_labels, names=["cat"]),
    "B.json": lambda path: read_exports([path]),
    "C.ckpt": read_weight_file,
    "D.npz": read_weight_file,
    "E.safetensors": read_state_dict,
    "F.json": read_report,
    "G.xml": partial(read_voc_image, name="G"),
    "H.json": read_metrics,
    "I.yaml": keypoint_numbers,
    "K.zip": lambda path: read_exports([path]),
    "L.made_from.json": lambda path: read_side_file(path.with_name("L.json")),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", READERS)
def test_every_reader_refuses_by_name(tmp_path, kind, name):
    path = tmp_path / name
    kind(path)
    assert not is_regular(path)
    with a_second_or_two(), pytest.raises((UserError, OSError)) as refusal:
        READERS[name](path)
    assert name in str(refusal.value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_image_files_are_listed_as_what_they_are(tmp_path, kind):
    kind(tmp_path / "a.png")
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, bool)
    entries = (ImageEntry(1, "a.png", 4, 4, True, *nothing, None),)
    with a_second_or_two(), pytest.raises(UserError, match="a.png: not a regular file, but a folder, FIFO, device"):
        check_images(Annotations(("cat",), (1,), entries), tmp_path)


def test_metadata_of_a_model_may_be_no_fifo(tmp_path):
    (tmp_path / "net.onnx").touch()
    os.mkfifo(tmp_path / "net.json")
    with a_second_or_two(), pytest.raises(UserError, match="net.json: cannot be read: not a regular file"):
        read_model_metadata(tmp_path / "net.onnx")


@pytest.mark.parametrize("kind", KINDS[:3], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", ["a.json", "a.xml", "a.txt"])
def test_what_is_no_file_among_labels_that_come_back_is_named(tmp_path, kind, name):
    (tmp_path / "classes.txt").write_text("cat")
    (tmp_path / "b.txt").write_text("0 0.5 0.5 0.5 0.5")
    kind(tmp_path / name)
    with a_second_or_two():
        exports = read_exports([tmp_path])
    assert [name in reason for export in exports for reason in export.unread] == [True]


WORDS = {
    first_pick: ["--img_dir", "images", "--class_names", "cat"],
    import_labels: ["--labels", "export.json", "--ann_file", "all.json"],
    pick_select: ["--ann_file", "all.json", "--picked_file", "list.txt"],
    random_select: ["--ann_file", "all.json", "--label_ratio", "25"],
}


@pytest.mark.parametrize("output", [".", "..", "/"])
@pytest.mark.parametrize("program", WORDS, ids=lambda program: program.__name__)
def test_an_output_without_a_name_is_refused(program, output, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        program.main([*WORDS[program], "--output_ann_file", output])
    assert f"error: {output}: is a folder, expected a file name; choose another name" in capsys.readouterr().err
