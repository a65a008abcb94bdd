"""The key of a compiled graph changes with everything that the graph depends on; what is left out of it does not reach the graph."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import get_args

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn
from pydantic import ValidationError

from src.config.load import Config, load_config
from src.config.schema import DETECTOR_GRAPH_KEYS, FIELDS, KEYS, STEP_GRAPH_KEYS
from src.engine.compile_cache import cached_cells, graph_key
from src.engine.compile_cache.cached_cells import cached_detector, cached_step
from src.engine.device import Device
from src.engine.networks import build_networks
from src.systems import build_network


def changed(config: Config, key: str) -> Config:
    """The configuration with another value of one setting, of the type and within the bounds that its field states."""
    value, kind = getattr(config, key), FIELDS[key].annotation
    words = [word for part in (kind, *get_args(kind)) for word in get_args(part) if isinstance(word, str)]
    candidates = [
        not value,
        *words,
        "other",
        0.25,
        3,
        4,
        (5, 6),
        (0.25, 0.5),
        (0.25,),
        ("other",),
        ((3,),),
        (4,),
        (8, 8),
    ]
    for candidate in candidates:
        try:
            found = dataclasses.replace(config, **{key: candidate})
        except (ValidationError, TypeError):
            continue
        if getattr(found, key) != value:
            return found
    raise AssertionError(f"{key}: no other value was found")


class Silent(nn.Cell):
    """A cell with one parameter that computes nothing."""

    def __init__(self, name: str = "w", shape: tuple = (2, 3), dtype: type = np.float32, trained: bool = True) -> None:
        super().__init__()
        self.weight = Parameter(Tensor(np.zeros(shape, dtype)), name=name, requires_grad=trained)

    def __call__(self, *inputs):
        return None


class Other(Silent):
    """A cell of another class."""


PIXELS = Tensor(np.zeros((2, 3, 8, 8), np.uint8))


@pytest.fixture
def keys_of(monkeypatch, device):
    """The key under which a cell is compiled: (cached_step or cached_detector, configuration, cell, inputs) -> key."""
    ms.set_context(mode=ms.GRAPH_MODE)
    recorded = []
    recorder = SimpleNamespace(compile=lambda cell, inputs, find_key, store: recorded.append(find_key()))
    monkeypatch.setattr(cached_cells, "_mindspore_cache", lambda: recorder)

    def key_of(cached, config, cell=None, inputs=(PIXELS,)) -> str:
        cached(cell or Silent(), config)(*inputs)
        return recorded.pop()

    return key_of


def test_every_setting_that_is_not_marked_changes_the_key(keys_of):
    config = load_config("", ["--compile_cache", "true"])
    for cached, relevant in ((cached_step, STEP_GRAPH_KEYS), (cached_detector, DETECTOR_GRAPH_KEYS)):
        before = keys_of(cached, config)
        # Caches are for the CPU and for one process only.
        for key in set(KEYS) - {"device_target", "run_distribute", "compile_cache"}:
            assert (keys_of(cached, changed(config, key)) != before) == (key in relevant), key
    marked = {key for key, field in FIELDS.items() if field.json_schema_extra["outside_graph"]}
    assert set(STEP_GRAPH_KEYS) == set(KEYS) - marked


# The time at which a function was compiled, and the arguments of a cell as text with addresses.
OF_THE_INSTANCE = ("hash_obj", "_cell_init_args")


def constants(value: object, seen: dict[int, object]) -> Iterator[object]:
    """All that a graph could take from an object: numbers, texts, tensors, and names of functions and classes, at any depth."""
    if value is None or isinstance(value, bool | int | float | str | bytes):
        yield value
    elif id(value) in seen:
        yield "again"
    elif isinstance(value, Parameter):
        yield value.name, value.shape, str(value.dtype), value.requires_grad
    elif isinstance(value, Tensor | np.ndarray):
        array = value.asnumpy() if isinstance(value, Tensor) else value
        yield array.shape, str(array.dtype), hashlib.sha256(array.tobytes()).hexdigest()
    else:
        seen[id(value)] = value  # kept, so that no other object gets its id
        yield getattr(value, "__qualname__", type(value).__qualname__)
        if isinstance(value, list | tuple):
            inside = value
        elif isinstance(value, dict):
            inside = [*value.keys(), *value.values()]
        elif isinstance(value, functools.partial):
            inside = [value.func, *value.args, *value.keywords.values()]
        elif hasattr(value, "get_attr_dict"):  # an operator
            inside = [attribute for name, attribute in value.get_attr_dict().items() if "instance" not in name]
        elif hasattr(value, "__code__"):
            enclosed = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
            inside = [cell.cell_contents for name, cell in enclosed if name not in OF_THE_INSTANCE]
        elif not hasattr(value, "__dict__") or isinstance(value, type):
            inside = []
        else:
            bare = {*(vars(nn.Cell()) if isinstance(value, nn.Cell) else ()), *OF_THE_INSTANCE}
            inside = [attribute for name, attribute in vars(value).items() if name not in bare]
            if isinstance(value, nn.Cell):
                inside += [value.training, *value.name_cells().values(), *value.get_parameters(expand=False)]
        for each in inside:
            yield from constants(each, seen)


def step_cells(config: Config) -> list[nn.Cell]:
    """Both training steps of a run."""
    data = SimpleNamespace(annotations=SimpleNamespace(class_names=("square", "circle")))
    networks = build_networks(config, data, Device(rank=0, count=1, mixed_precision=False))
    return [networks.burn_in, networks.mutual]


def steps(config: Config) -> list[object]:
    """The constants of both training steps of a run."""
    return [list(constants(cell, {})) for cell in step_cells(config)]


def detector(config: Config) -> list[object]:
    """The constants of a network that detects."""
    return list(constants(build_network(config, 2).set_train(False), {}))


def test_settings_that_are_left_out_of_the_key_do_not_reach_the_graph(tiny_config):
    config = load_config("", ["--config_path", str(tiny_config)])
    for graph, relevant in ((steps, STEP_GRAPH_KEYS), (detector, DETECTOR_GRAPH_KEYS)):
        other = functools.reduce(changed, set(KEYS) - set(relevant), config)
        before = graph(config)
        assert graph(config) == before
        assert graph(other) == before


@pytest.mark.parametrize("key", ["weight_decay", "base_lr", "bbox_threshold", "test_iou_thr", "opt_type"])
def test_that_the_settings_of_the_graph_are_seen_in_it(key, tiny_config):
    config = load_config("", ["--config_path", str(tiny_config)])
    assert steps(changed(config, key)) != steps(config)


def test_cells_and_inputs_change_the_key(keys_of):
    config = load_config("", ["--compile_cache", "true"])
    cells = [
        Silent(),
        Silent("v"),
        Silent(shape=(3, 2)),
        Silent(dtype=np.float16),
        Silent(trained=False),
        Other(),
        Silent().set_train(),
        nn.SequentialCell(Silent()),
    ]
    cells[-1].__class__ = type("Silenced", (Silent, nn.SequentialCell), {"__init__": nn.SequentialCell.__init__})
    found = [keys_of(cached_step, config, cell) for cell in cells]
    for inputs in ((PIXELS, PIXELS), (PIXELS[:1],), (PIXELS.astype(ms.float32),)):
        found.append(keys_of(cached_step, config, inputs=inputs))
    assert len(set(found)) == len(found) == 11
    assert keys_of(cached_step, config) == found[0]


def test_source_versions_processor_and_environment_change_the_key(keys_of, monkeypatch, tmp_path):
    config = load_config("", ["--compile_cache", "true"])
    found = {keys_of(cached_step, config)}
    for change in (
        lambda patch: patch.setattr(graph_key, "SOURCE", tmp_path),
        lambda patch: patch.setattr(graph_key, "_IMPORTED", "another version"),
        lambda patch: patch.setattr(ms, "__version__", "2.8.1"),
        lambda patch: patch.setattr(np, "__version__", "1.26.5"),
        lambda patch: patch.setattr(graph_key.platform, "python_version", lambda: "3.11.99"),
        lambda patch: patch.setattr(graph_key, "processor", lambda: "another"),
        lambda patch: patch.setattr(graph_key.os, "sched_getaffinity", lambda _: set(range(99))),
        lambda patch: patch.setattr(graph_key, "_kernels", lambda _: {"pooling-1.so:PyramidPool"}),
        lambda patch: patch.setenv("MS_DEV_SIDE_EFFECT_LOAD_ELIM", "1"),
    ):
        with monkeypatch.context() as patch:
            change(patch)
            found.add(keys_of(cached_step, config))
    assert len(found) == 10


def test_names_and_contents_of_source_files_count(tmp_path):
    def source_hash(**files: str) -> str:
        for path in tmp_path.iterdir():
            path.unlink()
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        return graph_key._source_hash(tmp_path)

    found = [source_hash(a_py="x = 1"), source_hash(a_py="x = 2"), source_hash(b_py="x = 1"), source_hash(a_cc="x = 1")]
    assert len(set(found)) == 4
    assert source_hash(a_py="x = 1", notes_txt="any") == found[0]


@pytest.mark.parametrize("optimizer", ["momentum", "sgd", "adam", "adamw"])
def test_no_step_has_parameters_that_a_cached_graph_would_lose(optimizer, tiny_config):
    words = ["--supervised_ema", "true", "--accumulate_steps", "2", "--opt_type", optimizer]
    config = load_config("", ["--config_path", str(tiny_config), *words])
    assert not any(map(cached_cells._has_loose_parameters, step_cells(config)))


def test_kernels_of_a_network_are_found(tiny_config, monkeypatch):
    network = build_network(load_config("", ["--config_path", str(tiny_config)]), 2)
    names = {kernel.split("/")[-1].split("-")[0] for kernel in graph_key._kernels(network)}
    assert names == {"folding", "pooling", "upsampling", "winograd"}
