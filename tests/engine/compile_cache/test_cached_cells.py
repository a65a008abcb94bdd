"""Compiled cells come back from the cache as they were, in any order, and anything else is compiled."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn, ops

import eval as evaluation_script
from src.checkpoint.checksum import append_checksum
from src.config.load import Config, load_config
from src.engine.compile_cache import cached_cells
from src.engine.compile_cache.cached_cells import cached_detector, cached_step

X = Tensor(np.arange(6).reshape(2, 3), ms.float32)


class Line(nn.Cell):
    """factor * x + offset * w; the factor is a constant of the graph, the offset a tensor in it, w a parameter."""

    def __init__(self, config: Config, weight: float = 1.0) -> None:
        super().__init__()
        self.factor = config.gamma
        self.offset = Tensor(config.base_lr, ms.float32)
        self.weight = Parameter(Tensor(weight, ms.float32), name="weight")

    def construct(self, x: Tensor) -> Tensor:
        return self.factor * x + self.offset * self.weight


class Curve(Line):
    """The same of x * x."""

    def construct(self, x: Tensor) -> Tensor:
        return self.factor * ops.square(x) + self.offset * self.weight


def settings(factor: float = 2.0, offset: float = 3.0, **more: object) -> Config:
    """A configuration with the two numbers of the cells."""
    words = {"gamma": factor, "base_lr": offset, "compile_cache": "true"} | more
    return load_config("", [word for key, value in words.items() for word in (f"--{key}", str(value))])


def check(kind: type[Line], config: Config, weight: float = 1.0) -> None:
    """A new cell of this kind computes what its settings say."""
    x = X.asnumpy() if kind is Line else X.asnumpy() ** 2
    found = cached_step(kind(config, weight), config)(X).asnumpy()
    np.testing.assert_allclose(found, config.gamma * x + config.base_lr * weight, rtol=1e-6)


def test_graphs_come_back_in_any_order(written, graphs):
    config = settings()
    check(Line, config)
    check(Curve, config)
    assert len(written) == len(set(written)) == 2
    assert {path.stem for path in graphs.iterdir()} == set(written)
    for kind in (Curve, Line, Line, Curve):
        check(kind, config, weight=5.0)
        assert np.allclose(kind(config)(X)[0, 0].asnumpy(), config.base_lr)  # this one is compiled without the cache
    assert len(written) == 2


def test_a_changed_constant_is_another_graph(written):
    for config in (settings(), settings(factor=4.0), settings(offset=7.0), settings()):
        check(Line, config)
    assert len(written) == 3


def test_a_graph_is_not_kept_if_a_source_file_is_edited_while_it_is_compiled(written, monkeypatch):
    keys = iter(["before", "after"])
    monkeypatch.setattr(cached_cells, "graph_key", lambda *_: next(keys))
    check(Line, settings())
    assert not written


def test_a_cell_is_compiled_once(written):
    config, cell = settings(), Line(settings())
    calls = [cached_step(cell, config)(X).asnumpy() for _ in range(3)]
    assert len(written) == 1 and (calls[0] == calls[2]).all()
    cached_step(cell, config)(X[:1])  # another shape is compiled as if there were no cache
    assert len(written) == 1


@pytest.mark.parametrize("how", ["damaged", "no graph"])
def test_a_damaged_graph_is_dropped_and_compiled_anew(how, written, graphs, caplog):
    check(Line, settings())
    (file,) = graphs.iterdir()
    if how == "damaged":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        file.write_bytes(b"this was never a graph")
        append_checksum(file)
    check(Line, settings())
    assert how == "no graph" or (str(file) in caplog.text and "checksum" in caplog.text)
    check(Line, settings())
    assert len(written) == 2, "it was written anew, and then read"


class Broken:
    """A cell that MindSpore cannot compile with its cache on."""

    compile_cache = frozenset()

    def cells_and_names(self):
        return []

    def get_parameters(self, expand: bool):
        return []

    def compile(self, *inputs):
        raise RuntimeError("the cache is broken\nand more")

    def __call__(self, *inputs):
        return "compiled without it"


def test_where_the_cache_fails_cells_are_compiled_without_it(written, mindspore_cache, caplog, monkeypatch):
    for name in ("works", "count"):
        monkeypatch.setattr(mindspore_cache, name, getattr(mindspore_cache, name))
    assert cached_step(Broken(), settings())(X) == "compiled without it"
    assert "compiled without it: the cache is broken\n" in caplog.text
    check(Line, settings())
    assert not written and not mindspore_cache.works


@pytest.mark.parametrize(
    "more",
    [{"compile_cache": "false"}, {"device_target": "GPU"}, {"device_target": "Ascend"}, {"run_distribute": "true"}],
)
def test_it_is_off_where_it_is_not_wanted_or_was_never_tried(more, written, graphs):
    config = settings(**more)
    cell = Line(config)
    assert cached_step(cell, config) is cell and cached_detector(cell, config) is cell
    assert not graphs.exists()


def test_it_leaves_mindspores_own_switch_and_pynative_mode_alone(written, pynative, monkeypatch):
    config = settings()
    cell = Line(config)
    assert cached_step(cell, config) is cell
    ms.set_context(mode=ms.GRAPH_MODE)
    assert cached_step(cell, config) is not cell
    monkeypatch.setattr(cached_cells, "_mindspore_cache", cached_cells._mindspore_cache.__wrapped__)
    for value in ("0", "1"):
        monkeypatch.setenv("MS_COMPILER_CACHE_ENABLE", value)
        assert cached_step(cell, config) is cell


def test_a_detector_from_the_cache_finds_the_same(written, graphs, scored, tiny_detector, tiny_data, tmp_path):
    """`scored` was made by a process without the cache; settings of training do not count."""
    words = ["--checkpoint_path", tiny_detector, "--eval_img_dir", tiny_data.img_dir, "--test_batch_size", 2]
    words += ["--compile_cache", "true"]
    words += ["--eval_ann_file", tiny_data.val_file, "--device_target", "CPU"]
    for name, more in (("cold", []), ("warm", ["--base_lr", 0.5])):
        command = [*words, *more, "--eval_output_dir", tmp_path / name]
        evaluation_script.main([str(word) for word in command])
        records = (tmp_path / name / "eval_results.json").read_bytes()
        assert records == (scored.folder / "eval_results.json").read_bytes()
    assert len(written) == len(list(graphs.iterdir())) == 1
