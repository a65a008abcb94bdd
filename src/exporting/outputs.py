"""The outputs of exported models: their names, shapes and types, and which values cannot be detections.

Axes: B images, K detections of an image, C classes without background, M cells a side of a mask.
"""

from collections.abc import Mapping

import numpy as np

from src.errors import UserError

OUTPUTS = ("boxes", "scores", "labels", "valid")
PROBABILITIES = "probabilities"
MASKS = "masks"
DTYPES = {
    "boxes": "float32",
    "scores": "float32",
    "labels": "int32",
    "valid": "bool",
    PROBABILITIES: "float32",
    MASKS: "float32",
}
_ROUNDING = 1e-4  # by which a score may leave 0 to 1


def output_names(probabilities: bool, masks: bool) -> tuple[str, ...]:
    """The outputs of a model, in order."""
    return OUTPUTS + ((PROBABILITIES,) if probabilities else ()) + ((MASKS,) if masks else ())


def output_shapes(batch: int, detections: int, classes: int, cells: int) -> dict[str, tuple[int, ...]]:
    """The shape of each output. Args: B, K, C, M."""
    rows = (batch, detections)
    return {
        "boxes": (*rows, 4),
        "scores": rows,
        "labels": rows,
        "valid": rows,
        PROBABILITIES: (*rows, classes + 1),
        MASKS: (*rows, cells, cells),
    }


def check_outputs(
    found: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], class_count: int, source: str
) -> None:
    """Compare what a model gives with its metadata, and look at the values of its detections, as the C++ program does.

    Args:
        found: outputs by name; shapes: as the metadata say; class_count: C; source: the model, for messages.

    Raises:
        UserError: another shape or type, or a detection that cannot be one: a class that there is not, a box with a value that
            is no number, a score, a probability or a cell of a mask outside 0 to 1.
    """
    for name, output in found.items():
        if output.shape != shapes[name]:
            text = f"{list(output.shape)}, but its metadata say {list(shapes[name])}"
            raise UserError(f"{source}: output {name} has the shape {text}; export the model again")
        kinds = "iu" if DTYPES[name] == "int32" else np.dtype(DTYPES[name]).kind
        if output.dtype.kind not in kinds:
            raise UserError(f"{source}: output {name} is {output.dtype}, not {DTYPES[name]}; export the model again")
    valid = found["valid"].astype(bool)
    labels = found["labels"][valid]
    wrong = labels[(labels < 1) | (labels > class_count)]
    if wrong.size:
        raise UserError(
            f"{source}: the model found class {wrong[0]}, but its metadata have classes 1 to {class_count}; export the "
            "model again"
        )
    boxes = found["boxes"][valid]
    impossible = {
        "a box with the corner": boxes[~np.isfinite(boxes)],
        "a score of": _outside(found["scores"][valid]),
        "a probability of": _outside(found[PROBABILITIES][valid]) if PROBABILITIES in found else np.zeros(0),
        "a mask with a cell of": _outside(found[MASKS][valid]) if MASKS in found else np.zeros(0),
    }
    for what, values in impossible.items():
        if values.size:
            raise UserError(
                f"{source}: the model gives {what} {values[0]}: its weights are broken, or this runtime computes it wrongly; "
                "evaluate the checkpoint, and export the model again"
            )


def _outside(values: np.ndarray) -> np.ndarray:
    """Those that are not within 0 to 1, which no probability leaves but by rounding; NaN among them."""
    return values[~((values >= -_ROUNDING) & (values <= 1 + _ROUNDING))]
