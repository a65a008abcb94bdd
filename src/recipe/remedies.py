"""What to change when a run will take longer than the hours that there are."""

from collections.abc import Mapping

from src.recipe.choice import Settings, Situation, percent
from src.recipe.compute_cost import Machine
from src.recipe.data_summary import DataSummary
from src.recipe.input_size import LOST_SIDE, run_seconds, sizes_and_hours
from src.recipe.length_rules import FEW_PASSES
from src.recipe.start_weights import Weights

_NOMINAL = Machine("CPU", cores=1, memory=1.0, gflops=100.0)  # only ratios of times are used


def remedies(data: DataSummary, settings: Mapping, hours: float, chosen: bool = False) -> list[str]:
    """Sentences on a run that will take so many hours; none if it fits into the `hours` of its settings.

    Args:
        settings: all settings, with lengths in steps; hours: that the run will take, as measured.
        chosen: whether the steps were derived from the hours, and from the speed of the machine at that time.
    """
    allowed = settings["hours"]
    if allowed is None or hours <= allowed:
        return []
    now, situation = Settings(settings, set()), Situation(data, _NOMINAL, Weights(), None)
    size = settings["img_width"], settings["img_height"]
    steps = max(1, int(settings["max_iter"] * allowed / hours))
    passes = steps * settings["batch_size"] * settings["accumulate_steps"] / data.labelled
    few = f", which is little: {FEW_PASSES} and more are usual" if passes < FEW_PASSES else ""
    slower = ": this machine is slower now than when the steps were chosen for them (busy?)" if chosen else ""
    said = [
        f"that is more than --hours {allowed:g}{slower}. Fewer steps: --max_iter {steps} would be {passes:.0f} passes over the labels{few}",
    ]
    here = run_seconds(situation, now, size)
    smaller = [
        (width, height, hours * at / here)
        for (width, height), at in (
            (other, run_seconds(situation, now, other)) for other, _ in sizes_and_hours(situation, now)
        )
        if width * height < size[0] * size[1]
    ]
    fitting = next((row for row in smaller if row[2] <= allowed), smaller[-1] if smaller else None)
    if fitting:
        width, height, taken = fitting
        lost = f"where {percent(data.share_under(LOST_SIDE, width, height))} of the objects are under {LOST_SIDE} px"
        now_lost = percent(data.share_under(LOST_SIDE, *size))
        said.append(
            f"or a smaller input: {hours:.1f} h at {size[0]}x{size[1]} ({now_lost}); {taken:.1f} h at {width}x{height} "
            f"(--img_width {width} --img_height {height}), {lost}"
        )
    return said
