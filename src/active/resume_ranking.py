"""Resume a ranking: which of its inputs, settings and images have changed."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from src.active.ranking import read_ranking
from src.data.checks.image_files import files_hash
from src.data.image_listing import list_images
from src.data.provenance import Input, MadeFrom, origin_before_edits, steps_of
from src.files import file_hash
from src.wording import counted

_SHOWN = 3  # examples in a sentence


def ranking_changes(ranking: Path, files: Mapping[str, Path], settings: Mapping[str, Any]) -> list[str]:
    """Changed inputs and settings of a ranking, according to the provenance beside it; one sentence each.

    Args:
        files: option of the ranking or of a step before it -> current file; settings: option -> current value.
    """
    steps = _steps(ranking)
    changes = []
    for option, path in files.items():
        known = _input(steps, option)
        if not known or known["sha256"] == file_hash(path):
            continue
        if not (before := path.with_name(known["name"])).exists():
            changes.append(
                f"{option}: was {before}, which is missing, and {path} has other content; put that file back"
            )
        else:
            changes.append(f"{option}: the content of {path} has changed")
    for key, value in settings.items():
        known = next((step["settings"][key] for step in steps if key in step["settings"]), value)
        if known != value:
            changes.append(f"{key}: was {known}, is {value}")
    return changes


def image_notes(
    ranking: Path, img_dir: Path, unlabelled_img_dir: Path | None, annotated: Collection[str] = ()
) -> list[str]:
    """Changes of the images since they were ranked; one sentence each.

    Args:
        img_dir: folder of the images of the annotation file, into which labelled ones are moved; unlabelled_img_dir: of
            further ones, or None. annotated: names of the images of the annotation file; those of earlier rounds, which were labelled
            and so not ranked, may lie in either folder.
    """
    ranked = read_ranking(ranking)
    folders = [folder for folder in (img_dir, unlabelled_img_dir) if folder]
    places = {
        name: next((folder / name for folder in folders if (folder / name).is_file()), None) for name in sorted(ranked)
    }
    notes = []
    if gone := [name for name, place in places.items() if place is None]:
        notes.append(f"{_counted(gone)} were ranked and are missing now")
    known_names = {*places, *annotated}
    if unlabelled_img_dir and (new := sorted(set(list_images(unlabelled_img_dir)) - known_names)):
        notes.append(
            f"{_counted(new)} of {unlabelled_img_dir} were added after the ranking: trained on, but not picked"
        )
    known = _input(_steps(ranking), "images")
    if known and not gone and known["sha256"] != files_hash(places.items()):
        notes.append("the contents of image files have changed since they were ranked")
    return notes


def _counted(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{counted(len(names), 'image')} ({', '.join(names[:_SHOWN])}{more})"


def _steps(ranking: Path) -> list[MadeFrom]:
    origin = origin_before_edits(ranking)
    return steps_of(origin) if origin else []


def _input(steps: list[MadeFrom], option: str) -> Input | None:
    return next((step["inputs"][option] for step in steps if option in step["inputs"]), None)
