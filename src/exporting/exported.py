"""The exported network, its inputs and outputs, and export to MINDIR, ONNX or AIR."""

import importlib.util
import os
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn
from mindspore import dtype as mstype

from src.errors import UserError
from src.exporting.outputs import output_names

SUFFIXES = {"MINDIR": ".mindir", "ONNX": ".onnx", "AIR": ".air"}


class ExportedDetector(nn.Cell):
    """A detector with float32 pixels as input; output rows that are padding (valid is False) are zero.

    Args:
        network: maps images to boxes, scores, labels, class probabilities, valid and, if it `has_masks`, masks.
        probabilities: whether class probabilities are among the outputs, after valid. Masks come last, as in the
            network, so that the positions of the other outputs do not depend on them.
    """

    def __init__(self, network: nn.Cell, probabilities: bool) -> None:
        super().__init__()
        self.network = network
        self.probabilities = probabilities
        self.output_names = output_names(probabilities, network.has_masks)

    def construct(self, images: Tensor) -> tuple[Tensor, ...]:
        """Detections, best first.

        Args:
            images: [B, 3, H, W] float32, RGB, 0 to 255.

        Returns:
            boxes [B, K, 4] float32 (x1, y1, x2, y2) in pixels of the input, scores [B, K] float32, labels [B, K] int32,
            valid [B, K] bool; then probabilities [B, K, C] float32, background first, if requested; then masks
            [B, K, M, M] float32, 0 to 1, of the predicted class over the box, if the network has them.
        """
        boxes, scores, labels, probabilities, valid, *masks = self.network(images)
        is_valid = valid.astype(mstype.float32)
        outputs = (boxes * is_valid[..., None], scores, labels * valid.astype(mstype.int32), valid)
        if self.probabilities:
            outputs += (probabilities * is_valid[..., None],)
        for mask in masks:
            outputs += (mask * is_valid[..., None, None],)
        return outputs


def model_path(name: str, file_format: str) -> Path:
    """`name` with the suffix of the format appended, unless it has it already.

    Raises:
        UserError: the name has the suffix of another format, or is that of a folder.
    """
    path, suffix = Path(name), SUFFIXES[file_format]
    if path.name in ("", "..") or name.endswith("/"):
        raise UserError(f"file_name: {name} is a folder, expected the name of the model in it, without suffix")
    if path.suffix == suffix:
        return path
    if path.suffix in {*SUFFIXES.values(), ".json"}:
        raise UserError(
            f"file_name: {name} has another suffix than {file_format} models, {suffix}; leave the suffix out"
        )
    return path.with_name(path.name + suffix)


def check_writable(file_format: str, device_target: str) -> None:
    """Raise a UserError if models of this format cannot be written here."""
    if file_format == "AIR" and device_target != "Ascend":
        raise UserError(
            f"file_format: AIR can only be written on an Ascend device, but device_target is {device_target}; "
            "choose MINDIR or ONNX"
        )
    if file_format == "ONNX" and importlib.util.find_spec("onnx") is None:
        raise UserError("onnx is needed to write ONNX models and is not installed: pip install onnx")


def write_model(detector: ExportedDetector, shape: tuple[int, ...], path: Path, file_format: str) -> None:
    """Export a detector for inputs of a fixed shape; `path` must have the suffix of the format."""
    ms.export(detector, Tensor(np.zeros(shape, np.float32)), file_name=str(path), file_format=file_format)
    os.chmod(path, 0o600)  # MindSpore writes read-only files
    if file_format == "ONNX":
        _name_outputs(path, detector.output_names)


def _name_outputs(path: Path, names: tuple[str, ...]) -> None:
    """Rename the outputs of an ONNX file to `names`; MindSpore names them by operator and number."""
    import onnx  # an optional dependency, needed for ONNX only

    model = onnx.load(path)
    new_names = {output.name: name for output, name in zip(model.graph.output, names, strict=True)}
    for node in model.graph.node:
        node.input[:] = [new_names.get(name, name) for name in node.input]
        node.output[:] = [new_names.get(name, name) for name in node.output]
    for output in model.graph.output:
        output.name = new_names[output.name]
    onnx.checker.check_model(model)
    onnx.save(model, path)
