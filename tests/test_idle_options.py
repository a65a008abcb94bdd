"""Options that would change nothing are refused by every program, with what they go with."""

import pytest

import export_tasks
import pick_select
import random_select
import sorted_values
from src import split_data, xml2coco
from src.config.load import load_config
from src.data import doctor
from src.errors import UserError
from src.report import run_page

PICK = ["--ann_file", "a.json", "--output_ann_file", "b.json"]
RANKED = [*PICK, "--pick_ratio", "20", "--top_value_file", "t.json"]
LISTED = [*PICK, "--picked_file", "p.txt"]
TASKS = ["--img_dir", "i", "--format", "coco", "--output_dir", "t"]
REVIEW = [*TASKS, "--review", "--ann_file", "a.json", "--infer_json", "r.json"]
RANDOM = ["--ann_file", "a.json", "--label_ratio", "20", "--output_ann_file", "b.json"]
RANK = ["--infer_json", "r.json", "--strategy"]


@pytest.mark.parametrize(
    ("program", "words", "idle", "partner"),
    [
        (pick_select, RANKED, ["--resume_anyway"], "goes with --resume"),
        (pick_select, RANKED, ["--used_by", "run"], "goes with --resume"),
        (pick_select, LISTED, ["--budget_images", "3"], "goes with --top_value_file"),
        (pick_select, LISTED, ["--at_least", "cat=3"], "goes with --top_value_file"),
        (pick_select, LISTED, ["--labelling_reports", "r.json"], "goes with --top_value_file"),
        (export_tasks, REVIEW, ["--top_value_file", "t.json"], "goes with --picked_file"),
        (export_tasks, REVIEW, ["--precision", "0.9"], "goes with --picked_file"),
        (export_tasks, [*TASKS, "--picked_file", "p.txt"], ["--eval_img_dir", "i"], "goes with --eval_infer_json"),
        (sorted_values, [*RANK, "entropy"], ["--weights", "1", "2", "3"], "goes with --strategy reference"),
        (sorted_values, [*RANK, "entropy"], ["--box_exponent", "1"], "goes with one of --strategy balanced_entropy"),
        (random_select, RANDOM, ["--faulty_at_most", "9"], "goes with --leave_out_faulty"),
        (doctor, ["--ann_file", "a", "--img_dir", "i"], ["--faulty_at_most", "9"], "goes with --leave_out_faulty"),
        (split_data, ["--data_path", "d", "--output_path", "o"], ["--faulty_at_most", "9"], "goes with --leave_out"),
        (xml2coco, ["--data_path", "d", "--save_path", "s"], ["--faulty_at_most", "9"], "goes with --leave_out_faulty"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else getattr(value, "__name__", None),
)
def test_an_option_without_its_partner_is_refused(capsys, program, words, idle, partner):
    program.parse_args(words)
    with pytest.raises(SystemExit) as stopped:
        program.parse_args([*words, *idle])
    assert stopped.value.code == 2
    assert f"error: {idle[0]}: {partner}" in capsys.readouterr().err


def test_a_page_without_pictures_has_no_number_of_them(capsys, tmp_path):
    with pytest.raises(SystemExit):
        run_page.main(["--run", str(tmp_path), "--pictures", "3"])
    assert "--pictures: goes with --eval_ann_file" in capsys.readouterr().err


def test_a_setting_without_its_partner_is_refused():
    with pytest.raises(UserError, match="faulty_at_most: goes with leave_out_faulty true, got 9 with false"):
        load_config("", ["--faulty_at_most", "9"])
