"""The average of the student: how far it goes back, and what the teacher starts with."""

import re

from tests.recipe.situations import decided, facts


def test_each_setting_of_the_average_has_its_own_reason():
    chosen = decided(facts(images=100))
    steps = int(re.match(r"goes back (\d+) steps: ", chosen["ema_keep_rate"].reason)[1])
    assert abs(1 - 1 / steps - chosen["ema_keep_rate"].value) < 1e-5
    assert (chosen["teacher_start"].value, "continues with that average" in chosen["teacher_start"].reason) == (
        "average",
        True,
    )


def test_without_an_average_of_the_burn_in_the_teacher_starts_as_the_student():
    chosen = decided(facts(images=100), {"supervised_ema": False})
    assert chosen["teacher_start"].value == "student" and "no average" in chosen["teacher_start"].reason
    assert chosen["ema_keep_rate"].reason.startswith("goes back ")
