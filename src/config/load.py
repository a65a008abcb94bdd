"""Loads the configuration of a run from YAML and command line, and checks all of it before anything is built.

The schema has defaults, bounds and help texts; a file in configs/ has only its differences from the defaults.
"""

import argparse
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from math import inf
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from src.command_line import near_names, near_value, nearest_path, parse_names, program_parser
from src.config.checks import contradictions, contradictory_files
from src.config.schema import DETECTOR_KEYS, FIELDS, IN_EPOCHS, KEYS, TEXT_KEYS, Config, plain
from src.errors import UserError
from src.files import near_path
from src.wording import as_share
from src.yaml_file import read_yaml, yaml_value

CONFIG_FOLDER = Path(__file__).resolve().parents[2] / "configs"

AUTOMATIC = "auto"  # value of --config_path: the file is replaced by the recipe

NO_SETTINGS = ("config_path", "help", "version")  # options of every program
_SHOWN_CHARACTERS = 200  # of an invalid value in an error message


def load_config(
    description: str,
    argv: list[str] | None = None,
    saved_settings: Callable[[str], dict] | None = None,
    defaults: dict | None = None,
    automatic_leaf: Callable[[dict, dict], dict] | None = None,
    more_options: Sequence[str] = (),
) -> Config:
    """Merge, in rising precedence: defaults, settings saved in a checkpoint, the file of --config_path, the command
    line.

    Args:
        description: of the script, for --help.
        saved_settings: reads the settings in the metadata of a checkpoint; used for the DETECTOR_KEYS if
            --checkpoint_path is given.
        defaults: of this script, where they differ from the schema.
        automatic_leaf: returns the settings of --config_path auto, from all settings known so far and from those of the
            command line; None: there are none, because a checkpoint has the settings that the recipe chose, or, without
            `saved_settings`, because the recipe comes later: then no fault is what contradicts a default, but of files and folders.
        more_options: names that an unknown option may mean, too.

    Raises:
        UserError: lists the errors of all sources in one message.
    """
    arguments, unknown = _parser(description).parse_known_args(argv)
    given = {
        key: _read_argument(key, text) for key, text in vars(arguments).items() if key in KEYS and text is not None
    }
    names = [word.split("=")[0].lstrip("-") for word in unknown if word.startswith("--")]
    faults = [unknown_key(name, "command line", (*NO_SETTINGS, *more_options)) for name in names]
    if not faults:
        faults = [f"command line: unexpected argument {word!r}" for word in unknown]
    faults += _given_twice(given)
    in_file = {}
    if arguments.config_path == AUTOMATIC:
        if not saved_settings:
            config = _checked_one_by_one(given, faults)
            if not automatic_leaf:
                if faults := contradictory_files(config):
                    raise _combined(faults)
                return config
            values = config.as_dict()
            in_file = automatic_leaf(values, {key: values[key] for key in given})
    else:
        in_file = _read_yaml(Path(arguments.config_path)) if arguments.config_path else {}
    faults += [unknown_key(key, arguments.config_path) for key in in_file if key not in KEYS] + _given_twice(in_file)
    given = {key: value for key, value in in_file.items() if key in KEYS and not _is_overridden(key, given)} | given

    values = default_settings() | (defaults or {})
    if saved_settings and given.get("checkpoint_path"):
        saved = saved_settings(str(given["checkpoint_path"]))
        values.update({key: saved[key] for key in DETECTOR_KEYS if key in saved})
    return check_config(values | _with_lists(given), faults)


def _with_lists(given: dict) -> dict:
    """Settings in which a single value of a setting that is a list is a list of one."""
    lists = {key for key, value in default_settings().items() if isinstance(value, list)}
    return {key: [value] if key in lists and not isinstance(value, list) else value for key, value in given.items()}


def _checked_one_by_one(given: dict, faults: list[str]) -> Config:
    """All settings, of which some are given; what they contradict is not known before the recipe.

    Raises:
        UserError: naming every wrong value together with `faults`.
    """
    config, wrong = _typed(default_settings() | _with_lists(given))
    if config is None or faults:
        raise _combined([*faults, *wrong])
    return config


def default_settings() -> dict:
    """Every key with its default, as plain values."""
    return Config().as_dict()


def default_text(key: str) -> str:
    """The default of a setting as one line of YAML."""
    return _in_one_line(plain(FIELDS[key].default))


def _in_one_line(value: object) -> str:
    """A value as one line of YAML."""
    return yaml.safe_dump([value], default_flow_style=True, width=inf, allow_unicode=True).strip()[1:-1]


def _given_twice(source: dict) -> list[str]:
    """Errors for lengths that one source gives both in steps and in epochs."""
    return [
        f"{steps}, {epochs}: they set the same length in steps and in epochs, give one; got {source[steps]!r} and "
        f"{source[epochs]!r}"
        for steps, epochs in IN_EPOCHS.items()
        if source.get(steps) not in (None, []) and source.get(epochs) not in (None, [])
    ]


def _is_overridden(key: str, higher: dict) -> bool:
    """Whether a source of higher precedence gives the same length in the other unit, steps or epochs."""
    other = IN_EPOCHS.get(key) or {epochs: steps for steps, epochs in IN_EPOCHS.items()}.get(key)
    return higher.get(other) not in (None, [])


def check_config(values: dict, faults: list[str] | None = None) -> Config:
    """Validate values by key; missing keys take their defaults.

    Raises:
        UserError: lists `faults` and every invalid value.
    """
    config, wrong = _typed(values)
    faults = [*(faults or []), *wrong, *(contradictions(config) if config is not None else [])]
    if faults:
        raise _combined(faults)
    return config


def _typed(values: dict) -> tuple[Config | None, list[str]]:
    """A Config from values by key, None if some values are invalid, and an error message for each of these."""
    try:
        config = TypeAdapter(Config).validate_python(values)
        wrong = [key for key, value in values.items() if _is_no_number(value, getattr(config, key))]
        faults = [f"{key}: input should be a number, got {_short(values[key])}" for key in wrong]
        return (None, faults) if faults else (config, [])
    except ValidationError as error:
        faults = []
        for item in error.errors():
            key = str(item["loc"][0]) if item["loc"] else "config"
            faults.append(f"{key}: {_wanted(item)}, got {_short(item['input'])}{_hint(key, item)}")
        return None, faults


def _wanted(item: Mapping) -> str:
    """What a value should be."""
    if item["type"] in ("bool_type", "bool_parsing"):
        return "input should be true or false"
    return f"{item['msg'][:1].lower()}{item['msg'][1:]}"


def _hint(key: str, item: Mapping) -> str:
    """What to pass: a share for percent, the nearest of the values of a list, a point for a decimal comma, a run to resume as its folder."""
    if key in ("resume", "resume_anyway") and isinstance(item["input"], str):
        folder = shlex.quote(item["input"])
        return f"; the folder of the run has an option of its own: --save_checkpoint_path {folder} --{key}"
    if item["type"] == "literal_error":
        return near_value(item["input"], re.findall(r"'([^']*)'", item["ctx"]["expected"]))
    if item["type"] in ("float_type", "int_type") and isinstance(item["input"], list) and len(item["loc"]) == 1:
        return "; decimals have a point, not a comma"
    is_share = item["type"] == "less_than_equal" and item["ctx"]["le"] == 1
    return as_share(item["input"]) if is_share and isinstance(item["input"], int | float) else ""


def _is_no_number(given: object, taken: object) -> bool:
    """Whether a value that pydantic took for a number, or for one in a list, is none: true, or a text such as 1_0."""
    if isinstance(given, list | tuple) and isinstance(taken, list | tuple):
        return any(map(_is_no_number, given, taken))
    if isinstance(taken, bool) or not isinstance(taken, int | float):
        return False
    return isinstance(given, bool) or (isinstance(given, str) and not (given.isascii() and "_" not in given))


def _combined(faults: list[str]) -> UserError:
    """One UserError that lists all errors."""
    faults = list(dict.fromkeys(faults))  # several invalid items of one list give the same message
    count = "1 error" if len(faults) == 1 else f"{len(faults)} errors"
    return UserError("\n  ".join([f"the configuration has {count}:", *faults]))


def require(config: Config, *keys: str) -> None:
    """Check that the settings which an entry script requires are given.

    Raises:
        UserError: lists all missing ones.
    """
    missing = [key for key in keys if getattr(config, key) is None]
    if missing:
        raise UserError(
            "missing: " + ", ".join(f"--{key}" for key in missing) + " (or the same keys in the file of --config_path)"
        )


def save_config(config: Config) -> str:
    """The configuration as YAML text that `--config_path` reads."""
    return yaml.safe_dump(config.as_dict(), sort_keys=False, allow_unicode=True)


def describe_differences(config: Config) -> str:
    """The settings that differ from the defaults, "key: value" with commas between them, for a reader."""
    changed = [
        f"{key}: {_in_one_line(value)}"
        for key, value in config.as_dict().items()
        if value != plain(FIELDS[key].default)
    ]
    return ", ".join(changed) or "none"


def _short(value: object) -> str:
    """The value, shortened if it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _parser(description: str) -> argparse.ArgumentParser:
    parser = program_parser(description)
    parser.add_argument(
        "--config_path",
        metavar="FILE",
        help="YAML file that states differences from configs/base.yaml, or auto: settings from the data (docs/RECIPE.md)",
    )
    for key, field in FIELDS.items():
        meaning = f"{field.description} [{default_text(key)}]".replace("%", "%%")
        if field.annotation is bool and field.default is False:
            parser.add_argument(f"--{key}", nargs="?", const="true", metavar="BOOL", help=meaning)
        else:
            several = "+" if key == "class_names" else None
            parser.add_argument(f"--{key}", nargs=several, metavar="VALUE", help=meaning)
    return parser


def _read_argument(key: str, text: str | list[str]) -> object:
    """Parse a command-line argument as YAML; '1,2' is a list; paths and text that is not YAML stay strings."""
    if key in TEXT_KEYS:
        return None if text in ("", "null") else text
    if key == "class_names":
        return list(parse_names(text))
    if re.fullmatch(r"[-+.\deE]+(,[-+.\deE]+)+", text):
        text = f"[{text}]"
    # YAML 1.1 parses 1e-4 as a string.
    if re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", text):
        return float(text)
    try:
        return yaml_value(text)
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: a number of thousands of digits
        return text


def _read_yaml(path: Path) -> dict:
    try:
        return read_yaml(path)
    except OSError as error:
        raise UserError(
            f"cannot read config file {path}: {error.strerror}{near_path(path) or _near_leaf(path)}"
        ) from error


def _near_leaf(path: Path) -> str:
    """The end of a message about a file that is not there: the one in configs/ that its name may mean, or the names of all."""
    leaves = sorted(file.name for file in CONFIG_FOLDER.glob("*.yaml"))
    folder = nearest_path(CONFIG_FOLDER)
    if near := get_close_matches(f"{path.name.removesuffix('.yaml')}.yaml", leaves, n=1, cutoff=0.75):
        return f"; did you mean {folder}/{near[0]}?"
    return f"; in {folder} there are {', '.join(leaves)}"


def unknown_key(key: str, source: str, more: Sequence[str] = ()) -> str:
    """The fault that a key of `source` is no setting, with the one that may be meant, `more` options included."""
    nearest = near_names(str(key), [*KEYS, *more])
    return f"{source}: unknown key {key!r}" + (f"; did you mean {nearest}?" if nearest else "")
