"""Names a compiled graph by everything that decides it, so that a graph of this name needs no further check.

A graph is compiled from the source code, from the attributes of its cells, which follow from settings, number of classes and
source code, and from its parameters and inputs. What was compiled on another machine or by another version is another graph.
"""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from src.parts.native import processor

SOURCE = Path(__file__).resolve().parents[2]
_SUFFIXES = (".py", ".cc", ".h")
# What switches on MindSpore's compile cache, its folder, and that a graph is loaded without MindSpore's check of source files.
CACHE_VARIABLES = ("MS_COMPILER_CACHE_ENABLE", "MS_COMPILER_CACHE_PATH", "MS_DEV_FORCE_USE_COMPILE_CACHE")


def graph_key(cell: nn.Cell, inputs: Sequence[Tensor], settings: dict) -> str:
    """The SHA-256 of all that decides the graph of a cell, as 64 hexadecimal digits.

    Args:
        inputs: of which type and shape count; settings: by key, those that reach the graph.
    """
    parts = {
        "settings": settings,
        "inputs": [(each.shape, str(each.dtype)) for each in inputs],
        # Where a C++ kernel cannot be compiled, another cell takes its place.
        "cells": [(name, type(each).__qualname__, each.training) for name, each in cell.cells_and_names()],
        "kernels": sorted(_kernels(cell)),
        "parameters": [
            (each.name, each.shape, str(each.dtype), each.requires_grad) for each in cell.get_parameters(expand=True)
        ],
        # Python runs what it imported, and MindSpore compiles what it reads now.
        "sources": (_IMPORTED, _source_hash(SOURCE)),
        "versions": (ms.__version__, np.__version__, platform.python_version()),
        "processor": processor(),
        "threads": len(os.sched_getaffinity(0)),
        "device": ms.get_context("device_target"),
        "environment": _mindspore_variables(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _kernels(cell: nn.Cell) -> set[str]:
    """File and function of each C++ kernel; the name of the file is a hash of its source, compiler and processor."""
    held = (value for _, each in cell.cells_and_names() for value in vars(each).values())
    return {each.func for each in held if isinstance(each, ops.Custom)}


def _source_hash(folder: Path) -> str:
    """The SHA-256 of names and contents of the source files below a folder."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES):
        found.update(repr((str(path.relative_to(folder)), path.read_bytes())).encode())
    return found.hexdigest()


def _mindspore_variables() -> dict[str, str]:
    """Environment variables that MindSpore reads, but for those of its compile cache."""
    return {key: value for key, value in os.environ.items() if key.startswith("MS_") and key not in CACHE_VARIABLES}


_IMPORTED = _source_hash(SOURCE)
