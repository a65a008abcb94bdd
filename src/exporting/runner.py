"""Runs networks and exported models on NumPy arrays: MINDIR by MindSpore, ONNX by onnxruntime on the CPU."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from src.errors import UserError
from src.exporting.metadata_file import read_model_metadata
from src.exporting.model_metadata import ModelMetadata
from src.exporting.outputs import MASKS, OUTPUTS, PROBABILITIES, check_outputs

# Maps images float32 [B, 3, H, W] to the outputs of the model file, in their order.
Run = Callable[[np.ndarray], Sequence[np.ndarray]]
# Maps images uint8 [B, 3, H, W] and, optionally, image_sizes float32 [B, 2] to the outputs of a network:
# boxes, scores, labels, class probabilities, valid and, if it has masks, masks.
Detector = Callable[..., Sequence[np.ndarray]]


def numpy_forward(network: Callable[..., Sequence[Tensor]]) -> Detector:
    """Wrap a network as a function of NumPy images and, optionally, image sizes, which returns NumPy outputs."""
    return lambda *inputs: [output.asnumpy() for output in network(*map(Tensor, inputs))]


def open_model(path: str | Path) -> tuple[ModelMetadata, Detector]:
    """Open an exported model and its metadata.

    Raises:
        UserError: model or metadata is missing, the metadata belongs to another model, or no package can run it. The
            detector raises it if outputs do not match the metadata or are not valid detections.
    """
    path = Path(path)
    check_runnable(path.suffix)
    metadata = read_model_metadata(path)
    return metadata, as_detector(_checked(path, metadata), tuple(output.name for output in metadata.outputs))


def check_runnable(suffix: str) -> None:
    """Raise a UserError if files with this suffix cannot be run, or a package is missing."""
    if suffix not in _ENGINES:
        raise UserError(f"model: Python runs {' and '.join(_ENGINES)} files, not {suffix or 'files without a suffix'}")
    if suffix == ".onnx":
        _onnxruntime()


def _checked(path: Path, metadata: ModelMetadata) -> Run:
    """A model whose outputs are compared with its metadata."""
    shapes = {output.name: output.shape for output in metadata.outputs}
    run = run_file(path, list(shapes))

    def run_and_check(images: np.ndarray) -> Sequence[np.ndarray]:
        outputs = run(images)
        if len(outputs) != len(shapes):
            raise UserError(f"{path}: has {len(outputs)} outputs, but its metadata name {len(shapes)}; export it again")
        check_outputs(dict(zip(shapes, outputs, strict=True)), shapes, len(metadata.classes), str(path))
        return outputs

    return run_and_check


def run_file(path: Path, names: Sequence[str]) -> Run:
    """Load a model file as a function that maps images float32 [B, 3, H, W] to its outputs.

    Args:
        names: of its outputs, in order; ONNX files know them, too, and must agree.
    """
    return _ENGINES[path.suffix](path, names)


def as_detector(run: Run, names: Sequence[str] = OUTPUTS) -> Detector:
    """Give an exported model the inputs and outputs of the network; probabilities are [B, K, 0] if it has none.

    The only input of an exported model is pixels, so image_sizes are ignored; if it needs them, it detects the padding
    itself (`pixels.lit_sizes`).

    Args:
        names: of the outputs of the model, in order.
    """

    def detect(images: np.ndarray, image_sizes: np.ndarray | None = None) -> Sequence[np.ndarray]:
        found = dict(zip(names, run(images.astype(np.float32)), strict=True))
        boxes, scores, labels, valid = (found[name] for name in OUTPUTS)
        probabilities = found.get(PROBABILITIES, np.zeros((*scores.shape, 0), np.float32))
        return [boxes, scores, labels, probabilities, valid, *([found[MASKS]] if MASKS in found else [])]

    return detect


def _mindir(path: Path, names: Sequence[str]) -> Run:
    with _refusal(path, "MindSpore"):
        graph = nn.GraphCell(ms.load(str(path)))

    def run(images: np.ndarray) -> Sequence[np.ndarray]:
        with _refusal(path, "MindSpore"):
            outputs = graph(Tensor(images))
            return [output.asnumpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]

    return run


def _onnx(path: Path, names: Sequence[str]) -> Run:
    runtime = _onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # its warnings are about MindSpore's ONNX export, its errors are exceptions, too
    with _refusal(path, "onnxruntime"):
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = [tensor.name for tensor in session.get_inputs()]
    known = [tensor.name for tensor in session.get_outputs()]
    if len(known) == len(names) and known != list(names):  # another number is told when the model is run
        raise UserError(
            f"{path}: its outputs are {', '.join(known)}, but its metadata name {', '.join(names)}; export it again"
        )

    def run(images: np.ndarray) -> Sequence[np.ndarray]:
        with _refusal(path, "onnxruntime"):
            return session.run(None, dict.fromkeys(inputs, images))

    return run


@contextmanager
def _refusal(path: Path, engine: str) -> Iterator[None]:
    """Convert any exception of a runtime about a model to a UserError of one line."""
    try:
        yield
    except Exception as error:  # the runtimes have no common class of their own
        lines = [line.strip() for line in str(error).splitlines() if line.strip(" -")]
        reason = lines[0] if lines else type(error).__name__
        raise UserError(
            f"{path}: {engine} refuses it or the input that its metadata tell: {reason}; export it again"
        ) from error


def _onnxruntime():
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            f"onnxruntime is needed for ONNX models and is not installed ({error}): pip install onnxruntime"
        ) from error
    return onnxruntime


_ENGINES = {".mindir": _mindir, ".onnx": _onnx}
