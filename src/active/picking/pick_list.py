"""The list of picked images (``*_picked.txt``): pick by the ranking and write it, or read the one of an earlier pick.

Beside the list, ``*_picked.csv`` says why each image was picked.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from src.active.picking.composition import Floor, Pick, Rules, compose
from src.active.picking.near_duplicates import NearDuplicates
from src.active.picking.pick_budget import budget_of, expected_cost
from src.active.picking.pick_options import PickOptions
from src.active.picking.resume_pick import list_changes, refuse
from src.active.ranking import read_ranking, unlistable
from src.active.terms_file import predicted_objects, read_terms, terms_file
from src.command_line import to_paste
from src.csv_file import csv_text
from src.data.checks.label_sources import LabelState, count_objects
from src.data.formats.reading import is_coco
from src.data.provenance import (
    MadeFrom,
    content_of,
    is_still,
    made_from,
    read_side_file,
    side_file,
    write_with_side_file,
)
from src.errors import DataError, UserError
from src.files import check_apart, check_free, read_regular_text, reading_fault, write_text
from src.wording import counted

_TABLE_COLUMNS = ("file_name", "image")  # the first one of a _picked.csv, and what others call it


def check_outputs(options: PickOptions) -> None:
    """Check, before anything is read, that the pick replaces none of its inputs; raises a UserError. A resumed pick may take the
    labels of its own output, of which it keeps a copy."""
    if options.output_ann_file is None:
        return
    check_free(options.output_ann_file, overwrite=True)  # before others are named after it: "." has no name
    if options.resume:
        return
    list_file = options.list_file
    lists = () if options.keeps_list else (list_file, side_file(list_file), reasons_file(list_file))
    inputs = ("ann_file", "combine_ann_file", "top_value_file", "picked_file", "labelling_reports")
    check_apart((options.output_ann_file, *lists), {option: getattr(options, option) for option in inputs})


def pick_by_ranking(coco: dict[str, Any], known: LabelState, options: PickOptions) -> list[str]:
    """Pick by acquisition score, cost, random share and least objects; write the list, and why each image is in it."""
    scores = read_scores(options.top_value_file, known.unlabelled)
    image_count = len({image["file_name"] for image in coco["images"]} | scores.keys())
    terms = terms_of(options.top_value_file)
    objects = count_objects(coco, known.labelled).total()
    expected = expected_cost(terms, options.labelling_reports, len(known.labelled), objects)
    budget = budget_of(scores, image_count, known, expected, options)
    rules = rules_of(coco, known, terms, options)
    overwrite, list_file = options.overwrite or options.resume, options.list_file
    for path in (options.output_ann_file, list_file, side_file(list_file), reasons_file(list_file)):
        check_free(path, overwrite)
    folders = [folder for folder in (options.img_dir, options.unlabelled_img_dir) if folder]
    most = budget.most(scores.keys() - known.labelled)
    near = NearDuplicates(folders, sorted(known.labelled) if folders else [], most)
    picked = compose(scores, known.labelled, budget, rules, near)
    if not folders:
        picked.notes.append("near-duplicates were not searched for: pass --img_dir")
    elif near.not_compared:
        remedy = "" if options.unlabelled_img_dir else "; give the folder where they lie as --unlabelled_img_dir"
        picked.notes.append(
            f"labelled or picked images that are not in {' or '.join(map(str, folders))} were not compared with others: "
            f"{near.not_compared}{remedy}"
        )
    for note in [*picked.notes, *(expected.forecast(picked.why) if expected else ())]:
        print(note)
    rows = {name: terms.get(name, {"acquisition_score": f"{scores[name]:.6g}"}) for name in picked.why}
    write_pick(
        list_file, picked, rows, origin_of(coco, options, known, {"top_value_file": options.top_value_file}), overwrite
    )
    print(f"{list_file}: {counted(len(picked.why), 'image')} picked; see {reasons_file(list_file)} for why")
    return list(picked.why)


def next_command(options: PickOptions) -> str:
    """What to do next: the command that sends the picked images to a labelling tool; words that are not known are explained."""
    unknown = [] if options.img_dir else ["the folder of their images as IMAGES"]
    found = options.top_value_file and options.top_value_file.with_name("infer_results.json")
    if not (found and found.is_file()):
        unknown.append("the infer_results.json of infer.py as INFER_RESULTS")
        found = "INFER_RESULTS"
    tasks = options.list_file.with_name(f"{options.list_file.stem.removesuffix('_picked')}_tasks")
    words = ["--picked_file", options.list_file, "--img_dir", options.img_dir or "IMAGES"]
    words += ["--unlabelled_img_dir", options.unlabelled_img_dir] if options.unlabelled_img_dir else []
    words += ["--infer_json", found, "--ann_file", options.combine_ann_file or options.ann_file]
    command = to_paste("export_tasks.py", *words, "--format", "label_studio", "--output_dir", tasks)
    where = f", with {' and '.join(unknown)}" if unknown else ""
    return f"what to do next: send them to a labelling tool{where}:  {command}"


def write_pick(
    list_file: Path, picked: Pick, rows: Mapping[str, Mapping[str, str]], origin: MadeFrom, overwrite: bool
) -> None:
    """Write the list of picked images, its table of reasons, and its provenance.

    Args:
        rows: file name -> the columns of its row beside the reason, such as its acquisition score.
    """
    write_text(reasons_file(list_file), _reasons(picked, rows), overwrite)
    write_with_side_file(list_file, "".join(f"{name}\n" for name in picked.why), origin, overwrite)


def reasons_file(list_file: Path) -> Path:
    """The CSV that says why each image of a list was picked."""
    return list_file.with_suffix(".csv")


def terms_of(ranking: Path) -> dict[str, dict[str, str]]:
    """The terms of the scores of a ranking; empty for a ranking without its CSV."""
    path = terms_file(ranking)
    return read_terms(path) if os.path.lexists(path) else {}


def rules_of(coco: dict[str, Any], known: LabelState, terms: dict[str, dict[str, str]], options: PickOptions) -> Rules:
    """The rules of a pick besides the highest scores.

    Raises:
        UserError: --at_least without the CSV of the ranking, or an unknown class.
    """
    least = options.floors(known.classes)
    if least and not terms:
        raise UserError(
            f"at_least: {terms_file(options.top_value_file)} is missing, which says what is predicted; rank again"
        )
    counts = count_objects(coco, known.labelled)
    floors = [Floor(name, number, counts[name], predicted_objects(terms, name)) for name, number in least.items()]
    return Rules(options.random_share, options.seed, floors)


def _reasons(picked: Pick, rows: Mapping[str, Mapping[str, str]]) -> str:
    """CSV: file_name, chosen_by, and the columns of the rows."""
    columns = list(dict.fromkeys(column for name in picked.why for column in rows[name]))
    table = [["file_name", "chosen_by", *columns]]
    for name, why in picked.why.items():
        table.append([name, why, *(_number(rows[name].get(column, "")) for column in columns)])
    return csv_text(table)


def _number(text: str) -> float | str:
    """A number of the ranking, which may be negative and is no formula."""
    try:
        return float(text)
    except ValueError:
        return text


def read_earlier(options: PickOptions) -> list[str]:
    """The names of the list of an earlier pick.

    Raises:
        UserError: with --resume, if it was picked with other inputs or settings.
    """
    list_file = options.list_file
    if options.resume:
        inputs = {"top_value_file": options.top_value_file, "combine_ann_file": options.combine_ann_file}
        inputs |= report_inputs(options)
        remedy = f"move {list_file} away to pick again"
        settings = {"pick_ratio": options.pick_ratio} | pick_settings(options)
        refuse(list_changes(list_file, inputs, settings), list_file, remedy, options.resume_anyway)
        print(f"kept from before: {list_file}")
    return read_list(list_file)


def pick_settings(options: PickOptions) -> dict[str, Any]:
    """What a list depends on beside its inputs and --pick_ratio."""
    budget = "--pick_ratio" if options.pick_ratio is not None else options.budget
    share = {"random_share": options.random_share, "seed": options.seed}
    return {"budget": budget, "at_least": list(options.at_least)} | share


def report_inputs(options: PickOptions) -> dict[str, Path]:
    """The reports of earlier rounds, by names for the provenance."""
    return {f"labelling_report_{number}": path for number, path in enumerate(options.labelling_reports, start=1)}


def read_scores(path: Path, unlabelled: set[str]) -> dict[str, float]:
    """The ranking {file_name: acquisition score}.

    Raises:
        DataError: it is not a ranking.
        UserError: it is the ranking of another data set, for it holds none of the ``unlabelled`` images.
    """
    scores = read_ranking(path)
    if unlabelled and not unlabelled & scores.keys():
        raise UserError(
            f"{path}: a ranking of other images. It holds none of the {len(unlabelled)} unlabelled images, such as "
            f"{min(unlabelled)}, but {len(scores)} others, such as {min(scores)}; rank the unlabelled images of this data set"
        )
    return scores


def read_list(path: Path) -> list[str]:
    """The names of a ``_picked.txt``, which somebody may have edited.

    Raises:
        UserError: it cannot be read, is empty, or has names that no annotation file would have.
    """
    try:
        names = [line for line in read_regular_text(path).split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {reading_fault(error)}") from None
    if not names:
        raise UserError(f"{path}: no file names in it")
    if names[0].split(",")[0].strip('\ufeff"') in _TABLE_COLUMNS:
        beside = path.with_suffix(".txt")
        remedy = (
            str(beside)
            if beside.is_file() and beside != path
            else "a file with one image name a line, such as ..._picked.txt"
        )
        raise UserError(f"{path}: is a table of why images were picked, not the list of them; give {remedy}")
    if faults := unlistable(names):
        raise DataError(str(path), faults)
    return list(dict.fromkeys(names))


def origin_of(coco: dict[str, Any], options: PickOptions, known: LabelState, source: dict[str, Path]) -> MadeFrom:
    """What the list or the output is made from.

    Args:
        coco: the content of `ann_file`, which may be of another form. source: the ranking or the list, by the name of its option.
    """
    other_form = None if is_coco(options.ann_file) else content_of(coco, options.ann_file.name)
    inputs = {
        "ann_file": None if other_form else options.ann_file,
        "combine_ann_file": options.combine_ann_file,
    } | source
    settings = {"pick_ratio": options.pick_ratio, "policy": options.policy or known.policy}
    if "top_value_file" in source:
        settings |= pick_settings(options)
        inputs |= report_inputs(options)
    origin = made_from(
        "pick_select.py", inputs, settings, {option: read_side_file(path) for option, path in source.items()}
    )
    origin["inputs"] |= {"ann_file": other_form} if other_form else {}
    return origin


def note_other_labels(source: Path, combine_ann_file: Path | None) -> None:
    """Print a note if the ranking or the list was made from another --combine_ann_file."""
    origin = read_side_file(source)
    for name in ("combine_ann_file", "train_ann_file"):  # the list names the first, detections the second
        if origin and combine_ann_file and not is_still(origin, name, combine_ann_file):
            print(
                f"note: {source} was made before {combine_ann_file} changed; to pick by the current labels, "
                "infer and rank again"
            )
            return
