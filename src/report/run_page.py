"""One HTML page that tells how a run went: scores of each stage, what costs most, detections beside ground truth, curves.

    python -m src.evaluation.page --run OUTPUT_DIR --eval_img_dir DIR --eval_ann_file FILE

OUTPUT_DIR is what a two-stage script wrote (first_stage, second_stage) or the folder of a single run. A stage's scores
are those that eval.py wrote into its folder eval/. The page holds its pictures, so it can be sent as one file.
"""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from src.command_line import program_parser
from src.data.annotations import Annotations
from src.data.formats.reading import read_data
from src.errors import UserError, entry_point
from src.evaluation.errors.advice import headline
from src.evaluation.errors.analysis import ErrorAnalysis, analyse_errors
from src.evaluation.metrics import size_rule
from src.evaluation.records import SHOWN_SCORE
from src.evaluation.results_file import check_results
from src.files import check_free, write_text
from src.report.charts import line_chart
from src.report.error_pictures import draw_image
from src.report.error_tables import kinds_table
from src.report.markup import note, page, picture, score, table
from src.report.stages import Stage, read_stages

PAGE_NAME = "report.html"

_NOT_TERMS = ("total_loss", "peak_loss", "unsup_loss")  # sums and extremes of what the others are
_SUMMARY = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR_100")


def write_page(
    path: Path,
    title: str,
    stages: Sequence[Stage],
    annotations: Annotations | None = None,
    img_dir: Path | None = None,
    picture_count: int = 12,
    overwrite: bool = False,
) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        title: name of the run.
        stages: in the order of training.
        annotations, img_dir: the evaluation data; without them the page has no pictures.
        picture_count: evaluation images shown, spread evenly over the data set.
        overwrite: whether an older page may be replaced.
    """
    evaluated = [stage for stage in stages if stage.metrics is not None]
    parts = [f"<h1>{escape(title)}</h1>", note(f"Written {datetime.now():%Y-%m-%d %H:%M}.")]
    parts.append("<h2>Scores on the evaluation images</h2>")
    parts.append(_summary_table(evaluated) if evaluated else "<p>No stage was evaluated.</p>")
    if evaluated:
        parts += ["<h2>Scores of each class</h2>", _class_table(evaluated)]
    if annotations is not None and evaluated and evaluated[-1].records is not None:
        last = evaluated[-1]
        records = check_results(last.records, annotations, f"results of {last.name}")
        analysis = analyse_errors(annotations, records, last.metrics)
        told = f'<p class="headline">{escape(headline(analysis))}</p>'
        parts += [f"<h2>What it gets wrong: {escape(_spoken(last.name))}</h2>", told, kinds_table(analysis)]
        parts.append(_pictures(analysis, _spoken(last.name), img_dir, picture_count))
    for stage in stages:
        if stage.warnings:
            parts += [f"<h2>Warnings: {escape(_spoken(stage.name))}</h2>", _warning_list(stage.warnings)]
        if stage.curves:
            parts += [f"<h2>Training: {escape(_spoken(stage.name))}</h2>", _charts(stage.curves)]
    write_text(path, page(title, parts), overwrite)


def _summary_table(stages: Sequence[Stage]) -> str:
    rows = []
    for index, stage in enumerate(stages):
        before = stages[index - 1].metrics if index else {}
        counts = ["n/a" if count is None else str(count) for count in (stage.labelled, stage.unlabelled)]
        name = escape(_spoken(stage.name))
        rows.append([name, *counts, *(score(stage.metrics[key], before.get(key)) for key in _SUMMARY)])
        if "segm" in stage.metrics:
            masks, before = stage.metrics["segm"], before.get("segm", {})
            rows.append([f"{name}: masks", *counts, *(score(masks[key], before.get(key)) for key in _SUMMARY)])
    explanation = (
        "Labelled and unlabelled: training images of each kind. AP is the mean over IoU .50 to .95; AP50 counts a box as "
        "found from IoU .50 on. Small numbers: change from the stage before."
    )
    if rule := size_rule(stages[-1].metrics.get("area_from", {})):  # files of earlier versions lack it
        explanation += f" Objects are {rule}."
    return table(["stage", "labelled", "unlabelled", *_SUMMARY], rows) + note(explanation)


def _class_table(stages: Sequence[Stage]) -> str:
    header = ["class", "objects"]
    header += [f"{key}, {_spoken(stage.name)}" for key in ("AP", "AP50") for stage in stages]
    rows = []
    for name, last in stages[-1].metrics["per_class"].items():
        found = [stage.metrics["per_class"].get(name, {}) for stage in stages]
        scores = [score(row.get(key)) for key in ("AP", "AP50") for row in found]
        rows.append([escape(name), str(last["objects"]), *scores])
    return table(header, rows)


def _warning_list(warnings: Sequence[tuple[int, str]]) -> str:
    items = (f"<li><b>step {step}</b> {escape(sentence)}</li>" for step, sentence in warnings)
    return f'<ul class="warnings">{"".join(items)}</ul>'


def _charts(rows: Sequence[dict[str, Any]]) -> str:
    """Charts of what the rows hold: scores, loss, its terms, pseudo-labels, learning rate."""
    keys = sorted({key for row in rows for key in row})
    groups = {
        "AP and AP50 on the evaluation images": [key for key in keys if key.endswith(("/AP", "/AP50"))],
        "loss": [key for key in keys if key in ("loss", "total_loss", "unsup_loss")],
        "loss terms": [key for key in keys if key.endswith("_loss") and key not in _NOT_TERMS],
        "loss terms of pseudo-labels": [key for key in keys if key.endswith("_pseudo")],
        "pseudo-boxes an image": [key for key in keys if key == "pseudo_boxes"],
        "score of pseudo-boxes": [key for key in keys if key == "pseudo_score"],
        "pseudo-boxes on the probe": [key for key in keys if key in ("probe/precision", "probe/recall")],
        "learning rate": [key for key in keys if key == "lr"],
    }
    charts = [
        line_chart(
            title, {name: [(row["step"], row[name]) for row in rows if row.get(name) is not None] for name in group}
        )
        for title, group in groups.items()
        if group
    ]
    return f'<div class="charts">{"".join(charts)}</div>'


def _pictures(analysis: ErrorAnalysis, stage: str, img_dir: Path, count: int) -> str:
    images = analysis.annotations.images
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int)
    explanation = f"Ground truth on the left, detections with a score of {SHOWN_SCORE} or more on the right."
    parts = [f"<h2>Detections: {escape(stage)}</h2>", note(explanation)]
    for index in chosen.tolist():
        name = images[index].file_name
        parts.append(picture(draw_image(analysis, index, img_dir, analysis.matches.score >= SHOWN_SCORE), name, name))
    return "\n".join(parts)


def _spoken(name: str) -> str:
    return name.replace("_", " ")


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Write the page of a run."""
    parser = program_parser(
        "Write one HTML page about a run: scores of each stage, curves, detections beside ground truth.",
        prog="python -m src.evaluation.page",
    )
    parser.add_argument(
        "--run", type=Path, required=True, help="folder with first_stage and second_stage, or of one run"
    )
    parser.add_argument(
        "--eval_img_dir", type=Path, help="evaluation images; with --eval_ann_file the page has pictures"
    )
    parser.add_argument("--eval_ann_file", type=Path, help="annotations of the evaluation images")
    parser.add_argument("--class_names", default="", help='classes in the order of their labels, as "cat,dog"')
    parser.add_argument("--pictures", type=int, default=12, help="how many images are shown [12]")
    parser.add_argument("--output", type=Path, help=f"the page [RUN/{PAGE_NAME}]")
    parser.add_argument("--overwrite", action="store_true", help="replace an older page")
    arguments = parser.parse_args(argv)
    if (arguments.eval_img_dir is None) != (arguments.eval_ann_file is None):
        raise UserError("--eval_img_dir and --eval_ann_file belong together: give both or none")
    path = arguments.output or arguments.run / PAGE_NAME
    check_free(path, arguments.overwrite)
    annotations = None
    if arguments.eval_ann_file is not None:
        names = [name.strip() for name in arguments.class_names.split(",") if name.strip()]
        annotations = read_data(arguments.eval_ann_file, arguments.eval_img_dir, names)
    stages = read_stages(arguments.run)
    title = arguments.run.resolve().name
    write_page(path, title, stages, annotations, arguments.eval_img_dir, arguments.pictures, arguments.overwrite)
    print(f"page written: {path}")
