"""Writes configs/base.yaml from the schema: every setting with its default, unit and meaning.

python -m src.config.base_file
"""

from dataclasses import fields

from src.config.load import CONFIG_FOLDER, default_text
from src.config.schema import FIELDS, GROUPS
from src.files import write_text

HEAD = """\
# Every key once, with its default, unit and meaning. Other config files have only their differences from this one;
# the command line (--key value) overrides both. Names follow the MindSpore model zoo.
# Generated from src/config by python -m src.config.base_file; do not edit.
"""
COMMENT_COLUMN = 29


def base_text() -> str:
    """The text of configs/base.yaml."""
    return HEAD + "".join(
        f"\n# --- {title}\n" + "".join(_line(field.name) for field in fields(group)) for title, group in GROUPS.items()
    )


def _line(key: str) -> str:
    """A setting with its default, and its description as a comment."""
    stated = f"{key}: {default_text(key)}"
    return f"{stated:<{COMMENT_COLUMN}} # {FIELDS[key].description}\n"


if __name__ == "__main__":
    write_text(CONFIG_FOLDER / "base.yaml", base_text(), overwrite=True)
