"""Check width, height and ratio, where they are given, against an exported model: `_model_metadata.py MODEL WIDTH HEIGHT KEEP_RATIO`.

The launch scripts of the model zoo take these numbers; here they stand in the metadata of the model, and another value cannot work.
"""

import sys

from src.errors import UserError, entry_point
from src.exporting.model_metadata import read_model_metadata


@entry_point
def main() -> None:
    """An empty word stands for a value that is not given."""
    model, *given = sys.argv[1:]
    metadata = read_model_metadata(model)
    height, width = metadata.input.shape[2:]
    known = {"IMAGE_WIDTH": width, "IMAGE_HEIGHT": height, "KEEP_RATIO": str(metadata.resize.keep_ratio).lower()}
    faults = [
        f"{name} is {value}, but {model} was exported for {known[name]}: leave it away, or export the model again"
        for name, value in zip(known, given, strict=True)
        if value and value.lower() != str(known[name])
    ]
    if faults:
        raise UserError("\n".join([*faults, "the number of a device is given as --device_id NUMBER too"]))


if __name__ == "__main__":
    main()
