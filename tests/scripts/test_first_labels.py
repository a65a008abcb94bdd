"""Whether TRAIN_ANN has the labels that the rounds began with, whatever form it has now."""

import os
import subprocess
import sys
from pathlib import Path

from src.data import synthetic

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Start a program of the project in a folder."""
    return subprocess.run(
        [sys.executable, str(ROOT / words[0]), *words[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_labels_that_become_xml_files_are_those_of_the_converted_file(tmp_path):
    synthetic.main(["--out", str(tmp_path / "d"), "--images", "6"])
    data = tmp_path / "d"
    min((data / "annotations").iterdir()).unlink()  # its image is one of the unlabelled folder
    words = ["--ann_file", "annotations", "--img_dir", "images", "--label_ratio", "100"]
    pool = ["--unlabelled_img_dir", "images"]
    assert run(data, "random_select.py", *words, *pool, "--output_ann_file", "first.json").returncode == 0
    done = run(data, "scripts/_first_labels.py", "annotations", "first.json", "images", *pool)
    assert (done.returncode, done.stderr) == (0, "")
    min((data / "annotations").iterdir()).unlink()
    done = run(data, "scripts/_first_labels.py", "annotations", "first.json", "images", *pool)
    assert done.returncode == 2 and "annotations: " in done.stderr and "Traceback" not in done.stderr
