import json
import subprocess
import sys
from pathlib import Path

import pytest

import sorted_values

ROOT = Path(__file__).resolve().parents[1]


def detections(*rows):
    return [{"pred box": [0, 0, 1, 1], "confidence score": s, "pred score": p, "pred class": c} for s, p, c in rows]


@pytest.fixture
def results(tmp_path):
    content = {
        "a/1.png": detections((0.9, [0.1, 0.9, 0.0], 0)),
        "b/1.png": detections((0.5, [0.5, 0.5, 0.0], 0), (0.4, [0.4, 0.2, 0.4], 1)),
        "none.png": [],
    }
    path = tmp_path / "infer_results.json"
    path.write_text(json.dumps(content))
    return path


def test_ranking_is_written_falling(results, tmp_path, capsys):
    sorted_values.main(["--infer_json", str(results), "--exp_dir", str(tmp_path / "new")])
    values = json.loads((tmp_path / "new" / "top_value_data.json").read_text())
    assert list(values) == ["b/1.png", "a/1.png", "none.png"]
    assert "3 images ranked, 1 of them without detections" in capsys.readouterr().out


def test_strategy_and_weights_are_passed_on(results, tmp_path):
    sorted_values.main(["--infer_json", str(results), "--exp_dir", str(tmp_path), "--weights", "0", "1", "0"])
    values = json.loads((tmp_path / "top_value_data.json").read_text())
    assert values == {"a/1.png": 1.0, "b/1.png": 1.0, "none.png": 0.0}
    sorted_values.main(
        ["--infer_json", str(results), "--exp_dir", str(tmp_path), "--strategy", "random", "--overwrite"]
    )
    assert set(json.loads((tmp_path / "top_value_data.json").read_text())) == set(values)


def test_the_options_are_checked_without_results(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sorted_values.main(["--check", "--strategy", "entropy", "--weights", "0", "1", "2"])
    for words, said in [
        (["--weights", "0", "0", "0"], "error: weights 0 0 0: must be three numbers from 0 up, not all 0"),
        (["--weights", "1", "-1", "0"], "error: weights 1 -1 0: must be three numbers from 0 up"),
        (["--strategy", "entropi"], "argument --strategy: invalid choice: 'entropi'"),
        (["--infer_json", "a.json"], "argument --infer_json: not allowed with argument --check"),
    ]:
        with pytest.raises(SystemExit) as stopped:
            sorted_values.main(["--check", *words])
        assert stopped.value.code == 2 and said in capsys.readouterr().err
    with pytest.raises(SystemExit):
        sorted_values.main([])
    assert "one of the arguments --infer_json --check is required" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_real_start_writes_here_and_overwrites_nothing(results, tmp_path):
    command = [sys.executable, str(ROOT / "sorted_values.py"), "--infer_json", str(results)]
    assert subprocess.run(command, check=False, cwd=tmp_path).returncode == 0
    assert (tmp_path / "top_value_data.json").is_file()
    again = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 2 and "--overwrite" in again.stderr and "Traceback" not in again.stderr
