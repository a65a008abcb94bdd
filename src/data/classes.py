"""Class names and their labels: one list of names decides, and classes of different files are matched by name."""

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from unicodedata import normalize

import numpy as np

from src.data.annotations import Annotations
from src.errors import DataError, UserError
from src.wording import counted, examples

_BACKGROUND = ("background", "__background__")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # with all line breaks of Unicode
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")  # a byte of the command line that is no text (PEP 383)


def foreground(names: Sequence[str]) -> tuple[str, ...]:
    """The classes to detect: ``names`` without a first one called background (the model zoo lists it)."""
    return tuple(names[1:] if names and names[0].lower() in _BACKGROUND else names)


def check_names(names: Sequence[str], option: str = "class_names") -> None:
    """Raise a UserError if a name is empty, no text of one line or given twice, or the background is not the first, or the only one."""
    faults = [f"{name!r} is given {count} times" for name, count in Counter(names).items() if count > 1]
    faults += [f"name {place} is empty" for place, name in enumerate(names, start=1) if not name.strip()]
    faults += control_faults(names)
    faults += [f"{name!r} is not UTF-8 text" for name in names if _LONE_SURROGATE.search(name)]
    faults += [f"{name!r} must be the first name or left out" for name in names[1:] if name.lower() in _BACKGROUND]
    faults += ["no class to detect; name at least one"] if names and not foreground(names) else []
    if faults:
        raise UserError(f"{option}: {'; '.join(faults)}")


def control_faults(names: Iterable[str]) -> list[str]:
    """One sentence for each name with a control character, wherever it was read: it would break lists, logs and CSV files."""
    remedy = "has a control character, such as a tab or a line break; take it out of the name"
    return [f"class {name!r} {remedy}" for name in names if _CONTROL.search(name)]


def alike_names(names: Iterable[str], images_of: Callable[[str], Sequence[str]] = lambda name: ()) -> Iterator[str]:
    """A sentence for each group of names that only case, spaces, punctuation or the composition of their letters tells apart: they
    may be classes of their own, as letters are, but mostly are one class that was written in two ways.

    Args:
        images_of: the images that have objects of a name, where there are any: where to look for the rarer ones is said.
    """
    alike = defaultdict(list)
    for name in names:
        alike[_letters(name)].append(name)
    for group in alike.values():
        if len(group) > 1:
            shown = ", ".join(f'"{name}"' for name in group)
            differ = "differ only by case, spaces, punctuation or how their letters are composed"
            remedy = "if they are one class, give them one name (in COCO JSON, one category)"
            yield f"classes {shown} {differ}{_where_rarer(group, images_of)}; {remedy}"


def _where_rarer(names: Sequence[str], images_of: Callable[[str], Sequence[str]]) -> str:
    """The images of all ``names`` but the one that is in most of them."""
    images = {name: images_of(name) for name in names}
    often = max(names, key=lambda name: len(images[name]))
    rarer = [f'; "{name}" is in {examples(images[name])}' for name in names if name != often and images[name]]
    return "".join(rarer)


def _letters(name: str) -> str:
    """What names of one class that were written in two ways have in common."""
    letters = normalize("NFC", name).casefold()
    return "".join(letter for letter in letters if letter.isalnum()) or name


def renamed_classes(found: Iterable[str], names: Sequence[str]) -> dict[str, str]:
    """Found name -> the one of ``names`` that it is written otherwise for, if all of them are; else nothing."""
    known = defaultdict(list)
    for name in names:
        known[_letters(name)].append(name)
    meant = {name: known[_letters(name)] for name in found}
    if all(len(near) == 1 and name not in names for name, near in meant.items()):
        return {name: near[0] for name, near in meant.items()}
    return {}


def joined_names(names: Sequence[str]) -> Iterator[str]:
    """A sentence if the only name looks like several that are not separated by commas; names may have spaces where another sign separates."""
    if len(names) != 1:
        return
    signs = r"\s*[;|]\s*" if re.search("[;|]", names[0]) else r"\s+"
    parts = [part for part in re.split(signs, names[0].strip()) if part]
    if len(parts) > 1:
        yield f'the only class is "{names[0]}"; if these are several, separate them by commas: {shlex.quote(",".join(parts))}'


def meant_class(name: str, names: Sequence[str]) -> str:
    """The end of a sentence on a name that is not among ``names``: which of them may be meant; empty if none is near."""
    near = [known for known in names if known.casefold() == name.casefold()] or get_close_matches(name, names, n=1)
    return f"; is it {near[0]}?" if near else ""


def unknown_classes(counts: Iterable[tuple[str, int]], names: Sequence[str]) -> list[str]:
    """One sentence for each (name, number of objects) that is not among ``names``."""
    faults = []
    for name, count in counts:
        if name not in names and (control := control_faults([name])):
            faults += control
        elif name not in names:
            hint = meant_class(name, names)
            if normalize("NFC", name) in {normalize("NFC", known) for known in names}:
                hint = ", though one of them looks the same: their letters are composed otherwise (Unicode NFC and NFD); write both alike"
            faults.append(f"{name} ({counted(count, 'object')}) is not one of the classes {', '.join(names)}{hint}")
    return faults


def in_class_order(annotations: Annotations, names: Sequence[str], source: object) -> Annotations:
    """The same images with label k for ``names[k - 1]``; a class that the file lacks gets a new category id.

    Args:
        source: name of the file, for the message.

    Raises:
        DataError: naming every class of the annotations that is not among ``names``.
    """
    if annotations.class_names == tuple(names):
        return annotations
    labels = np.concatenate([entry.labels for entry in annotations.images] or [np.zeros(0, np.int32)])
    counts = np.bincount(labels, minlength=len(annotations.class_names) + 1)[1:].tolist()
    faults = unknown_classes(zip(annotations.class_names, counts, strict=True), names)
    if faults:
        raise DataError(f"{source}, whose classes must be those of the training data or of --class_names", faults)
    known = dict(zip(annotations.class_names, annotations.category_ids, strict=True))
    free = max(annotations.category_ids, default=0)
    for name in names:
        if name not in known:
            free += 1
            known[name] = free
    new_label = np.array([0, *(names.index(name) + 1 for name in annotations.class_names)], np.int32)
    entries = tuple(replace(entry, labels=new_label[entry.labels]) for entry in annotations.images)
    category_ids = tuple(known[name] for name in names)
    return replace(annotations, class_names=tuple(names), category_ids=category_ids, images=entries)
