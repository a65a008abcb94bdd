"""Read a YAML file of plain `key: value` lines; whatever is wrong with it is named with its place."""

import re
from pathlib import Path
from typing import Any

import yaml

from src.errors import UserError
from src.files import read_regular_text, reading_fault

# What "\0" and "\ud800" in quotes stand for. Python writes the bytes of names that are not UTF-8 as \udc80 to \udcff.
_UNUSABLE = re.compile("[\0\ud800-\udc7f\udd00-\udfff]")


class _Plain:
    """YAML without aliases, which can make a small file huge, tags, which read values otherwise, and keys that are given twice."""

    is_of_settings = True  # texts may be paths; names of classes have checks of their own

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        is_alias = isinstance(event, yaml.AliasEvent)
        if is_alias or event.tag is not None:
            unused = "aliases (*name)" if is_alias else "tags (!name)"
            raise yaml.composer.ComposerError(None, None, f"{unused} are not used here", event.start_mark)
        if self.is_of_settings and isinstance(event, yaml.ScalarEvent) and _UNUSABLE.search(event.value):
            raise yaml.composer.ComposerError(
                None, None, "no text or file name holds the character \\0 or half a character", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key, _ in node.value if keys.count(key.value) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice.value!r} is given twice", twice.start_mark)
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "two keys are the same number", node.start_mark)
        return mapping


class _PlainLoader(_Plain, yaml.SafeLoader):
    """true, null, and numbers as people write them in decimals are values; all else is text.

    YAML 1.1 has more that few people mean: 010 is eight there, 1:30 is ninety, 1_0 ten, and `no` is false.
    """

    yaml_implicit_resolvers: dict[str, list] = {}  # noqa: RUF012 - the name is PyYAML's


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


class _TextLoader(_Plain, yaml.BaseLoader):
    """Every scalar is the text that stands there."""

    is_of_settings = False


def yaml_value(text: str) -> Any:
    """The value that a text of YAML stands for; raises as ``yaml.load``."""
    return yaml.load(text, _PlainLoader)


def read_yaml(path: str | Path, texts: bool = False) -> dict:
    """The keys and values of a YAML file; an empty one has none.

    Args:
        texts: numbers and words like "no" stay texts, keys too.

    Raises:
        UserError: the file is not YAML, or holds something else than `key: value` lines.
        OSError: it cannot be read.
    """
    try:
        values = yaml.load(read_regular_text(path), _TextLoader if texts else _PlainLoader)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {reading_fault(error)}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number of thousands of digits
        raise UserError(f"{path} is not YAML: {error}") from error
    except RecursionError:
        raise UserError(f"{path} is not YAML of 'key: value' lines: its lists lie in one another too deeply") from None
    if values is None or (texts and values == ""):
        return {}
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected 'key: value' lines, got {type(values).__name__}")
    return values


def read_settings(path: str | Path) -> dict:
    """As ``read_yaml``, for settings that a program here has written.

    Raises:
        UserError: also where the file cannot be read.
    """
    try:
        return read_yaml(path)
    except OSError as error:
        raise UserError(f"{path}: {reading_fault(error)}") from error
