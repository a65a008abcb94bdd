"""Check that a checkpoint has the given backbone: `_backbone.py CHECKPOINT BACKBONE`.

The launch scripts of the model zoo take the backbone as an argument; here it is saved in the checkpoint, and the two must agree.
"""

import sys

from src.checkpoint.restore import saved_settings
from src.errors import UserError, entry_point


@entry_point
def main() -> None:
    """Exit with an error if the backbones differ."""
    checkpoint, expected = sys.argv[1:]
    actual = saved_settings(checkpoint)["backbone"]
    if actual != expected:
        raise UserError(f"BACKBONE is {expected}, but {checkpoint} is a detector with {actual}")


if __name__ == "__main__":
    main()
