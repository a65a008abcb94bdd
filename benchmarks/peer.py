"""The torchvision process of the comparison, started by the other scripts with the interpreter of --peer.

It needs torch and torchvision alone. It reads one name of a run per line and answers with a line of JSON, with the seconds of the run.
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
RESIDUAL = 0.2  # scale of each residual branch: keeps the activations of random weights from growing over 16 blocks


def detector(args: argparse.Namespace) -> FasterRCNN:
    """Faster R-CNN R50-FPN as torchvision fine-tunes it: stem and first stage frozen, frozen batch norm, random weights."""
    body = resnet50(weights=None, norm_layer=FrozenBatchNorm2d)
    for name, values in body.named_buffers():
        if name.endswith("bn3.weight"):
            values.fill_(RESIDUAL)
    backbone = _resnet_fpn_extractor(body, trainable_layers=3)
    # The images have the size of the network input, so nothing is resized.
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
    """Floating-point operations per image, in billions: two per multiply-add of a convolution."""
    found = []

    def note(layer: torch.nn.Conv2d, given: tuple, output: torch.Tensor) -> None:
        found.append(2 * output.numel() * layer.weight[0].numel())

    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    with torch.inference_mode():
        model.eval()([random_image(args)])
    for hook in hooks:
        hook.remove()
    return sum(found) / 1e9


def random_image(args: argparse.Namespace) -> torch.Tensor:
    return torch.rand(3, args.height, args.width)


def statistics(model: torch.nn.Module, passes: int) -> dict:
    """Statistics of a run: proposals per image of Faster R-CNN; GFLOP of SSD, `passes` times those of one image."""
    if isinstance(model, SSD):
        return {"GFLOP": passes * model.GFLOP}
    return {"proposals_per_image": sum(model.rpn.proposals) / len(model.rpn.proposals)}


def step(args: argparse.Namespace) -> dict:
    """Forward, backward and SGD with momentum."""
    model = DETECTORS[args.detector](args).train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # The learning rate does not change the time; a small one keeps a random network from diverging.
    optimizer = torch.optim.SGD(trained, lr=1e-5, momentum=0.9, weight_decay=1e-4)
    images = [random_image(args) for _ in range(args.batch_size)]
    side = min(args.height, args.width) / 10
    boxes = torch.tensor([[i * side, i * side, (i + 1.5) * side, (i + 2) * side] for i in range(1, 4)])
    targets = [{"boxes": boxes, "labels": torch.tensor([1, 2, 3])} for _ in images]

    def run() -> dict:
        loss = sum(model(images, targets).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert torch.isfinite(loss), "torchvision's loss is not finite, so its times are meaningless"
        return statistics(model, 3 * len(images))

    return {"step": run}


def inference(args: argparse.Namespace) -> dict:
    """Inference on a batch of images."""
    model = DETECTORS[args.detector](args).eval()
    images = [random_image(args) for _ in range(args.batch_size)]

    @torch.inference_mode()
    def run() -> dict:
        found = model(images)
        detections = sum(len(row["boxes"]) for row in found) / len(images)
        return statistics(model, len(images)) | {"detections_per_image": detections}

    return {"inference": run}


DETECTORS = {"faster_rcnn": detector, "ssd": ssd300}


def roi_align(args: argparse.Namespace) -> dict:
    """RoIAlign of the boxes in the file --rois, float32 [B, R, 4], over random features [B, channels, ., .] at strides 4 to 32."""
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


def answer(values: dict) -> None:
    print(json.dumps(values), flush=True)


def main() -> None:
    """Build the task, then run it on request until "end" is read."""
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
    answer({"torch": torch.__version__, "torchvision": torchvision.__version__, "threads": torch.get_num_threads()})
    for line in sys.stdin:
        if line.strip() == "end":
            answer({"peak_memory_MB": peak_memory()})
            break
        started = time.perf_counter()
        values = runs[line.strip()]()
        answer({"seconds": time.perf_counter() - started} | values)


if __name__ == "__main__":
    main()
