"""The command line that all programs share: their description as it is written, --version, and lists of class names."""

import argparse
import difflib
import json
import math
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

import yaml

from src import __version__
from src.errors import UserError
from src.files import read_regular_text, reading_fault

NAMES_HELP = """as "cat,traffic light" or in several words, or a .txt file with one per line; names with commas as a list: '["bus, truck", car]'"""

_SHOWN_NAMES = 3  # of options that may be meant
_SHOWN_USAGE = 25  # lines; a longer usage would hide the error
_ROOT = Path(__file__).resolve().parents[1]


def program_parser(description: str, prog: str | None = None) -> argparse.ArgumentParser:
    """A parser without abbreviations, which would change their meaning with every new option.

    Args:
        description: what the program does, shown as it is written; prog: what users type, if it is not the file's name.
    """
    parser = _Parser(
        prog=prog,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.register("type", Path, _path)
    parser.register("type", int, lambda text: _as_number(text, int, "a whole number"))
    parser.register("type", float, lambda text: _as_number(text, float, "a number"))
    parser.add_argument("--version", action="version", version=__version__, help="print the version of the project")
    return parser


class _Parser(argparse.ArgumentParser):
    """Names the nearest options of unknown ones, also where an option is missing because it was misspelt."""

    _words: Sequence[str] = ()

    def parse_args(self, args=None, namespace=None):
        """As argparse does; `error` looks at the words. Those of ``parse_known_args`` may be meant for another parser."""
        self._words = sys.argv[1:] if args is None else args
        return super().parse_args(args, namespace)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """As argparse does, with the nearest of the values that an option takes."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += near_value(value, action.choices)
            raise

    def error(self, message: str) -> NoReturn:
        """Exit with the message of argparse, and what may have been meant."""
        known = self._option_string_actions
        given = dict.fromkeys(word.split("=")[0] for word in self._words if word.startswith("--"))
        meant = {word: near_names(word, known) for word in given if word not in known}
        message += "".join(f"\n  {word}: did you mean {near}?" for word, near in meant.items() if near)
        if self.format_usage().count("\n") <= _SHOWN_USAGE:
            super().error(message)
        self.exit(2, f"{self.prog}: error: {message}\n")


def near_names(word: str, known: Iterable[str]) -> str:
    """Options that an unknown one may mean, as "--a or --b"; empty if none is near.

    Those of the same letters come first, then those that begin with the word, then those that have it as a part, then the one of most
    similar spelling.
    """
    names = {name.lstrip("-"): name for name in known if len(name.lstrip("-")) > 1}
    sought = word.lstrip("-").lower().replace("-", "_")
    near = [name for name in names if name.replace("_", "") == sought.replace("_", "")]
    near = near or [name for name in names if len(sought) > 2 and name.startswith(sought)]
    near = near or [name for name in names if f"_{sought}_" in f"_{name}_"]
    near = near or difflib.get_close_matches(sought, names, 1)
    return " or ".join(names[name] for name in near[:_SHOWN_NAMES])


def near_value(value: object, known: Iterable[object]) -> str:
    """The end of a message about a value that is none of the known ones: the one that may be meant; empty if none is near."""
    texts = [text for text in known if isinstance(text, str)]
    if not isinstance(value, str):
        return ""
    sought = value.strip().casefold()
    near = [text for text in texts if text.casefold() == sought] or difflib.get_close_matches(sought, texts, 1)
    return f"; did you mean {near[0]}?" if near else ""


def given_options(parser: argparse.ArgumentParser, args: argparse.Namespace, names: Iterable[str]) -> list[str]:
    """Those of some options whose values are not the defaults, as "--a"."""
    return [f"--{name}" for name in names if getattr(args, name) != parser.get_default(name)]


def refuse_idle(
    parser: argparse.ArgumentParser, args: argparse.Namespace, names: Iterable[str], why: str, idle: bool
) -> None:
    """Exit with a message if options were given that change nothing.

    Args:
        names: these options. why: end of the sentence that begins with them, such as "goes with --b". idle: whether they change nothing.
    """
    if idle and (given := given_options(parser, args, names)):
        parser.error(f"{' '.join(given)}: {why}; add that, or leave this out")


MOST_COUNT = 2**31 - 1  # of what fits into 32 bits


def positive_number(text: str) -> float:
    """A finite number above 0, as the type of an option."""
    value = _as_number(text, float, "a number above 0")
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: must be a finite number above 0")
    return value


def positive_count(text: str) -> int:
    """A whole number from 1 to MOST_COUNT, as the type of an option."""
    return _count(text, 1)


def any_count(text: str) -> int:
    """A whole number from 0 to MOST_COUNT, as the type of an option."""
    return _count(text, 0)


def seed(text: str) -> int:
    """A seed, from 0 to MOST_COUNT, or -1: not seeded; as the type of an option."""
    return _count(text, -1)


def percent(text: str) -> float:
    """A number from 0 to 100, as the type of an option."""
    value = _as_number(text, float, "0 to 100 percent")
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text}: must be 0 to 100 percent")
    return value


def _as_number(text: str, kind: type[int] | type[float], wanted: str) -> float:
    """What a text spells; no digits of other scripts and no `1_000`, by which shells and other programs mean no number."""
    try:
        if text.isascii() and "_" not in text:
            return kind(text)
    except ValueError:
        pass
    point = "; decimals have a point" if kind is float and "," in text else ""
    raise argparse.ArgumentTypeError(f"{text[:20]!r}: must be {wanted}{point}")


def _count(text: str, least: int) -> int:
    value = int(_as_number(text, int, f"a whole number from {least} to {MOST_COUNT}"))
    if not least <= value <= MOST_COUNT:
        raise argparse.ArgumentTypeError(f"{text:.20}: must be {least} to {MOST_COUNT}")
    return value


def to_paste(program: str, *words: object) -> str:
    """A command of this project that can be pasted into a shell: it works in the current folder, with this Python.

    Args:
        program: file name of an entry script. words: options and their values.
    """
    python = "python" if shutil.which("python") == sys.executable else nearest_path(Path(sys.executable))
    return shlex.join([python, nearest_path(_ROOT / program), *map(str, words)])


def to_paste_anywhere(program: str, *words: object) -> str:
    """As ``to_paste``, for a text that is read in any folder; paths among the words must be absolute."""
    python = "python" if shutil.which("python") == sys.executable else sys.executable
    return shlex.join([python, str(_ROOT / program), *map(str, words)])


def script_to_paste(script: str, *words: object) -> str:
    """As ``to_paste``, for a launch script in scripts/."""
    return shlex.join(["bash", nearest_path(_ROOT / "scripts" / script), *map(str, words)])


def whole_path(path: Path) -> Path:
    """The absolute path, without `..`; links stay as they are named where that is possible."""
    return path.resolve() if ".." in path.parts else path.absolute()


def nearest_path(path: Path) -> str:
    """An absolute path, seen from the current folder where it lies below it."""
    here = Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)


def parse_names(words: Iterable[str], option: str = "class_names") -> tuple[str, ...]:
    """Class names of --class_names or --classes: each word is a name, several with commas, a YAML list in brackets, or the
    name of a text file (.txt, .names) with one class per line.

    Raises:
        UserError: a file that cannot be read as text, or a list that is no YAML, or holds something else than names; ``option`` is named.
    """
    names: list[str] = []
    for word in words:
        if word.strip().endswith((".txt", ".names")):
            names += _names_in(word.strip(), option)
            continue
        if not word.strip().startswith("["):
            names += [name.strip() for name in word.split(",") if name.strip()]
            continue
        try:
            listed = yaml.load(word, yaml.BaseLoader)  # numbers and words like "no" stay texts
        except (yaml.YAMLError, RecursionError):
            listed = None
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise UserError(f"--{option}: expected a list like '[\"bus, truck\", car]', got {word[:60]!r}")
        names += listed
    return tuple(names)


def _names_in(file: str, option: str) -> list[str]:
    """The lines of a text file of class names."""
    try:
        return [name.strip() for name in read_regular_text(file).strip().split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"--{option}: {file}, which should hold a class name per line: {reading_fault(error)}"
        ) from None


def _is_plain(names: Sequence[str]) -> bool:
    """Whether names with commas between them are read back as they are."""
    return all(
        name and name == name.strip() and "," not in name and not name.endswith((".txt", ".names")) for name in names
    ) and not names[0].startswith("[")


def names_in_one_word(names: Sequence[str]) -> str:
    """Class names as one word of a command line, which ``parse_names`` reads back."""
    return ",".join(names) if _is_plain(names) else json.dumps(list(names), ensure_ascii=False)


def spell_names(names: Sequence[str]) -> str:
    """As ``names_in_one_word``, quoted for a shell."""
    return shlex.quote(names_in_one_word(names))


def _path(text: str) -> Path:
    """A path; an empty text, perhaps of a shell's variable that is not set, would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("is empty, expected a path")
    return Path(text)
