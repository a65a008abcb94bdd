"""Is a checkpoint of the backbone that was said? `_backbone.py CHECKPOINT BACKBONE`.

The launch scripts of the model zoo are told the backbone; here a checkpoint knows its own, and another one cannot work.
"""

import sys

from src.checkpoint.restore import saved_settings
from src.errors import UserError, entry_point


@entry_point
def main() -> None:
    """Compare the two."""
    checkpoint, said = sys.argv[1:]
    known = saved_settings(checkpoint)["backbone"]
    if known != said:
        raise UserError(f"BACKBONE is {said}, but {checkpoint} is a detector with {known}")


if __name__ == "__main__":
    main()
