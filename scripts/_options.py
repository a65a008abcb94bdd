"""Exit with status 2 at an option that the launch script does not take: `_options.py [GROUP ...] [ARGUMENT ...] [--key value ...]`.

A launch script takes all settings of the programs but for those that it makes of its arguments, and the groups of options that it
names.
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
_MADE_OF = {  # argument that every use of a script gives -> settings; given as options, these would contradict it for some programs
    "DATA_ROOT": ("train_img_dir",),
    "ANN": ("train_ann_file",),
    "TRAIN_ANN": ("train_ann_file",),
    "PICKED_ANN": ("train_ann_file",),
    "OUTPUT_DIR": ("save_checkpoint_path", "checkpoint_path", "eval_output_dir"),
    "NEW_ANN": ("eval_output_dir",),
    "CKPT": ("checkpoint_path",),
    "MODEL": ("model",),
    "EVAL_ROOT": ("eval_img_dir",),
    "EVAL_ANN": ("eval_ann_file",),
    "TARGET": ("device_target",),
    "DEVICE_ID": ("device_id",),
}
_OF_THE_SCRIPT = ("device_target", "run_distribute")


def fault(name: str, words: list[str]) -> str | None:
    """What is wrong with an option of a script that takes these groups and arguments; None if it takes it."""
    taken = [key for group in words for key in GROUPS.get(group, ())]
    if arguments := [argument for argument in words if name in _MADE_OF.get(argument, ())]:
        return f"command line: --{name} is set by the argument {arguments[0]} of this script; leave it out"
    if name in _OF_THE_SCRIPT:
        return f"command line: --{name} is set by the choice of the launch script; leave it out"
    if name in {*KEYS, *NO_SETTINGS, *taken}:
        return None
    for group, names in GROUPS.items():
        if name in names:
            return f"command line: --{name} is an option of {_TAKEN_BY[group]}, not of this script; leave it out"
    return unknown_key(name, "command line", (*NO_SETTINGS, *taken))


@entry_point
def main() -> None:
    """Look at the names only; values are the matter of the programs."""
    words = list(takewhile(lambda word: not word.startswith("--"), sys.argv[1:]))
    names = [word.removeprefix("--") for word in sys.argv[1:] if word.startswith("--")]
    if faults := [found for name in names if (found := fault(name, words))]:
        raise UserError("\n".join(faults))


if __name__ == "__main__":
    main()
