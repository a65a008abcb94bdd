"""AP over labelling cost, one line per arm, random picks included; a reproducible SVG file."""

from pathlib import Path

from benchmarks.label_efficiency.cells import Key
from benchmarks.label_efficiency.comparison import Reached, Runs, reached
from benchmarks.label_efficiency.labelled import SECONDS_PER_BOX
from benchmarks.label_efficiency.plan import Plan
from src.files import write_atomically
from src.report.chart_style import chart_style, save_svg

_AXES = {"images": "labelled images", "boxes": "labelled boxes"}


def write_chart(plan: Plan, runs: Runs, path: Path) -> None:
    """Draw the rows of `reached`: means over seeds, bars of their 95 % interval; a picking arm starts at its first stage."""
    from matplotlib.figure import Figure  # here, for it takes as long to import as all that has no chart

    rows = dict(zip(runs, (row for row in reached(plan, runs) if not row.name.endswith("equal minutes")), strict=True))
    with chart_style():
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        for axes, (what, title) in zip(figure.subplots(1, 2, sharey=True), _AXES.items(), strict=True):
            for arm in plan.arms:
                _draw(axes, arm, what, rows, plan)
            axes.set_xlabel(title)
        axes.secondary_xaxis("top", functions=_hours(SECONDS_PER_BOX[0])).set_xlabel(
            f"hours of labelling at {SECONDS_PER_BOX[0]} s per box ({SECONDS_PER_BOX[1]} s: {SECONDS_PER_BOX[1] / SECONDS_PER_BOX[0]:g} times as many)"
        )
        figure.axes[0].set_ylabel(f"AP on the {plan.report} part (mean over seeds, 95 % interval)")
        figure.axes[0].legend(fontsize="small")
        figure.suptitle(plan.name)
        write_atomically(path, lambda file: save_svg(figure, file), overwrite=True)


def _draw(axes: object, arm: str, what: str, rows: dict[Key, Reached], plan: Plan) -> None:
    ours = [row for key, row in rows.items() if key.arm == arm]
    if not ours:
        return
    settings = plan.arms[arm]
    start = rows.get(Key(settings.first_stage or "", settings.from_labels or 0.0))
    points = sorted(([start] if start else []) + ours, key=lambda row: row.labels)
    style = {"marker": "o", "capsize": 3, "linestyle": "--" if settings.pick == "random" else "-"}
    bars = [row.ap.half_width or 0.0 for row in points]
    axes.errorbar([getattr(row, what) for row in points], [row.ap.mean for row in points], bars, label=arm, **style)


def _hours(seconds: int) -> tuple:
    return (lambda boxes: boxes * seconds / 3600), (lambda hours: hours * 3600 / seconds)
