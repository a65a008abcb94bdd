"""The tree is the dependency graph: who may import whom. Imports are read from the source, nothing is started."""

import ast
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENTRY = {"train", "eval", "infer", "export", "mindspore_hub_conf"}
LABEL_TOOLS = {"random_select", "sorted_values", "pick_select"}
DATA_TOOLS = {"split_data", "xml2coco"}  # in src/, started with python -m
LEAVES = {"errors", "files", "csv_file", "yaml_file", "command_line", "wording"}  # everybody may import these

# Room -> the rooms it may import, beside itself and the leaves. A room is an entry script, or a package or module of src/.
ARROWS = {
    **{
        name: {
            *(
                "systems",
                "network_define",
                "data",
                "evaluation",
                "report",
                "exporting",
                "checkpoint",
                "engine",
                "config",
                "recipe",
            )
        }
        for name in ENTRY
    },
    **{name: {"active", "data"} for name in LABEL_TOOLS},
    "first_pick": {"active", "data", "recipe"},  # starts infer.py as a process; recipe: names of weights
    "export_tasks": {"labelling", "active", "evaluation", "data"},
    "import_labels": {"labelling", "data"},
    **{name: {"data"} for name in DATA_TOOLS},
    "modelarts": set(),  # starts the programs as processes
    "convert_checkpoint": {"checkpoint", "parts"},
    "engine": {"systems", "network_define", "semi", "data", "evaluation", "checkpoint", "exporting", "config", "parts"},
    "checkpoint": {"parts"},
    "systems": {"FasterRcnn", "MaskRcnn", "Ssd", "parts", "config"},
    "network_define": {"semi"},
    "MaskRcnn": {"FasterRcnn", "parts"},
    "FasterRcnn": {"parts"},
    "Ssd": {"parts"},
    "semi": {"parts"},
    "parts": set(),
    "report": {"evaluation", "data"},
    "evaluation": {"data"},
    "exporting": {"data"},
    "active": {"data"},
    "labelling": {"data"},
    "data": set(),
    "recipe": {"data", "parts"},
    "config": {"parts"},  # parts.backbones.table, a table of names
    **{name: set() for name in LEAVES},
}
# Module, or package with all below it -> what it may import beyond its room.
EXCEPTIONS = {
    "src.checkpoint.convert": {"systems", "config", "data"},  # builds the network that foreign weights are loaded into
    "src.recipe.__main__": {"config"},  # reads the command line as train.py does
    "src.recipe.start_weights": {"checkpoint"},  # names of weights alone
    "src.evaluation.page": {"report"},  # a program under the name that users type
    "src.data.doctor": {"report"},  # likewise
    "src.report.rounds": {"active", "labelling"},  # the page of a round shows what both have done
}
# What may import MindSpore.
WITH_MINDSPORE = ENTRY | {"convert_checkpoint", "systems", "network_define", "FasterRcnn", "MaskRcnn", "Ssd", "semi"}
WITH_MINDSPORE |= {"parts", "checkpoint", "exporting", "engine"}
MODULES_WITH_MINDSPORE = {"src.data.cache.record_cache"}
MOST_FILES = 13  # of a room


def product_files() -> list[Path]:
    """Every Python file of the product: entry scripts and src/."""
    return sorted([*ROOT.glob("*.py"), *(ROOT / "src").rglob("*.py")])


def module_name(file: Path) -> str:
    """src/data/images.py -> src.data.images; train.py -> train."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in product_files()}


def group_of(module: str) -> str:
    """src.data.images -> data; src.config.load -> config; train -> train."""
    parts = module.split(".")
    return parts[1] if parts[0] == "src" and len(parts) > 1 else parts[0]


def imports_of(source: str) -> Iterator[str]:
    """Every imported module, also inside functions; `from a import b` gives a.b, for b may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written from the root: from src.data.images import ..."
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(file: Path) -> set[str]:
    """The modules of the product that a file imports."""
    found = set()
    for name in imports_of(file.read_text(encoding="utf-8")):
        module = name if name in MODULES else name.rpartition(".")[0]
        if module in MODULES and module != "src":
            found.add(module)
    return found


def imports_mindspore(file: Path) -> bool:
    """Whether a file itself imports MindSpore."""
    return any(name.split(".")[0] == "mindspore" for name in imports_of(file.read_text(encoding="utf-8")))


def reach(module: str) -> set[str]:
    """The module and everything of the product that it imports, directly or not, packages on the way included."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in MODULES and name not in seen:
            seen.add(name)
            waiting += own_imports(MODULES[name])
            waiting.append(name.rpartition(".")[0])
    return seen


@pytest.mark.parametrize("module", [name for name in MODULES if name != "src"])
def test_no_arrow_but_those_of_the_design(module):
    group = group_of(module)
    assert group in ARROWS, f"{module} has no place in the graph: give it one in ARROWS, or move it"
    more = [rooms for place, rooms in EXCEPTIONS.items() if f"{module}.".startswith(f"{place}.")]
    allowed = ARROWS[group] | {group} | LEAVES | set().union(*more)
    wrong = sorted(name for name in own_imports(MODULES[module]) if group_of(name) not in allowed)
    assert not wrong, f"{module} may import {sorted(allowed)}, not {wrong}"


def test_config_reaches_entry_scripts_systems_and_what_serves_them_only():
    readers = {module for module, file in MODULES.items() if any(map(is_config, own_imports(file)))}
    outside = {module for module in readers if group_of(module) not in ENTRY | {"engine", "systems", "config"}}
    served = ("src.checkpoint.convert.", "src.recipe.__main__")
    assert {module for module in outside if not module.startswith(served)} == set()


def is_config(module: str) -> bool:
    """Whether a module belongs to the configuration."""
    return group_of(module) == "config"


def test_a_room_has_about_a_dozen_files_and_no_name_stands_twice():
    rooms = Counter(
        module.rpartition(".")[0] for module in MODULES if module.startswith("src.") and not is_package(module)
    )
    assert not {room: count for room, count in rooms.items() if count > MOST_FILES}
    names = Counter(
        module.rpartition(".")[2] for module in MODULES if module.startswith("src.") and not is_package(module)
    )
    assert not {name for name, count in names.items() if count > 1}


def is_package(module: str) -> bool:
    """Whether a module is the face of a folder."""
    return MODULES[module].name == "__init__.py"


def test_nobody_imports_an_entry_script():
    scripts = {name for name in MODULES if not name.startswith("src")}
    assert not {module: own_imports(file) & scripts for module, file in MODULES.items() if own_imports(file) & scripts}


def test_mindspore_stays_where_networks_are():
    wrong = [
        module
        for module, file in MODULES.items()
        if imports_mindspore(file) and group_of(module) not in WITH_MINDSPORE and module not in MODULES_WITH_MINDSPORE
    ]
    assert not wrong


@pytest.mark.parametrize(
    "module",
    sorted(
        {"src.config.load", "src.data.doctor", "src.recipe.__main__", "export_tasks", "import_labels", "first_pick"}
        | LABEL_TOOLS
        | {f"src.{name}" for name in DATA_TOOLS}
    ),
)
def test_tools_and_configuration_start_without_mindspore(module):
    assert module in MODULES
    assert not [name for name in reach(module) if imports_mindspore(MODULES[name])]


def test_programs_start_without_matplotlib_and_scipy():
    for module, file in MODULES.items():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        at_start = "\n".join(ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
        assert not {"matplotlib", "scipy"} & {name.split(".")[0] for name in imports_of(at_start)}, module


def test_templates_of_pages_are_in_a_clone():
    folder = ROOT / "src" / "report" / "templates"
    names = sorted(file.name for file in folder.iterdir())
    assert {"base.html", "macros.html", "style.css"} < set(names)
    ignored = subprocess.run(["git", "check-ignore", *names], cwd=folder, capture_output=True, text=True, check=False)
    assert ignored.returncode in (1, 128) and not ignored.stdout, "128: not a clone"


def test_imports_are_seen_wherever_they_stand():
    source = "import a.b\nfrom c.d import e\ndef f():\n    import g\n"
    assert list(imports_of(source)) == ["a.b", "c.d.e", "g"]
