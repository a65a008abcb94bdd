"""Runs networks and exported models on NumPy arrays: MINDIR by MindSpore, ONNX by onnxruntime on the CPU."""

from collections.abc import Callable, Sequence
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from src.errors import UserError
from src.exporting.exported import MASKS, OUTPUTS, PROBABILITIES, output_names
from src.exporting.model_metadata import ModelMetadata, read_model_metadata

# From images float32 [B, 3, H, W] to the outputs of the file in their order.
Run = Callable[[np.ndarray], Sequence[np.ndarray]]
# From images uint8 [B, 3, H, W], and image_sizes float32 [B, 2] that may be left out, to what the network of a checkpoint gives:
# boxes, scores, labels, class probabilities, valid and, of a network with masks, masks.
Detector = Callable[..., Sequence[np.ndarray]]


def numpy_forward(network: nn.Cell) -> Detector:
    """The network as a function from NumPy images, and their sizes where they are known, to NumPy outputs."""
    return lambda *inputs: [output.asnumpy() for output in network(*map(Tensor, inputs))]


def open_model(path: str | Path) -> tuple[ModelMetadata, Detector]:
    """An exported model and its metadata.

    Raises:
        UserError: no such model, no metadata, metadata of another model, or no package to run it with.
    """
    path = Path(path)
    check_runnable(path.suffix)
    metadata = read_model_metadata(path)
    names = tuple(output.name for output in metadata.outputs)
    masks = metadata.masks is not None
    if names not in (output_names(False, masks), output_names(True, masks)):
        raise UserError(
            f"{path}: has the outputs {', '.join(names)}; expected {', '.join(output_names(False, masks))}; export it again"
        )
    return metadata, as_detector(run_file(path), names)


def check_runnable(suffix: str) -> None:
    """Raise a UserError if models of this suffix cannot be run here."""
    if suffix not in _ENGINES:
        raise UserError(f"model: Python runs {' and '.join(_ENGINES)} files, not {suffix or 'files without a suffix'}")
    if suffix == ".onnx":
        _onnxruntime()


def run_file(path: Path) -> Run:
    """A model file as a function from images float32 [B, 3, H, W] to its outputs."""
    return _ENGINES[path.suffix](path)


def as_detector(run: Run, names: Sequence[str] = OUTPUTS) -> Detector:
    """An exported model with inputs and outputs as the network has them; probabilities are [B, K, 0] if it gives none.

    A model takes pixels alone. Where it must know how large an image is, it guesses (`pixels.lit_sizes`), so sizes go unused.

    Args:
        names: of its outputs, in order.
    """

    def detect(images: np.ndarray, image_sizes: np.ndarray | None = None) -> Sequence[np.ndarray]:
        found = dict(zip(names, run(images.astype(np.float32)), strict=True))
        boxes, scores, labels, valid = (found[name] for name in OUTPUTS)
        probabilities = found.get(PROBABILITIES, np.zeros((*scores.shape, 0), np.float32))
        return [boxes, scores, labels, probabilities, valid, *([found[MASKS]] if MASKS in found else [])]

    return detect


def _mindir(path: Path) -> Run:
    graph = nn.GraphCell(ms.load(str(path)))
    return lambda images: [output.asnumpy() for output in graph(Tensor(images))]


def _onnx(path: Path) -> Run:
    runtime = _onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors; its warnings are about how MindSpore writes ONNX
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})


def _onnxruntime():
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            f"onnxruntime is needed for ONNX models and is not installed ({error}): pip install onnxruntime"
        ) from error
    return onnxruntime


_ENGINES = {".mindir": _mindir, ".onnx": _onnx}
