"""Print one setting as the programs read it, from --config_path and the command line: `_setting.py KEY [--key value ...]`."""

import sys

from src.config.load import load_config
from src.errors import entry_point


@entry_point
def main() -> None:
    """Print the value; an empty line if it is not set."""
    key, *options = sys.argv[1:]
    value = getattr(load_config(__doc__, options), key)
    print("" if value is None else value)


if __name__ == "__main__":
    main()
