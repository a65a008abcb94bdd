"""Runs networks and exported models on NumPy arrays: MINDIR by MindSpore, ONNX by OpenVINO or onnxruntime on the CPU."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from src.allocator import has_jemalloc
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


def open_model(path: str | Path, runtime: str | None = None) -> tuple[ModelMetadata, Detector]:
    """Open an exported model and its metadata.

    Args:
        runtime: one of `runtimes`; by default the first.

    Raises:
        UserError: model or metadata is missing, the metadata belongs to another model, or no package can run it. The
            detector raises it if outputs do not match the metadata or are not valid detections.
    """
    path = Path(path)
    check_runnable(path.suffix)
    metadata = read_model_metadata(path)
    return metadata, as_detector(_checked(path, metadata, runtime), tuple(output.name for output in metadata.outputs))


def runtimes(suffix: str) -> list[str]:
    """The runtimes that can run files with this suffix in this process, the fastest first."""
    return [name for name in _RUNTIMES.get(suffix, {}) if _USABLE[name]()]


def check_runnable(suffix: str) -> None:
    """Raise a UserError if files with this suffix cannot be run, or a package is missing."""
    if suffix not in _RUNTIMES:
        raise UserError(f"model: Python runs {' and '.join(_RUNTIMES)} files, not {suffix or 'files without a suffix'}")
    if not runtimes(suffix):
        packages = [name.lower() for name in _RUNTIMES[suffix]]
        raise UserError(
            f"{suffix} models need {' or '.join(packages)}, and none of them is installed: pip install {packages[-1]}"
        )


def _checked(path: Path, metadata: ModelMetadata, runtime: str | None) -> Run:
    """A model whose outputs are compared with its metadata."""
    shapes = {output.name: output.shape for output in metadata.outputs}
    run = run_file(path, list(shapes), runtime)

    def run_and_check(images: np.ndarray) -> Sequence[np.ndarray]:
        outputs = run(images)
        if len(outputs) != len(shapes):
            raise UserError(f"{path}: has {len(outputs)} outputs, but its metadata name {len(shapes)}; export it again")
        check_outputs(dict(zip(shapes, outputs, strict=True)), shapes, len(metadata.classes), str(path))
        return outputs

    return run_and_check


def run_file(path: Path, names: Sequence[str], runtime: str | None = None) -> Run:
    """Load a model file as a function that maps images float32 [B, 3, H, W] to its outputs.

    Args:
        names: of its outputs, in order; ONNX files know them, too, and must agree. runtime: one of `runtimes`; by default the first.
    """
    return _RUNTIMES[path.suffix][runtime or runtimes(path.suffix)[0]](path, names)


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


def _openvino(path: Path, names: Sequence[str]) -> Run:
    openvino = _import_openvino()
    with _refusal(path, "OpenVINO"):
        model = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    _check_names(path, [output.any_name for output in model.outputs], names)

    def run(images: np.ndarray) -> Sequence[np.ndarray]:
        with _refusal(path, "OpenVINO"):
            found = model([images])
            return [
                found[place].copy() for place in range(len(model.outputs))
            ]  # the memory is that of the next call, too

    return run


def _import_openvino() -> ModuleType:
    """The package without its converter of models, which sends usage data when it is imported, and which it can do without."""
    converter = "openvino.tools.ovc"
    before = sys.modules.get(converter)
    sys.modules[converter] = None  # an import of it raises ImportError
    try:
        import openvino  # here, for it is not always installed
    finally:
        del sys.modules[converter]
        if before is not None:
            sys.modules[converter] = before
    return openvino


def _onnxruntime(path: Path, names: Sequence[str]) -> Run:
    import onnxruntime  # here, for it is not always installed

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # its warnings are about MindSpore's ONNX export, its errors are exceptions, too
    with _refusal(path, "onnxruntime"):
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = [tensor.name for tensor in session.get_inputs()]
    _check_names(path, [tensor.name for tensor in session.get_outputs()], names)

    def run(images: np.ndarray) -> Sequence[np.ndarray]:
        with _refusal(path, "onnxruntime"):
            return session.run(None, dict.fromkeys(inputs, images))

    return run


def _check_names(path: Path, known: Sequence[str], names: Sequence[str]) -> None:
    """Refuse a model with other outputs than its metadata name; another number is told when the model is run."""
    if len(known) == len(names) and list(known) != list(names):
        raise UserError(
            f"{path}: its outputs are {', '.join(known)}, but its metadata name {', '.join(names)}; export it again"
        )


@contextmanager
def _refusal(path: Path, engine: str) -> Iterator[None]:
    """Convert any exception of a runtime about a model to a UserError of one line."""
    try:
        yield
    except Exception as error:  # the runtimes have no common class of their own
        lines = [line.strip() for line in str(error).splitlines() if line.strip(" -") and not line.startswith(_PLACES)]
        reason = lines[0] if lines else type(error).__name__
        raise UserError(
            f"{path}: {engine} refuses it or the input that its metadata tell: {reason}; export it again"
        ) from error


_PLACES = ("Exception from ", "Check '")  # lines of OpenVINO's messages that name its source files
_RUNTIMES = {".mindir": {"MindSpore": _mindir}, ".onnx": {"OpenVINO": _openvino, "onnxruntime": _onnxruntime}}
_USABLE = {
    "MindSpore": lambda: True,
    "OpenVINO": lambda: find_spec("openvino") is not None and not has_jemalloc(),
    "onnxruntime": lambda: find_spec("onnxruntime") is not None,
}
