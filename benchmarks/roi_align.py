"""Time of RoIAlign over a feature pyramid, forward and with its gradient: 1024 RoIs, 7x7 cells, 2x2 sampling points, 256 channels.

    python benchmarks/roi_align.py --peer /path/to/python/with/torchvision --json roi_align.json

The feature maps have the sizes that belong to the network input (192x320 to 24x40 for 768x1280); torchvision's MultiScaleRoIAlign gets the same boxes.
GB/s counts the features read for the RoIs, four feature vectors per sampling point; the gradient writes as many.
"""

import sys
from pathlib import Path

if not __package__:  # started as a file: this folder must not come first, its select.py would hide the standard module
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import tempfile

import numpy as np
from mindspore import Tensor, nn, ops

from benchmarks import command, measure, parts, setting
from src.errors import entry_point
from src.systems import build_network

SAMPLING_POINTS = 7 * 7 * 2 * 2  # per RoI
NEIGHBOURS = 4  # feature vectors that bilinear interpolation reads per sampling point
FLOAT_BYTES = 4
SIDES = (16.0, 512.0)  # pixels; the shortest and longest side of a RoI


class Pool(nn.Cell):
    """RoIAlign of the detector. Each level is an argument of its own, because MindSpore has no gradient for a tuple argument."""

    def __init__(self, pool: nn.Cell) -> None:
        super().__init__(auto_prefix=False)
        self.pool = pool

    def construct(self, rois: Tensor, *features: Tensor) -> Tensor:
        """Pooled features of RoIs [B, N, 4] float32 (x1, y1, x2, y2) from levels [B, C, H, W]."""
        return self.pool(features, rois)


class WithGradient(nn.Cell):
    """RoIAlign, and its gradient with respect to the feature maps."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(auto_prefix=False)
        self.pool = pool
        self.gradient = ops.GradOperation(get_all=True, sens_param=True)

    def construct(self, sens: Tensor, rois: Tensor, *features: Tensor):
        """Pooled features, and the gradient of each level; `sens` is the gradient of the pooled features."""
        return self.pool(rois, *features), self.gradient(self.pool)(rois, *features, sens)[1:]


def boxes(batch: int, count: int, height: int, width: int) -> np.ndarray:
    """float32 [batch, count, 4] (x1, y1, x2, y2), inside the image, sides log-uniform."""
    rng = np.random.default_rng(0)
    sides = np.exp(rng.uniform(*np.log(SIDES), (batch, count, 2)))
    sides = np.minimum(sides, (width, height))
    corner = rng.random((batch, count, 2)) * ((width, height) - sides)
    return np.concatenate((corner, corner + sides), -1).astype(np.float32)


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Time the forward pass, and forward and backward pass, of the RoIAlign of a detector."""
    parser = command.options(
        __doc__, "height", "width", "batch_size", "repeats", "warmup", peer=True, batch_size=2, repeats=20
    )
    parser.add_argument("--rois", type=int, default=1024, help="RoIs of all images together (default 1024)")
    setting.add_config(parser)
    args = command.start(parser, argv)
    config = setting.config(args)
    setting.device(config)
    pool = Pool(build_network(config, class_count=3).roi_align)
    rois = boxes(args.batch_size, args.rois // args.batch_size, args.height, args.width)
    rng, channels = np.random.default_rng(1), config.fpn_out_channels
    shapes = [(args.batch_size, channels, args.height // stride, args.width // stride) for stride in (4, 8, 16, 32)]
    inputs = [Tensor(rois), *(Tensor(rng.random(shape, np.float32)) for shape in shapes)]
    sens = Tensor(rng.random(pool(*inputs).shape, np.float32))
    both = WithGradient(pool)
    runs = {
        "forward": lambda: pool(*inputs)[0, 0].asnumpy(),
        "forward_backward": lambda: both(sens, *inputs)[1][0][0, 0, 0, 0].asnumpy(),
    }
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/rois.npy"
        np.save(file, rois)
        result = measure.rounds(runs, ["roi_align", "--rois", file, "--channels", str(channels)], args)
    read = rois.shape[0] * rois.shape[1] * SAMPLING_POINTS * NEIGHBOURS * channels * FLOAT_BYTES / 1e9
    for row in result["runs"].values():
        row["GB/s"] = read / row["seconds"]["median"]
    result["peak_memory_MB"] = measure.peak_memory()
    result["shares"] = {name: parts.shares(run, 2)["by_operator"] for name, run in runs.items()}
    command.finish(args, result)


if __name__ == "__main__":
    main()
