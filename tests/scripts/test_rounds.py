"""Rounds of labelling by the launch script: training and detection are played, everything between them is real."""

import hashlib
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

from src.data.formats.coco_annotations import read_annotations
from src.labelling.outgoing import TOOLS
from tests.labelling.labellers import LEAVE, labelme
from tests.scripts.rounds import ROOT, Campaign, make_campaign, next_command

LEAF = ("--config_path", "leaf.yaml")
NO_PAGE = {"ALSO_PLAYED": "src.report.rounds.round_page"}
KILLS = 20


@pytest.fixture
def campaign(tmp_path) -> Campaign:
    return make_campaign(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ("--format", "cvat labelme"),
        ("--image_files", "copies"),
        ("--precision", "2"),
        ("--precision", "0.0"),
        ("--image_files",),
    ],
)
def test_options_of_the_tasks_are_checked_before_the_training(campaign, words):
    done = campaign.run(campaign.command(*LEAF, "--budget_images", "6", *words))
    assert done.returncode == 2 and words[0][2:] in done.stderr.splitlines()[0]
    assert not campaign.played()


def test_rounds_never_lie_among_the_unlabelled_images_of_the_next_one(campaign):
    for place in (".", "out"):
        (campaign.folder / place).mkdir(exist_ok=True)
        done = campaign.run(campaign.command(*LEAF, "--unlabelled_img_dir", place, "--budget_images", "6"))
        assert done.returncode == 2 and "OUTPUT_DIR" in done.stderr and "lies in unlabelled_img_dir" in done.stderr
    assert not campaign.played()


def states(path) -> tuple[int, int]:
    """Labelled and other images of an annotation file."""
    data = read_annotations(path)
    return len(data.labelled), len(data.images) - len(data.labelled)


def results(campaign: Campaign) -> dict[str, str]:
    """Weights, annotation files, lists and tasks of all rounds, and their hashes."""
    names = ("*/*.ckpt", "*/new_ann_file*.json", "*/new_ann_file*.txt", "*/new_ann_file*.csv", "*/tasks/*.json")
    files = sorted(path for name in names for path in (campaign.folder / "out").glob(name))
    return {str(path.relative_to(campaign.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def closing(said: str) -> str:
    """What is printed at the end of a round, when its images need labels."""
    return said.partition("is complete: now the picked images need labels")[2]


def test_rounds_with_a_labelling_tool(campaign):
    """Three rounds: each stop is a success, and its last line is the next command."""
    out = campaign.folder / "out"
    evaluation = ("--eval_img_dir", "images", "--eval_ann_file", "full.json")
    command = campaign.command(*LEAF, *evaluation, "--budget_images", "8", "--rounds", "3")
    first = campaign.run(command)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Traceback" not in first.stdout + first.stderr and "error" not in first.stdout + first.stderr
    assert "expected to label: 8 images" in first.stdout and "images to label: 8" in first.stdout
    assert campaign.played() == ["train.py", "eval.py", "infer.py"]
    assert next_command(first.stdout)[1:] == [*command[1:], "--labels", str(out / "round_1/labels")]
    page = (out / "round_1/round.html").read_text()
    assert "No forecast yet" in page and "What the labellers changed" not in page

    again = campaign.run(next_command(first.stdout), **NO_PAGE)  # nobody has labelled anything
    assert again.returncode == 0 and again.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]
    assert "train.py" not in campaign.played()[3:]
    assert f"no labels yet in {out / 'round_1/labels'}" in again.stdout
    for place in ("out/round_1/labels", "out/round_1/labels/", "./out/round_1/../round_1/labels"):
        typed = campaign.run([*command, "--labels", place], **NO_PAGE)
        assert typed.returncode == 0 and f"no labels yet in {place}" in typed.stdout, typed.stdout + typed.stderr
        assert next_command(typed.stdout)[1:] == next_command(first.stdout)[1:]

    campaign.label(1)
    second = campaign.run(next_command(again.stdout))
    assert second.returncode == 0, second.stdout + second.stderr
    assert "7 labelled, 1 skipped" in second.stdout
    assert states(out / "round_1/new_ann_file.json") == (17, 23), "the skipped image stays unlabelled"
    assert "fitted to 7 images of earlier rounds" in second.stdout
    assert "round 1: reused, its labels too" not in second.stdout
    page = (out / "round_1/round.html").read_text()
    assert "What the labellers changed" in page and "still unlabelled: 1 image." in page
    assert "Only two rounds" in (out / "round_2/round.html").read_text()
    assert next_command(second.stdout)[-1] == str(out / "round_2/labels")

    stale = campaign.run(
        [*command, "--labels", str(out / "round_1/labels")], **NO_PAGE
    )  # those of the first round again
    assert stale.returncode == 0 and "is labelled in these labels yet" in stale.stdout
    assert f"{out / 'round_1/labels'} holds the labels of round 1, not of round 2" in closing(stale.stdout)
    assert not (out / "round_2/new_ann_file.json").exists()
    shutil.copy(out / "round_2/tasks/tasks.json", out / "round_2/labels/tasks.json")
    sent = campaign.run(next_command(second.stdout), **NO_PAGE)
    assert sent.returncode == 0 and "(8 not done): nothing is written; submit them" in closing(sent.stdout)
    assert "not the files that were sent to it" in closing(sent.stdout)
    (out / "round_2/labels/tasks.json").unlink()

    campaign.label(2)
    third = campaign.run(next_command(second.stdout), **NO_PAGE)
    assert third.returncode == 0, third.stdout + third.stderr
    assert states(out / "round_2/new_ann_file.json") == (24, 16)
    assert third.stdout.splitlines()[-3:] == [
        "round_1          0.320   0.600",
        "round_2          0.470   0.750",
        "round_3          0.520   0.800",
    ]
    assert not (out / "round_4").exists()


def test_a_round_of_which_a_part_was_labelled_can_be_labelled_to_its_end(campaign):
    """Labels of a part go on to the next training; that is stopped, and what is printed for more labels is done."""
    new_ann = campaign.folder / "out/round_1/new_ann_file.json"
    first = campaign.run(
        campaign.command(*LEAF, "--budget_images", "8", "--rounds", "2", "--format", "labelme"), **NO_PAGE
    )
    assert first.returncode == 0, first.stderr
    assert "Label them in that folder of tasks, where the tool saves" in first.stdout
    assert "came back" not in first.stdout, "nobody has seen the tasks yet"

    answers = campaign.answers(1)
    labelme(campaign.tasks(1), answers | dict.fromkeys([*answers][4:], LEAVE), None)
    command = next_command(first.stdout)
    second = campaign.start(command, **NO_PAGE, STEP_SECONDS="100")
    while not (campaign.folder / "out/round_2/config.yaml").exists() and second.poll() is None:
        time.sleep(0.1)
    os.killpg(second.pid, signal.SIGINT)  # as Ctrl-C does
    out, _ = second.communicate(timeout=100)
    assert second.returncode == 128 + signal.SIGINT
    sentence, last = out.splitlines()[-2:]
    assert sentence == "the whole job, not only its training, is continued with"
    assert shlex.split(last) == ["cd", str(campaign.folder), "&&", *command]
    assert states(new_ann) == (13, 27)
    assert "4 images came back as sent, or without boxes, perhaps never opened: not labelled yet\n" in out
    removal = next(line for line in out.splitlines() if line.startswith("rm -r "))
    subprocess.run(removal, shell=True, check=True, cwd=campaign.folder)

    labelme(campaign.tasks(1), answers, None)
    third = campaign.run(command, **NO_PAGE)
    assert third.returncode == 0, third.stderr
    assert states(new_ann) == (17, 23) and "rm -r " not in third.stdout


def test_labels_that_change_or_come_after_their_import_are_told(campaign):
    out = campaign.folder / "out"
    command = campaign.command(*LEAF, "--budget_images", "4", "--rounds", "3")
    first = campaign.run(command, **NO_PAGE)
    campaign.label(1)
    second = campaign.run(next_command(first.stdout), **NO_PAGE)
    assert "labelled otherwise" not in second.stdout
    os.utime(out / "round_1/labels/project-1.json")
    assert "labelled otherwise" not in campaign.run(command, **NO_PAGE).stdout, "touched only"
    export = out / "round_1/labels/project-1.json"
    tasks = json.loads(export.read_text())
    tasks[0]["annotations"][0]["result"] = tasks[0]["annotations"][0]["result"][:1]  # a box was too many
    tasks[2]["annotations"][0] |= {"was_cancelled": False}  # skipped, and then found to be empty
    export.write_text(json.dumps(tasks))
    for more in ((), ("--labels", str(out / "round_1/labels"))):
        again = campaign.run([*command, *more], **NO_PAGE)
        assert again.returncode == 0, again.stdout + again.stderr
        assert " labelled otherwise than in " in again.stdout and "are not read again" in again.stdout
    os.utime(export, (1e9, 1e9))  # written before it was delivered
    again = campaign.run([*command, "--labels", str(export)], **NO_PAGE)
    assert " labelled otherwise than in " in again.stdout
    away = next(line for line in again.stdout.splitlines() if line.startswith("mkdir "))
    subprocess.run(away, shell=True, check=True, cwd=campaign.folder)
    kept = sorted(path.name for path in (out / "without_late_labels_1").iterdir())
    assert kept == ["new_ann_file.json", "round_2"], "nothing is lost"
    taken = campaign.run(command, **NO_PAGE)
    assert taken.returncode == 0 and states(out / "round_1/new_ann_file.json") == (14, 26)
    assert next_command(taken.stdout)[-1] == str(out / "round_2/labels")


def test_other_first_labels_are_told_before_anything_is_trained(campaign):
    command = campaign.command(*LEAF, "--budget_images", "4", "--rounds", "2")
    assert campaign.run(command, **NO_PAGE).returncode == 0
    plain = json.loads((campaign.folder / "train.json").read_text())
    for image in plain["images"]:
        image["id"] += 1000
    for row in plain["annotations"]:
        row["image_id"] += 1000
    (campaign.folder / "plain.json").write_text(json.dumps(plain, indent=1))
    plain["annotations"][0]["bbox"][0] += 1
    (campaign.folder / "other.json").write_text(json.dumps(plain))
    same, other = ([*command[:3], name, *command[4:]] for name in ("plain.json", "other.json"))
    for labelled in (False, True):
        if labelled:
            campaign.label(1)
        done = campaign.played()
        refused = campaign.run(other, **NO_PAGE)
        assert refused.returncode == 2 and campaign.played() == done, refused.stdout + refused.stderr
        assert "other.json: 1 image (" in refused.stdout and "have other boxes (1 gone, 1 new)" in refused.stdout
        assert f"The earlier TRAIN_ANN is kept as {campaign.folder / 'out/first_train_ann.json'}" in refused.stdout
        assert "choose another OUTPUT_DIR" in refused.stdout and "--resume_anyway" in refused.stdout
        again = campaign.run(same, **NO_PAGE)
        assert again.returncode == 0, again.stdout + again.stderr
    assert states(campaign.folder / "out/round_1/new_ann_file.json") == (13, 27)
    assert campaign.run(other, **NO_PAGE).returncode == 2, "round 1 is imported, round 2 trained"
    assert campaign.played().count("train.py") == 2


def test_a_lost_copy_of_the_first_labels_is_made_again_and_told(campaign):
    command = campaign.command(*LEAF, "--budget_images", "4", "--rounds", "2")
    assert campaign.run(command, **NO_PAGE).returncode == 0
    copy = campaign.folder / "out/first_train_ann.json"
    copy.unlink()
    told = f"note: {copy}, the copy of TRAIN_ANN that the rounds began with, is missing"
    assert (
        told in campaign.run(command, **NO_PAGE).stdout
        and copy.read_bytes() == (campaign.folder / "train.json").read_bytes()
    )
    again = campaign.run(command, **NO_PAGE)
    assert again.returncode == 0 and "is missing" not in again.stdout


def test_a_lost_best_network_is_named(campaign):
    """Lost before the ranking, the latest one takes its place, which is said; lost afterwards, the ranking is refused."""
    command = campaign.command(*LEAF, "--budget_images", "4", "--rounds", "2")
    first = campaign.folder / "out/round_1"
    first.mkdir(parents=True)
    (first / "metrics.jsonl").write_text('{"step": 2, "student/AP": 0.5}\n')
    said = campaign.run(command, **NO_PAGE)
    assert said.returncode == 0 and f"note: {first}/best_model.ckpt is missing" in said.stdout, said.stderr
    assert "best_model" not in campaign.run(command, **NO_PAGE).stdout


def test_tasks_are_of_the_tool_and_of_the_list_or_it_is_said(campaign):
    out = campaign.folder / "out"
    command = campaign.command(*LEAF, "--budget_images", "4", "--rounds", "3")
    assert campaign.run(command, **NO_PAGE).returncode == 0
    other = campaign.run([*command, "--format", "cvat"], **NO_PAGE)
    assert other.returncode == 2 and "holds tasks for label_studio, not for cvat" in other.stdout + other.stderr
    picked = out / "round_1/new_ann_file_picked.txt"
    names = picked.read_text().split()
    picked.write_text("\n".join([names[0], *names, ""]))
    twice = campaign.run(command, **NO_PAGE)
    assert "images to label: 4," in twice.stdout and "was edited" not in twice.stdout
    picked.write_text("\n".join([*names[:2], ""]))
    edited = campaign.run(command, **NO_PAGE)
    assert edited.returncode == 0 and "was edited since its 4 images were written" in edited.stdout
    os.remove(out / "round_1/tasks/manifest.json")
    lost = campaign.run(command, **NO_PAGE)
    assert (
        lost.returncode == 2
        and "holds no manifest.json" in lost.stderr
        and "output_dir" not in lost.stdout + lost.stderr
    )
    subprocess.run(next_command(lost.stderr), check=True)
    assert (out / "round_1/tasks_before").is_dir()
    assert "images to label: 2," in campaign.run(command, **NO_PAGE).stdout


def test_with_all_labels_at_hand_the_rounds_are_played_through(campaign):
    command = campaign.command(*LEAF, "--ori_ann", "full.json", "--pick_ratio", "50", "75")
    result = campaign.run(command, **NO_PAGE)
    assert result.returncode == 0, result.stdout + result.stderr
    counts = [states(campaign.folder / f"out/round_{number}/new_ann_file.json")[0] for number in (1, 2)]
    assert counts == [20, 30] and (campaign.folder / "out/round_3/model_0.ckpt").exists()
    assert not list((campaign.folder / "out").glob("*/tasks"))
    assert campaign.played().count("train.py") == 3
    before = results(campaign)
    again = campaign.run(command, **NO_PAGE)
    assert again.returncode == 0 and results(campaign) == before


def test_images_of_a_plain_folder_are_labelled_where_they_are(campaign):
    """No JSON knows the unlabelled images. Of those that are labelled one is moved, one is copied, the others stay."""
    part = json.loads((campaign.folder / "train.json").read_text())
    (campaign.folder / "more").mkdir()
    for image in [image for image in part["images"] if not image.get("labelled", True)]:
        os.rename(campaign.folder / "images" / image["file_name"], campaign.folder / "more" / image["file_name"])
    part["images"] = [image for image in part["images"] if image.get("labelled", True)]
    (campaign.folder / "train.json").write_text(json.dumps(part))
    more = (*LEAF, "--unlabelled_img_dir", "more", "--budget_images", "6")
    first = campaign.run(campaign.command(*more), **NO_PAGE)
    assert first.returncode == 0, first.stdout + first.stderr
    moved, copied = (campaign.folder / "out/round_1/new_ann_file_picked.txt").read_text().split()[:2]
    os.rename(campaign.folder / "more" / moved, campaign.folder / "images" / moved)
    shutil.copyfile(campaign.folder / "more" / copied, campaign.folder / "images" / copied)
    campaign.label(1)
    second = campaign.run(next_command(first.stdout), **NO_PAGE)
    assert second.returncode == 0, second.stdout + second.stderr
    assert states(campaign.folder / "out/round_1/new_ann_file.json") == (15, 0)
    assert f"{copied} (the same as " in second.stdout and "6 of the 25 unlabelled images" in second.stdout
    shutil.copyfile(campaign.folder / "images" / moved, campaign.folder / "more" / "later.png")
    again = campaign.run(campaign.command(*more), **NO_PAGE)
    assert "1 image (later.png) of more were added after the ranking" in again.stdout, "none that a round has labelled"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "how much is to be labelled in a round?"),
        (("--budget_hours", "2", "--format", "paint"), "format must be one of label_studio cvat"),
        (("--budget_hours", "2", "--labels", "nowhere.json"), "labels: there is no file or folder nowhere.json"),
        (("--budget_hours", "2", "--ori_ann", "nowhere.json"), "ori_ann: there is no file nowhere.json"),
        (("--budget_hours", "2", "--ori_ann", "full.json"), "--ori_ann with a budget needs a number of rounds"),
        (("--budget_hours", "2", "--rounds", "two"), "rounds must be a positive integer, not 'two'"),
        (("--budget_hours", "2", "--strategy", "ppal"), "--strategy ppal must know how many images are picked"),
    ],
)
def test_what_cannot_work_is_said_before_anything_starts(campaign, options, words):
    result = campaign.run(campaign.command(*LEAF, *options))
    assert result.returncode == 2 and words in result.stderr
    assert not campaign.played() and not (campaign.folder / "out").exists()


def test_a_misspelt_budget_is_answered_with_the_nearest_option(campaign):
    result = campaign.run(campaign.command("--budget_image", "8"), VENV=sys.prefix)
    assert result.returncode == 2 and "did you mean budget_images?" in result.stderr


def test_the_script_knows_the_tools():
    text = (ROOT / "scripts" / "_rounds.sh").read_text()
    assert f'tools="{" ".join(TOOLS)}"' in text
    in_place = next(line for line in text.splitlines() if line.startswith("in_place=")).split('"')[1].split()
    assert in_place == ["labelme", "yolo", "voc"], "those whose instructions say that EXPORT is the folder of the tasks"


def test_a_campaign_that_is_killed_again_and_again_ends_with_the_same_bytes(tmp_path):
    """Two rounds of labels and the last training, killed at random moments, beside a campaign that nobody disturbs."""
    options = (*LEAF, "--budget_images", "6", "--rounds", "3")
    variables = {**NO_PAGE, "STEP_SECONDS": "0.1"}
    calm = make_campaign(tmp_path / "place", 32)
    for number in (1, 2, 3):
        began = time.monotonic()
        assert calm.run(calm.command(*options), **variables).returncode == 0
        span = time.monotonic() - began
        if number < 3:
            calm.label(number)

    expected = results(calm)
    os.rename(tmp_path / "place", tmp_path / "calm")  # reports name the files that they were made from
    disturbed = make_campaign(tmp_path / "place", 32)
    draw, kills = random.Random(5), 0
    for number in (1, 2, 3):
        while True:
            process = disturbed.start(disturbed.command(*options), **variables)
            if kills < KILLS * number // 3:
                try:
                    process.communicate(timeout=draw.uniform(0.05, 1.0) * span)
                except subprocess.TimeoutExpired:
                    kills += 1
                    os.killpg(process.pid, signal.SIGKILL)
                    process.communicate()
                continue
            _, err = process.communicate(timeout=900)
            assert process.returncode == 0, err
            break
        if number < 3:
            disturbed.label(number)
    assert kills == KILLS
    assert results(disturbed) == expected and len([name for name in expected if name.endswith(".ckpt")]) == 3
