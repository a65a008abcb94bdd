"""torchvision's side of the comparison; started by the other scripts with the interpreter of --peer.

It needs torch and torchvision alone. Each line read is the name of a run; the answer is a line of JSON with its seconds.
"""

import sys

del sys.path[0]  # this folder: its select.py would hide the standard module

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torchvision
from torchvision.models import resnet50
from torchvision.models.detection import FasterRCNN, ssd300_vgg16
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.detection.ssd import SSD
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

CLASSES = 4  # three and background
RESIDUAL = 0.2  # scale of each residual branch: keeps random weights from growing through 16 blocks


def detector(args: argparse.Namespace) -> FasterRCNN:
    """Faster R-CNN R50-FPN as torchvision fine-tunes it: stem and first stage frozen, frozen batch norm, random weights."""
    body = resnet50(weights=None, norm_layer=FrozenBatchNorm2d)
    for name, values in body.named_buffers():
        if name.endswith("bn3.weight"):
            values.fill_(RESIDUAL)
    backbone = _resnet_fpn_extractor(body, trainable_layers=3)
    # The images have the very size of the network input, so nothing is resized.
    model = FasterRCNN(
        backbone,
        CLASSES,
        min_size=min(args.height, args.width),
        max_size=max(args.height, args.width),
        _skip_resize=True,
    )
    model.rpn.register_forward_hook(lambda rpn, given, found: setattr(rpn, "proposals", [len(row) for row in found[0]]))
    return model


def ssd300(args: argparse.Namespace) -> SSD:
    """SSD300 on VGG-16, all of it trained, random weights."""
    model = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=CLASSES)
    model.GFLOP = convolution_gflop(model, args)
    return model


def convolution_gflop(model: torch.nn.Module, args: argparse.Namespace) -> float:
    """Floating-point operations of an image, in billions: two a multiply-add of a convolution."""
    found = []

    def note(layer: torch.nn.Conv2d, given: tuple, output: torch.Tensor) -> None:
        found.append(2 * output.numel() * layer.weight[0].numel())

    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    with torch.inference_mode():
        model.eval()([picture(args)])
    for hook in hooks:
        hook.remove()
    return sum(found) / 1e9


def picture(args: argparse.Namespace) -> torch.Tensor:
    return torch.rand(3, args.height, args.width)


def facts_of(model: torch.nn.Module, passes: int) -> dict:
    """What a run did: proposals of a two-stage detector; billions of operations of the other, `passes` times those of an image."""
    if isinstance(model, SSD):
        return {"GFLOP": passes * model.GFLOP}
    return {"proposals_an_image": sum(model.rpn.proposals) / len(model.rpn.proposals)}


def step(args: argparse.Namespace) -> dict:
    """Forward, backward and SGD with momentum."""
    model = DETECTORS[args.detector](args).train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # The rate costs nothing; a small one keeps a random network from diverging.
    optimizer = torch.optim.SGD(trained, lr=1e-5, momentum=0.9, weight_decay=1e-4)
    images = [picture(args) for _ in range(args.batch_size)]
    side = min(args.height, args.width) / 10
    boxes = torch.tensor([[i * side, i * side, (i + 1.5) * side, (i + 2) * side] for i in range(1, 4)])
    targets = [{"boxes": boxes, "labels": torch.tensor([1, 2, 3])} for _ in images]

    def run() -> dict:
        loss = sum(model(images, targets).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert torch.isfinite(loss), "torchvision's loss is not finite, so its times mean nothing"
        return facts_of(model, 3 * len(images))

    return {"step": run}


def inference(args: argparse.Namespace) -> dict:
    """Detections of a batch of pictures."""
    model = DETECTORS[args.detector](args).eval()
    images = [picture(args) for _ in range(args.batch_size)]

    @torch.inference_mode()
    def run() -> dict:
        found = model(images)
        detections = sum(len(row["boxes"]) for row in found) / len(images)
        return facts_of(model, len(images)) | {"detections_an_image": detections}

    return {"inference": run}


DETECTORS = {"faster_rcnn": detector, "ssd": ssd300}


def roi_align(args: argparse.Namespace) -> dict:
    """The boxes come as a file of one array, float32 [B, R, 4]; features [B, 256, ., .] at strides 4 to 32."""
    rois = [torch.from_numpy(row) for row in np.load(args.rois)]
    shape = (args.batch_size, args.channels)
    features = {
        str(level): torch.rand(*shape, args.height // 2 ** (level + 2), args.width // 2 ** (level + 2))
        for level in range(4)
    }
    pool = MultiScaleRoIAlign(list(features), 7, 2)
    sizes = [(args.height, args.width)] * args.batch_size
    sens = torch.rand(rois[0].shape[0] * args.batch_size, args.channels, 7, 7)

    @torch.inference_mode()
    def forward() -> dict:
        pool(features, rois, sizes)
        return {}

    def both() -> dict:
        leaves = {name: feature.detach().requires_grad_() for name, feature in features.items()}
        pool(leaves, rois, sizes).backward(sens)
        return {}

    return {"forward": forward, "forward_backward": both}


def peak_memory() -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def tell(facts: dict) -> None:
    print(json.dumps(facts), flush=True)


def main() -> None:
    """Build, then answer until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=("step", "inference", "roi_align"))
    for name in ("height", "width", "batch_size", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--detector", choices=DETECTORS, default="faster_rcnn")
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--rois", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    runs = {"step": step, "inference": inference, "roi_align": roi_align}[args.task](args)
    tell({"torch": torch.__version__, "torchvision": torchvision.__version__, "threads": torch.get_num_threads()})
    for line in sys.stdin:
        if line.strip() == "end":
            tell({"peak_memory_MB": peak_memory()})
            break
        started = time.perf_counter()
        facts = runs[line.strip()]()
        tell({"seconds": time.perf_counter() - started} | facts)


if __name__ == "__main__":
    main()
