"""The tables of a plan, as Markdown."""

from collections.abc import Sequence

from benchmarks.label_efficiency.comparison import Comparison, Reached
from benchmarks.label_efficiency.intervals import Difference
from benchmarks.label_efficiency.labelled import SECONDS_PER_BOX


def reached_table(rows: Sequence[Reached]) -> str:
    """AP of each arm, and the cost of its labels."""
    hours = [f"hours at {seconds} s per box" for seconds in SECONDS_PER_BOX]
    head = ["arm", "labels", "images", "boxes", *hours, "AP", "spread", "n", "% of all labels", "minutes"]
    lines = [
        [
            row.name,
            f"{row.labels:g} %",
            f"{row.images:.0f}",
            f"{row.boxes:.0f}",
            *(f"{row.boxes * seconds / 3600:.2f}" for seconds in SECONDS_PER_BOX),
            f"{row.ap.mean:.1f}",
            _or_dash(row.ap.spread, "{:.1f}"),
            str(len(row.ap.values)),
            "–" if row.share is None else f"{row.share.mean:.1f} {_interval(row.share, '{:.1f}')}".strip(),
            f"{row.minutes:.0f}",
        ]
        for row in rows
    ]
    return _markdown(head, lines)


def comparison_table(rows: Sequence[Comparison]) -> str:
    """Paired differences; "could have shown" is the smallest mean difference whose interval would lie above 0."""
    head = ["arm", "against", "at", "AP difference", "95 % interval", "n", "spread", "could have shown", "by seed"]
    lines = [
        [
            row.ours,
            row.theirs,
            row.terms,
            f"{row.difference.mean:+.2f}",
            _interval(row.difference, "{:+.2f}") or "–",
            str(len(row.difference.values)),
            _or_dash(row.difference.spread, "{:.2f}"),
            _or_dash(row.difference.half_width, "{:.2f}"),
            ", ".join(f"{seed}: {value:+.2f}" for seed, value in row.difference.values.items()),
        ]
        for row in rows
    ]
    return _markdown(head, lines)


def _interval(difference: Difference, form: str) -> str:
    ends = difference.interval
    return "" if ends is None else f"[{form.format(ends[0])}, {form.format(ends[1])}]"


def _or_dash(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
