"""Image files that are not there: the files that are probably meant, and one sentence for all names that are wrong in one way."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from unicodedata import normalize
from urllib.parse import unquote

from src.data.image_listing import list_images
from src.errors import Summary

Difference = tuple[str, str]  # what is wrong with a name, and the remedy


def missing_faults(
    missing: Sequence[str],
    count: int,
    img_dir: Path,
    places: Mapping[str, str] = MappingProxyType({}),
    key: str = "file_name",
    taken: Collection[str] = (),
) -> list[str]:
    """What is wrong with names of images that are not there.

    Args:
        missing: names as the annotations spell them, from `img_dir` on. count: of all images of the annotations.
        places: name -> where it stands, such as "line 3: "; begins what is said of one name. key: what the name is called there.
        taken: files that other entries of the annotations name, so that none of them is meant.
    """
    if not missing:
        return []
    if not img_dir.is_dir():
        return [f"{img_dir}: {'is a file, not a' if img_dir.exists() else 'no such'} folder of images"]
    names = list_images(img_dir)
    alike, unknown = alike_names(missing, names, img_dir, taken)
    if len(unknown) == count > 1:
        there = f"it holds {len(names)} images, such as {names[0]}" if names else "it holds no images"
        remedy = "give the folder that the file names of the annotation file start from"
        sentence = f"none of the {count} image files is there, such as {img_dir / missing[0]}; {there}; {remedy}"
        return [Summary(sentence, (f"{img_dir / name}: no such image file" for name in missing))]
    faults = []
    for (what, remedy), pairs in alike.items():
        name, meant = pairs[0]
        if len(pairs) == 1:
            faults.append(
                f"{places.get(name, '')}{img_dir / name}: no such image file; is {meant} meant? Correct its {key}"
            )
        else:
            sentence = f"{len(pairs)} of the {count} names of images {what}, such as {name}, where {img_dir} has {meant}; {remedy}"
            faults.append(Summary(sentence, (f"{wrong}, where {img_dir} has {right}" for wrong, right in pairs)))
    remedy = "no such image file; put it there, or remove its entry"
    return faults + [f"{places.get(name, '')}{img_dir / name}: {remedy}" for name in unknown]


def alike_names(
    wrong: Sequence[str], names: Sequence[str], folder: Path, taken: Collection[str] = ()
) -> tuple[dict[Difference, list[tuple[str, str]]], list[str]]:
    """Names by the way in which they differ from what they mean, each with it, and those that mean nothing.

    Args:
        names: all that may be meant. folder: it holds them. taken: those of them that something else is called.
    """
    meant_by, alike, unknown = _Meant(names), {}, []
    for name in wrong:
        meant = meant_by.find(name)
        if meant is None or meant in taken:
            unknown.append(name)
        else:
            alike.setdefault(_difference(name, meant, folder), []).append((name, meant))
    return alike, unknown


class _Meant:
    """Finds the file of a folder whose name is nearest to a wrong one: other letters, another suffix, another folder."""

    def __init__(self, names: Sequence[str]):
        self._by_key: dict[str, str | None] = {}
        for name in names:
            for key in set(_keys(name)):
                self._by_key[key] = None if key in self._by_key else name  # of several, none is meant

    def find(self, name: str) -> str | None:
        """The file that is meant; None if there is none, or several may be."""
        return next((found for key in _keys(name) if (found := self._by_key.get(key))), None)


def _keys(name: str) -> Iterator[str]:
    """Keys for finding a similar name, the nearest first."""
    posix = PurePosixPath(_composed(unquote(name)).replace("\\", "/").casefold())
    yield f"name {posix}"
    yield f"stem {posix.with_suffix('')}"
    yield f"stem {posix}"
    yield f"base {posix.name}"
    yield f"bare {posix.stem}"
    yield f"bare {posix.name}"


def _difference(name: str, meant: str, img_dir: Path) -> Difference:
    """How a name differs from the file that is meant, in words that are the same for names that are wrong in the same way."""
    if _composed(name) == _composed(meant):
        form = "NFD" if _composed(name) != name else "NFC"
        return (
            f"look like those of files but are composed of other characters (Unicode {form})",
            "write them as the files are spelt, or rename the files (Python: unicodedata.normalize)",
        )
    if unquote(name) == meant:
        return "are encoded as in web addresses (%20 is a space)", "decode them"
    if name.replace("\\", "/") == meant:
        return "have \\ between folders", "write / in its place"
    if name.casefold() == meant.casefold():
        return "differ from files in capital letters", "spell them as the files are spelt"
    if name.endswith(meant):
        return _folder_in_front(name.removesuffix(meant), img_dir)
    if meant.endswith("/" + name):
        folder = img_dir / meant.removesuffix("/" + name)
        return f"are those of files in {folder}", f"give the folder {folder}"
    has, should = PurePosixPath(name).suffix, PurePosixPath(meant).suffix
    if name + should == meant:
        return f"lack the suffix {should}", "add it"
    if name.removesuffix(has) + should == meant:
        return f"end in {has}, the files in {should}", f"write {should}"
    return "are near to those of files", "write them as the files are called, from the folder of images on"


def _folder_in_front(front: str, img_dir: Path) -> Difference:
    folder = front.replace("\\", "/").strip("/")
    what = f"have {front} in front of the name of a file"
    remedy = "take it out of all names"
    if folder and img_dir.as_posix().endswith("/" + folder) and "\\" not in front:
        return what, f"give the folder {str(img_dir)[: -len(folder)].rstrip('/')}, or {remedy}"
    return what, remedy


def _composed(name: str) -> str:
    return normalize("NFC", name)
