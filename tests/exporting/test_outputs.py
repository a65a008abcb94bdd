"""What a model gives must be what its metadata say, and detections that can be."""

import numpy as np
import pytest

from src.errors import UserError
from src.exporting.outputs import DTYPES, MASKS, PROBABILITIES, check_outputs, output_names, output_shapes

SHAPES = output_shapes(1, 2, 3, 4)  # three classes: boxes and probabilities have one shape


def good() -> dict[str, np.ndarray]:
    """One detection and one row that is padding."""
    found = {name: np.zeros(SHAPES[name], DTYPES[name]) for name in output_names(True, True)}
    found["labels"][0, 0], found["valid"][0, 0], found["scores"][0, 0] = 3, True, 0.5
    return found


def test_what_can_be_is_taken():
    found = good()
    check_outputs(found, SHAPES, 3, "a.onnx")
    found[PROBABILITIES][0, 0, 0], found["scores"][0, 0] = 1.00001, -1e-5  # rounding
    found[PROBABILITIES][0, 1] = found["scores"][0, 1] = np.nan  # in padding
    check_outputs(found, SHAPES, 3, "a.onnx")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -0.5, 4.5])
@pytest.mark.parametrize(
    ("name", "words"),
    [("scores", "a score of"), (PROBABILITIES, "a probability of"), (MASKS, "a mask with a cell of")],
)
def test_what_cannot_be_is_refused(name, words, value):
    found = good()
    found[name][0, 0] = value
    with pytest.raises(UserError, match=f"a.onnx: the model gives {words}"):
        check_outputs(found, SHAPES, 3, "a.onnx")
