"""The HTML page of a training run: scores of each stage, error types, detections beside ground truth, warnings, curves.

    python -m src.evaluation.page --run OUTPUT_DIR --eval_img_dir DIR --eval_ann_file FILE

OUTPUT_DIR is the output folder of a two-stage script (with first_stage and second_stage) or of a single run. The scores of a
stage are those that eval.py wrote into its folder eval/. Pictures are inside the page, so it can be sent as one file.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from src.command_line import (
    NAMES_HELP,
    any_count,
    names_in_one_word,
    parse_names,
    program_parser,
    refuse_idle,
    to_paste_anywhere,
    whole_path,
)
from src.data.annotations import Annotations
from src.data.formats.reading import read_data
from src.errors import UserError, entry_point
from src.evaluation.errors.advice import headline
from src.evaluation.errors.analysis import ErrorAnalysis, analyse_errors
from src.evaluation.falling_ap import fall_in_ap, if_shorter
from src.evaluation.metrics import size_rule
from src.evaluation.records import SHOWN_SCORE
from src.evaluation.results_file import check_results
from src.files import check_apart, check_free, write_text
from src.report.charts import Chart, line_chart
from src.report.error_pictures import compare_pictures
from src.report.error_tables import error_types
from src.report.pages import Picture, render
from src.report.stages import Stage, check_complete, read_stages, stage_folders

PAGE_NAME = "report.html"

_NOT_TERMS = ("total_loss", "peak_loss", "unsup_loss")  # sums and extremes of the other losses
_AFTER_A_FALL = "Look at its warnings and its pseudo-labels below before you use it."
NOT_EVALUATED = "scores of training are among its curves; for a table of scores, errors and pictures, evaluate, and write the page again with --overwrite:"
_METRICS = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR_100")


@dataclass(frozen=True)
class SummaryRow:
    """Metrics of one stage, of boxes or of masks, and those of the stage before (empty for the first)."""

    title: str
    stage: Stage
    metrics: Mapping[str, Any]
    before: Mapping[str, Any]


def write_page(
    path: Path,
    title: str,
    stages: Sequence[Stage],
    annotations: Annotations | None = None,
    img_dir: Path | None = None,
    picture_count: int = 12,
    overwrite: bool = False,
    evaluated_by: Sequence[str] = (),
) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        title: name of the run.
        stages: in the order of training.
        annotations, img_dir: the evaluation data; without them the page has no pictures.
        picture_count: evaluation images shown, spread evenly over the data set.
        overwrite: whether an older page may be replaced.
        evaluated_by: the commands that evaluate the stages which were not evaluated.
    """
    evaluated = [stage for stage in stages if stage.metrics is not None]
    values = {"analysis": None, "evaluated_by": evaluated_by, "not_evaluated": NOT_EVALUATED}
    if annotations is not None and evaluated and evaluated[-1].records is not None:
        last = evaluated[-1]
        records = check_results(last.records, annotations, f"results of {last.name}")
        analysis = analyse_errors(annotations, records, last.metrics)
        values |= {
            "analysis": analysis,
            "headline": headline(analysis),
            "error_rows": error_types(analysis),
            "pictures": _pictures(analysis, img_dir, picture_count),
            "shown_score": SHOWN_SCORE,
        }
    html = render(
        "run.html",
        title=f"Training run: {title}",
        stages=stages,
        fall=fall_in_ap([(stage.title, stage.metrics) for stage in stages], _after_a_fall(stages)),
        evaluated=evaluated,
        metric_names=list(_METRICS),
        summary=_summary(evaluated),
        size_rule=size_rule(evaluated[-1].metrics.get("area_from", {})) if evaluated else "",
        class_header=["class", "objects", *(f"{key}, {stage.title}" for key in ("AP", "AP50") for stage in evaluated)],
        training_charts=_charts,
        **values,
    )
    write_text(path, html, overwrite)


def _after_a_fall(stages: Sequence[Stage]) -> str:
    lengths = [(stage.title, stage.curves[-1]["step"] if stage.curves else None) for stage in stages[-2:]]
    return (if_shorter(*lengths) if len(lengths) == 2 else "") + _AFTER_A_FALL


def _summary(stages: Sequence[Stage]) -> list[SummaryRow]:
    rows = []
    for index, stage in enumerate(stages):
        before = stages[index - 1].metrics if index else {}
        rows.append(SummaryRow(stage.title, stage, stage.metrics, before))
        if "segm" in stage.metrics:
            rows.append(SummaryRow(f"{stage.title}: masks", stage, stage.metrics["segm"], before.get("segm", {})))
    return rows


def _charts(rows: Sequence[dict[str, Any]]) -> list[Chart]:
    """Charts of what was logged: scores, losses, pseudo-labels, learning rate."""
    keys = sorted({key for row in rows for key in row})
    groups = {
        "AP and AP50 on the evaluation images": [key for key in keys if key.endswith(("/AP", "/AP50"))],
        "Loss": [key for key in keys if key in ("loss", "total_loss", "unsup_loss")],
        "Loss terms": [key for key in keys if key.endswith("_loss") and key not in _NOT_TERMS],
        "Loss terms of pseudo-labels": [key for key in keys if key.endswith("_pseudo")],
        "Pseudo-boxes per image": [key for key in keys if key == "pseudo_boxes"],
        "Score of pseudo-boxes": [key for key in keys if key == "pseudo_score"],
        "Pseudo-labels on the held-out images": [key for key in keys if key in ("probe/precision", "probe/recall")],
        "Learning rate": [key for key in keys if key == "lr"],
    }
    return [
        line_chart(
            title, {name: [(row["step"], row[name]) for row in rows if row.get(name) is not None] for name in group}
        )
        for title, group in groups.items()
        if group
    ]


def _pictures(analysis: ErrorAnalysis, img_dir: Path, count: int) -> list[Picture]:
    images = analysis.annotations.images
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int)
    shown = analysis.matches.score >= SHOWN_SCORE
    names = [(index, images[index].file_name) for index in chosen.tolist()]
    return [compare_pictures(analysis, index, img_dir, shown, name) for index, name in names]


def evaluating_commands(run: Path, stages: Sequence[Stage], arguments: argparse.Namespace) -> list[str]:
    """The command that evaluates a stage where the page looks for its scores, of each stage that was not evaluated."""
    commands = []
    given = {"eval_img_dir": arguments.eval_img_dir, "eval_ann_file": arguments.eval_ann_file}
    for folder, stage in zip(stage_folders(run), stages, strict=True):
        if stage.metrics is None:
            names = ("best_model.ckpt", "model_0.ckpt")
            checkpoint = next((folder / name for name in names if (folder / name).is_file()), folder / names[0])
            words = ["--checkpoint_path", whole_path(checkpoint)]
            for option, path in given.items():
                words += [f"--{option}", whole_path(path) if path else option.upper()]
            words += ["--class_names", names_in_one_word(arguments.class_names)] if arguments.class_names else []
            commands.append(to_paste_anywhere("eval.py", *words, "--eval_output_dir", whole_path(folder / "eval")))
    return commands


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
    parser.add_argument(
        "--class_names", nargs="+", default=(), help=f"classes in the order of their labels, {NAMES_HELP}"
    )
    parser.add_argument("--pictures", type=any_count, default=12, help="how many images are shown [12]")
    parser.add_argument("--output", type=Path, help=f"the page [RUN/{PAGE_NAME}]")
    parser.add_argument("--overwrite", action="store_true", help="replace an older page")
    arguments = parser.parse_args(argv)
    if (arguments.eval_img_dir is None) != (arguments.eval_ann_file is None):
        raise UserError("--eval_img_dir and --eval_ann_file belong together: give both or none")
    of_pictures = ("pictures", "class_names")
    refuse_idle(parser, arguments, of_pictures, "goes with --eval_ann_file", arguments.eval_ann_file is None)
    path = arguments.output or arguments.run / PAGE_NAME
    check_free(path, arguments.overwrite)
    check_apart([path], {"eval_ann_file": arguments.eval_ann_file})
    annotations, arguments.class_names = None, parse_names(arguments.class_names)
    if arguments.eval_ann_file is not None:
        annotations = read_data(arguments.eval_ann_file, arguments.eval_img_dir, arguments.class_names)
    stages = read_stages(arguments.run)
    for stage in stages:
        if stage.metrics is not None:
            check_complete(stage.metrics, f"eval/metrics.json of {stage.title}")
    title = "/".join(arguments.run.resolve().parts[-2:])
    commands = evaluating_commands(arguments.run, stages, arguments)
    of_data = (annotations, arguments.eval_img_dir, arguments.pictures)
    write_page(path, title, stages, *of_data, arguments.overwrite, commands)
    print(f"page written: {path}")
    if commands:
        print(f"note: {NOT_EVALUATED}\n" + "\n".join(f"  {command}" for command in commands))
