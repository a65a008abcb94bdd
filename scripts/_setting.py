"""Print one setting as the programs read it, from --config_path and the command line: `_setting.py KEY [--key value ...]`.

Without --config_path the settings may come from a recipe that is not there yet; no recipe chooses folders and files.
"""

import sys

from src.config.load import AUTOMATIC, load_config
from src.errors import entry_point

# Options of launch scripts, which do not come here: an unknown one may be a misspelt one of these.
OF_SCRIPTS = {
    "selection": (
        *("pick_ratio", "budget_hours", "budget_images", "budget_boxes", "policy", "at_least", "random_share"),
        *("strategy", "weights", "box_exponent", "empty_is_reviewed"),
    ),
    "labelling": ("ori_ann", "rounds", "format", "image_files", "precision", "annotator", "all_reviewed", "labels"),
}


@entry_point
def main() -> None:
    """Print the value; an empty line if it is not set."""
    key, *options = sys.argv[1:]
    options = ["--config_path", AUTOMATIC, *options]  # a later one replaces it
    value = getattr(
        load_config(__doc__, options, more_options=[name for names in OF_SCRIPTS.values() for name in names]), key
    )
    print("" if value is None else value)


if __name__ == "__main__":
    main()
