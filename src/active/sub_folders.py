"""Sub-folders of a folder of images, which often are cameras, days or places: images of one are more alike than others."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath


def by_sub_folder(names: Iterable[str]) -> dict[str, list[str]]:
    """Sub-folder -> the names of its own images, in the order of ``names``; "." is the folder itself."""
    members = defaultdict(list)
    for name in names:
        members[PurePosixPath(name).parent.as_posix()].append(name)
    return dict(members)


def spread(names: Sequence[str], seed: int) -> dict[str, float]:
    """A score per image, 0 to 1, whose order visits every sub-folder before any of them a second time.

    The largest sub-folders come first. From then on, of the best images each sub-folder holds its share. Within a sub-folder
    the order is random.

    Args:
        seed: of the random order; -1: not seeded.
    """
    generator = random.Random(None if seed == -1 else seed)
    folders = sorted(by_sub_folder(sorted(names)).items(), key=lambda item: (-len(item[1]), item[0]))
    firsts, others = [], []
    for place, (_, members) in enumerate(folders):
        generator.shuffle(members)
        firsts.append(members[0])
        others += [((rank + 0.5) / len(members), place, name) for rank, name in enumerate(members) if rank]
    order = firsts + [name for _, _, name in sorted(others)]
    return {name: 1 - place / len(order) for place, name in enumerate(order)}
