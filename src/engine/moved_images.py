"""Images that were moved out of the folder of unlabelled ones while a run was stopped, to be labelled for the next run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from src.data.annotations import unlabelled_entry
from src.data.image_listing import list_images
from src.data.images import image_size
from src.data.training_data import TrainingData
from src.wording import counted


def find_moved(
    data: TrainingData, img_dir: str | Path, is_as_before: Callable[[TrainingData], bool]
) -> tuple[TrainingData, str | None]:
    """The data with the unlabelled images that were moved into ``img_dir``, if that makes them those of before.

    Args:
        data: of a resumed run, whose unlabelled images differ from those it was started with. is_as_before: whether data
            have the same unlabelled images.

    Returns:
        The data and a sentence for the log; the data as they are and None if moved images are not all that changed.
    """
    names = {entry.file_name for entry in (*data.annotations.images, *data.unlabelled)}
    moved = [name for name in list_images(img_dir) if name not in names]
    if not moved:
        return data, None
    known, folder = len(data.annotations.unlabelled), Path(img_dir)
    entries = [unlabelled_entry(0, name, image_size(folder / name), folder) for name in moved]
    stream = sorted([*data.unlabelled[known:], *entries], key=lambda entry: entry.file_name)
    first_id = max((entry.image_id for entry in data.annotations.images), default=0) + 1
    numbered = tuple(replace(entry, image_id=first_id + number) for number, entry in enumerate(stream))
    found = replace(data, unlabelled=data.unlabelled[:known] + numbered)
    if not is_as_before(found):
        return data, None
    return (
        found,
        f"{counted(len(moved), 'unlabelled image', 'were')} moved into {img_dir}, such as {moved[0]}; the run continues with them",
    )
