"""Exit with status 2 at an option that the launch script does not take: `_options.py [GROUP ...] [--key value ...]`.

A launch script takes all settings of the programs, and the groups of options that it names.
"""

import sys
from itertools import takewhile

from _setting import OF_SCRIPTS

from src.config.load import KEYS, NO_SETTINGS, unknown_key
from src.errors import UserError, entry_point

GROUPS = OF_SCRIPTS | {"cpp": ("threads", "draw")}  # cpp: of the C++ program
_TAKEN_BY = {
    "selection": "run_standalone_train_*.sh, run_distribute_train_*.sh, run_rounds_*.sh and select_valuable_sample.sh in scripts/",
    "labelling": "scripts/run_rounds_*.sh",
    "cpp": "run_infer_cpp.sh and run_infer_310.sh",
}


def fault(name: str, groups: list[str]) -> str | None:
    """What is wrong with an option of a script that takes these groups; None if it takes it."""
    taken = [key for group in groups for key in GROUPS[group]]
    if name in {*KEYS, *NO_SETTINGS, *taken}:
        return None
    for group, names in GROUPS.items():
        if name in names:
            return f"command line: --{name} is an option of {_TAKEN_BY[group]}, not of this script; leave it out"
    return unknown_key(name, "command line", (*NO_SETTINGS, *taken))


@entry_point
def main() -> None:
    """Look at the names only; values are the matter of the programs."""
    groups = list(takewhile(lambda word: not word.startswith("--"), sys.argv[1:]))
    names = [word.removeprefix("--") for word in sys.argv[1:] if word.startswith("--")]
    if faults := [found for name in names if (found := fault(name, groups))]:
        raise UserError("\n".join(faults))


if __name__ == "__main__":
    main()
