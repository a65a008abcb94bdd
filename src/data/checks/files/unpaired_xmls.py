"""Images without XML file and XML files without image: one sentence for all that lack their partner for one reason."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from src.data.image_listing import all_files
from src.errors import Summary
from src.wording import counted, examples

IN_TWO_FOLDERS = "pass --some_unlabelled if nobody has labelled them; write XML files without objects if they show none"


def unpaired(
    stems: Sequence[str],
    files: tuple[Mapping[str, str], Mapping[str, str]],
    folders: tuple[Path, Path],
    together: bool,
    remedy: str | None = None,
) -> Iterator[tuple[str, str]]:
    """The first name, and a sentence, of all that lack their partner for one reason.

    Args:
        stems: those to pair. files: stem -> image, and stem -> XML file. folders: of the images, and of the XML files.
        together: one sentence for all of them; else one for each. remedy: see ``_without_xml``.
    """
    image_of, xml_of = files
    lone = [stem for stem in stems if stem not in image_of]
    others = {_stem(name): name for name in all_files(folders[0]) if not name.lower().endswith(".xml")} if lone else {}
    unreadable = [stem for stem in lone if stem in others]
    nowhere = [stem for stem in lone if stem not in others]
    kinds = (
        (
            [image_of[stem] for stem in stems if stem in image_of and stem not in xml_of],
            lambda names: _without_xml(names, *folders, remedy),
        ),
        ([others[stem] for stem in unreadable], lambda names: _unreadable(names, folders[0])),
        ([xml_of[stem] for stem in nowhere if stem in xml_of], lambda names: _without_image(names, *folders)),
        ([stem for stem in nowhere if stem not in xml_of], lambda names: _listed(names, *folders)),
    )
    for names, sentence in kinds:
        for group in [names] if together and names else [[name] for name in names]:
            yield group[0], sentence(group)


def _without_xml(names: Sequence[str], images: Path, xmls: Path, remedy: str | None) -> str:
    """``remedy``: None: that of programs which have a folder of unlabelled images."""
    remedy = remedy or (
        f"if nobody has labelled them, give their folder as that of unlabelled images, too: {shlex.join(['--unlabelled_img_dir', str(images)])}; "
        "write XML files without objects if they show none; take images that are not labelled out of an evaluation set"
    )
    if len(names) == 1:
        return f"{images.name}/{names[0]} has no {xmls.name}/{_stem(names[0])}.xml; {remedy}"
    sentence = f"{len(names):,} images of {images} have no XML file in {xmls}, such as {examples(names)}; {remedy}"
    return Summary(sentence, (f"{images.name}/{name} has no {xmls.name}/{_stem(name)}.xml" for name in names))


def _unreadable(names: Sequence[str], images: Path) -> str:
    what = (
        f"{images.name}/{names[0]} is"
        if len(names) == 1
        else f"{counted(len(names), 'file')} of {images}, such as {examples(names)}, are"
    )
    fault = "of no kind that can be read as the image of its XML file or line"
    return Summary(f"{what} {fault}: save it as PNG or JPEG", (f"{images.name}/{name} is {fault}" for name in names))


def _without_image(names: Sequence[str], images: Path, xmls: Path) -> str:
    if len(names) == 1:
        return f"{xmls.name}/{names[0]} has no image {images.name}/{_stem(names[0])}.*"
    sentence = f"{len(names):,} XML files of {xmls} have no image in {images}, such as {examples(names)}; put the images there, or take the XML files out"
    return Summary(sentence, (f"{xmls.name}/{name} has no image {images.name}/{_stem(name)}.*" for name in names))


def _listed(names: Sequence[str], images: Path, xmls: Path) -> str:
    remedy = "correct the list, or put both there"
    if len(names) == 1:
        return f"{names[0]} is listed, and there is neither {xmls.name}/{names[0]}.xml nor an image {images.name}/{names[0]}.*; {remedy}"
    sentence = f"{len(names):,} listed images have neither an XML file in {xmls} nor an image in {images}, such as {examples(names)}; {remedy}"
    return Summary(sentence, (f"{name} is listed, without XML file and image" for name in names))


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()
