"""FLOPs of a network: multiply-adds of its convolutions and dense layers, counted from the shapes of their outputs.

Everything else (boxes, NMS, RoIAlign, element-wise operators) is less than 1 % of them and is not counted.
"""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from src.FasterRcnn.faster_rcnn import FasterRcnn

SIDE = 64  # pixels; a multiple of every stride, so that counts grow with the area exactly


def count(network: nn.Cell, *inputs: Tensor) -> dict[str, int]:
    """Multiply-adds of one call by name of the layer; a layer that is shared counts each time it is called."""
    found: dict[str, int] = {}

    def counter(name: str, layer: nn.Cell):
        def hook(_, inputs: tuple, output: Tensor) -> None:
            per_value = int(np.prod(layer.weight.shape[1:]))
            found[name] = found.get(name, 0) + int(np.prod(output.shape)) * per_value

        return layer.register_forward_hook(hook)

    before = ms.get_context("mode")
    ms.set_context(mode=ms.PYNATIVE_MODE)
    layers = [(name, cell) for name, cell in network.cells_and_names() if isinstance(cell, (nn.Conv2d, nn.Dense))]
    native = [layer for _, layer in layers if getattr(layer, "is_native", False)]
    hooks = [counter(name, layer) for name, layer in layers]
    try:
        for layer in native:
            layer.is_native = False  # a kernel is called without its layer, so without the hook
        network(*inputs)
    finally:
        for layer in native:
            layer.is_native = True
        for hook in hooks:
            hook.remove()
        ms.set_context(mode=before)
    return found


class _PerImageLayers(nn.Cell):
    """Backbone, FPN and RPN: the layers whose cost depends on the size of the image and not on the number of RoIs."""

    def __init__(self, detector: FasterRcnn) -> None:
        super().__init__(auto_prefix=False)
        self.backbone, self.fpn, self.rpn = detector.backbone, detector.fpn, detector.rpn

    def construct(self, images: Tensor):
        return self.rpn(self.fpn(self.backbone(images)))


def of_detector(detector: FasterRcnn, rois: int, training: bool) -> float:
    """Floating-point operations per image: two per multiply-add; a trained layer costs three times its forward pass.

    Layers that read frozen features need no gradient of their input; it is counted all the same, which adds about 1 %.

    Args:
        rois: RoIs per image in the box head.
    """
    area_ratio = detector.input_config.height * detector.input_config.width / SIDE**2
    total = area_ratio * of_network(_PerImageLayers(detector), SIDE, SIDE, training) / 2.0
    head = sum(int(np.prod(p.shape)) for p in detector.box_head.get_parameters() if len(p.shape) == 2)
    return 2.0 * (total + head * rois * (3 if training else 1))


def of_network(network: nn.Cell, height: int, width: int, training: bool) -> float:
    """Floating-point operations per image of this size, as `of_detector`, for a network without layers per RoI."""
    cells = dict(network.cells_and_names())
    counts = count(network, ops.zeros((1, 3, height, width), ms.float32))
    return 2.0 * sum(
        multiply_adds * (3 if training and cells[name].weight.requires_grad else 1)
        for name, multiply_adds in counts.items()
    )
