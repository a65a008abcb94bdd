"""Plans: what they say, and every mistake in one message."""

import pytest

from benchmarks.label_efficiency import plan as plans
from benchmarks.label_efficiency.cells import Key, cells_of, chosen
from benchmarks.label_efficiency.plan import read_plan
from src.errors import UserError
from tests.benchmarks.label_efficiency.plans import ARMS, write_plan


def plan_of(folder, **changes):
    """A plan with some keys changed."""
    return read_plan(write_plan(folder, {}, **changes))


def mistakes(folder, **changes) -> str:
    """What is said of a wrong plan."""
    with pytest.raises(UserError) as raised:
        plan_of(folder, **changes)
    return str(raised.value)


def test_steps_are_passes_over_the_labelled_images(tmp_path):
    plan = plan_of(tmp_path, passes={50: 30, "default": 15}, burn_in=0.25)
    arm = plan.arms["supervised"]
    assert plan.steps(arm, 50, images=20, batch_size=1) == 600
    assert plan.steps(arm, 25, images=101, batch_size=2) == 758  # 15 * 101 / 2, rounded up
    # 150 of 600 steps are burn-in; the other 450 cost 2 seconds in place of 1.
    assert plan.equal_minutes(600) == 150 + 900
    own = plan_of(tmp_path, arms=ARMS | {"more": ARMS["supervised"] | {"passes": 2}})
    assert own.steps(own.arms["more"], 50, images=20, batch_size=1) == 40


def test_cells_stand_after_what_they_need_and_seed_after_seed(tmp_path):
    boxes = ARMS["random"] | {"boxes_of": "entropy"}
    arms = {"random_boxes": boxes} | ARMS | {"supervised": ARMS["supervised"] | {"labels": [50, 100]}}
    cells = cells_of(plan_of(tmp_path, seeds=[3, 1], fewer_seeds={100: 1}, arms=arms))
    names = [cell.name for cell in cells]
    assert len(names) == len(set(names)) == 11 and names.index("supervised_100_seed3") < names.index(
        "supervised_50_seed1"
    )
    assert "supervised_100_seed1" not in names
    for cell in cells:
        assert all(names.index(needed.name) < names.index(cell.name) for needed in cell.needs)
        assert all(needed.seed == cell.seed for needed in cell.needs)
    needs = {cell.name: [needed.name for needed in cell.needs] for cell in cells}
    assert needs["random_boxes_50to75_seed3"] == ["semi_supervised_50_seed3", "entropy_50to75_seed3"]
    assert {cell.name for cell in cells if cell.equal_minutes} == {"supervised_50_seed3", "supervised_50_seed1"}
    assert cells[0].key == Key("semi_supervised", 50)


def test_cells_are_chosen_by_name_with_what_they_need(tmp_path):
    cells = cells_of(plan_of(tmp_path, seeds=[1, 2]))
    assert chosen(cells, []) == cells
    names = [cell.name for cell in chosen(cells, ["entropy*", "*rvised_50_seed2"])]
    assert set(names) == {
        *(f"entropy_50to75_seed{seed}" for seed in (1, 2)),
        *(f"semi_supervised_50_seed{seed}" for seed in (1, 2)),
        "supervised_50_seed2",
    }


def test_what_follows_from_a_mistake_is_no_mistake_of_its_own(tmp_path):
    told = mistakes(tmp_path, arms={"supervised": {"train": "supervised", "labels": [101]}})
    assert "1 fault" in told and "labels.0: input should be less than or equal to 100" in told


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": [1, 1]}, "seeds: must differ"),
        ({"seeds": []}, "seeds: "),
        ({"fewer_seeds": {50: 2}}, "fewer_seeds.50: there are 1 seeds, got 2"),
        ({"passes": {50: 30}}, 'passes: must have the key "default"'),
        ({"passes": {"often": 1, "default": 1}}, "passes.often"),
        ({"passes": {5: 30, "default": 1}}, "passes.5: no arm has this percent of labels"),
        ({"fewer_seeds": {5: 1}}, "fewer_seeds.5: no arm has this percent of labels"),
        ({"passes": {50: 30, "5e1": 2, "default": 1}}, "passes: two keys are the same number"),
        ({"passes": {"default": True}}, "passes.default: must be a number, got true"),
        ({"passes": {"default": "1_0"}}, "passes.default: must be a number, got 1_0"),
        ({"passes": {True: 3, "default": 1}}, "passes.1: must be a number, got true"),
        ({"seeds": [True]}, "seeds.0: must be a number, got true"),
        ({"seeds": [2**31]}, "seeds.0: input should be less than or equal to 2147483647"),
        ({"name": "a" * 300}, "name: string should have at most 100 characters"),
        ({"parts": {"train": 4}}, "parts.validation: "),
        ({"names": "a"}, "names: unexpected keyword"),
        ({"name": "../a"}, "name: "),
        ({"baseline": "semi_supervised"}, "baseline: must be an arm that is supervised"),
        ({"reference": "other"}, "reference: must be an arm, got other"),
        ({"arms": {"supervised": {"train": "both", "labels": [5]}}}, "arms.supervised.train: "),
        ({"arms": {"supervised": {"train": "supervised", "labels": [0]}}}, "arms.supervised.labels.0: "),
        (
            {"arms": ARMS | {"supervised": ARMS["supervised"] | {"from_labels": 5}}},
            "from_labels: is only for arms with pick",
        ),
        ({"arms": ARMS | {"random": ARMS["random"] | {"labels": [50]}}}, "must be more than from_labels 50, got 50"),
        ({"arms": ARMS | {"random": ARMS["random"] | {"from_labels": 40}}}, "first_stage: must be an arm without pick"),
        ({"arms": ARMS | {"random": ARMS["random"] | {"boxes_of": "semi_supervised"}}}, "boxes_of: must be another"),
        ({"seeds": [1, 2], "fewer_seeds": {50: 1}}, "from_labels: 50 has fewer seeds"),
        (
            {"arms": ARMS | {"supervised": ARMS["supervised"] | {"labels": [50, 50.0000001]}}},
            "arms.supervised.labels: 50 is given twice",
        ),
        ({"passes": {"default": 1e308}}, "passes.default: "),
        ({"data": {"images": "a", "annotations": "b", "same_from": float("nan")}}, "data.same_from: "),
    ],
)
def test_mistakes(tmp_path, changes, said):
    assert said in mistakes(tmp_path, **changes)


def test_all_mistakes_are_told_together(tmp_path):
    said = mistakes(tmp_path, seeds=[1, 1], passes={50: 1})
    assert "2 faults" in said and "seeds" in said and "passes" in said
    with pytest.raises(UserError, match=r"none\.yaml: cannot be read"):
        read_plan(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", ["facemask", "bccd", "screening"])
def test_the_plans_of_the_project_can_be_read(name):
    folder = plans.Path(plans.__file__).parent / "plans"
    plan = read_plan(folder / f"{name}.yaml")
    assert plan.name == name and (folder / plan.config).is_file()
    cells = cells_of(plan)
    assert len({cell.name for cell in cells}) == len(cells) > 10
