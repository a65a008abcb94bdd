"""Images and XML files without partner whose names differ in one way: one sentence for all, with what to rename."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from unicodedata import normalize

from src.data.image_listing import without_suffix
from src.errors import Summary
from src.wording import counted

# behind the name: of browsers, Windows, macOS, Linux
_COPY = re.compile(r"(?: ?\(\d+\)| - Copy(?: \(\d+\))?| copy(?: \d+)?| \(copy(?: \d+)?\))$")


def misnamed(
    stems: Sequence[str], image_of: Mapping[str, str], xml_of: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """A sentence on the pairs whose names differ in the way that explains most, and the pairs: stem of image -> stem of XML file.

    Args:
        stems: those to pair, of images or of XML files. image_of: stem -> image. xml_of: stem -> XML file.
    """
    images = sorted(image_of.keys() - xml_of.keys())
    xmls = sorted(xml_of.keys() - image_of.keys())
    wanted = set(stems)
    ways = [
        (sentence, {image: xml for image, xml in pairs.items() if image in wanted or xml in wanted})
        for sentence, pairs in _ways(images, xmls)
    ]
    sentence, pairs = max(ways, key=lambda way: len(way[1]))
    if not pairs:
        return [], {}
    first = min(pairs)
    example = f"{xml_of[pairs[first]]} for {image_of[first]}"
    text = sentence.format(count=counted(len(pairs), "image", "have"), example=example)
    return [Summary(text, (f"{xml_of[xml]} for {image_of[image]}" for image, xml in sorted(pairs.items())))], pairs


def _ways(images: Sequence[str], xmls: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    looks = (
        "{count} XML files whose names look the same but have other characters (small and capital letters, or Unicode NFC and "
        "NFD), such as {example}; rename one of each pair like the other"
    )
    lone = {_looks(stem): stem for stem in xmls}
    yield looks, {stem: lone[_looks(stem)] for stem in images if _looks(stem) in lone}
    suffix = "{count} XML files whose names keep the suffix of the image, such as {example}; take it out of the names of the XML files"
    lone = {without_suffix(stem): stem for stem in xmls if without_suffix(stem) != stem}
    yield suffix, _several({stem: lone[stem] for stem in images if stem in lone})
    copies = (
        "{count} XML files whose names differ by what file managers and browsers put behind the name of a copy, such as {example}; "
        "rename one of each pair like the other"
    )
    yield copies, _one_to_one(_by_original(images, xmls))
    folder = (
        "{count} XML files in other sub-folders, such as {example}; move each into the sub-folder that its image has"
    )
    yield folder, _several(_by_base(images, xmls))
    for left, right, of in ((images, xmls, "XML files"), (xmls, images, "images")):
        for before in (True, False):
            more, pairs = _affixed(left, right, before)
            where, shown = "in front of" if before else "behind", more.replace("{", "{{").replace("}", "}}")
            sentence = f"{{count}} XML files of other names: the {of} have {shown} {where} the name, such as {{example}}; take it out"
            yield sentence, pairs if of == "XML files" else {long: short for short, long in pairs.items()}


def _several(pairs: dict[str, str]) -> dict[str, str]:
    return pairs if len(pairs) > 1 else {}


def _by_original(images: Sequence[str], xmls: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of which one has the mark of a copy behind its name, and the other has not: ``x (1)`` and ``x (2)`` may be two pictures."""
    known_images, known_xmls = {*images}, {*xmls}
    pairs = [(image, xml) for image in images if (xml := _COPY.sub("", image)) in known_xmls]
    return pairs + [(image, xml) for xml in xmls if (image := _COPY.sub("", xml)) in known_images]


def _one_to_one(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Those pairs of which neither is in another one."""
    images, xmls = Counter(image for image, _ in pairs), Counter(xml for _, xml in pairs)
    return {image: xml for image, xml in pairs if images[image] == xmls[xml] == 1}


def _looks(stem: str) -> str:
    return normalize("NFC", stem).casefold()


def _by_base(images: Sequence[str], xmls: Sequence[str]) -> dict[str, str]:
    """Pairs of one name in different folders, where no other has it."""
    count_of = Counter(PurePosixPath(stem).name for stem in images)
    places: dict[str, list[str]] = {}
    for stem in xmls:
        places.setdefault(PurePosixPath(stem).name, []).append(stem)
    bases = ((stem, PurePosixPath(stem).name) for stem in images)
    return {stem: places[base][0] for stem, base in bases if count_of[base] == 1 and len(places.get(base, ())) == 1}


def _affixed(short: Sequence[str], long: Sequence[str], before: bool) -> tuple[str, dict[str, str]]:
    """What all of ``long`` or of ``short`` have more in front of, or behind, one of the others, and the pairs short -> long.

    Nothing where it is not all of them: a common beginning of a few names says nothing.
    """
    known = set(short)
    found: dict[str, dict[str, str]] = {}
    for stem in long:
        for cut in range(1, len(stem)):
            more, rest = (stem[:cut], stem[cut:]) if before else (stem[cut:], stem[:cut])
            if rest in known:
                found.setdefault(more, {})[rest] = stem
    more, pairs = max(found.items(), key=lambda item: len(item[1]), default=("", {}))
    return (more, pairs) if len(pairs) > 1 and len(pairs) == min(len(short), len(long)) else ("", {})
