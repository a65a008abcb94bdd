"""Exit with status 2 if an option is none of the programs' settings and none of the launch scripts': `_options.py [--key value ...]`."""

import sys

from _setting import OF_SCRIPTS

from src.config.load import KEYS, NO_SETTINGS, unknown_key
from src.errors import UserError, entry_point

OF_CPP = ("threads", "draw")  # of the C++ program


@entry_point
def main() -> None:
    """Look at the names only; values are the matter of the programs."""
    more = (*NO_SETTINGS, *OF_SCRIPTS, *OF_CPP)
    names = [word.removeprefix("--") for word in sys.argv[1:] if word.startswith("--")]
    if unknown := [unknown_key(name, "command line", more) for name in names if name not in {*KEYS, *more}]:
        raise UserError("\n".join(unknown))


if __name__ == "__main__":
    main()
