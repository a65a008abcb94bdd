"""Which image a name means that went through a labelling tool: by its whole path, else by its end if only one image ends so."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from unicodedata import normalize
from urllib.parse import parse_qs, unquote

from src.data.image_listing import IMAGE_SUFFIXES, without_suffix

# Label Studio puts eight hexadecimal digits before the name of an uploaded file, its converter "__" behind them.
_UPLOAD = re.compile(r"[0-9a-f]{8}(?:__|-)(?=.)")
# Roboflow's names of images: "a b.jpg" becomes "a-b_jpg.rf.<hash>.jpg"; each augmented version has a hash of its own.
_ROBOFLOW = re.compile(r"(?P<stem>.+)_(?P<suffix>[A-Za-z0-9]+)\.rf\.[0-9A-Za-z]+(?:\.\w+)?")
_NOT_KEPT_BY_ROBOFLOW = re.compile(r"[^\w]+", re.ASCII)
_UPLOAD_FOLDER = "images"  # where its exports say that uploads lie, whatever folder they came from
# RFC 3986, appendix B; urlsplit refuses servers such as [team], which a name that begins with // may have.
_ADDRESS = re.compile(r"(?:(?P<scheme>[^:/?#]+):)?(?://[^/?#]*)?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?", re.DOTALL)
_STORED = re.compile(
    r"(?:s3|gs|azure-blob|file):(?://[^/]*)?(?P<path>.*)", re.DOTALL
)  # ? and # are letters of the name
_NOT_KEPT = re.compile(r"[^-\w.]")  # Django's get_valid_filename, which names uploads: spaces become _, such letters go


@dataclass(frozen=True)
class Found:
    """An image, and whether its name had to be completed: ``by_end`` names what the tool had kept of it."""

    key: str
    by_end: str | None = None


def augmented(versions: int) -> str:
    """Why none of several versions of an image, which Roboflow's augmentation has made, can be used."""
    return (
        f"one of {versions} versions of this image that Roboflow's augmentation has made, in which objects lie elsewhere; export a "
        "version of the data without augmentation"
    )


class UnknownName(Exception):
    """No image has this name."""


class AmbiguousName(Exception):
    """Several images may have this name; the message lists them."""


class ImageNames:
    """Finds images by names that may have lost their folders or their suffix, or won folders or a prefix.

    A name means an image whose own name ends with it, or that it ends with, whole folders counted; so a name in another folder
    is another image.

    Args:
        keys: file names of the images, with forward slashes.
        aliases: name under which a tool was given an image -> its key. others: images that are known and not asked about.
    """

    def __init__(self, keys: Iterable[str], aliases: Mapping[str, str] | None = None, others: Iterable[str] = ()):
        self._keys = frozenset(keys)
        composed = {normalize("NFC", key): key for key in self._keys}  # macOS decomposes letters in names of files
        self._exact = composed | {key: key for key in self._keys} | dict(aliases or {})
        self._others = {normalize("NFC", other) for other in others} - set(self._exact)
        self._other_stems = {without_suffix(other) for other in self._others}
        self._ends = {
            (has_suffix, uploaded): _Ends(self._exact, has_suffix, upload_name if uploaded else str)
            for has_suffix in (True, False)
            for uploaded in (False, True)
        }
        self._roboflow = _Ends(self._exact, True, roboflow_name)

    def find_key(self, key: str) -> str:
        """The image of this very key of ours.

        Raises:
            UnknownName: there is none.
        """
        if key in self._keys:
            return key
        raise UnknownName(f"{key} is none of the {len(self._keys)} images")

    def find(self, name: str, has_suffix: bool = True) -> Found:
        """The image that ``name`` means.

        Raises:
            UnknownName, AmbiguousName: saying so.
        """
        name = clean_name(name)
        name = name if name in self._exact else normalize("NFC", name)
        if has_suffix and name in self._exact:
            return Found(self._exact[name])
        if self._is_other(name, has_suffix):
            raise UnknownName(f"{name} is another image, none of the {len(self._keys)} that were sent")
        bare = _without_upload(name)
        plain, uploads = self._ends[has_suffix, False], self._ends[has_suffix, True]
        ways = [(plain, name), (plain, bare), (uploads, upload_name(bare))]
        ways += [(self._roboflow, roboflow_name(original)) for original in roboflow_originals(bare)]
        for ends, form in ways:
            whole, keys = ends.find(form)
            if len(whole) == 1 and not has_suffix and ends is plain and form == name:
                return Found(whole.pop())
            if len(keys) == 1:
                return Found(keys.pop(), by_end=name)
            if keys:
                listed = ", ".join(sorted(keys))
                raise AmbiguousName(
                    f"{name} may be any of {len(keys)} images: {listed}; give images whose names differ"
                )
        raise UnknownName(f"{name} is none of the {len(self._keys)} images")

    def _is_other(self, name: str, has_suffix: bool) -> bool:
        """Whether a name with its folder says that an image is meant which was not asked about.

        A name without folder says nothing: tools leave folders out.
        """
        others = self._others if has_suffix else self._other_stems
        for tail in _tails(name):
            if "/" not in tail or self._ends[has_suffix, False].is_whole(tail):
                return False
            if normalize("NFC", tail) in others:
                return True
        return False


class _Ends:
    """Names of images by their ends; without suffixes, or as ``renamed`` by a tool."""

    def __init__(self, exact: Mapping[str, str], has_suffix: bool, renamed: Callable[[str], str]):
        self._whole: dict[str, set[str]] = defaultdict(set)
        self._tails: dict[str, set[str]] = defaultdict(set)
        for name, key in exact.items():
            name = name if has_suffix else without_suffix(name)
            name = renamed(name)
            self._whole[name].add(key)
            for tail in _tails(name):
                self._tails[tail].add(key)

    def is_whole(self, name: str) -> bool:
        """Whether an image has this very name."""
        return name in self._whole

    def find(self, name: str) -> tuple[set[str], set[str]]:
        """Images of this very name, and all that it may mean."""
        keys = set(self._tails.get(name, ()))
        for tail in _tails(name):
            keys |= self._whole.get(tail, set())
        return set(self._whole.get(name, ())), keys


def clean_name(name: str) -> str:
    """A file name from what a tool says: an address loses its server and its encoding, backslashes become slashes."""
    stored, address = _STORED.fullmatch(name), _ADDRESS.match(name)
    if stored:
        name = unquote(stored["path"])
    elif "/data/local-files/" in address["path"]:
        name = parse_qs((address["query"] or "").replace("+", "%2B")).get("d", [address["path"]])[0]
    elif "/data/upload/" in address["path"]:  # the folders are those of the server
        name = unquote(address["path"]).rpartition("/")[2]
    elif address["scheme"] in ("http", "https"):
        name = unquote(address["path"])
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(parts)


def upload_name(name: str) -> str:
    """What an upload by way of Django makes of a name."""
    return "/".join(_NOT_KEPT.sub("", part.strip().replace(" ", "_")) for part in name.split("/"))


def roboflow_originals(name: str) -> list[str]:
    """Names, with suffix and without folders, that Roboflow's name of an image or of its label file may stand for; none: it is no such name.

    Roboflow leaves folders out, and puts _jpg behind a suffix that it converts.
    """
    found = _ROBOFLOW.fullmatch(name.rpartition("/")[2])
    if not found:
        return []
    stem, _, suffix = found["stem"].rpartition("_")
    converted = [f"{stem}.{suffix}"] if stem and f".{suffix.lower()}" in IMAGE_SUFFIXES else []
    return [f"{found['stem']}.{found['suffix']}", *converted]


def roboflow_name(name: str) -> str:
    """What Roboflow keeps of a name: each run of other characters than letters, digits and _ is one -; the suffix in small letters."""
    folder, slash, base = name.rpartition("/")
    stem, dot, suffix = base.rpartition(".")
    kept = _NOT_KEPT_BY_ROBOFLOW.sub("-", stem).strip("-")
    return f"{folder}{slash}{kept}{dot}{suffix.lower()}"


def _without_upload(name: str) -> str:
    """A name without what uploads put before it; the folder that they are exported to says nothing of the image's own."""
    folder, slash, base = name.rpartition("/")
    bare = _UPLOAD.sub("", base, 1)
    return bare if bare != base and folder == _UPLOAD_FOLDER else folder + slash + bare


def _tails(name: str) -> list[str]:
    """The name and every end of it that begins behind a slash, longest first."""
    parts = name.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]
