"""Writes the PyTorch files beside it; they were made with torch 2.13.0: python make_torch_files.py"""

import zipfile
from collections import OrderedDict
from pathlib import Path

import torch

HERE = Path(__file__).parent


def tensors() -> OrderedDict:
    """Types, views and shared storages; `test_torch_file.py` knows the same numbers."""
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    return OrderedDict(
        base=base,
        part=base[:, 1:, ::2],
        transposed=base.transpose(0, 2),
        half=base.half()[1],
        bfloat16=base.bfloat16() / 3,
        double=base.double() / 3,
        counter=torch.tensor(5),
        flags=torch.tensor([True, False]),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.ones(2)),
    )


def views() -> dict:
    """Views that reach everywhere in their storages, and nowhere."""
    numbers = torch.arange(60, dtype=torch.int16)
    return {
        "expanded": torch.tensor([1.5, 2.5])[:, None].expand(2, 3),
        "one_number": torch.tensor(7, dtype=torch.uint8).expand(5, 4),
        "overlapping": numbers.unfold(0, 5, 2)[1:4],
        "last": numbers[-1],
        "end": numbers[60:],
        "steps": numbers.as_strided((3, 1, 2), (10, 10**9, 7), 23),
        "empty": torch.zeros(4, 0, 2)[2:],
        "bytes": torch.tensor([-1, -128, 127], dtype=torch.int8),
        "parameter": torch.nn.Parameter(torch.ones(2, 3).t(), requires_grad=False),
        "scalar": torch.tensor(-2.0, dtype=torch.bfloat16),
    }


def resnet18() -> OrderedDict:
    """A state dict of torchvision's names and shapes whose tensors all lie in one storage of zeros."""
    zeros = torch.zeros(512 * 512 * 9)
    state = OrderedDict()

    def put(name: str, *shape: int) -> None:
        state[name] = zeros[: torch.Size(shape).numel()].view(shape)

    def put_norm(name: str, channels: int) -> None:
        for member in ("weight", "bias", "running_mean", "running_var"):
            put(f"{name}.{member}", channels)
        state[f"{name}.num_batches_tracked"] = torch.tensor(1)

    put("conv1.weight", 64, 3, 7, 7)
    put_norm("bn1", 64)
    inside = 64
    for stage, width in enumerate((64, 128, 256, 512), 1):
        for block in (0, 1):
            name = f"layer{stage}.{block}"
            put(f"{name}.conv1.weight", width, inside, 3, 3)
            put_norm(f"{name}.bn1", width)
            put(f"{name}.conv2.weight", width, width, 3, 3)
            put_norm(f"{name}.bn2", width)
            if inside != width:
                put(f"{name}.downsample.0.weight", width, inside, 1, 1)
                put_norm(f"{name}.downsample.1", width)
            inside = width
    put("fc.weight", 1000, 512)
    put("fc.bias", 1000)
    return state


def pack(path: Path) -> None:
    """Compress the members of a zip, for a small repository; torch.save does not."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


if __name__ == "__main__":
    torch.save(tensors(), HERE / "zip.pth")
    torch.save(tensors(), HERE / "stream.pth", _use_new_zipfile_serialization=False)
    torch.save(views(), HERE / "views.pth", pickle_protocol=4)
    torch.save(views(), HERE / "views_stream.pth", _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "state_dict": tensors(), "best": 0.5}, HERE / "nested.pth")
    torch.save(torch.nn.Linear(2, 2), HERE / "module.pth")  # a whole object, not a state dict
    torch.save(resnet18(), HERE / "resnet18_zeros.pth")
    pack(HERE / "resnet18_zeros.pth")
