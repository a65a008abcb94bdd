"""Where the launch scripts take settings from the data: once per stage, kept when the job is resumed, and never beside a leaf."""

import pytest

from tests.scripts.test_launch_scripts import EVALUATION, INTERFACES, arguments_of, options_of

SCRIPT = "run_standalone_train_cpu.sh"
ONE_RUN = "run_distribute_train_model_cpu.sh"


@pytest.mark.parametrize("script", [SCRIPT, "run_distribute_train_cpu.sh"])
@pytest.mark.parametrize("auto", [[], ["--config_path", "auto"]])
def test_both_stages_have_a_recipe_and_the_second_keeps_the_network(workshop, script, auto):
    result = workshop.run(script, *arguments_of(script), *EVALUATION, *auto, "--hours", "3", "--img_width=320")
    assert result.returncode == 0, result.stderr
    first, second = map(options_of, workshop.recipes())
    output = workshop.path("out put")
    assert first["--output"] == f"{output}/recipe.yaml" and second["--output"] == f"{output}/recipe_second_stage.yaml"
    assert (first["--runs"], first["--hours"], first["--img_width"]) == ("2", "3", "320")
    assert second["--keep"] == first["--output"] and not {"--hours", "--runs"} & second.keys()
    assert first["--train_ann_file"] == workshop.path("train.json")
    assert second["--train_ann_file"] == f"{output}/first_stage/new_ann_file.json"
    assert first["--train_img_dir"] == workshop.path("images") and first["--eval_ann_file"] == "val.json"
    assert first["--devices"] == ("1" if "standalone" in script else "8")
    leaves = [options_of(call).get("--config_path") for call in workshop.calls()]
    told = [first["--output"]] * 3 + [second["--output"]] * 2  # train, eval, infer; train, eval
    assert [leaf for leaf in leaves if leaf] == told
    assert not any("auto" in call or "--hours" in call for call in workshop.calls())


@pytest.mark.parametrize("auto", [[], ["--config_path", "auto"]])
@pytest.mark.parametrize("script", [SCRIPT, "run_rounds_cpu.sh"])
def test_a_short_run_does_not_contradict_lengths_that_the_recipe_will_choose(workshop, script, auto):
    more = ["--budget_images", "2", "--rounds", "2", "--ori_ann", "full.json"] if "rounds" in script else []
    result = workshop.run(script, *arguments_of(script), *EVALUATION, *more, *auto, "--max_iter", "8")
    assert "config" not in result.stderr and result.returncode == 0, result.stderr
    assert options_of(workshop.recipes()[0])["--max_iter"] == "8"


@pytest.mark.parametrize("script", [name for name in INTERFACES if "TRAIN_ANN ORI_ANN" in INTERFACES[name]])
def test_a_leaf_takes_the_place_of_the_recipe(workshop, script):
    (workshop.folder / "leaf.yaml").write_text("max_iter: 5\nburn_up_iter: 2\nwarmup_step: 1\n")
    result = workshop.run(script, *arguments_of(script), "--config_path", "leaf.yaml")
    assert result.returncode == 0, result.stderr
    assert not workshop.recipes()


def test_a_resumed_job_keeps_its_recipe(workshop):
    stopped = workshop.run(SCRIPT, *arguments_of(SCRIPT), STUB_FAILS="infer.py")
    assert stopped.returncode != 0 and len(workshop.recipes()) == 1
    first = workshop.folder / "out put" / "first_stage"
    (first / "config.yaml").write_text("")
    (first / "model_0.ckpt").unlink()
    resumed = workshop.run(SCRIPT, *arguments_of(SCRIPT), "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "settings: reused from" in resumed.stdout
    assert [options_of(call)["--output"].rpartition("/")[2] for call in workshop.recipes()] == [
        "recipe.yaml",
        "recipe_second_stage.yaml",
    ]


def test_a_job_of_an_earlier_version_goes_on_without_a_recipe(workshop):
    first = workshop.folder / "out put" / "first_stage"
    first.mkdir(parents=True)
    (first / "config.yaml").write_text("")
    result = workshop.run(SCRIPT, *arguments_of(SCRIPT), "--resume")
    assert result.returncode == 0, result.stderr
    assert not workshop.recipes() and "--config_path" not in str(workshop.calls())


def test_a_failed_recipe_ends_the_job(workshop):
    result = workshop.run(SCRIPT, *arguments_of(SCRIPT), STUB_FAILS="src.recipe")
    assert result.returncode == 3 and "train.py" not in workshop.programs()


def test_one_recipe_serves_all_processes_of_a_run(workshop):
    result = workshop.run(ONE_RUN, *arguments_of(ONE_RUN), "--config_path", "auto", DEVICE_NUM="2")
    assert result.returncode == 0, result.stderr
    (recipe,), (call,) = map(options_of, workshop.recipes()), map(options_of, workshop.calls())
    assert recipe["--output"] == call["--config_path"] == workshop.path("out put/recipe.yaml")
    assert recipe["--devices"] == "2"
    alone = workshop.run(
        "run_standalone_train_model.sh", "CPU", "0", "images", "train.json", "o", "--config_path", "auto"
    )
    assert alone.returncode == 0 and options_of(workshop.calls()[-1])["--config_path"] == "auto"  # train.py makes it
