"""Check width, height and KEEP_RATIO, if given, against the metadata of an exported model: `_model_metadata.py MODEL WIDTH HEIGHT KEEP_RATIO`.

The launch scripts of the model zoo take these values as arguments; here they are in the metadata of the model, and must agree.
"""

import sys

from src.errors import UserError, entry_point
from src.exporting.metadata_file import read_model_metadata


@entry_point
def main() -> None:
    """Exit with an error if a value differs; an empty argument is a value that is not given."""
    model, *given = sys.argv[1:]
    metadata = read_model_metadata(model)
    height, width = metadata.input.shape[2:]
    known = {"IMAGE_WIDTH": width, "IMAGE_HEIGHT": height, "KEEP_RATIO": str(metadata.resize.keep_ratio).lower()}
    errors = [
        f"{name} is {value}, but {model} was exported for {known[name]}: omit it, or export the model again"
        for name, value in zip(known, given, strict=True)
        if value and value.lower() != str(known[name])
    ]
    if errors:
        raise UserError("\n".join([*errors, "a device can also be chosen by --device_id NUMBER"]))


if __name__ == "__main__":
    main()
