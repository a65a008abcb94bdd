"""Features of whole images from a backbone, to select images before a detector is trained."""

from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype

from src.parts.box_means import box_means
from src.parts.pixels import InputConfig, network_input


class ImageFeatures(nn.Cell):
    """Returns one detection per image, the whole image, with the mean of the backbone's last feature map as its features.

    Args:
        backbone: a cell that maps images to a list of maps; stride: of its last map, pixels of the input per cell.
    """

    def __init__(self, backbone: nn.Cell, input_config: InputConfig, stride: int) -> None:
        super().__init__()
        self.backbone, self.stride, self.black_is_padding = backbone, stride, input_config.black_is_padding

    def construct(self, images: Tensor, image_sizes: Tensor) -> tuple[Tensor, ...]:
        """The outputs of a detector with one detection per image, of label 1 and score 1, then its features [B, 1, C] float32.

        Args:
            images: [B, 3, H, W] uint8 or float32, RGB, 0 to 255; image_sizes: [B, 2] float32, height and width.
        """
        normalised, _, _ = network_input(images, image_sizes, self.black_is_padding)
        sides = ops.flip(image_sizes, (1,))[:, None]
        boxes = ops.concat((ops.zeros_like(sides), sides), -1)
        ones = ops.ones_like(boxes[..., 0])
        features = box_means(self.backbone(normalised)[-1], boxes, self.stride)
        probabilities = ops.concat((ops.zeros_like(ones[..., None]), ones[..., None]), -1)
        return boxes, ones, ones.astype(mstype.int32), probabilities, ones > 0, features
