"""Compiled networks are kept for the next start of a program: `cached_step` and `cached_detector`.

MindSpore 2.8 saves and loads compiled graphs itself, but it names them by their order in the process, in one folder per process, and
checks only source files. So its folder here is a temporary one, in which a graph is put, by its key, just before the cell is compiled.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import mindspore as ms
from mindspore import Parameter, Tensor, nn
from mindspore.common import api

from src.config.load import Config
from src.config.schema import DETECTOR_GRAPH_KEYS, STEP_GRAPH_KEYS
from src.engine.compile_cache.graph_key import CACHE_VARIABLES, graph_key
from src.engine.compile_cache.graph_store import LOGGER, GraphStore
from src.parts.native import cache_folder

# What MindSpore raises: also where it looks for source files that the program imports, which may be no files.
_ERRORS = (RuntimeError, ValueError, TypeError, AttributeError, ImportError, SyntaxError, OSError)


def cached_step(step: nn.Cell, config: Config) -> Callable:
    """A training step whose first call takes its compiled graph from the cache, if it can."""
    return _cached(step, config, STEP_GRAPH_KEYS)


def cached_detector(network: nn.Cell, config: Config) -> Callable:
    """The same of a network that detects; settings of training are not part of its key."""
    return _cached(network, config, DETECTOR_GRAPH_KEYS)


def _cached(cell: nn.Cell, config: Config, keys: Sequence[str]) -> Callable:
    # Graphs for several processes, GPU and Ascend could not be tried.
    wanted = config.compile_cache and config.device_target == "CPU" and not config.run_distribute
    if not wanted or ms.get_context("mode") != ms.GRAPH_MODE or _mindspore_cache() is None:
        return cell

    def call(*inputs: Tensor) -> object:
        # The first is MindSpore's set of what is compiled in this process.
        if not cell.compile_cache and not _has_loose_parameters(cell):
            settings = {key: getattr(config, key) for key in keys}
            store = GraphStore(cache_folder() / "graphs")
            _mindspore_cache().compile(cell, inputs, lambda: graph_key(cell, inputs, settings), store)
        return cell(*inputs)

    return call


def _has_loose_parameters(cell: nn.Cell) -> bool:
    """Whether a cell holds parameters in a list that are of no sub-cell; a graph from the cache would train copies of them."""
    own = {id(parameter) for parameter in cell.get_parameters(expand=True)}
    lists = (value for _, each in cell.cells_and_names() for value in vars(each).values())
    held = [item for value in lists if isinstance(value, list | tuple) for item in value if isinstance(item, Parameter)]
    if loose := [item.name for item in held if id(item) not in own]:
        LOGGER.warning("compile cache: %s is compiled without it because of %s", type(cell).__name__, loose[0])
    return bool(loose)


@cache
def _mindspore_cache() -> "_MindSporeCache | None":
    """MindSpore's cache of this process; None if the user has switched it on or off by MindSpore's own variable."""
    return None if CACHE_VARIABLES[0] in os.environ else _MindSporeCache()


class _MindSporeCache:
    """MindSpore's compile cache with a temporary folder; it is on only while a cell is compiled by this class."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="faster_rcnn_ssod-", ignore_cleanup_errors=True)
        self.graphs = Path(self.folder.name) / "rank_0" / "graph_cache"
        self.graphs.mkdir(parents=True)
        self.count = 0
        self.works = True
        _, folder, unchecked = CACHE_VARIABLES
        os.environ.update({folder: self.folder.name, unchecked: "1"})

    def compile(self, cell: nn.Cell, inputs: Sequence[Tensor], find_key: Callable[[], str], store: GraphStore) -> None:
        """Compile a cell with the graph of its key, or write that graph; not if a source file was changed meanwhile."""
        if not self.works:
            return
        key = find_key()
        file = self.graphs / f"compile_cache_{self.count}.mindir"
        self.count += 1
        loaded = store.copy_to(key, file)
        before = _version(file)
        try:
            with self._on():
                cell.compile(*inputs)
        except _ERRORS as error:  # one of the network itself comes again when it is compiled without the cache
            self.works = False  # the number of the next file is uncertain now
            reason = (str(error).strip().splitlines() or [repr(error)])[0]
            if loaded:
                store.drop(key, f"MindSpore cannot load it ({reason})")
            else:
                LOGGER.warning("compile cache: networks are compiled without it: %s", reason)
            return
        if _version(file) != before:  # MindSpore compiled, and wrote the graph
            if find_key() == key:
                store.write(key, file)
        elif not loaded:
            self.works = False
            LOGGER.warning("compile cache: MindSpore wrote no %s; networks are compiled without a cache", file.name)
        file.unlink(missing_ok=True)

    @contextmanager
    def _on(self) -> Iterator[None]:
        # Source files are in the key. MindSpore would look for them from the entry script on, which `python -c` does not have.
        find_sources, api._get_compile_cache_dep_files = api._get_compile_cache_dep_files, list
        os.environ[CACHE_VARIABLES[0]] = "1"
        try:
            yield
        finally:
            del os.environ[CACHE_VARIABLES[0]]  # programs that this one starts have a cache of their own
            api._get_compile_cache_dep_files = find_sources


def _version(file: Path) -> tuple[int, int] | None:
    """Number and time of change of a file; another one if it was written since."""
    if not file.exists():
        return None
    status = file.stat()
    return status.st_ino, status.st_mtime_ns
