"""What cannot be right in the metadata of a model although each value is, one by one.

The C++ program has the same rules, in ascend310_infer/src/model_metadata.cc.
"""

from collections import Counter

from src.data.classes import control_faults
from src.exporting.model_metadata import ModelMetadata, Output
from src.exporting.outputs import DTYPES, MASKS, PROBABILITIES, output_names, output_shapes

_MOST_PIXELS = 2**26  # of all images of an input
_MOST_DETECTIONS = 2**20  # of an image
_MOST_CELLS = 2**10  # a side of a mask


def fault_of(metadata: ModelMetadata) -> str | None:
    """What is wrong, in words that follow the name of the file; None: nothing."""
    batch, _, height, width = metadata.input.shape
    if batch * height * width > _MOST_PIXELS:
        return f"the shape of the input {list(metadata.input.shape)} has more than {_MOST_PIXELS} pixels"
    if metadata.resize.sides and not metadata.resize.keep_ratio:
        return "'sides' of resize keep the ratio, but 'keep_ratio' is false"
    if not metadata.classes:
        return "there are no classes"
    if faults := control_faults(item.name for item in metadata.classes):
        return faults[0]
    for key in ("id", "name"):
        [(value, count)] = Counter(getattr(item, key) for item in metadata.classes).most_common(1)
        if count > 1:
            return f"two classes have the {key} {value!r}"
    return _fault_of_names(metadata) or _fault_of_shapes(metadata)


def _fault_of_names(metadata: ModelMetadata) -> str | None:
    names = tuple(output.name for output in metadata.outputs)
    if names != output_names(PROBABILITIES in names, MASKS in names):
        wanted = "boxes, scores, labels, valid, perhaps probabilities, perhaps masks, in this order"
        return f"the outputs must be {wanted}, not {', '.join(names)}"
    if MASKS in names and metadata.masks is None:
        return "there is an output masks, but no key 'masks' that says how to use it"
    if MASKS not in names and metadata.masks is not None:
        return "there is a key 'masks', but no output of that name"
    return None


def _fault_of_shapes(metadata: ModelMetadata) -> str | None:
    """The shapes must be those of one batch, one number of detections, the classes, and square masks."""
    by_name = {output.name: output for output in metadata.outputs}
    batch, classes = metadata.input.shape[0], len(metadata.classes)
    detections, cells = _side(by_name["scores"], 1, _MOST_DETECTIONS), _side(by_name.get(MASKS), 2, _MOST_CELLS)
    shapes = output_shapes(batch, detections, classes, cells)
    for name, output in by_name.items():
        if (output.shape, output.dtype) != (shapes[name], DTYPES[name]):
            text = f"{DTYPES[name]} {list(shapes[name])}, not {output.dtype} {list(output.shape)}"
            return f"the output {name} must be {text}"
    return None


def _side(output: Output | None, place: int, most: int) -> int:
    return 1 if output is None or len(output.shape) <= place else min(output.shape[place], most)
