"""The page of a round of labelling, one HTML file that opens offline: would more labelling pay, what is to be labelled, what changed.

    python -m src.report.rounds.round_page --run OUTPUT_DIR --round 2 --ann_file train_25.json --img_dir train/images

OUTPUT_DIR is that of scripts/run_rounds_cpu.sh, which writes OUTPUT_DIR/round_N/round.html at each stop. The page shows what is known:
before the labels are back, what is expected; afterwards, what it took and what the labellers changed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from src.command_line import positive_count, program_parser
from src.data.annotations import Annotations, ImageEntry, unlabelled_entry
from src.data.images import image_size
from src.errors import entry_point
from src.evaluation.falling_ap import fall_in_ap, if_shorter
from src.files import write_text
from src.labelling.box_pairs import CHANGES
from src.labelling.picked import Reason
from src.report.drawing import class_colour
from src.report.pages import render
from src.report.rounds.round_files import RoundFiles, read_rounds, shapes_of
from src.report.rounds.round_numbers import (
    changes,
    class_balance,
    cost_of,
    curve_charts,
    forecast,
    learning_curve,
    progress_of,
    size_balance,
)
from src.report.rounds.round_pictures import MOST_PICTURES, class_objects, mistakes, thumbnails
from src.wording import counted

PAGE_NAME = "round.html"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = program_parser(__doc__, prog="python -m src.report.rounds.round_page")
    parser.add_argument("--run", type=Path, required=True, help="OUTPUT_DIR of the rounds")
    parser.add_argument("--round", type=positive_count, required=True, help="number of the round, from 1")
    parser.add_argument("--ann_file", type=Path, required=True, help="annotation file of the first round")
    parser.add_argument("--img_dir", type=Path, required=True, help="folder of its images")
    parser.add_argument("--unlabelled_img_dir", type=Path, help="folder of further unlabelled images")
    return parser.parse_args(argv)


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """Read the rounds, write the page of the last one; an older page of it is replaced."""
    args = parse_args(argv)
    rounds = read_rounds(args.run, args.round, args.ann_file)
    known = [each.annotations(args.img_dir, args.unlabelled_img_dir) for each in rounds]
    rows = progress_of(rounds, known)
    values = {
        "subject": f"trained with {counted(rows[-1].images, 'labelled image')}",
        "picked": [],
        "changed": None,
        "labels_are_back": False,
    } | _selection(rounds[-1], known[-1], args.img_dir, args.unlabelled_img_dir)
    curve = learning_curve(rows)
    more = len(values["picked"]) or max(rows[-1].images - (rows[-2].images if len(rows) > 1 else 0), 1)
    hours = values["cost"].hours if values["picked"] else None
    headline = forecast(curve, rows, more, hours, values["labels_are_back"], unlabelled=len(rounds[-1].terms()))
    fall = fall_in_ap([(f"round {each.number}", each.metrics()) for each in rounds], _after_a_fall(rounds))
    html = render(
        "round.html",
        title=f"Round {args.round}: {values['subject']}",
        campaign="/".join(args.run.resolve().parts[-2:]),
        fall=fall,
        progress=rows,
        charts_of_curve=curve_charts(rows, curve, hours and hours / more),
        headline=headline,
        **values,
    )
    path = rounds[-1].folder / PAGE_NAME
    write_text(path, html, overwrite=True)
    print(f"page of the round: {path}")
    print("\n".join(filter(None, (fall, headline))))


def _after_a_fall(rounds: Sequence[RoundFiles]) -> str:
    if len(rounds) < 2:
        return ""
    before, now = ((f"round {each.number}", each.steps()) for each in rounds[-2:])
    return (
        f"{if_shorter(before, now)}Before more is labelled, look at what the labellers changed in {before[0]}, "
        "and search the labels for mistakes (export_tasks.py --review)."
    )


def _selection(files: RoundFiles, before: Annotations, img_dir: Path, more_dir: Path | None) -> dict:
    """What the page shows of the picked images; nothing in a round that picks none."""
    picked = files.picked()
    if not picked:
        return {}
    classes = list(before.class_names)
    after = files.annotations(img_dir, more_dir, after=True)
    sent = files.sent(picked, classes)
    entries = _entries(picked, after or before, img_dir, more_dir)
    reasons = files.reasons()
    captions = {
        name: f"{rank}. {name}: {_words(reasons.get(name, Reason()))}" for rank, name in enumerate(picked, start=1)
    }
    returned = {name: shapes_of(entries[name], classes) for name in picked if entries[name].labelled} if after else {}
    done = f"{len(returned)} of {counted(len(picked), 'image')} labelled"
    return {
        "subject": done if after else f"{counted(len(picked), 'image')} to label",
        "picked": picked,
        "cost": cost_of(files, picked, before.labelled),
        "shown": min(len(picked), MOST_PICTURES),
        "thumbnails": thumbnails(entries, sent, captions, classes, img_dir),
        "objects": class_objects(entries, sent if after is None else returned, classes, img_dir),
        "colours": [(name, class_colour(number)) for number, name in enumerate(classes)],
        "labels_are_back": after is not None,
        "balances": {"class": class_balance(before, after, sent), "size": size_balance(before, after, sent)},
        "changed": changes(sent, returned, classes) if after else None,
        "change_names": list(CHANGES),
        "mistakes": mistakes(entries, sent, returned, img_dir),
    }


def _entries(names: Sequence[str], known: Annotations, img_dir: Path, more_dir: Path | None) -> dict[str, ImageEntry]:
    """The images of these names; those that no annotation file knows lie in the folder of unlabelled ones."""
    by_name = {entry.file_name: entry for entry in known.images}
    for name in names:
        if name not in by_name:
            folder = more_dir if more_dir and (more_dir / name).is_file() else img_dir
            by_name[name] = unlabelled_entry(0, name, image_size(folder / name), folder)
    return {name: by_name[name] for name in names}


def _words(reason: Reason) -> str:
    score = f"acquisition score {reason.score:.3g}" if reason.score is not None else ""
    return ", ".join(filter(None, (reason.words, score))) or "reason unknown"


if __name__ == "__main__":
    main()
